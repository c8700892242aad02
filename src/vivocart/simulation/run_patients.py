"""Any system for a table of patients: what ``vivocart model run --patients`` does."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import sympy

from vivocart.engine.doses import Doses, no_doses, part_of
from vivocart.engine.event_batch import compile_events, run_events
from vivocart.engine.solve import Precision, compile_system, solve
from vivocart.engine.status import in_words
from vivocart.equations.system import System, symbol
from vivocart.formats.sbml import SbmlModel
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.simulation.device import DeviceName, find_device
from vivocart.simulation.patient_table import (
    PATIENT,
    Columns,
    doses_of,
    patient_matrix,
    patient_names,
    with_columns,
)

_PATIENTS_WITH_EVENTS = 512  # at once: what happens at events is settled for each before all go on
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
        (0, or no such column: a bolus), and ``patient`` where doses are not the same for all.
    observables
        Ids to read: species in the file's own meaning, parameters, compartments, rules; default: all states.
    parameters
        Values other than the model's own that hold for all patients.
    relative_tolerance, absolute_tolerance
        As for :func:`vivocart.engine.solve.solve`.
    precision, threads, device
        As for :func:`vivocart.simulation.run.simulate`. A model with events runs in double on processors.
    on_progress, on_message
        Called with (patients done, patients) and with a sentence before a compilation that takes seconds.

    Raises
    ------
    InputError
        A wrong table, and where; single precision or a card for a model with events.
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
    if len(wanted) < len(observables):
        raise InputError("an observable is there twice", where="observables", mend="name each once")
    known = {*model.ids, *system.state_ids}
    for name in wanted:
        if name not in known:
            raise UnknownNameError("observable", name, model.ids, where="observables")
    matrix = patient_matrix(system, given, len(names))
    given_doses = no_doses(len(names)) if doses is None else doses_of(model, system, doses, names, matrix)
    asked = _Asked(
        system=system,
        observables=wanted,
        dosed=[system.state_ids[place] for place in np.unique(given_doses.state)],
        times=np.asarray(times, dtype=np.float64),
        relative=relative_tolerance,
        absolute=absolute_tolerance,
        precision=precision,
        threads=threads,
        device=device,
        on_message=on_message,
    )
    run = _with_events(asked) if system.events else _without_events(asked)
    most = _PATIENTS_WITH_EVENTS if system.events else len(names)
    width = max(1, min(most, _NUMBERS_AT_ONCE // max(1, len(times) * len(wanted))))
    for first in range(0, len(names), width):
        last = min(len(names), first + width)
        told = _moved(on_progress, first, len(names))
        values, failed = run(matrix[first:last], part_of(given_doses, first, last), told)
        if system.events and on_progress is not None:
            on_progress(last, len(names))
        failures = tuple(
            PatientFailure(patient=names[first + place], reason=why) for place, why in failed.items()
        )
        yield PatientPart(patients=names[first:last], values=values, failures=failures)


class _Asked(NamedTuple):
    """What is run, whoever the patients are."""

    system: System
    observables: Mapping[str, sympy.Expr]
    dosed: Sequence[str]
    times: np.ndarray
    relative: float
    absolute: float
    precision: Precision
    threads: int | None
    device: DeviceName
    on_message: Callable[[str], None] | None


_Progress = Callable[[int, int], None] | None
_Part = Callable[[np.ndarray, Doses, _Progress], tuple[np.ndarray, Mapping[int, str]]]


def _without_events(asked: _Asked) -> _Part:
    """Runs some patients: their values, and why one failed by its place."""
    compiled = compile_system(
        asked.system,
        observables=asked.observables,
        dosed=asked.dosed,
        precision=asked.precision,
        on_compile=asked.on_message,
    )
    card = find_device(asked.device)

    def run(matrix: np.ndarray, doses: Doses, on_progress: _Progress) -> tuple[np.ndarray, Mapping[int, str]]:
        found = solve(
            compiled,
            matrix,
            asked.times,
            doses=doses,
            rtol=asked.relative,
            atol=asked.absolute,
            threads=asked.threads,
            device=card,
            on_progress=on_progress,
        )
        return found.values, {one.patient: in_words(one) for one in found.failures}

    return run


def _with_events(asked: _Asked) -> _Part:
    """The same for a system with events."""
    if asked.precision == "single" or asked.device != "cpu":
        raise InputError(
            "a model with events runs in double precision on the processor",
            where="precision" if asked.precision == "single" else "device",
            mend="leave it out",
        )
    span = float(asked.times[-1]) if len(asked.times) else 0.0
    compiled = compile_events(
        asked.system,
        asked.observables,
        span=span or 1.0,
        dosed=asked.dosed,
        on_compile=asked.on_message,
    )

    def run(matrix: np.ndarray, doses: Doses, _: _Progress) -> tuple[np.ndarray, Mapping[int, str]]:
        found = run_events(
            compiled,
            matrix,
            asked.times,
            doses=doses,
            relative=asked.relative,
            absolute=asked.absolute,
            threads=asked.threads,
        )
        return found.values, found.failures

    return run


def _moved(
    on_progress: Callable[[int, int], None] | None, first: int, total: int
) -> Callable[[int, int], None] | None:
    """Progress of a part as progress of the whole."""
    return None if on_progress is None else lambda done, _: on_progress(first + done, total)
