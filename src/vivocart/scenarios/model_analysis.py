"""All the numbers of a model analysis report: the answer, the checks, the credibility table, what it all hangs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from vivocart.calibration.insight import contraction
from vivocart.calibration.posterior import load_posterior
from vivocart.decisions.sensitivity import GlobalSensitivity, global_sensitivity
from vivocart.endpoints.registry import find_endpoint
from vivocart.endpoints.table import endpoints, quantiles
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.model.load import Model, load_model
from vivocart.model.mechanisms import load_mechanisms, with_mechanisms
from vivocart.model.rows import ParameterRow
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.arms import CHUNK, Setting
from vivocart.scenarios.credibility import Credibility
from vivocart.scenarios.shipped_fits import ShippedFits
from vivocart.scenarios.support import shipped_support
from vivocart.scenarios.validation import validate_studies
from vivocart.scenarios.validation_draws import NamedDraws, draws_source
from vivocart.scenarios.validation_plans import ArmPlan, ValidationPlan, shipped_plans
from vivocart.scenarios.verification import Check, verification_checks
from vivocart.scenarios.weights import parameter_weights
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import Study, load_study

_POPULATIONS = 100  # drawn for the answer
_PATIENTS = 40  # of each
_WEIGHT_PATIENTS = 32
_MECHANISM_PATIENTS = 200
_SCREEN = 20
_SAMPLES = 256


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An endpoint of one arm over populations that may be the true one.

    For a flag the numbers are shares of patients, else medians over patients; ``low90`` to ``high90`` is what is not known
    of the population. Infinite: not reached by most patients.
    """

    arm: str
    endpoint: str
    label: str
    unit: str
    is_flag: bool
    median: float
    low90: float
    high90: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnalysis:
    """What a model analysis report is filled from; every number in it was computed by the run that made it.

    ``mechanisms`` has a row for each alternative mechanism: ``mechanism, label, sentence`` and a column for each endpoint of
    the question, the share or median over the same patients at the mechanism's typical values, highest dose. ``learned`` is
    the table of :func:`vivocart.calibration.insight.contraction` of the posterior whose draws were taken, if one was.
    """

    study: Study
    plan: ValidationPlan
    source: NamedDraws
    answers: tuple[Answer, ...]
    mechanisms: pd.DataFrame
    n_populations: int
    n_patients: int
    n_failed: int
    checks: tuple[Check, ...]
    credibility: Credibility
    weights: pd.DataFrame
    sensitivity: GlobalSensitivity
    evidence: Mapping[str, int]
    n_model: Mapping[str, int]
    parameters: Mapping[str, ParameterRow]
    learned: pd.DataFrame | None
    command: str
    provenance: Provenance


def run_model_analysis(
    study_id: str,
    endpoint_ids: Sequence[str],
    *,
    draws: str = "posterior",
    n_cohorts: int = 400,
    seed: int = 1,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> ModelAnalysis:
    """Compute all that a model analysis report of a study needs.

    Parameters
    ----------
    study_id
        A shipped study, whose highest dose is the regimen in question.
    endpoint_ids
        Endpoints that answer the question.
    draws
        As for :func:`vivocart.scenarios.validation.validate_studies`.
    on_progress, on_message
        Called with (patients simulated, patients to simulate) of a step, and with a sentence at the begin of each.

    Raises
    ------
    UnknownNameError
        If there is no such study or endpoint.
    """
    model = load_model()
    study = load_study(study_id)
    for name in endpoint_ids:
        find_endpoint(name)
    plan = shipped_plans(model, [study.id])[0]
    regimen = list(study.regimens().values())[-1]  # studies list their arms by rising dose
    chosen, _ = draws_source(model, draws, n_draws=_POPULATIONS, seed=seed)  # first: it may be refused
    say = on_message or (lambda _: None)
    checks = verification_checks(model, regimen, seed=seed, threads=threads, on_message=on_message)
    say("predicting every published statistic")
    shared: dict[str, Any] = {"seed": seed, "threads": threads, "on_progress": on_progress}
    credibility = validate_studies(draws=draws, n_cohorts=n_cohorts, **shared)
    source = chosen(plan)
    say("answering the question")
    answers, n_failed = _answers(model, plan, source, endpoint_ids, seed, threads)
    say("weighing what is assumed")
    command = (
        f"vivocart report credibility {study.id.lower()} --cohorts {n_cohorts} --seed {seed} --draws {draws}"
    )
    return ModelAnalysis(
        study=study,
        plan=plan,
        source=source,
        answers=answers,
        mechanisms=_by_mechanism(model, study, regimen, endpoint_ids, seed, threads),
        n_populations=_POPULATIONS,
        n_patients=_PATIENTS,
        n_failed=n_failed,
        checks=checks,
        credibility=credibility,
        weights=parameter_weights(
            _setting(model, study, seed, threads), regimen, n_patients=_WEIGHT_PATIENTS, tick=lambda _: None
        ),
        sensitivity=global_sensitivity(
            model,
            regimen,
            endpoint_ids=endpoint_ids,
            screen=_SCREEN,
            n_base=_SAMPLES,
            days=study.follow_up_days,
            **shared,
        ),
        evidence=_evidence(),
        n_model=_sizes(model),
        parameters=model.parameters,
        learned=_learned(model, draws),
        command=command,
        provenance=_provenance(model, study, source.label, seed, command, endpoint_ids),
    )


def _learned(model: Model, draws: str) -> pd.DataFrame | None:
    if draws == "prior":
        return None
    posterior = ShippedFits(model=model).base if draws == "posterior" else load_posterior(draws, model=model)
    return None if posterior is None else contraction(posterior, model)


def _provenance(
    model: Model, study: Study, label: str, seed: int, command: str, endpoint_ids: Sequence[str]
) -> Provenance:
    return Provenance(
        model_hash=model.hash,
        parameter_set=label,
        seed=seed,
        asked={"command": command, "study": study.id, "endpoints": list(endpoint_ids)},
        record_ids=study.record_ids,
        versions=current_versions(),
    )


def _evidence() -> dict[str, int]:
    """Parameters by state of their evidence."""
    return {str(state): count for state, count in shipped_support().coverage("parameter").counts.items()}


def _sizes(model: Model) -> dict[str, int]:
    system = model.system
    return {
        "states": len(system.states),
        "rules": len(system.rules),
        "parameters": len(model.parameters),
        "observables": len(model.observables),
    }


def _setting(model: Model, study: Study, seed: int, threads: int | None) -> Setting:
    return Setting(
        model=model,
        seed=seed,
        days=study.follow_up_days,
        visits_days=study.visits_days,
        criteria=study.entry,
        rescue=study.rescues,
        taper=study.taper.as_taper() if study.taper else None,
        observations=(),
        threads=threads,
        on_message=None,
    )


def _answers(
    model: Model,
    plan: ValidationPlan,
    source: NamedDraws,
    endpoint_ids: Sequence[str],
    seed: int,
    threads: int | None,
) -> tuple[tuple[Answer, ...], int]:
    """Endpoints of each arm over populations, and how many patients failed."""
    study = load_study(plan.study_id)
    setting = _setting(model, study, seed, threads)
    populations = np.arange(_POPULATIONS) * len(source.draws) // _POPULATIONS
    patients = VirtualPopulation.sample(
        model,
        n_patients=_POPULATIONS * _PATIENTS,
        seed=seed,
        criteria=plan.criteria,
        draws=source.draws,
        draw=np.repeat(populations, _PATIENTS),
    )
    intervals = _intervals(plan, source, populations)
    found: list[Answer] = []
    n_failed = 0
    for arm in plan.arms:
        table, failed = _arm_endpoints(setting, arm, patients, np.repeat(intervals, _PATIENTS), endpoint_ids)
        n_failed += failed
        found.extend(_answer(arm.id, name, table[:, place]) for place, name in enumerate(endpoint_ids))
    return tuple(found), n_failed


def _intervals(plan: ValidationPlan, source: NamedDraws, populations: np.ndarray) -> np.ndarray:
    """Interval of each population: its own, or each scenario in turn; 0 where the study fixes it."""
    if not plan.intervals_days:
        return np.zeros(len(populations))
    known = source.draws.scenario.get("interval_days")
    if known is not None:
        return known[populations]
    return np.asarray(plan.intervals_days)[np.arange(len(populations)) % len(plan.intervals_days)]


def _arm_endpoints(
    setting: Setting,
    arm: ArmPlan,
    patients: VirtualPopulation,
    intervals: np.ndarray,
    endpoint_ids: Sequence[str],
) -> tuple[np.ndarray, int]:
    values = np.full((len(patients), len(endpoint_ids)), np.nan)
    n_failed = 0
    for interval in np.unique(intervals):
        chosen = np.flatnonzero(intervals == interval)
        regimen = arm.regimen(float(interval) if interval else None)
        for first in range(0, len(chosen), CHUNK):
            places = chosen[first : first + CHUNK]
            simulation = setting.simulate(regimen, patients.take(places))
            n_failed += len(simulation.failures)
            values[places] = endpoints(simulation, endpoint_ids).to_numpy(dtype=float)
    return values, n_failed


def _by_mechanism(
    model: Model,
    study: Study,
    regimen: Regimen,
    endpoint_ids: Sequence[str],
    seed: int,
    threads: int | None,
) -> pd.DataFrame:
    """The answer under each alternative mechanism that published data do not tell apart."""
    rows: list[dict[str, object]] = []
    if all(product.state != "lnp_plasma_amount" for product in regimen.products):
        return pd.DataFrame(rows)  # they are about the nanoparticle
    for mechanism in load_mechanisms().values():
        setting = _setting(with_mechanisms(model, mechanism), study, seed, threads)
        table = endpoints(setting.simulate(regimen, setting.patients(0, _MECHANISM_PATIENTS)), endpoint_ids)
        found: dict[str, object] = {
            "mechanism": mechanism.id,
            "label": mechanism.label,
            "sentence": mechanism.sentence,
        }
        for name in endpoint_ids:
            values = table[name].to_numpy(dtype=float)
            is_flag = bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
            found[name] = (
                100.0 * float(np.nanmean(values)) if is_flag else float(quantiles(values, (0.5,))[0])
            )
        rows.append(found)
    return pd.DataFrame(rows)


def _answer(arm: str, endpoint: str, values: np.ndarray) -> Answer:
    entry = find_endpoint(endpoint)
    seen = values[~np.isnan(values)]
    is_flag = entry.unit == "1" and bool(np.isin(seen, (0.0, 1.0)).all())
    by_population = values.reshape(_POPULATIONS, _PATIENTS)
    each: list[Any] = [
        np.nanmean(row) if is_flag else quantiles(row, (0.5,))[0]
        for row in by_population
        if not np.isnan(row).all()
    ]
    low, middle, high = quantiles(np.array(each), (0.05, 0.5, 0.95))
    return Answer(
        arm=arm,
        endpoint=endpoint,
        label=entry.label,
        unit="%" if is_flag else entry.unit,
        is_flag=is_flag,
        median=float(middle) * (100.0 if is_flag else 1.0),
        low90=float(low) * (100.0 if is_flag else 1.0),
        high90=float(high) * (100.0 if is_flag else 1.0),
    )
