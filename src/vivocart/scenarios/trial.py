"""The main job: a published study in virtual patients, beside what was published."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import final

import numpy as np
import pandas as pd

from vivocart.calibration.observations import Observation, observations
from vivocart.calibration.posterior import Posterior
from vivocart.endpoints.readings import read
from vivocart.endpoints.table import endpoints, quantiles
from vivocart.evidence.citations import cite
from vivocart.evidence.coverage import records_behind
from vivocart.evidence.library import quantities, records
from vivocart.ground.errors import InputError
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.model.load import Model, load_model
from vivocart.scenarios import weights
from vivocart.scenarios.arms import CHUNK, Arm, Setting, Tick, run_arms, visit_items
from vivocart.scenarios.cohorts import compare_with_published, n_compared, uncertain_cohorts
from vivocart.scenarios.endpoint_table import ENDPOINTS_FILE
from vivocart.scenarios.fitted import HAND_SET, FittedPopulation, fitted_population, with_fitted
from vivocart.scenarios.readings import with_visits
from vivocart.scenarios.result import ArmResult, ExamplePatient, Reference, TrialResult
from vivocart.simulation.device import DeviceName, find_device
from vivocart.simulation.layout import Room
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import Study, load_study, study_ids

DEFAULT_PATIENTS = 2_000
_INTERVAL_PATIENTS = 500  # for each arm and interval scenario
_UNCERTAIN_COHORTS = 400
_WEIGHT_PATIENTS = 32


@final
@dataclass(slots=True, kw_only=True, frozen=True)
class _Progress:
    """Counts patients simulated in all parts of the job."""

    total: int
    report: Callable[[int, int], None] | None
    done: list[int] = field(default_factory=lambda: [0])
    lock: Lock = field(default_factory=Lock)

    def count(self, count: int) -> None:
        """Adds patients; what runs beside the arms tells nobody."""
        with self.lock:
            self.done[0] += count

    def tick(self, count: int) -> None:
        """Adds patients and tells."""
        self.count(count)
        if self.report is not None:
            self.report(min(self.done[0], self.total), self.total)


def run_trial(
    study: str | Study,
    *,
    n_patients: int | None = None,
    seed: int = 1,
    interval_days: float | None = None,
    posterior: Posterior | None = None,
    threads: int | None = None,
    device: DeviceName = "cpu",
    strict: bool = False,
    folder: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> TrialResult:
    """Simulate every arm of a study in the same virtual patients and compare with what was published.

    Parameters
    ----------
    study
        Id of a shipped study, path of a study's YAML file, or a :class:`Study`.
    n_patients
        Virtual patients in each arm, the same ones in every arm. Time grows with them, memory does not. The interval
        scenarios, the cohorts of the comparison and the weights of the parameters are as large for any number.
    interval_days
        Interval between infusions where the study did not publish it; its default scenario if left out.
    posterior
        A fitted population of your own; the shipped one of the study if left out, and the values of the model where there
        is none.
    device
        ``"gpu"`` integrates the patients of the arms and cohorts on the graphics card of this machine.
    strict
        Raise if one of them fails, instead of listing it.
    folder
        Where the endpoints of the patients are written as they come; a temporary folder, which goes with the result, if
        left out.
    on_progress, on_message
        Called with (patients simulated, patients to simulate), and with a sentence while something else takes seconds.

    Raises
    ------
    InputError
        If a number is out of range, the study's file is malformed, or there is no graphics card that was asked for.
    UnknownNameError
        If there is no such study; with the nearest three.
    SimulationError
        If ``strict`` and a patient failed.
    """
    known = study if isinstance(study, Study) else load_study(study)
    count = DEFAULT_PATIENTS if n_patients is None else n_patients
    if count < 1:
        raise InputError(f"{count}", where="n_patients", mend="give a whole number, 1 or more")
    find_device(device)
    model = load_model()
    interval = known.default_interval_days if interval_days is None else interval_days
    setting, fitted, reason = trial_setting(
        known,
        model,
        seed=seed,
        interval_days=interval,
        posterior=posterior,
        threads=threads,
        device=device,
        strict=strict,
        on_message=on_message,
    )
    progress = _Progress(total=_work(model, known, count), report=on_progress)
    regimens = known.regimens(interval_days)
    progress.tick(0)  # all that was asked is in order
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_beside, setting, known, regimens, count, progress)
        arms, seen = trial_arms(setting, known, regimens, count, folder=folder, tick=progress.tick)
        beside = waiting.result()
    progress.tick(0)
    shown = arms[-1]
    return TrialResult(
        study=known,
        seed=seed,
        n_patients=count,
        interval_days=interval,
        arms=tuple(arms),
        intervals=beside.intervals,
        comparison=compare_with_published(setting, known, arms, seen, beside.cohorts),
        assumptions=with_fitted(beside.of_parameters, fitted),
        example_patient=_example(setting, shown),
        references=_references(known, model, setting.observations, arms),
        provenance=_provenance(known, model, arms, count, seed, interval, fitted),
        command=_command(known, count, seed, interval),
        notes=_notes(known, arms, reason),
        fitted=fitted,
    )


def trial_setting(
    study: Study,
    model: Model,
    *,
    seed: int,
    interval_days: float | None,
    posterior: Posterior | None = None,
    threads: int | None = None,
    device: DeviceName = "cpu",
    strict: bool = False,
    on_message: Callable[[str], None] | None = None,
) -> tuple[Setting, FittedPopulation | None, str]:
    """What all arms of a study share, the fit that its patients are of, and why there is none; as for :func:`run_trial`."""
    fitted, reason = fitted_population(study, model, interval_days=interval_days, posterior=posterior)
    setting = Setting(
        model=model,
        seed=seed,
        days=study.follow_up_days,
        visits_days=study.visits_days,
        criteria=study.entry,
        rescue=study.rescues,
        taper=study.taper.as_taper() if study.taper else None,
        observations=tuple(_published(study)),
        threads=threads,
        device=device,
        strict=strict,
        on_message=on_message,
        center=fitted.center if fitted else None,
        drawn=fitted.cohorts(_UNCERTAIN_COHORTS) if fitted else None,
    )
    return setting, fitted, reason


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What needs nothing of the arms."""

    of_parameters: pd.DataFrame
    intervals: pd.DataFrame
    cohorts: Mapping[str, pd.DataFrame]


def _beside(
    setting: Setting, study: Study, regimens: Mapping[str, Regimen], n_patients: int, progress: _Progress
) -> _Beside:
    """What hangs on each parameter and on the interval, and cohorts that are unsure of both."""
    shown = regimens[study.arms[-1].id]  # studies list their arms by rising dose
    few = min(n_patients, _WEIGHT_PATIENTS)
    return _Beside(
        of_parameters=weights.parameter_weights(setting, shown, n_patients=few, tick=progress.count),
        intervals=_interval_scenarios(setting, study, min(n_patients, _INTERVAL_PATIENTS), progress),
        cohorts=uncertain_cohorts(setting, study, n_cohorts=_UNCERTAIN_COHORTS, tick=progress.count)
        if _is_compared(study, n_patients)
        else {},
    )


def trial_arms(
    setting: Setting,
    study: Study,
    regimens: Mapping[str, Regimen],
    n_patients: int,
    *,
    folder: Path | None = None,
    tick: Tick = lambda _: None,
) -> tuple[list[ArmResult], dict[str, pd.DataFrame]]:
    """Every arm in the same patients, and the observables that published observations read.

    The part of a trial that grows with its patients; what they are summed up to for the report is read from its tables.
    """
    place = folder or Path(tempfile.mkdtemp(prefix="vivocart-"))
    try:
        return run_arms(
            setting,
            [Arm(label=arm.id, regimen=regimens[arm.id], cohort_size=arm.n_patients) for arm in study.arms],
            n_patients=n_patients,
            n_observed=n_compared(study),
            path=place / ENDPOINTS_FILE,
            is_temporary=folder is None,
            tick=tick,
        )
    except BaseException:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
        raise


def _published(study: Study) -> list[Observation]:
    """The study's published observations; none if the table has none of it."""
    rows = [row for row in observations() if row.study_id.lower() == study.id.lower()]
    return list(with_visits(rows, study))


def _is_compared(study: Study, n_patients: int) -> bool:
    """Whether anything is published, and a cohort of its size can be drawn."""
    return bool(_published(study)) and n_patients >= study.n_patients


def _work(model: Model, study: Study, n_patients: int) -> int:
    scenarios = len(study.interval_scenarios_days)
    each = min(n_patients, _INTERVAL_PATIENTS)
    compared = _UNCERTAIN_COHORTS * study.n_patients if _is_compared(study, n_patients) else 0
    weighed = weights.n_simulated(model, min(n_patients, _WEIGHT_PATIENTS))
    return len(study.arms) * (n_patients + scenarios * each) + compared + weighed


def _interval_scenarios(setting: Setting, study: Study, n_patients: int, progress: _Progress) -> pd.DataFrame:
    """Headline endpoints by arm and interval: how much hangs on what was not published."""
    columns = ["arm", "interval_days", "endpoint", "label", "unit", "q05", "median", "q95"]
    rows: list[tuple[object, ...]] = []
    patients, room = setting.patients(0, min(n_patients, CHUNK)), Room()
    for interval in study.interval_scenarios_days:
        for arm_id, regimen in study.regimens(interval).items():
            course = setting.course(regimen, patients, room=room)
            table = endpoints(course, weights.headline_within(setting.days))
            for name in table.columns:
                low, middle, high = quantiles(table[name].to_numpy(dtype=float), (0.05, 0.5, 0.95))
                label, unit = table.attrs["labels"][name], table.attrs["units"][name]
                rows.append((arm_id, interval, name, label, unit, low, middle, high))
            progress.count(len(patients))
    return pd.DataFrame(rows, columns=columns)


def _example(setting: Setting, arm: ArmResult) -> ExamplePatient | None:
    """The patient whose fall of SLEDAI-2K by the last visit is the arm's median."""
    table = arm.table
    name = next((column for column in ("sledai_fall_d180", "sledai_fall_d90") if column in table), None)
    falls = table.column(name) if name else np.empty(0)
    whole = ~np.isnan(falls)
    if not whole.any():
        return None
    scores = table.column("sledai_baseline")
    distance = np.abs(falls - np.median(falls[whole])) + 0.01 * np.abs(scores - np.median(scores[whole]))
    patient = int(table.column("patient")[np.nanargmin(distance)])
    readings, _ = read(setting.course(arm.regimen, setting.patients(patient, 1)))
    return ExamplePatient(
        patient=patient,
        arm=arm.label,
        items=visit_items(readings, setting.visits_days),
        note="Chosen because the fall of this patient's SLEDAI-2K is the arm's median.",
    )


def _record_ids(
    study: Study, model: Model, published: Sequence[Observation], arms: Sequence[ArmResult]
) -> tuple[str, ...]:
    """Records behind the study, its products, its observations and every parameter, the study's own first."""
    resting = [name for row in model.parameters.values() for name in row.quantity_ids]
    known = quantities()
    behind = records_behind([name for name in resting if name in known], known)
    given = [record for arm in arms for record in arm.regimen.record_ids]
    ids = [*study.record_ids, *(row.record_id for row in published if row.record_id), *given, *behind]
    library = records()
    return tuple(name for name in dict.fromkeys(ids) if name in library)


def _references(
    study: Study, model: Model, published: Sequence[Observation], arms: Sequence[ArmResult]
) -> tuple[Reference, ...]:
    ids = _record_ids(study, model, published, arms)
    library = records()
    return tuple(
        Reference(record_id=name, text=text, url=library[name].url)
        for name, text in zip(ids, cite(ids, "ama"), strict=True)
    )


def _provenance(
    study: Study,
    model: Model,
    arms: Sequence[ArmResult],
    n_patients: int,
    seed: int,
    interval: float | None,
    fitted: FittedPopulation | None,
) -> Provenance:
    return Provenance(
        model_hash=model.hash,
        parameter_set=fitted.parameter_set if fitted else HAND_SET,
        seed=seed,
        asked={
            "command": _command(study, n_patients, seed, interval),
            "study": study.id,
            "n_patients": n_patients,
            "interval_days": interval,
            "regimens": {arm.label: arm.regimen.as_dict() for arm in arms},
        },
        record_ids=_record_ids(study, model, _published(study), arms),
        parameter_ids=tuple(model.system.parameter_ids),
        versions=current_versions(),
    )


def _command(study: Study, n_patients: int, seed: int, interval: float | None) -> str:
    name = study.id.lower() if study.id.lower() in study_ids() else study.id
    asked = f" --interval-days {interval:g}" if study.interval and interval is not None else ""
    return f"vivocart trial {name} --patients {n_patients} --seed {seed}{asked}"


def _notes(study: Study, arms: Sequence[ArmResult], reason: str) -> tuple[str, ...]:
    assumed = [sentence for arm in arms for sentence in arm.regimen.assumed]
    said = [reason] if reason else []
    return tuple(dict.fromkeys([*study.disclaimers, *said, *study.assumptions, *assumed]))
