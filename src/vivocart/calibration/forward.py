"""Patients of a study's cohorts, from standard normal numbers to the measures that published rows read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import pandas as pd

from vivocart.calibration.design import StudyDesign
from vivocart.calibration.held import HeldPopulation
from vivocart.calibration.hierarchy import Hierarchy, hierarchy_of
from vivocart.calibration.observations import Observation
from vivocart.calibration.visits import Normals, Visits, as_read, counted_observables
from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import find_endpoint
from vivocart.model.load import Model
from vivocart.patients.draws import spread_multipliers, typical_values
from vivocart.patients.numbers import PatientNumbers, patient_numbers
from vivocart.simulation.batch import BatchPlan, BatchResult, plan_batch, run_batch
from vivocart.simulation.grid import coarse_output_times
from vivocart.therapies.course import DoseRow
from vivocart.therapies.regimen import Regimen

FIT_TOLERANCE = 1e-4
"""Relative tolerance of the solver in a fit: its error is far below any reading error."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Patients:
    """Patients to simulate, as numbers.

    Parameters
    ----------
    typical, spread
        Standard normal numbers of each population, shapes (n_populations, n_uncertain) and (n_populations, n_varying).
    scenario
        Place of each population's scenario among the study's, shape (n_populations,).
    population, position
        For each patient its population and its place in a cohort, shape (n,).
    eta, numbers
        For each patient the standard normal numbers of its parameters, and of its covariates and the chance in its counts,
        shapes (n, n_varying) and (n, n_covariates).
    """

    typical: np.ndarray
    spread: np.ndarray
    scenario: np.ndarray
    population: np.ndarray
    position: np.ndarray
    eta: np.ndarray
    numbers: np.ndarray


class Forward(Protocol):
    """What a fit needs of a model of one study: this protocol lets a closed form stand in for the real one."""

    @property
    def n_uncertain(self) -> int:
        """Uncertain typical values."""
        ...

    @property
    def n_varying(self) -> int:
        """Parameters that vary between patients."""
        ...

    @property
    def n_covariates(self) -> int:
        """Standard normal numbers behind a patient's covariates and what is counted in its blood."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what :meth:`measure` gives: :func:`column_of` of each row and its condition."""
        ...

    @property
    def reads_typical(self) -> np.ndarray:
        """Which uncertain typical values any column can depend on, shape (n_uncertain,)."""
        ...

    @property
    def reads_varying(self) -> np.ndarray:
        """Which varying parameters any column can depend on, shape (n_varying,)."""
        ...

    @property
    def hierarchy(self) -> Hierarchy | None:
        """How what :meth:`measure` reads of a patient hangs on its population; None if that is not known."""
        ...

    def accepted(self, numbers: np.ndarray) -> np.ndarray:
        """Whom the entry criteria take, shape (n,), from covariate numbers of shape (n, n_covariates)."""
        ...

    def measure(self, patients: Patients, threads: int | None) -> np.ndarray:
        """Every column in every patient, shape (n, n_columns); missing in a patient that failed."""
        ...


def column_of(model: Model | None, observation: Observation) -> str:
    """Name of the column that a row reads: the endpoint, or the observable with its day; and its visits if it has some."""
    is_observable = model is not None and observation.measure in model.observables
    if is_observable and observation.time_days is not None:
        return f"{observation.measure}@{observation.time_days:g}{_visits_text(observation)}"
    return f"{observation.measure}{_visits_text(observation)}"


def condition_of(observation: Observation) -> str:
    """Name of the column of a row's condition, read at the row's visits; empty if it has none."""
    return f"{observation.given}{_visits_text(observation)}" if observation.given else ""


def _visits_text(observation: Observation) -> str:
    visits = observation.visits
    return "" if visits is None else f" {visits.key}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """What computes a column: an endpoint, or an observable on a day, from all times or as read at visits."""

    name: str
    visits: Visits | None
    counted: frozenset[str]

    def read(self, readings: Readings, normals: Normals) -> np.ndarray:
        visits = self.visits
        if visits is None:
            return self._computed(readings)
        seen = readings.shared(
            visits.key, lambda: as_read(readings, visits, counted_names=self.counted, normals=normals)
        )
        return self._computed(seen)

    def _computed(self, readings: Readings) -> np.ndarray:
        observable, separator, day = self.name.partition("@")
        if separator:
            return readings.at(observable, float(day))
        return find_endpoint(self.name).compute(readings)


def _readers(model: Model, rows: Iterable[Observation]) -> dict[str, _Reader]:
    """What computes each column of some rows, by its name."""
    counted = counted_observables(model)
    found: dict[str, _Reader] = {}
    for row in rows:
        for column in filter(None, (column_of(model, row), condition_of(row))):
            name = column.removesuffix(_visits_text(row))
            found[column] = _Reader(name=name, visits=row.visits, counted=counted)
    return found


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Arms that differ in dose only under one scenario, so that one solve serves them."""

    scenario: int
    regimens: Mapping[int, Regimen]  # by arm
    times_days: np.ndarray
    plan: BatchPlan

    @property
    def regimen(self) -> Regimen:
        return next(iter(self.regimens.values()))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelForward:
    """The model itself as a :class:`Forward`; made by :func:`model_forward`."""

    design: StudyDesign
    who: PatientNumbers
    columns: tuple[str, ...]
    readers: tuple[_Reader, ...]
    counts: tuple[tuple[str, str], ...]  # observable and visit of each number behind the chance in a count
    groups: tuple[_Group, ...]
    arm_of_position: np.ndarray
    reads_typical: np.ndarray
    reads_varying: np.ndarray
    hierarchy: Hierarchy
    relative_tolerance: float = FIT_TOLERANCE
    held: HeldPopulation | None = None

    @property
    def n_uncertain(self) -> int:
        """Uncertain typical values."""
        return len(self.who.uncertain)

    @property
    def n_varying(self) -> int:
        """Parameters that vary between patients."""
        return len(self.who.varying)

    @property
    def n_covariates(self) -> int:
        """Standard normal numbers behind a patient's covariates and, after them, what is counted in its blood."""
        return len(self.who.covariate_names) + len(self.counts)

    def accepted(self, numbers: np.ndarray) -> np.ndarray:
        """As in :class:`Forward`."""
        return self.who.accepted(numbers[:, : len(self.who.covariate_names)], self.design.criteria)

    def measure(self, patients: Patients, threads: int | None) -> np.ndarray:
        """As in :class:`Forward`."""
        if self.held is not None:
            patients = self.held.put_into(patients)
        rows = self.who.model.parameters
        typical = {
            name: typical_values(rows[name], patients.typical[:, place])[patients.population]
            for place, name in enumerate(self.who.uncertain)
        }
        multipliers = spread_multipliers(patients.spread)
        spread = {
            name: multipliers[patients.population, place] for place, name in enumerate(self.who.varying)
        }
        own = len(self.who.covariate_names)
        covariates, counts = self.who.covariates(patients.numbers[:, :own]), patients.numbers[:, own:]
        parameters = self.who.parameters(covariates, patients.eta, typical, spread)
        scenario = patients.scenario[patients.population]
        arm = self.arm_of_position[patients.position]
        values = np.full((len(arm), len(self.columns)), np.nan)
        for group in self.groups:
            chosen = np.flatnonzero((scenario == group.scenario) & np.isin(arm, list(group.regimens)))
            if len(chosen):
                part = _Part(
                    arm=arm[chosen],
                    covariates={name: array[chosen] for name, array in covariates.items()},
                    parameters={name: array[chosen] for name, array in parameters.items()},
                    counts=counts[chosen],
                )
                values[chosen] = self._measured(group, part, threads)
        return values

    def _measured(self, group: _Group, part: _Part, threads: int | None) -> np.ndarray:
        regimen = group.regimen
        matrix = self.who.matrix(
            part.parameters, len(part.arm), regimen.parameter_overrides, regimen.parameter_widths
        )
        weight = matrix[:, self.who.model.system.parameter_ids.index("body_weight")]
        result = run_batch(
            group.plan,
            matrix,
            _doses(group, part.arm, weight),
            times_days=group.times_days,
            relative_tolerance=self.relative_tolerance,
            threads=threads,
        )
        whole = ~result.failed & np.isfinite(result.values[:, -1, :]).all(axis=1)
        values = np.full((len(part.arm), len(self.columns)), np.nan)
        if whole.any():
            readings = _readings(group, result, part, whole)
            chance = dict(zip(self.counts, part.counts[whole].T, strict=True))
            for place, reader in enumerate(self.readers):
                values[whole, place] = reader.read(readings, lambda *count: chance[count])
        return values


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    arm: np.ndarray
    covariates: Mapping[str, np.ndarray]
    parameters: Mapping[str, np.ndarray]
    counts: np.ndarray


def _doses(group: _Group, arm: np.ndarray, weight_kg: np.ndarray) -> list[DoseRow]:
    """Administrations of the group with each patient's own amount."""
    by_arm = {which: regimen.doses(weight_kg) for which, regimen in group.regimens.items()}
    rows: list[DoseRow] = []
    for place, first in enumerate(next(iter(by_arm.values()))):
        amount = np.zeros(len(arm))
        for which, doses in by_arm.items():
            amount = np.where(arm == which, doses[place].amount, amount)
        rows.append(
            DoseRow(
                time_days=first.time_days,
                duration_days=first.duration_days,
                state=first.state,
                amount=amount,
                product_id=first.product_id,
            )
        )
    return rows


def _readings(group: _Group, result: BatchResult, part: _Part, whole: np.ndarray) -> Readings:
    day_zero = group.regimen.first_infusion_day
    every = bool(whole.all())

    def kept(array: np.ndarray) -> np.ndarray:
        return array if every else array[whole]

    who, which, count = np.nonzero(np.isfinite(kept(result.rescue_days)))
    products = np.array([rule.product for rule in group.plan.rescue] or [""], dtype=object)
    rescues = pd.DataFrame(
        {"patient": who, "time_days": kept(result.rescue_days)[who, which, count], "product": products[which]}
    )
    dose_days: dict[str, list[float]] = {}
    for dose in group.regimen.doses(np.ones(1)):
        dose_days.setdefault(dose.state, []).append(dose.time_days - day_zero)
    values = kept(result.values)
    return Readings(
        patients=np.arange(len(values)),
        times=group.times_days - day_zero,
        trajectories={
            name: np.ascontiguousarray(values[:, :, k]) for k, name in enumerate(group.plan.observables)
        },
        covariates={name: kept(array) for name, array in part.covariates.items()},
        parameters={name: kept(array) for name, array in part.parameters.items()},
        dose_days={state: np.unique(days) for state, days in dose_days.items()},
        regimen=group.regimen,
        rescues=rescues,
        first_infusion_day=day_zero,
    )


def model_forward(
    model: Model,
    design: StudyDesign,
    *,
    on_message: Callable[[str], None] | None = None,
    relative_tolerance: float = FIT_TOLERANCE,
) -> ModelForward:
    """The model as a forward map of one study.

    Raises
    ------
    UnknownNameError
        If a row names an endpoint that does not exist; with the nearest three.
    MissingReadingError
        If ``design.days`` is too short for an endpoint.
    """
    rows = (*design.fitted, *design.predicted)
    names = [column_of(model, row) for row in rows] + [condition_of(row) for row in rows if row.given]
    columns, readers = tuple(dict.fromkeys(names)), _readers(model, rows)
    observables, parameters, counts = _needed(model, design, [readers[name] for name in columns])
    groups = tuple(_groups(model, design, observables, on_message))
    read = parameters.union(*(group.plan.parameters_read for group in groups))
    who = patient_numbers(model)
    return ModelForward(
        design=design,
        who=who,
        columns=columns,
        readers=tuple(readers[name] for name in columns),
        counts=counts,
        groups=groups,
        arm_of_position=np.repeat(np.arange(len(design.arms)), list(design.widths.values())),
        reads_typical=np.array([name in read for name in who.uncertain], dtype=bool),
        reads_varying=np.array([name in read for name in who.varying], dtype=bool),
        hierarchy=hierarchy_of(who),
        relative_tolerance=relative_tolerance,
    )


def _groups(
    model: Model,
    design: StudyDesign,
    observables: Sequence[str],
    on_message: Callable[[str], None] | None,
) -> Iterator[_Group]:
    regimens = [regimen for arm in design.arms for regimen in arm.regimens]
    dosed = {product.state for regimen in regimens for product in regimen.products}
    overrides = {name for regimen in regimens for name in regimen.parameter_overrides}
    plans: dict[tuple[float, float], BatchPlan] = {}
    for scenario in range(design.n_scenarios):
        alike: dict[object, dict[int, Regimen]] = {}
        for place, arm in enumerate(design.arms):
            alike.setdefault(_schedule(arm.regimens[scenario]), {})[place] = arm.regimens[scenario]
        for together in alike.values():
            first = next(iter(together.values()))
            day_zero, end = first.first_infusion_day, design.days + first.first_infusion_day
            key = (day_zero, end) if design.taper else (0.0, 0.0)
            if key not in plans:
                plans[key] = plan_batch(
                    model,
                    observables=observables,
                    dosed=dosed,
                    rescue=design.rescue,
                    taper=design.taper,
                    first_infusion_day=day_zero,
                    days=end,
                    turned=overrides,
                    on_message=on_message,
                )
            times = coarse_output_times([row.day for row in first.infusions_table], days=end)
            yield _Group(scenario=scenario, regimens=together, times_days=times, plan=plans[key])


def _schedule(regimen: Regimen) -> tuple[object, ...]:
    """What regimens must share to be solved together: everything but the amounts."""
    rows = tuple(
        (row.time_days, row.duration_days, row.state, row.product_id) for row in regimen.doses(np.ones(1))
    )
    overrides, widths = (
        tuple(sorted(part.items())) for part in (regimen.parameter_overrides, regimen.parameter_widths)
    )
    return (rows, overrides, widths, regimen.first_infusion_day)


@final
class _Asked(Mapping[str, np.ndarray]):
    """Answers every name with the same numbers and remembers who asked."""

    def __init__(self, answer: np.ndarray) -> None:
        self.answer = answer
        self.names: dict[str, None] = {}

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> np.ndarray:
        self.names[name] = None
        return self.answer

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _needed(
    model: Model, design: StudyDesign, readers: Iterable[_Reader]
) -> tuple[tuple[str, ...], frozenset[str], tuple[tuple[str, str], ...]]:
    """Observables that columns read, in the model's order; parameters that they read themselves; and what they count.

    Each is asked once, with made-up numbers.
    """
    regimen = design.arms[0].regimens[0]
    end = design.days + regimen.first_infusion_day
    times = coarse_output_times([row.day for row in regimen.infusions_table], days=end)
    trajectories, parameters = _Asked(np.linspace(1.0, 2.0, len(times))[None, :]), _Asked(np.ones(1))
    counts: dict[tuple[str, str], None] = {}

    def normals(observable: str, visit: str) -> np.ndarray:
        counts[observable, visit] = None
        return np.zeros(1)

    dose_days: dict[str, list[float]] = {}
    for dose in regimen.doses(np.ones(1)):
        dose_days.setdefault(dose.state, []).append(dose.time_days - regimen.first_infusion_day)
    readings = Readings(
        patients=np.zeros(1, dtype=np.int64),
        times=times - regimen.first_infusion_day,
        trajectories=trajectories,
        covariates=_Asked(np.ones(1)),
        parameters=parameters,
        dose_days={state: np.unique(days) for state, days in dose_days.items()},
        regimen=regimen,
        rescues=pd.DataFrame({"patient": [], "time_days": [], "product": []}),
        first_infusion_day=regimen.first_infusion_day,
    )
    for reader in readers:
        reader.read(readings, normals)
    observables = tuple(name for name in model.observables if name in trajectories.names)
    return observables, frozenset(parameters.names), tuple(counts)
