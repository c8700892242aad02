"""Model, regimen and virtual patients become a simulation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
import sympy

from vivocart.engine.device import Device
from vivocart.engine.solve import (
    SINGLE_FROM,
    CompiledSystem,
    Doses,
    Precision,
    Solution,
    compile_system,
    same_doses,
    solve,
)
from vivocart.equations.system import symbol
from vivocart.equations.triggers import Trigger
from vivocart.ground.errors import InputError, SimulationError, UnknownNameError
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.model.load import Model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.device import DeviceName, find_device
from vivocart.simulation.grid import output_times
from vivocart.simulation.layout import Room, by_observable
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.result import Simulation
from vivocart.simulation.switches import unturned_switches, with_numbers
from vivocart.simulation.taper import Taper, taper_triggers
from vivocart.therapies.product import find_product
from vivocart.therapies.regimen import Regimen

RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = (
    1e-11  # amounts in 10*9 cells and mg: what decays is still right to five digits at a ten-thousandth
)
_SMALLEST_ABSOLUTE = 1e-30
_TIGHTEST, _LOOSEST = 1e-12, 1e-2  # relative tolerances that mean something in double precision
_MAXIMUM_DAYS = 3_650.0
_WEIGHT = "body_weight"  # the model's parameter that doses by weight read


def simulate(  # noqa: PLR0913  (all but three by name)
    model: Model,
    regimen: Regimen,
    patients: VirtualPopulation,
    *,
    days: float = 180.0,
    observables: Sequence[str] | None = None,
    times_days: Sequence[float] | np.ndarray | None = None,
    rescue: Sequence[Rescue] = (),
    taper: Taper | None = None,
    relative_tolerance: float = RELATIVE_TOLERANCE,
    absolute_tolerance: float = ABSOLUTE_TOLERANCE,
    precision: Precision = "double",
    threads: int | None = None,
    device: DeviceName = "cpu",
    strict: bool = False,
    room: Room | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Simulation:
    """Trajectories of every patient under one regimen.

    Parameters
    ----------
    model, regimen, patients
        What is simulated, what is given, to whom.
    days
        Length of the simulation, from the first infusion or preparation.
    observables
        Ids of what to read; all of the model's if left out.
    times_days
        Output times, ascending; :func:`vivocart.simulation.grid.output_times` if left out. They change no step.
    rescue
        Rules that give a product when the patient's own course asks for it, exact in time.
    taper
        Rule by which the daily dose of prednisone is reviewed; without one it stays as it is.
    relative_tolerance
        Error allowed in each step of the solver, relative to the size of the states: 1e-12 to 1e-2.
    absolute_tolerance
        Error allowed besides, in the unit of a state (10*9 cells, mg) for states of size up to one, in proportion to their
        largest size beyond: 1e-30 or more.
    precision
        ``"single"`` takes steps in numbers of 32 bits: about one and a half times as fast, for relative tolerances from
        1e-5 on. A patient whose steps fail in it is simulated again in double.
    threads
        Threads to use, all processors if left out. The numbers do not depend on it.
    device
        ``"gpu"`` integrates on the graphics card of this machine, one patient a thread, ``"cpu"`` on its processors.
    strict
        Raise if a patient fails, instead of listing it in ``failures``.
    room
        Memory for the trajectories; the next simulation in it overwrites them. New memory if left out.
    on_progress, on_message
        Called with (patients done, patients) and with a sentence before a compilation that takes seconds.

    Raises
    ------
    InputError
        If the days, a time, an infusion or the tolerance is out of range, or there is no graphics card that was asked for.
    UnknownNameError
        If an observable, product, state or parameter does not exist; the nearest three are named.
    SimulationError
        If ``strict`` and a patient failed.
    """
    times = _times(regimen, days, times_days)
    _check_tolerances(relative_tolerance, absolute_tolerance, precision)
    card = find_device(device)
    names = tuple(observables) if observables is not None else tuple(model.observables)
    given = _Given(
        dosed=dosed_states(model, regimen),
        rescue=tuple(rescue),
        taper=taper,
        first_infusion_day=regimen.first_infusion_day if taper else 0.0,
        days=days if taper else 0.0,
        unturned=unturned_switches(model, {*patients.parameters, *regimen.parameter_overrides}),
        precision=precision,
    )
    compiled = _compiled(model, names, given, on_message)
    parameters = patients.parameter_matrix(model, regimen.parameter_overrides, regimen.parameter_widths)
    doses = doses_of(model, regimen, parameters)
    solution = solve(
        compiled,
        parameters,
        times,
        doses=doses,
        rtol=relative_tolerance,
        atol=absolute_tolerance,
        nonnegative=True,
        threads=threads,
        device=card,
        values=room.take("values", (len(patients), len(times), len(names))) if room else None,
        on_progress=on_progress,
    )
    accuracy = _accuracy(relative_tolerance, absolute_tolerance, compiled.precision, card)
    return Simulation(
        values=by_observable(solution.values, room),
        times_days=times,
        observables=tuple(model.observables[name] for name in names),
        patients=patients,
        regimen=regimen,
        failures=_failures(solution, patients, strict),
        rescues=_rescues(solution, patients, rescue),
        provenance=_provenance(model, regimen, patients, days, rescue, taper, accuracy),
    )


def _times(regimen: Regimen, days: float, asked: Sequence[float] | np.ndarray | None) -> np.ndarray:
    if not (np.isfinite(days) and 0 < days <= _MAXIMUM_DAYS):
        raise InputError(f"{days:g} days", where="days", mend=f"give more than 0, at most {_MAXIMUM_DAYS:g}")
    late = [row for row in regimen.infusions_table if row.day + row.hours / 24 > days]
    if late:
        row = late[-1]
        raise InputError(
            f"the infusion of day {row.day:g} ends after day {days:g}",
            where="days",
            mend=f"simulate at least {row.day + row.hours / 24:g} days",
        )
    if asked is None:
        return output_times([row.day for row in regimen.infusions_table], days=days)
    return np.asarray(asked, dtype=np.float64)


def _check_tolerances(relative: float, absolute: float, precision: Precision) -> None:
    if precision not in get_args(Precision):
        raise InputError(f"precision '{precision}'", where="precision", mend="give double or single")
    tightest = SINGLE_FROM if precision == "single" else _TIGHTEST
    if not tightest <= relative <= _LOOSEST:  # also refuses what is not a number
        raise InputError(
            f"relative tolerance {relative:g}" + (" in single precision" if precision == "single" else ""),
            where="relative_tolerance",
            mend=f"give {tightest:g} to {_LOOSEST:g}; {RELATIVE_TOLERANCE:g} if left out",
        )
    if not _SMALLEST_ABSOLUTE <= absolute < np.inf:
        raise InputError(
            f"absolute tolerance {absolute:g}",
            where="absolute_tolerance",
            mend=f"give {_SMALLEST_ABSOLUTE:g} or more; {ABSOLUTE_TOLERANCE:g} if left out",
        )


def dosed_states(model: Model, regimen: Regimen) -> tuple[str, ...]:
    """States that the regimen doses, every one of them in the model.

    Raises
    ------
    UnknownNameError
        If the model lacks one; the nearest three are named.
    """
    states = tuple(sorted({product.state for product in regimen.products}))
    for state in states:
        if state not in model.system.state_ids:
            raise UnknownNameError("state", state, model.system.state_ids, where="product")
    return states


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What is given, and what else the machine code depends on besides the model and the observables."""

    dosed: tuple[str, ...]
    rescue: tuple[Rescue, ...]
    taper: Taper | None
    first_infusion_day: float  # these two matter to a taper only
    days: float
    unturned: tuple[tuple[str, int], ...]
    precision: Precision = "double"


_COMPILED: dict[tuple[str, tuple[str, ...], _Given], CompiledSystem] = {}


def _compiled(
    model: Model, names: tuple[str, ...], given: _Given, on_message: Callable[[str], None] | None
) -> CompiledSystem:
    """Machine code for this model, these observables and what is given: a therapy that is not, costs no time."""
    key = (model.hash, names, given)
    if key not in _COMPILED:
        triggers = [rescue_trigger(model, rule) for rule in given.rescue]
        if given.taper is not None:
            triggers += taper_triggers(
                model, given.taper, first_infusion_day=given.first_infusion_day, days=given.days
            )
        _COMPILED[key] = compile_system(
            with_numbers(model.system, dict(given.unturned)),
            observables={name: model.observable_expression(name) for name in names},
            dosed=given.dosed,
            triggers=triggers,
            precision=given.precision,
            on_compile=on_message,
        )
    return _COMPILED[key]


def rescue_trigger(model: Model, rule: Rescue) -> Trigger:
    """A rescue rule as the engine takes it; an unknown product or parameter is answered with the nearest three."""
    product = find_product(rule.product)
    if isinstance(rule.threshold, str) and rule.threshold not in model.parameters:
        raise UnknownNameError("parameter", rule.threshold, model.parameters, where="rescue")
    threshold = symbol(rule.threshold) if isinstance(rule.threshold, str) else sympy.Float(rule.threshold)
    dose = sympy.Float(rule.dose) * (symbol(_WEIGHT) if product.basis == "per_kg" else 1)
    if product.maximum_dose is not None:
        dose = sympy.Min(dose, sympy.Float(product.maximum_dose))
    return Trigger(
        id=rule.product,
        condition=sympy.Gt(model.observable_expression(rule.observable), threshold),
        state=product.state,
        amount=dose * product.amount_per_dose_unit,
        duration=product.infusion_hours / 24.0,
        delay=rule.delay_hours / 24.0,
        max_count=rule.maximum_count,
        min_spacing=rule.minimum_spacing_hours / 24.0,
    )


def doses_of(model: Model, regimen: Regimen, parameters: np.ndarray) -> Doses:
    """Doses of every patient as the engine takes them; ``parameters`` (n_patients, n_parameters) hold the body weights."""
    ids = model.system.parameter_ids
    by_weight = _WEIGHT in ids
    weight_kg = parameters[:, ids.index(_WEIGHT)] if by_weight else np.full(len(parameters), np.nan)
    rows = [
        (row.time_days, row.duration_days, model.system.state_ids.index(row.state), row.amount)
        for row in regimen.doses(weight_kg)
    ]
    return same_doses(len(parameters), rows)


# an empty table costs pandas a third of a millisecond to make, which one patient should not pay
_NO_FAILURES = pd.DataFrame(columns=["patient", "time_days", "state", "reason", "advice"])
_NO_RESCUES = pd.DataFrame(columns=["patient", "time_days", "product"])


def no_failures() -> pd.DataFrame:
    """The table of failures of a simulation without any."""
    return _NO_FAILURES.copy()


def _failures(solution: Solution, patients: VirtualPopulation, strict: bool) -> pd.DataFrame:
    if not solution.failures:
        return no_failures()
    rows = [
        (patients.ids[entry.patient], entry.time, entry.state_id, entry.reason, entry.advice)
        for entry in solution.failures
    ]
    if strict:
        patient, day, state, reason, advice = rows[0]
        raise SimulationError(
            f"{len(rows)} of {len(patients)} patients failed; patient {patient} at day {day:.4g}, "
            f"state {state}: {reason}; {advice}"
        )
    return pd.DataFrame(rows, columns=_NO_FAILURES.columns)


def _accuracy(
    relative: float, absolute: float, precision: Precision, card: Device | None
) -> dict[str, object]:
    """What was asked of the solver, as far as it is not usual, and a graphics card it ran on."""
    asked: dict[str, object] = {"relative_tolerance": relative}
    if absolute != ABSOLUTE_TOLERANCE:
        asked["absolute_tolerance"] = absolute
    if precision != "double":
        asked["precision"] = precision
    if card is not None:
        asked["device"] = card.name
    return asked


def _rescues(solution: Solution, patients: VirtualPopulation, rescue: Sequence[Rescue]) -> pd.DataFrame:
    # the triggers of a taper come after those of the rescues and are no doses of a product
    given = solution.dose_times[:, : len(rescue)]
    who, which, count = np.nonzero(np.isfinite(given))
    if len(who) == 0:
        return _NO_RESCUES.copy()
    patients_given, days = patients.ids[who], given[who, which, count]
    order = np.lexsort((days, patients_given))
    products = np.array([rule.product for rule in rescue], dtype=object)
    return pd.DataFrame(
        {
            "patient": patients_given[order],
            "time_days": days[order],
            "product": products[which[order]],
        }
    )


def _provenance(
    model: Model,
    regimen: Regimen,
    patients: VirtualPopulation,
    days: float,
    rescue: Sequence[Rescue],
    taper: Taper | None,
    accuracy: dict[str, object],
) -> Provenance:
    return Provenance(
        model_hash=model.hash,
        seed=patients.seed,
        asked={
            "regimen": regimen.sentence,
            "days": days,
            "n_patients": len(patients),
            "rescue": [rule.product for rule in rescue],
        }
        | accuracy
        | ({"taper": dataclasses.asdict(taper)} if taper else {}),
        record_ids=regimen.record_ids,
        parameter_ids=tuple(model.system.parameter_ids),
        versions=current_versions(),
    )
