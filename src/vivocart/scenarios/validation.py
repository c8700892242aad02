"""The credibility table: every published statistic beside what cohorts of its study's size show, and how often that holds.

Each cohort is drawn with its own typical values, spreads and unknown interval, from a posterior where a fit has been made
and else from the prior that ``parameters.csv`` states. So an interval of a prediction holds both what patients differ in
and what nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from vivocart.calibration.measures import Measure
from vivocart.calibration.observations import Observation
from vivocart.calibration.own_observations import OwnRow, read_own_observations
from vivocart.calibration.prediction import Prediction, arms_of, predict
from vivocart.ground.errors import InputError
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.ground.streams import uniforms
from vivocart.model.load import Model, load_model
from vivocart.patients.draws import PopulationDraws
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.arms import CHUNK, Tick
from vivocart.scenarios.credibility import Credibility, CredibilityRow, bounds, coverage
from vivocart.scenarios.validation_draws import NamedDraws, draws_source
from vivocart.scenarios.validation_plans import ArmPlan, ValidationPlan, own_plans, shipped_plans
from vivocart.simulation.result import Simulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

COHORTS = 400
"""Cohorts for each study unless others are asked for."""

_FEWEST_COHORTS = 100
_MOST_PATIENTS = 24_000  # of one study: cohorts of a large study are fewer
_AFTER_THE_LAST_DAYS = 28.0


def run_validation(
    plans: Sequence[ValidationPlan],
    draws: Callable[[ValidationPlan], NamedDraws],
    *,
    n_cohorts: int = COHORTS,
    seed: int = 1,
    threads: int | None = None,
    notes: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Credibility:
    """Predict every observation of some studies and count how many lie in their intervals.

    Parameters
    ----------
    plans
        Studies; :mod:`vivocart.scenarios.validation_plans` makes them.
    draws
        For a study, the populations from which its cohorts come.
    n_cohorts
        Cohorts for each study, fewer where they are large.
    on_progress, on_message
        Called with (patients simulated, patients to simulate), and with a sentence while something else takes seconds.
    """
    if n_cohorts < 2:
        raise InputError(f"{n_cohorts}", where="cohorts", mend="give 2 or more")
    model = load_model()
    counts = {plan.study_id: _n_cohorts(plan, n_cohorts) for plan in plans}
    total = sum(counts[plan.study_id] * sum(_widths(plan).values()) for plan in plans if plan.measures)
    done = [0]

    def tick(count: int) -> None:
        done[0] += count
        if on_progress is not None:
            on_progress(min(done[0], total), total)

    rows: list[CredibilityRow] = []
    sources: dict[str, str] = {}
    n_failed = 0
    for plan in plans:
        named = draws(plan)
        sources[plan.study_id] = named.label
        run = _Run(
            model=model, plan=plan, named=named, n_cohorts=counts[plan.study_id], seed=seed, threads=threads
        )
        tables, reasons, failed = _study_values(run, tick, on_message)
        n_failed += failed
        rows.extend(_study_rows(run, tables, reasons))
    return Credibility(
        plans=tuple(plans),
        sources=sources,
        rows=tuple(rows),
        coverage=coverage(rows),
        bounds=bounds(rows),
        n_cohorts=counts,
        n_failed=n_failed,
        notes=tuple(notes),
        provenance=Provenance(
            model_hash=model.hash,
            parameter_set="; ".join(dict.fromkeys(sources.values())),
            seed=seed,
            asked={"studies": [plan.study_id for plan in plans], "n_cohorts": n_cohorts},
            record_ids=tuple(sorted({row.record_id for row in rows if row.record_id})),
            versions=current_versions(),
        ),
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One study with its draws."""

    model: Model
    plan: ValidationPlan
    named: NamedDraws
    n_cohorts: int
    seed: int
    threads: int | None


def _widths(plan: ValidationPlan) -> dict[str, int]:
    """Patients of each arm in a cohort: those treated, or more where an observation counts more."""
    predicted = [row for row in plan.observations if row.id in plan.measures]
    return {
        arm.id: max(
            [arm.n_patients, *(row.n for row in predicted if row.arm == arm.id or len(plan.arms) == 1)]
        )
        for arm in plan.arms
    }


def _n_cohorts(plan: ValidationPlan, asked: int) -> int:
    width = max(1, sum(_widths(plan).values()))
    return min(asked, max(_FEWEST_COHORTS, _MOST_PATIENTS // width))


def _study_values(
    run: _Run, tick: Tick, on_message: Callable[[str], None] | None
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, str], int]:
    """By arm and observation the measure (``id``) and the condition (``id given``) in every patient of every cohort."""
    plan, widths = run.plan, _widths(run.plan)
    width = sum(widths.values())
    if not plan.measures or not plan.arms:
        return {}, dict(plan.reasons), 0
    cohorts = np.arange(run.n_cohorts)
    try:
        patients = VirtualPopulation.sample(
            run.model,
            n_patients=run.n_cohorts * width,
            seed=run.seed,
            criteria=plan.criteria,
            draws=run.named.draws,
            draw=np.repeat(_draw_of(cohorts, len(run.named.draws)), width),
        )
    except InputError as error:
        return {}, dict(plan.reasons) | dict.fromkeys(plan.measures, str(error)), 0
    intervals = _intervals(plan, run.named.draws, run.seed, run.n_cohorts)
    tables: dict[str, dict[str, np.ndarray]] = {}
    reasons = dict(plan.reasons)
    n_failed = start = 0
    for arm in plan.arms:
        size = widths[arm.id]
        places = (cohorts[:, None] * width + start + np.arange(size)[None, :]).ravel()
        try:
            tables[arm.id], failed = _arm_values(
                run, arm, patients.take(places), np.repeat(intervals, size), reasons, tick, on_message
            )
            n_failed += failed
        except InputError as error:  # such as a course that the follow-up is too short for
            reasons |= {row.id: str(error) for row in plan.observations if row.arm in (arm.id, "all")}
        start += size
    return tables, reasons, n_failed


def _arm_values(
    run: _Run,
    arm: ArmPlan,
    patients: VirtualPopulation,
    intervals: np.ndarray,
    reasons: dict[str, str],
    tick: Tick,
    on_message: Callable[[str], None] | None,
) -> tuple[dict[str, np.ndarray], int]:
    plan = run.plan
    wanted = {row.id: plan.measures[row.id] for row in _rows_of(plan, arm) if row.id in plan.measures}
    wanted |= {f"{name} given": plan.conditions[name] for name in tuple(wanted) if name in plan.conditions}
    values = {name: np.full(len(patients), np.nan) for name in wanted}
    n_failed = 0
    for interval in np.unique(intervals):
        chosen = np.flatnonzero(intervals == interval)
        regimen = arm.regimen(float(interval) if interval else None)
        for first in range(0, len(chosen), CHUNK):
            places = chosen[first : first + CHUNK]
            simulation = simulate(
                run.model,
                regimen,
                patients.take(places),
                days=max(plan.days + regimen.first_infusion_day, _last_day(regimen)),
                rescue=plan.rescue,
                taper=plan.taper,
                threads=run.threads,
                on_message=on_message,
            )
            n_failed += len(simulation.failures)
            for name, found in _measured(wanted, simulation, reasons).items():
                values[name][places] = found
            tick(len(places))
    return values, n_failed


def _rows_of(plan: ValidationPlan, arm: ArmPlan) -> list[Observation]:
    return [row for row in plan.observations if row.arm in (arm.id, "all") or len(plan.arms) == 1]


def _last_day(regimen: Regimen) -> float:
    """Day of the simulation until which a course needs to be followed at the least."""
    return regimen.last_infusion_day + _AFTER_THE_LAST_DAYS


def _measured(
    wanted: Mapping[str, Measure], simulation: Simulation, reasons: dict[str, str]
) -> dict[str, np.ndarray]:
    """Measures of a simulation; one that it cannot answer gets its reason."""
    found: dict[str, np.ndarray] = {}
    for name, measure in wanted.items():
        try:
            found[name] = measure.values(simulation)
        except InputError as error:
            reasons.setdefault(name.removesuffix(" given"), str(error))
    return found


def _intervals(plan: ValidationPlan, draws: PopulationDraws, seed: int, n_cohorts: int) -> np.ndarray:
    """Interval of each cohort: the draw's own where it has one, else every scenario equally often; 0 where it is fixed."""
    if not plan.intervals_days:
        return np.zeros(n_cohorts)
    known = draws.scenario.get("interval_days")
    if known is not None and np.isin(known, plan.intervals_days).all():
        return known[_draw_of(np.arange(n_cohorts), len(draws))]
    numbers = uniforms(seed, "scenario/interval_days", 0, n_cohorts)[:, 0]
    return np.asarray(plan.intervals_days)[(numbers * len(plan.intervals_days)).astype(int)]


def _draw_of(cohorts: np.ndarray, n_draws: int) -> np.ndarray:
    """Draw of each cohort, spread evenly over all draws whatever their order."""
    return cohorts * n_draws // len(cohorts)


def _study_rows(
    run: _Run, tables: Mapping[str, Mapping[str, np.ndarray]], reasons: Mapping[str, str]
) -> list[CredibilityRow]:
    rows = [_judged(run, tables, reasons, observation) for observation in run.plan.observations]
    return rows + [_unread(run, row) for row in run.plan.unread]


def _judged(
    run: _Run,
    tables: Mapping[str, Mapping[str, np.ndarray]],
    reasons: Mapping[str, str],
    observation: Observation,
) -> CredibilityRow:
    prediction: Prediction | None = None
    reason = reasons.get(observation.id, "")
    if not reason:
        try:
            prediction = _predicted(run, tables, observation)
        except InputError as error:
            reason = str(error)
    return CredibilityRow(
        study_id=run.plan.study_id,
        observation_id=observation.id,
        arm=observation.arm,
        n=observation.n,
        measure=observation.measure,
        label=observation.label,
        unit=observation.unit,
        time_days=observation.time_days,
        statistic=observation.statistic,
        observed_text=observation.observed_text,
        status=run.named.status(observation.id, is_own=run.plan.is_own),
        source=run.named.label,
        prediction=prediction,
        reason=reason,
        trust=observation.trust,
        record_id=observation.record_id,
        note=observation.note,
    )


def _unread(run: _Run, row: OwnRow) -> CredibilityRow:
    """A row of the user's table that could not be read, with its cells as written."""
    cells = row.cells
    numbers = " to ".join(cells[name] for name in ("lower", "upper") if cells.get(name))
    return CredibilityRow(
        study_id=run.plan.study_id,
        observation_id=cells.get("id", "") or f"row_{row.line}",
        arm=row.arm,
        n=int(cells["n"]) if cells.get("n", "").isdigit() else 0,
        measure=cells.get("measure", ""),
        label=cells.get("label", "") or cells.get("measure", ""),
        unit=cells.get("unit", ""),
        time_days=None,
        statistic=cells.get("statistic", ""),
        observed_text=f"{cells.get('value', '') or numbers} {cells.get('unit', '')}".strip(),
        status=run.named.status("", is_own=True),
        source=run.named.label,
        prediction=None,
        reason=f"row {row.line}: {row.reason}",
        trust=cells.get("trust", ""),
        record_id=cells.get("record_id", ""),
        note=cells.get("note", ""),
    )


def _predicted(
    run: _Run, tables: Mapping[str, Mapping[str, np.ndarray]], observation: Observation
) -> Prediction:
    values = _cohorts(run, tables, observation, observation.id)
    if (
        observation.statistic in ("count", "fraction")
        and not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all()
    ):
        raise InputError(
            f"a {observation.statistic} needs a yes or no and '{observation.measure}' is a number",
            where="measure",
            mend=f"write a limit, such as {observation.measure} < 5, or another statistic",
        )
    given = _cohorts(run, tables, observation, f"{observation.id} given") if observation.given else None
    return predict(observation, values, given)


def _cohorts(
    run: _Run, tables: Mapping[str, Mapping[str, np.ndarray]], observation: Observation, name: str
) -> np.ndarray:
    """A measure in cohorts of the observation's size, shape (n_cohorts, n)."""
    sizes = {arm.id: arm.n_patients for arm in run.plan.arms}
    only = next(iter(sizes))
    wanted = {only: observation.n} if len(sizes) == 1 else _counted(observation, sizes)
    blocks = [tables[arm][name].reshape(run.n_cohorts, -1)[:, :count] for arm, count in wanted.items()]
    return np.concatenate(blocks, axis=1)


def validate_studies(
    *,
    studies: Sequence[str] = (),
    own: Path | None = None,
    only_own: bool = False,
    draws: str = "posterior",
    n_cohorts: int = COHORTS,
    seed: int = 1,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Credibility:
    """The credibility table of the shipped studies and, first, of a user's own table.

    Parameters
    ----------
    studies
        Ids of shipped studies; all if left out.
    own
        CSV of the user's observations.
    only_own
        Leave the shipped studies out.
    draws
        ``posterior``, ``prior``, or the path of a posterior file.

    Raises
    ------
    InputError
        If the table cannot be read, or ``only_own`` without one.
    UnknownNameError
        If there is no such study.
    """
    if only_own and own is None:
        raise InputError("no table of your own", where="--only-own", mend="name it with --observations")
    model = load_model()
    table = None if own is None else read_own_observations(own, model)
    plans = [] if table is None else own_plans(model, table)
    if not only_own:
        plans += shipped_plans(model, studies)
    source, notes = draws_source(model, draws, n_draws=n_cohorts, seed=seed)
    return run_validation(
        plans,
        source,
        n_cohorts=n_cohorts,
        seed=seed,
        threads=threads,
        notes=[*notes, *(table.notes if table else ())],
        on_progress=on_progress,
        on_message=on_message,
    )


def _counted(observation: Observation, sizes: Mapping[str, int]) -> dict[str, int]:
    """Patients of each arm whom a row counts; fewer than all of all arms are taken from them in proportion."""
    total = sum(sizes.values())
    if observation.arm != "all" or not 1 < observation.n < total:
        return dict(arms_of(observation, sizes))
    shares = {arm: observation.n * size / total for arm, size in sizes.items()}
    counts = {arm: int(share) for arm, share in shares.items()}
    by_remainder = sorted(shares, key=lambda arm: counts[arm] - shares[arm])
    for arm in by_remainder[: observation.n - sum(counts.values())]:
        counts[arm] += 1
    return {arm: count for arm, count in counts.items() if count}
