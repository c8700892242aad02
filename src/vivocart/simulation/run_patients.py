"""Any system for a table of patients: what ``vivocart model run --patients`` does."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.engine.doses import no_doses, part_of
from vivocart.engine.single_patient import SinglePatient, compile_single, run_single
from vivocart.engine.solve import Failure, Precision, compile_system, solve
from vivocart.equations.system import symbol
from vivocart.formats.sbml import SbmlModel
from vivocart.ground.errors import InputError, SimulationError, UnknownNameError
from vivocart.simulation.device import DeviceName, find_device
from vivocart.simulation.patient_table import (
    PATIENT,
    Columns,
    doses_of,
    patient_matrix,
    patient_names,
    with_columns,
)

_PATIENTS_A_PART = 256  # of a model with events
_NUMBERS_AT_ONCE = 2**24  # outputs of a part: 128 MB
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFailure:
    """A patient whose integration ended early; from there on its values are not numbers."""

    patient: str
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPart:
    """Some patients' results: ``values`` (n_patients, n_times, n_observables) in the order of the table."""

    patients: tuple[str, ...]
    values: np.ndarray
    failures: tuple[PatientFailure, ...]


def run_patients(  # noqa: PLR0913 - what is given and what is asked, all but two by name
    model: SbmlModel,
    patients: Columns,
    *,
    times: Sequence[float],
    doses: Columns | None = None,
    observables: Sequence[str] = (),
    parameters: Mapping[str, float] | None = None,
    relative_tolerance: float = _RELATIVE,
    absolute_tolerance: float = _ABSOLUTE,
    precision: Precision = "double",
    threads: int | None = None,
    device: DeviceName = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Generator[PatientPart]:
    """Results of every patient of a table, part after part, so that memory does not grow with their number.

    Parameters
    ----------
    model
        Any model (:func:`vivocart.simulation.run_model.read_model_file`).
    patients
        A row a patient. Column ``patient`` names it; every other column is a parameter, or a species or other quantity
        whose start value it gives, in the model's own unit.
    times
        Output times from 0 on, ascending, in the model's time unit.
    doses
        A row a dose: ``time``, ``amount`` (of substance, in the unit of the species), ``into`` (a species), ``duration``
        (0 or missing: a bolus), and ``patient`` where doses are not the same for all.
    observables
        Ids to read: species in the file's own meaning, parameters, compartments, rules; default: all states.
    parameters
        Values other than the model's own that hold for all patients.
    relative_tolerance, absolute_tolerance
        As for :func:`vivocart.engine.solve.solve`.
    precision, threads, device
        As for :func:`vivocart.simulation.run.simulate`. A model with events goes patient by patient on one processor.
    on_progress, on_message
        Called with (patients done, patients) and with a sentence before a compilation that takes seconds.

    Raises
    ------
    InputError
        A wrong table, and where; doses into a model with events.
    UnknownNameError
        A column, observable, species or patient that does not exist; the nearest three are named.
    """
    names = patient_names(patients)
    given = {name: np.asarray(patients[name], dtype=np.float64) for name in patients if name != PATIENT}
    for name, value in (parameters or {}).items():
        if name in given:
            raise InputError(f"'{name}' has a column in the table", where="parameters", mend="give it once")
        given[name] = np.full(len(names), float(value))
    system = with_columns(model, given)
    wanted = {name: symbol(name) for name in (observables or system.state_ids)}
    for name in wanted:
        if name not in {*model.ids, *system.state_ids}:
            raise UnknownNameError("observable", name, model.ids, where="observables")
    matrix = patient_matrix(system, given, len(names))
    tolerances = (relative_tolerance, absolute_tolerance)
    if system.events:
        if doses is not None:
            raise InputError("the model has events", where="doses", mend="write the doses as events too")
        single = compile_single(system, list(wanted.values()), span=float(times[-1]) or 1.0)
        yield from _one_by_one(single, names, matrix, times, tolerances, on_progress)
        return
    given_doses = no_doses(len(names)) if doses is None else doses_of(model, system, doses, names, matrix)
    compiled = compile_system(
        system,
        observables=wanted,
        dosed=[system.state_ids[place] for place in np.unique(given_doses.state)],
        precision=precision,
        on_compile=on_message,
    )
    card = find_device(device)
    width = max(1, _NUMBERS_AT_ONCE // max(1, len(times) * len(wanted)))
    for first in range(0, len(names), width):
        part = slice(first, min(len(names), first + width))
        found = solve(
            compiled,
            matrix[part],
            times,
            doses=part_of(given_doses, part.start, part.stop),
            rtol=relative_tolerance,
            atol=absolute_tolerance,
            threads=threads,
            device=card,
            on_progress=_moved(on_progress, first, len(names)),
        )
        failures = tuple(_failure(names[first + one.patient], one) for one in found.failures)
        yield PatientPart(patients=names[part], values=found.values, failures=failures)


def _failure(name: str, found: Failure) -> PatientFailure:
    reason = f"at time {found.time:g}, state '{found.state_id}': {found.reason}; {found.advice}"
    return PatientFailure(patient=name, reason=reason)


def _one_by_one(
    single: SinglePatient,
    names: tuple[str, ...],
    matrix: np.ndarray,
    times: Sequence[float],
    tolerances: tuple[float, float],
    on_progress: Callable[[int, int], None] | None,
) -> Generator[PatientPart]:
    """Patients of a model with events, each by itself, some of them a part."""
    relative, absolute = tolerances
    for first in range(0, len(names), _PATIENTS_A_PART):
        part = names[first : first + _PATIENTS_A_PART]
        values = np.full((len(part), len(times), len(single.observables.roots)), np.nan)
        failures: list[PatientFailure] = []
        for place, name in enumerate(part):
            row = matrix[first + place].tolist()
            try:
                values[place] = run_single(single, row, times, relative=relative, absolute=absolute)
            except SimulationError as error:
                failures.append(PatientFailure(patient=name, reason=str(error)))
            if on_progress is not None:
                on_progress(first + place + 1, len(names))
        yield PatientPart(patients=part, values=values, failures=tuple(failures))


def _moved(
    on_progress: Callable[[int, int], None] | None, first: int, total: int
) -> Callable[[int, int], None] | None:
    """Progress of a part as progress of the whole."""
    return None if on_progress is None else lambda done, _: on_progress(first + done, total)
