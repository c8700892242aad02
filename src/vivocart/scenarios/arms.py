"""The arms of a trial in the same virtual patients: any number of them, in chunks that change nothing.

Of every chunk only what the result needs is kept: endpoints go to a file, trajectories into the counts of bands, SLEDAI-2K
into counts of scores and items. So memory does not grow with the number of patients. Each chunk is simulated and read on
one thread; threads take chunks in turn, and what depends on an order is put together in that of the patients.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import final

import numpy as np
import pandas as pd

from vivocart.calibration.measures import measures_of
from vivocart.calibration.observations import Observation
from vivocart.endpoints.curves import value_at
from vivocart.endpoints.readings import MissingReadingError, Readings, read
from vivocart.endpoints.registry import Endpoint, known_endpoints, visit_days
from vivocart.endpoints.sledai import items_at_visits, read_visits, scores_at_visits, sledai_table
from vivocart.endpoints.table import EndpointColumns, endpoint_columns
from vivocart.ground.errors import InputError
from vivocart.model.load import Model
from vivocart.patients.criteria import EntryCriteria
from vivocart.patients.draws import PopulationDraws
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.endpoint_table import ArmEndpoints, EndpointTable, endpoint_file, read_endpoint_file
from vivocart.scenarios.in_order import in_order
from vivocart.scenarios.result import ArmResult
from vivocart.simulation.bands import BIN, BandCounts, add_bins, empty_bands, place_values, quantile_bands
from vivocart.simulation.device import DeviceName
from vivocart.simulation.grid import output_times, trial_output_times
from vivocart.simulation.layout import Room
from vivocart.simulation.machine import thread_count
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.result import Simulation
from vivocart.simulation.run import no_failures, simulate
from vivocart.simulation.taper import Taper
from vivocart.therapies.regimen import Regimen

CHUNK = 1536
"""Patients simulated at once: 110 MB of trajectories a thread.

Threads wait for each other's turn in the interpreter, which works once for all of them.
"""

RELATIVE_TOLERANCE = 1e-3
"""Relative tolerance of the solver for the patients of a trial, the same for any number of them.

Endpoints read with it and at :func:`trial_output_times` differ from those read at 1e-9 every quarter of an hour no more than
those read at 1e-6 and the times of a single simulation do; what reading at output times costs is larger than either. So are
they with steps in single precision, whose rounding is a hundredth of this tolerance
(``tests/scenarios/test_accuracy.py`` holds the bounds).
"""

ABSOLUTE_TOLERANCE = 1e-7
"""Absolute tolerance likewise, in 10*9 cells and mg: a ten-thousandth of the largest size of the smallest state."""

_DRAWN_AT_ONCE = (
    4 * CHUNK
)  # patients: the few who wait for a candidate that is accepted cost a call however many they are
_PARTS_PER_THREAD = 2  # at least, so that no thread is left waiting for another for long at the end
_VISIT_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
_HIGHEST_SCORE = 105

Tick = Callable[[int], None]
"""Called with the number of patients just done."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all arms of a trial share."""

    model: Model
    seed: int
    days: float
    visits_days: tuple[float, ...]
    criteria: EntryCriteria | None
    rescue: tuple[Rescue, ...]
    observations: tuple[Observation, ...]
    threads: int | None
    on_message: Callable[[str], None] | None
    taper: Taper | None = None
    device: DeviceName = "cpu"  # of :meth:`Setting.course`
    strict: bool = False  # whether a patient who fails there is an error
    center: PopulationDraws | None = (
        None  # one population, whose values the patients have; the model's if none
    )
    drawn: PopulationDraws | None = (
        None  # populations that cohorts of unsure typical values are of; the prior if none
    )

    def simulate(
        self,
        regimen: Regimen,
        patients: VirtualPopulation,
        *,
        observables: Sequence[str] | None = None,
        times_days: np.ndarray | None = None,
        room: Room | None = None,
    ) -> Simulation:
        """One group of patients under one regimen, as long as the trial lasts after the first infusion."""
        return simulate(
            self.model,
            regimen,
            patients,
            days=self.days + regimen.first_infusion_day,
            observables=observables,
            times_days=times_days,
            rescue=self.rescue,
            taper=self.taper,
            threads=self.threads,
            room=room,
            on_message=self.on_message,
        )

    def course(
        self,
        regimen: Regimen,
        patients: VirtualPopulation,
        *,
        threads: int | None = None,
        room: Room | None = None,
    ) -> Simulation:
        """As :meth:`simulate`, as accurately and as often as endpoints need it."""
        days = self.days + regimen.first_infusion_day
        return simulate(
            self.model,
            regimen,
            patients,
            days=days,
            times_days=self.times(regimen),
            rescue=self.rescue,
            taper=self.taper,
            relative_tolerance=RELATIVE_TOLERANCE,
            absolute_tolerance=ABSOLUTE_TOLERANCE,
            precision="single",
            threads=self.threads if threads is None else threads,
            device=self.device,
            strict=self.strict,
            room=room,
            on_message=self.on_message,
        )

    def times(self, regimen: Regimen) -> np.ndarray:
        """Output times of :meth:`course`."""
        days = self.days + regimen.first_infusion_day
        infusions = [row.day for row in regimen.infusions_table]
        if {rule.product for rule in self.rescue} & {product.id for product in regimen.products}:
            return output_times(infusions, days=days)  # it may be given again on any day
        return trial_output_times(
            infusions,
            days=days,
            first_infusion_day=regimen.first_infusion_day,
            visits_days={*self.visits_days, *visit_days()},
        )

    def patients(
        self, first: int, count: int, *, typical_draw: np.ndarray | None = None
    ) -> VirtualPopulation:
        """Virtual patients ``first`` to ``first + count - 1`` of the trial's seed.

        With ``typical_draw`` (count,) those who share a number share uncertain typical values: those of that population
        of ``drawn``, or of the prior.
        """
        draws, draw = self.center, np.zeros(count, dtype=np.int64)
        if typical_draw is not None:
            draws, draw = self.drawn, typical_draw
        is_drawn = draws is not None and len(draws) > 0
        return VirtualPopulation.sample(
            self.model,
            n_patients=count,
            seed=self.seed,
            criteria=self.criteria,
            first=first,
            draws=draws if is_drawn else None,
            draw=draw if is_drawn else None,
            typical_draw=None if is_drawn else typical_draw,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm to simulate: label, regimen, and how many patients the source treated in it."""

    label: str
    regimen: Regimen
    cohort_size: int | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What is counted of an arm's patients; threads add to it under its locks, and sums do not depend on their order."""

    bands: BandCounts
    scores: np.ndarray  # (n_visits, 106) patients by SLEDAI-2K
    items: np.ndarray  # (n_items, n_visits) patients with the item
    lock: threading.Lock


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """Memory of one thread, used for one part of the patients after the other."""

    room: Room
    bins: tuple[np.ndarray, ...]  # by arm: of the patients of a part, (n_observables, n_times, room)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What is read of some patients of an arm."""

    columns: EndpointColumns
    failures: pd.DataFrame
    seen: pd.DataFrame | None


def observed(setting: Setting, simulation: Simulation) -> pd.DataFrame:
    """What published observations read and no endpoint of the table gives: a column for each of them.

    Observables on a day, and endpoints on days that are no visit of theirs; none for a day that the simulation lacks. What
    a source read at its visits, and a condition read there (``<id> given``), whatever it is.
    """
    columns: dict[str, np.ndarray] = {}
    known = {row.id: values.T for row, values in zip(simulation.observables, simulation.values, strict=True)}
    for observation in setting.observations:
        name, day = observation.measure, observation.time_days
        if name and observation.visits is not None:
            with suppress(InputError):
                measure, given = measures_of(observation, setting.model)
                columns[observation.id] = measure.values(simulation)
                if given is not None:
                    columns[f"{observation.id} given"] = given.values(simulation)
        elif name in known and day is not None:
            start = simulation.regimen.first_infusion_day
            columns[observation.id] = value_at(simulation.times_days, known[name], day + start)
        elif name and name not in known_endpoints():
            with suppress(MissingReadingError):
                columns[observation.id] = endpoint_columns(*read(simulation), [name]).values[0]
    return pd.DataFrame(columns, index=pd.Index(simulation.patients.ids, name="patient"))


def run_arms(
    setting: Setting,
    arms: Sequence[Arm],
    *,
    n_patients: int,
    n_observed: int,
    path: Path,
    is_temporary: bool,
    tick: Tick,
) -> tuple[list[ArmResult], dict[str, pd.DataFrame]]:
    """Simulate every arm in the same patients; keep bands, endpoints, SLEDAI-2K at visits and failures.

    Parameters
    ----------
    n_observed
        Of how many patients, the first ones, :func:`observed` is kept.
    path, is_temporary
        File for the endpoints, and whether its folder goes with the last of the arms.

    Returns
    -------
    tuple
        The arms, and by label what was observed.
    """
    counts = [_no_counts(setting, arm) for arm in arms]
    failures: list[list[pd.DataFrame]] = [[] for _ in arms]
    seen: list[list[pd.DataFrame]] = [[] for _ in arms]
    n_failed = [0] * len(arms)
    entries: tuple[Endpoint, ...] = ()
    n_threads = setting.threads or thread_count()
    parts = _parts(n_patients, n_threads)
    size = len(parts[0])

    desks: list[_Desk] = []  # at which no thread works

    def work(part: range) -> list[list[_Read]]:
        desk = desks.pop() if desks else _new_desk(counts, size)
        found = _run_part(setting, arms, counts, part, n_observed, desk)
        desks.append(desk)
        return found

    with endpoint_file(path, [arm.label for arm in arms]) as append:
        for part, read_by_arm in zip(parts, in_order(work, parts, n_threads), strict=True):
            entries = read_by_arm[0][0].columns.entries
            first = part.start
            for few in zip(*read_by_arm, strict=True):  # the same patients of every arm
                append([_endpoints(first, read.columns) for read in few])
                first += len(few[0].columns.complete)
            for place, found in enumerate(read_by_arm):
                failures[place] += [read.failures for read in found if len(read.failures)]
                seen[place] += [read.seen for read in found if read.seen is not None]
                n_failed[place] += sum(int((~read.columns.complete).sum()) for read in found)
            tick(len(part) * len(arms))
    tables = read_endpoint_file(path, entries, n_failed=n_failed, is_temporary=is_temporary)
    results = [
        _result(setting, arm, counts[place], tables[place], failures[place], n_patients=n_patients)
        for place, arm in enumerate(arms)
    ]
    return results, {arm.label: pd.concat(kept) for arm, kept in zip(arms, seen, strict=True) if kept}


def _parts(n_patients: int, n_threads: int) -> list[range]:
    """The patients in parts that threads take in turn; the last of many are short, since a thread may wait for one."""
    size = min(_DRAWN_AT_ONCE, max(1, -(-n_patients // (_PARTS_PER_THREAD * n_threads))))
    long = max(0, n_patients - n_threads * size) // size * size if size == _DRAWN_AT_ONCE else n_patients
    firsts = [*range(0, long, size), *range(long, n_patients, CHUNK)]
    return [range(first, last) for first, last in pairwise([*firsts, n_patients])]


def visit_items(readings: Readings, visits_days: Sequence[float]) -> pd.DataFrame:
    """SLEDAI-2K items of the first patient of some readings: columns item, weight, organ, day, present."""
    present = items_at_visits(readings, visits_days)[:, :, 0]
    return pd.DataFrame(
        [
            {"item": row.item, "weight": row.weight, "organ": row.organ, "day": day, "present": bool(flag)}
            for visit, day in enumerate(visits_days)
            for row, flag in zip(sledai_table(), present[:, visit], strict=True)
        ]
    )


def _new_desk(counts: Sequence[_Counts], n_patients: int) -> _Desk:
    shapes = [(len(of.bands.counts), len(of.bands.times_days), n_patients) for of in counts]
    return _Desk(room=Room(), bins=tuple(np.empty(shape, BIN) for shape in shapes))


def _run_part(
    setting: Setting,
    arms: Sequence[Arm],
    counts: Sequence[_Counts],
    part: range,
    n_observed: int,
    desk: _Desk,
) -> list[list[_Read]]:
    """Some patients drawn once and simulated in every arm, on one thread."""
    patients = setting.patients(part.start, len(part))
    found: list[list[_Read]] = [[] for _ in arms]
    for first in range(0, len(part), CHUNK):
        few = patients.take(np.arange(first, min(first + CHUNK, len(part))))
        for arm, counted, bins, kept in zip(arms, counts, desk.bins, found, strict=True):
            simulation = setting.course(arm.regimen, few, threads=1, room=desk.room)
            finite = place_values(simulation.values, bins, first)
            readings, complete = read(simulation, finite)
            read_visits(readings, {*setting.visits_days, *visit_days()})
            _count(counted, readings, setting.visits_days)
            kept.append(
                _Read(
                    columns=endpoint_columns(readings, complete),
                    failures=simulation.failures,
                    seen=observed(setting, simulation) if part.start + first < n_observed else None,
                )
            )
    for counted, bins in zip(counts, desk.bins, strict=True):
        add_bins(counted.bands, bins, len(part))
    return found


def _no_counts(setting: Setting, arm: Arm) -> _Counts:
    attributes = {
        row.id: {"units": row.unit, "long_name": row.label} for row in setting.model.observables.values()
    }
    n_visits = len(setting.visits_days)
    return _Counts(
        bands=empty_bands(setting.times(arm.regimen), attributes),
        scores=np.zeros((n_visits, _HIGHEST_SCORE + 1), np.int64),
        items=np.zeros((len(sledai_table()), n_visits), np.int64),
        lock=threading.Lock(),
    )


def _count(counts: _Counts, readings: Readings, visits_days: Sequence[float]) -> None:
    present = items_at_visits(readings, visits_days)
    scores = scores_at_visits(readings, visits_days)
    with counts.lock:
        counts.items[:] += present.sum(axis=2)
        for visit, score in enumerate(scores):
            counts.scores[visit] += np.bincount(score, minlength=counts.scores.shape[1])


def _endpoints(first: int, columns: EndpointColumns) -> ArmEndpoints:
    return ArmEndpoints(
        patients=np.arange(first, first + len(columns.complete)),
        ids=tuple(entry.id for entry in columns.entries),
        values=columns.values,
    )


def _result(
    setting: Setting,
    arm: Arm,
    counts: _Counts,
    table: EndpointTable,
    failures: Sequence[pd.DataFrame],
    *,
    n_patients: int,
) -> ArmResult:
    bands = quantile_bands(counts.bands)
    shifted = bands["time"] - arm.regimen.first_infusion_day
    return ArmResult(
        label=arm.label,
        regimen=arm.regimen,
        n_patients=n_patients,
        cohort_size=arm.cohort_size,
        bands=bands.assign_coords(time=("time", shifted.values, bands["time"].attrs)),
        table=table,
        sledai_visits=_score_quantiles(counts.scores, setting.visits_days),
        sledai_items=_item_shares(counts, setting.visits_days),
        failures=pd.concat(failures, ignore_index=True) if failures else no_failures(),
    )


def _score_quantiles(scores: np.ndarray, visits_days: Sequence[float]) -> pd.DataFrame:
    """Quantiles that are always a score, as :func:`vivocart.endpoints.table.quantiles` takes them, from counts."""
    rows: list[dict[str, float]] = []
    for counted, day in zip(scores, visits_days, strict=True):
        ranks = np.maximum(np.ceil(np.array(list(_VISIT_QUANTILES.values())) * counted.sum() - 1e-9), 1)
        values = np.searchsorted(np.cumsum(counted), ranks) if counted.any() else np.full(len(ranks), np.nan)
        rows.append({"day": day} | dict(zip(_VISIT_QUANTILES, values.astype(float).tolist(), strict=True)))
    return pd.DataFrame(rows)


def _item_shares(counts: _Counts, visits_days: Sequence[float]) -> pd.DataFrame:
    n_read = int(counts.scores[0].sum()) if len(counts.scores) else 0
    shares = counts.items / n_read if n_read else np.full(counts.items.shape, np.nan)
    return pd.DataFrame(
        [
            {"item": row.item, "weight": row.weight, "organ": row.organ, "day": day, "share": float(share)}
            for visit, day in enumerate(visits_days)
            for row, share in zip(sledai_table(), shares[:, visit], strict=True)
        ]
    )
