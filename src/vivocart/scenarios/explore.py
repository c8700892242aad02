"""The answer to a turn of a knob: one or more therapies in the same virtual patients, bands, items and endpoints at once.

Lean on purpose: only what the charts show is computed, populations are kept, and nothing is a table until somebody asks.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from vivocart.endpoints.b_cells import DEPLETED_PER_UL
from vivocart.endpoints.readings import MissingReadingError, Readings, read
from vivocart.endpoints.registry import Endpoint, known_endpoints
from vivocart.endpoints.safety import crs_grade_max
from vivocart.endpoints.sledai import items_at_visits, sledai_score, sledai_table
from vivocart.ground.errors import InputError, SimulationError
from vivocart.ground.provenance import Provenance, join
from vivocart.ground.streams import uniforms
from vivocart.model.load import load_model
from vivocart.patients.draws import PopulationDraws
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.explore_draws import draws_for
from vivocart.scenarios.explorer import SLEDAI, explorer_settings
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import load_study

if TYPE_CHECKING:
    from vivocart.simulation.result import Simulation

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
"""What a band shows, by name."""

RELATIVE_TOLERANCE = 1e-3
"""Of the explorer's solver: drawn bands stay within a percent of the exact ones and endpoints within a quarter of one, and a
slider need not wait; reports are solved a thousand times finer."""

REFERENCE_STUDY = "hn2301"
_CRS_OBSERVABLE = "cytokine_signal"
_HOUR = 1 / 24
_AFTER_INFUSION = np.array([0, 1, 2, 4, 6, 9, 12, 18, 24, 36, 48, 60, 72]) * _HOUR
_AFTER_ONE_OF_MANY = np.array([0, 4, 6, 12]) * _HOUR
_MANY_INFUSIONS = 8
_POPULATIONS_KEPT = 12


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One therapy of an exploration: a name and what is given."""

    label: str
    regimen: Regimen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A turn of the knobs.

    Parameters
    ----------
    days
        Horizon, in days after the first infusion.
    tocilizumab
        Whether the reference study's rule gives tocilizumab at CRS grade 2.
    patients
        Patients of the user's own; otherwise ``n_patients`` of ``patient_type`` are drawn with ``seed``.
    first
        Index of the first patient drawn: chunks of one population.
    draws, population
        Populations from which the patients are taken, each patient from one of them, and their name; the model's own
        typical values without.
    """

    arms: tuple[Arm, ...]
    patient_type: str
    days: float
    n_patients: int
    seed: int
    tocilizumab: bool = True
    patients: VirtualPopulation | None = None
    first: int = 0
    draws: PopulationDraws | None = None
    population: str = "shipped"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ArmAnswer:
    """What one therapy does to these patients; times are days after the first infusion.

    Parameters
    ----------
    bands
        Observable to quantiles in the order of :data:`QUANTILES`, shape (5, n_times); ``sledai`` (5, n_item_days).
    items
        SLEDAI-2K item to the share of patients who have it, shape (n_item_days,).
    crs
        Share of patients by least grade: ``any``, ``grade2``, ``grade3``, ``grade4``.
    values
        Endpoint to its value in every patient, shape (n,): infinite if not reached, missing if it does not apply.
    left_out
        Endpoints that this horizon or these patients cannot answer, with the reason.
    still_depleted
        Whether B cells are below 5 per uL at the end of the horizon, shape (n,).
    n_failed
        Patients who could not be integrated; they stand in no number.
    """

    label: str
    regimen: Regimen
    times: np.ndarray
    bands: Mapping[str, np.ndarray]
    item_days: np.ndarray
    items: Mapping[str, np.ndarray]
    crs: Mapping[str, float]
    values: Mapping[str, np.ndarray]
    left_out: Mapping[str, str]
    still_depleted: np.ndarray
    n_failed: int
    provenance: Provenance

    @property
    def n_read(self) -> int:
        """Patients behind the numbers."""
        return len(self.still_depleted)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Every therapy in the same patients."""

    asked: Asked
    arms: tuple[ArmAnswer, ...]
    provenance: Provenance


def explore(asked: Asked, *, threads: int | None = None) -> Answer:
    """Bands, items, endpoints and CRS of every arm in the same virtual patients.

    Parameters
    ----------
    asked
        What the knobs say.
    threads
        Threads of the solver, all processors if left out. The numbers do not depend on it.

    Raises
    ------
    InputError
        If no arm is given, or a horizon ends before the last infusion.
    UnknownNameError
        If the patient type does not exist.
    SimulationError
        If no patient of an arm could be integrated.
    """
    if not asked.arms:
        raise InputError("no arm", where="arms", mend="name at least one therapy")
    arms = tuple(_arm(asked, arm, _patients(asked, arm.regimen), threads) for arm in asked.arms)
    return Answer(asked=asked, arms=arms, provenance=join([arm.provenance for arm in arms]))


def output_days(regimen: Regimen, days: float) -> np.ndarray:
    """Times at which the explorer reads a regimen, about a hundred: dense after infusions, sparse where little moves.

    Parameters
    ----------
    days
        Horizon in days after the first infusion; the times returned count from the start of the simulation.
    """
    start = regimen.first_infusion_day
    end = days + start
    given = sorted({row.day for row in regimen.infusions_table})
    after = _AFTER_INFUSION if len(given) <= _MANY_INFUSIONS else _AFTER_ONE_OF_MANY
    last = max(given)
    tail = max(end - last, _HOUR)
    parts = [np.add.outer(given, after).ravel(), np.linspace(0.0, end, 30), [start, end]]
    parts.append(last + tail * np.linspace(0.0, 1.0, 40) ** 2)
    times = np.unique(np.round(np.concatenate(parts), 6))
    return times[(times >= 0.0) & (times <= end)]


# -- patients ---------------------------------------------------------------------------------------------------------

_populations: OrderedDict[tuple[str, tuple[str, ...], str, int, int], VirtualPopulation] = OrderedDict()
_populations_lock = threading.Lock()


def _patients(asked: Asked, regimen: Regimen) -> VirtualPopulation:
    return asked.patients if asked.patients is not None else explorer_population(asked, regimen)


def explorer_population(asked: Asked, regimen: Regimen | None = None) -> VirtualPopulation:
    """Virtual patients of a type; those asked for lately are kept.

    Parameters
    ----------
    regimen
        What they will be given: in a fitted population a comparator's own parameters come from its own fit. The patients
        are the same whatever it is.

    Raises
    ------
    UnknownNameError
        If the type does not exist.
    """
    families, draws = draws_for(asked.population, asked.draws, regimen)
    key = (asked.population, families, asked.patient_type, asked.seed, asked.first)
    with _populations_lock:
        kept = _populations.get(key)
        if kept is not None:
            _populations.move_to_end(key)
    if kept is None or len(kept) < asked.n_patients:
        kept = VirtualPopulation.sample(
            load_model(),
            n_patients=asked.n_patients,
            seed=asked.seed,
            criteria=explorer_settings().patient_type(asked.patient_type).entry,
            first=asked.first,
            draws=draws,
            draw=None if draws is None else _draw_of(asked, len(draws)),
        )
        with _populations_lock:
            _populations[key] = kept
            while len(_populations) > _POPULATIONS_KEPT:
                _populations.popitem(last=False)
    return kept if len(kept) == asked.n_patients else kept.take(np.arange(asked.n_patients))


def _draw_of(asked: Asked, n_draws: int) -> np.ndarray:
    """For each patient the population that it is taken from, every one equally likely."""
    shares = uniforms(asked.seed, "explorer/population", asked.first, asked.n_patients)[:, 0]
    return (shares * n_draws).astype(np.int64)


@functools.cache
def reference_rescues() -> tuple[Rescue, ...]:
    """The reference study's rules of rescue."""
    return load_study(REFERENCE_STUDY).rescues


# -- one arm ----------------------------------------------------------------------------------------------------------


@functools.cache
def needed_observables() -> tuple[str, ...]:
    """What is kept of a simulation: what charts show, and what SLEDAI-2K and CRS are read from."""
    drivers = (name for row in sledai_table() for name in row.driver)
    return tuple(dict.fromkeys([*explorer_settings().charted, *drivers, _CRS_OBSERVABLE]))


def run_simulation(
    asked: Asked,
    arm: Arm,
    patients: VirtualPopulation,
    *,
    times_days: np.ndarray,
    threads: int | None = None,
    observables: Sequence[str] | None = None,
) -> Simulation:
    """One arm at the explorer's accuracy; times count from the start of the simulation."""
    return simulate(
        load_model(),
        arm.regimen,
        patients,
        days=asked.days + arm.regimen.first_infusion_day,
        observables=needed_observables() if observables is None else observables,
        times_days=times_days,
        rescue=reference_rescues() if asked.tocilizumab else (),
        relative_tolerance=RELATIVE_TOLERANCE,
        threads=threads,
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ArmParts:
    """What is read of one chunk of patients.

    ``present`` is (24, n_item_days, n): the SLEDAI-2K items that count; ``grades`` (n,) the highest CRS grade; the others
    as in :class:`ArmAnswer`.
    """

    present: np.ndarray
    values: Mapping[str, np.ndarray]
    left_out: Mapping[str, str]
    grades: np.ndarray
    still_depleted: np.ndarray
    n_failed: int


def item_days(days: float) -> np.ndarray:
    """Visits at which SLEDAI-2K is read within a horizon."""
    return np.array([day for day in explorer_settings().item_days if day <= days])


def read_parts(readings: Readings, *, days: float, n_failed: int) -> ArmParts:
    """Items, endpoints and CRS grades of the patients who were read."""
    values, left_out = _endpoint_values(readings)
    return ArmParts(
        present=items_at_visits(readings, item_days(days)),
        values=values,
        left_out=left_out,
        grades=crs_grade_max(readings),
        still_depleted=readings["b_cells_blood"][:, -1] < DEPLETED_PER_UL,
        n_failed=n_failed,
    )


def arm_answer(
    arm: Arm,
    parts: ArmParts,
    *,
    days: float,
    times: np.ndarray,
    bands: Mapping[str, np.ndarray],
    provenance: Provenance,
) -> ArmAnswer:
    """The answer of one arm, from what was read of its patients and the bands of its observables.

    Raises
    ------
    SimulationError
        If no patient reached the end.
    """
    if len(parts.grades) == 0:
        raise SimulationError(f"no patient of '{arm.label}' could be simulated to the end")
    visits = range(parts.present.shape[1])
    scores = np.stack([sledai_score(parts.present[:, visit].T) for visit in visits]).astype(np.float64)
    return ArmAnswer(
        label=arm.label,
        regimen=arm.regimen,
        times=times,
        bands={**bands, SLEDAI: ranked(scores)},
        item_days=item_days(days),
        items={
            row.item: shares for row, shares in zip(sledai_table(), parts.present.mean(axis=2), strict=True)
        },
        crs={
            name: float((parts.grades >= grade).mean())
            for grade, name in enumerate(("any", "grade2", "grade3", "grade4"), start=1)
        },
        values=parts.values,
        left_out=parts.left_out,
        still_depleted=parts.still_depleted,
        n_failed=parts.n_failed,
        provenance=provenance,
    )


def _arm(asked: Asked, arm: Arm, patients: VirtualPopulation, threads: int | None) -> ArmAnswer:
    times = output_days(arm.regimen, asked.days)
    simulation = run_simulation(asked, arm, patients, times_days=times, threads=threads)
    readings, complete = read(simulation)
    parts = read_parts(readings, days=asked.days, n_failed=int((~complete).sum()))
    charted = explorer_settings().charted
    rows = ranked(np.concatenate([readings[name].T for name in charted]))  # (5, n_charted * n_times)
    bands = dict(zip(charted, np.split(rows, len(charted), axis=1), strict=True))
    return arm_answer(
        arm, parts, days=asked.days, times=readings.times, bands=bands, provenance=simulation.provenance
    )


@functools.cache
def shown_endpoints() -> tuple[Endpoint, ...]:
    """Endpoints of the explorer's table."""
    known = known_endpoints()
    return tuple(known[name] for name in explorer_settings().endpoints)


def _endpoint_values(readings: Readings) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    values: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    for entry in shown_endpoints():
        try:
            values[entry.id] = np.asarray(entry.compute(readings), dtype=np.float64)
        except MissingReadingError as error:
            left_out[entry.id] = error.problem
    return values, left_out


def ranked(columns: np.ndarray) -> np.ndarray:
    """Quantiles along the last axis, each the value of one patient, shape (5, n_rows)."""
    ordered = np.sort(columns, axis=1)
    n = ordered.shape[1]
    places = np.ceil(np.array(list(QUANTILES.values())) * n - 1e-9).astype(int) - 1
    return ordered[:, np.clip(places, 0, n - 1)].T
