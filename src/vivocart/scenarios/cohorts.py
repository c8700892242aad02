"""Published observations beside cohorts of the study's very size.

Twice: once with the parameters as they stand, so that cohorts differ by their patients only; and once where every cohort
draws its own typical values and its own interval, from a posterior or from their stated uncertainty, so that what nobody
knows widens what is predicted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from vivocart.calibration.observations import Observation
from vivocart.calibration.prediction import Prediction, arms_of, predict, predict_study
from vivocart.endpoints.readings import read
from vivocart.endpoints.registry import known_endpoints
from vivocart.endpoints.table import endpoint_columns
from vivocart.evidence.citations import cite
from vivocart.ground.errors import InputError
from vivocart.ground.streams import uniforms
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.arms import CHUNK, Setting, Tick, observed
from vivocart.scenarios.result import ArmResult, ComparisonRow
from vivocart.simulation.layout import Room
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import Study

_COHORTS = 2_000  # that differ by their patients only
_NOT_PREDICTED = float("nan")


def compare_with_published(
    setting: Setting,
    study: Study,
    arms: Sequence[ArmResult],
    seen: Mapping[str, pd.DataFrame],
    uncertain: Mapping[str, pd.DataFrame],
) -> tuple[ComparisonRow, ...]:
    """A row for each published observation of the study, predicted or not.

    Parameters
    ----------
    arms
        Arms at the interval shown, in the same virtual patients.
    seen
        By arm, observables at the times of observations, of the same patients.
    uncertain
        What :func:`uncertain_cohorts` gives; it is not read where there are fewer virtual patients than one cohort.
    """
    sizes = {arm.id: arm.n_patients for arm in study.arms}
    tables = {
        arm.label: _first_columns(arm, _measures(setting), n_compared(study)) | _columns(seen[arm.label])
        for arm in arms
    }
    few = min(arm.n_patients for arm in arms) < sum(sizes.values())
    certain, reasons = (
        ([], {})
        if few
        else predict_study(setting.observations, tables, sizes, seed=setting.seed, n_cohorts=_COHORTS)
    )
    if few:
        reasons = {row.id: "fewer virtual patients than one cohort" for row in setting.observations}
    by_id = {prediction.observation.id: prediction for prediction in certain}
    rows: list[ComparisonRow] = []
    for observation in setting.observations:
        prediction = by_id.get(observation.id)
        if prediction is None:
            rows.append(_row(observation, None, None, reasons.get(observation.id, observation.note)))
            continue
        widths = cohort_widths(setting, study)
        values = cohort_values(observation, uncertain, sizes, widths)
        condition = cohort_condition(observation, uncertain, sizes, widths)
        rows.append(_row(observation, prediction, predict(observation, values, condition), observation.note))
    return tuple(rows)


def n_compared(study: Study) -> int:
    """Virtual patients of an arm, the first ones, of whom cohorts are drawn: as many as fill every cohort once."""
    return _COHORTS * study.n_patients


def uncertain_cohorts(
    setting: Setting, study: Study, *, n_cohorts: int, tick: Tick
) -> dict[str, pd.DataFrame]:
    """Endpoints by arm of cohorts that draw their own typical values and interval.

    Returns
    -------
    dict
        For each arm a table with ``n_cohorts`` times its :func:`cohort_widths` as rows, cohort after cohort.
    """
    sizes = cohort_widths(setting, study)
    width = sum(sizes.values())
    draws = np.arange(n_cohorts)
    intervals = _intervals(setting, study, n_cohorts)
    patients = setting.patients(0, n_cohorts * width, typical_draw=np.repeat(draws, width))
    results: dict[str, pd.DataFrame] = {}
    start, room = 0, Room()
    for arm_id, size in sizes.items():
        parts: list[pd.DataFrame] = []
        for interval in np.unique(intervals):
            chosen = draws[intervals == interval]
            places = (chosen[:, None] * width + start + np.arange(size)[None, :]).ravel()
            regimen = study.regimens(float(interval) if study.interval else None)[arm_id]
            parts.extend(_simulated(setting, regimen, patients.take(places), room, tick))
        results[arm_id] = pd.concat(parts).sort_index()
        start += size
    return results


def cohort_widths(setting: Setting, study: Study) -> dict[str, int]:
    """Patients of each arm that a cohort holds: those treated, or more where an observation counts more than the arm has."""
    return {
        arm.id: max([arm.n_patients, *(row.n for row in setting.observations if row.arm == arm.id)])
        for arm in study.arms
    }


def cohort_values(
    observation: Observation,
    tables: Mapping[str, pd.DataFrame],
    sizes: Mapping[str, int],
    widths: Mapping[str, int],
) -> np.ndarray:
    """The measure of an observation in cohorts, shape (n_cohorts, n).

    Parameters
    ----------
    sizes, widths
        Patients whom the study treated in each arm, and patients of each arm that a cohort of ``tables`` holds.

    Raises
    ------
    InputError
        If the simulation does not give the measure.
    """
    return _cohort_column((observation.id, observation.measure), observation, tables, sizes, widths)


def cohort_condition(
    observation: Observation,
    tables: Mapping[str, pd.DataFrame],
    sizes: Mapping[str, int],
    widths: Mapping[str, int],
) -> np.ndarray | None:
    """What ``observation.given`` names in the same cohorts as :func:`cohort_values`; none if it names nothing."""
    if not observation.given:
        return None
    return _cohort_column((f"{observation.id} given", observation.given), observation, tables, sizes, widths)


def _cohort_column(
    names: Sequence[str],
    observation: Observation,
    tables: Mapping[str, pd.DataFrame],
    sizes: Mapping[str, int],
    widths: Mapping[str, int],
) -> np.ndarray:
    """The first of these columns, shape (n_cohorts, n)."""
    blocks: list[np.ndarray] = []
    for arm, count in arms_of(observation, sizes).items():
        table = tables[arm]
        name = next((name for name in names if name in table.columns), None)
        if name is None:
            raise InputError(f"no '{names[-1]}' in the simulation", where=f"observation '{observation.id}'")
        blocks.append(table[name].to_numpy(dtype=float).reshape(-1, widths[arm])[:, :count])
    return np.concatenate(blocks, axis=1)


def _intervals(setting: Setting, study: Study, n_cohorts: int) -> np.ndarray:
    """Interval of each cohort: that of its population, or every scenario equally often; 0 where the study fixes its own."""
    scenarios = study.interval_scenarios_days
    if not scenarios:
        return np.zeros(n_cohorts)
    if setting.drawn is not None and "interval_days" in setting.drawn.scenario:
        return setting.drawn.scenario["interval_days"]
    draws = uniforms(setting.seed, "scenario/interval_days", 0, n_cohorts)[:, 0]
    return np.asarray(scenarios)[(draws * len(scenarios)).astype(int)]


def _simulated(
    setting: Setting, regimen: Regimen, patients: VirtualPopulation, room: Room, tick: Tick
) -> list[pd.DataFrame]:
    parts: list[pd.DataFrame] = []
    wanted = [name for name in _measures(setting) if name in known_endpoints()]
    for first in range(0, len(patients), CHUNK):
        chosen = patients.take(np.arange(first, min(first + CHUNK, len(patients))))
        simulation = setting.course(regimen, chosen, room=room)
        table = endpoint_columns(*read(simulation), wanted, leave_out=True)
        names = [entry.id for entry in table.entries]
        found = pd.DataFrame(table.values.T, index=pd.Index(chosen.ids), columns=names)
        parts.append(pd.concat([found, observed(setting, simulation)], axis=1))
        tick(len(chosen))
    return parts


def _measures(setting: Setting) -> list[str]:
    """What the observations read, each once."""
    return list(
        dict.fromkeys(name for row in setting.observations for name in (row.measure, row.given) if name)
    )


def _first_columns(arm: ArmResult, names: Collection[str], count: int) -> dict[str, np.ndarray]:
    return {name: arm.table.column(name)[:count] for name in names if name in arm.table}


def _columns(table: pd.DataFrame) -> dict[str, np.ndarray]:
    values = table.to_numpy(dtype=float)
    return {str(name): values[:, place] for place, name in enumerate(table.columns)}


def _row(
    observation: Observation, certain: Prediction | None, uncertain: Prediction | None, note: str
) -> ComparisonRow:
    cited = cite([observation.record_id], "short")[0] if observation.record_id else ""
    return ComparisonRow(
        observation_id=observation.id,
        arm=observation.arm,
        n=observation.n,
        measure=observation.measure if certain else "",
        label=observation.label,
        unit=observation.unit,
        statistic=observation.statistic,
        observed_text=observation.observed_text,
        predicted_median=certain.median if certain else _NOT_PREDICTED,
        low90=certain.low90 if certain else _NOT_PREDICTED,
        high90=certain.high90 if certain else _NOT_PREDICTED,
        low90_uncertain=uncertain.low90 if uncertain else _NOT_PREDICTED,
        high90_uncertain=uncertain.high90 if uncertain else _NOT_PREDICTED,
        is_inside=certain.is_inside if certain else False,
        is_inside_uncertain=uncertain.is_inside if uncertain else False,
        trust=observation.trust,
        record_id=observation.record_id,
        citation=cited,
        predicted_text=_two_ends(certain) if certain else "",
        observed_value=observation.value,
        observed_lower=observation.lower,
        observed_upper=observation.upper,
        time_days=observation.time_days,
        note=note,
    )


def _two_ends(prediction: Prediction) -> str:
    """For a range, both ends as the model shows them; else nothing, since three numbers say it."""
    if len(prediction.parts) < 2:
        return ""
    return "; ".join(
        f"{'lowest' if part.name == 'minimum' else 'highest'} {part.median:.2g} ({part.low90:.2g} to {part.high90:.2g})"
        for part in prediction.parts
    )
