"""From particles to a posterior: draws, what new cohorts show, how likely each row is, and how the run went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vivocart.calibration.design import StudyDesign
from vivocart.calibration.forward import ModelForward
from vivocart.calibration.particles import (
    FittedRow,
    Particles,
    Problem,
    first_particles,
    fresh_cohorts,
    row_log_likelihoods,
    scenario_places,
    simulated,
    statistics_of,
)
from vivocart.calibration.posterior import Posterior, draws_group
from vivocart.calibration.smc import SAMPLER, SmcState
from vivocart.ground.errors import InputError
from vivocart.ground.provenance import Provenance
from vivocart.patients.draws import PopulationDraws, spread_multipliers, typical_values

if TYPE_CHECKING:
    import xarray as xr

KEPT_DRAWS = 512
"""Draws that a posterior keeps: enough for any quantile that is shown, few enough to ship."""

_PRIOR_DRAWS = 256
_CHAIN = ("chain", "draw")


def posterior_of(
    problem: Problem,
    state: SmcState,
    *,
    seed: int,
    provenance: Provenance,
    n_draws: int = KEPT_DRAWS,
    threads: int | None = None,
) -> Posterior:
    """The posterior of a finished run.

    Parameters
    ----------
    seed
        Seed of the new cohorts in whom the predictive statistics are read.
    n_draws
        Draws to keep, evenly through the particles; all if there are fewer.

    Raises
    ------
    InputError
        If the run is not finished.
    """
    if not state.is_done:
        raise InputError(f"temperature {state.temperature:g}", where="fit", mend="let it go on to 1")
    import xarray as xr

    n = len(state.particles)
    places = np.unique(np.floor(np.linspace(0, n, min(n, n_draws), endpoint=False)).astype(np.int64))
    kept = state.particles.take(places)
    prior = first_particles(problem, min(n, _PRIOR_DRAWS), seed, threads)
    groups = {
        "posterior": draws_group(population_draws(problem, kept)),
        "prior": draws_group(population_draws(problem, prior)),
        "posterior_predictive": _predictive(problem, kept, seed, threads),
        "prior_predictive": _statistics_group(problem, prior),
        "observed_data": _observed(problem),
        "log_likelihood": _row_group(problem, kept),
        "sample_stats": _sample_stats(problem, state, kept),
    }
    tree = xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()})
    tree.attrs = {
        "title": "Populations of virtual patients after calibration to published summaries",
        "purpose": "For research, not for treatment decisions",
        "provenance": json.dumps(provenance.as_dict(), sort_keys=True, ensure_ascii=False),
    }
    return Posterior(tree=tree)


def population_draws(problem: Problem, particles: Particles) -> PopulationDraws:
    """Particles as populations in natural units."""
    forward = problem.studies[0].forward
    assert isinstance(forward, ModelForward)  # a closed form has no parameters of a model
    rows = forward.who.model.parameters
    multipliers = spread_multipliers(particles.spread)
    return PopulationDraws(
        typical={
            name: typical_values(rows[name], particles.typical[:, place])
            for place, name in enumerate(forward.who.uncertain)
        },
        spread={name: multipliers[:, place] for place, name in enumerate(forward.who.varying)},
        scenario=scenarios_of(problem, particles),
    )


def scenario_names(problem: Problem) -> dict[int, str]:
    """Name of each study's unknown interval by its place: ``interval_days``, with the study's id where several have one."""
    with_one = [place for place, study in enumerate(problem.studies) if study.design.n_scenarios > 1]
    if len(with_one) == 1:
        return {with_one[0]: "interval_days"}
    return {place: f"interval_days_{problem.studies[place].design.id.lower()}" for place in with_one}


def scenarios_of(problem: Problem, particles: Particles) -> dict[str, np.ndarray]:
    """Intervals in days by the name of the scenario unknown."""
    found: dict[str, np.ndarray] = {}
    for place, name in scenario_names(problem).items():
        study = problem.studies[place]
        days = np.asarray(study.design.intervals_days)
        found[name] = days[scenario_places(study, particles.scenario[:, place])]
    return found


def _rows(problem: Problem) -> list[tuple[int, FittedRow, bool]]:
    """Place of the study, row, and whether it was fitted."""
    rows: list[tuple[int, FittedRow, bool]] = []
    for place, study in enumerate(problem.studies):
        rows += [(place, row, True) for row in study.fitted]
        rows += [(place, row, False) for row in study.predicted]
    return rows


def reading_names(problem: Problem) -> list[str]:
    """``row`` or, where a row has two statistics, ``row:minimum`` and ``row:maximum``; fitted and held-out rows."""
    names: list[str] = []
    for _, row, _ in _rows(problem):
        single = len(row.readings) == 1
        for reading in row.readings:
            names.append(row.observation.id if single else f"{row.observation.id}:{reading.name}")
    return names


def all_statistics(problem: Problem, particles: Particles) -> np.ndarray:
    """Statistic of every reading in the first cohort of each particle, shape (n_particles, n_readings)."""
    columns = [statistics_of(row, particles.cohorts[place].values[:, 0]) for place, row, _ in _rows(problem)]
    return np.concatenate(columns, axis=1)


def predicted_particles(
    problem: Problem, particles: Particles, seed: int, threads: int | None, *, stream: str = "predictive"
) -> Particles:
    """The same populations with new cohorts, one each."""
    one = replace(problem, cohorts_per_particle=1)
    fresh = replace(particles, cohorts=fresh_cohorts(one, len(particles), seed, f"calibration/{stream}"))
    return simulated(one, fresh, tuple(range(len(problem.studies))), threads)


def _predictive(problem: Problem, kept: Particles, seed: int, threads: int | None) -> xr.Dataset:
    return _statistics_group(problem, predicted_particles(problem, kept, seed, threads))


def _statistics_group(problem: Problem, particles: Particles) -> xr.Dataset:
    import xarray as xr

    values = all_statistics(problem, particles).astype(np.float32)
    return xr.Dataset(
        {"statistic": ((*_CHAIN, "reading"), values[None])},
        coords={"chain": [0], "draw": np.arange(len(values)), "reading": reading_names(problem)},
    )


def _observed(problem: Problem) -> xr.Dataset:
    import xarray as xr

    entries = [(row, reading, fitted) for _, row, fitted in _rows(problem) for reading in row.readings]
    variables: dict[str, Any] = {
        "low": ("reading", [reading.low for _, reading, _ in entries]),
        "high": ("reading", [reading.high for _, reading, _ in entries]),
        "error_sd": ("reading", [reading.sd for _, reading, _ in entries]),
        "logarithmic": ("reading", [int(reading.logarithmic) for _, reading, _ in entries]),
        "fitted": ("reading", [int(fitted) for _, _, fitted in entries]),
    }
    return xr.Dataset(variables, coords={"reading": reading_names(problem)})


def _row_group(problem: Problem, kept: Particles) -> xr.Dataset:
    import xarray as xr

    values = np.concatenate(
        [
            row_log_likelihoods(study, part.values)
            for study, part in zip(problem.studies, kept.cohorts, strict=True)
        ],
        axis=1,
    )
    names = [row.observation.id for study in problem.studies for row in study.fitted]
    return xr.Dataset(
        {"rows": ((*_CHAIN, "row"), values.astype(np.float32)[None])},
        coords={"chain": [0], "draw": np.arange(len(kept)), "row": names},
    )


def _sample_stats(problem: Problem, state: SmcState, kept: Particles) -> xr.Dataset:
    import xarray as xr

    stages = state.stages
    by_stage: dict[str, Sequence[float]] = {
        "temperature": [stage.temperature for stage in stages],
        "effective": [stage.effective for stage in stages],
        "log_evidence_gain": [stage.log_evidence_gain for stage in stages],
        "distinct": [float(stage.unique) for stage in stages],
        "acceptance_population": [stage.acceptance[0] for stage in stages],
        "acceptance_scenario": [stage.acceptance[1] for stage in stages],
        "acceptance_patients": [stage.acceptance[2] for stage in stages],
        "step_population": [stage.steps[0] for stage in stages],
        "step_patients": [stage.steps[1] for stage in stages],
        "kept_correlation": [stage.kept_correlation for stage in stages],
    }
    every, forward = state.particles, problem.studies[0].forward
    assert isinstance(forward, ModelForward)
    read = ~problem.inert
    variables: dict[str, Any] = {
        # of all particles, on the scale where the prior is standard normal
        "typical_mean": ("parameter", every.typical.mean(axis=0)),
        "typical_sd": ("parameter", every.typical.std(axis=0, ddof=1)),
        "typical_read": ("parameter", read[: problem.n_uncertain].astype(np.int8)),
        "spread_mean": ("varying", every.spread.mean(axis=0)),
        "spread_sd": ("varying", every.spread.std(axis=0, ddof=1)),
        "spread_read": ("varying", read[problem.n_uncertain :].astype(np.int8)),
        "lp": (_CHAIN, kept.log_likelihood.astype(np.float32)[None]),
        **{name: ("stage", np.asarray(values, dtype=np.float64)) for name, values in by_stage.items()},
    }
    data = xr.Dataset(
        variables,
        coords={
            "chain": [0],
            "draw": np.arange(len(kept)),
            "stage": np.arange(len(stages)),
            "parameter": list(forward.who.uncertain),
            "varying": list(forward.who.varying),
        },
    )
    data.attrs = {
        "log_evidence": float(sum(stage.log_evidence_gain for stage in stages)),
        "n_particles": len(state.particles),
        "zero_likelihood_at_start": state.zero_at_start,
    }
    return data


def fingerprint_of(designs: Sequence[StudyDesign], model_hash: str, settings: dict[str, Any]) -> str:
    """A hash of everything that decides the result of a fit but the software."""
    import hashlib

    told = {
        "model": model_hash,
        "settings": settings,
        "sampler": SAMPLER,
        "studies": [
            {
                "id": design.id,
                "days": design.days,
                "intervals": design.intervals_days,
                "arms": [
                    [arm.id, arm.n_patients, [r.as_dict() for r in arm.regimens]] for arm in design.arms
                ],
                "criteria": str(design.criteria),
                "rescue": [str(rule) for rule in design.rescue],
                "taper": str(design.taper),
                "fitted": [row.model_dump(mode="json") for row in design.fitted],
                "predicted": [row.id for row in design.predicted],
            }
            for design in designs
        ],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
