"""Tables of patients and doses for any model, as the engine takes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from vivocart.engine.doses import Doses, same_doses
from vivocart.equations.system import Parameter, System, symbol
from vivocart.formats.sbml import SbmlModel
from vivocart.ground.errors import InputError, UnknownNameError

PATIENT = "patient"
"""Column that names a patient; without it patients are numbered from 1."""
Columns = Mapping[str, NDArray[Any]]
"""A table by column; a pandas DataFrame does too."""
_DOSE_COLUMNS = ("time", "amount", "into", "duration")
_START = "start of "


def patient_names(columns: Columns) -> tuple[str, ...]:
    """What the patients of a table are called, each once.

    Raises
    ------
    InputError
        A name is there twice.
    """
    if PATIENT not in columns:
        count = max((len(columns[name]) for name in columns), default=0)
        return tuple(str(number) for number in range(1, count + 1))
    names = tuple(str(name) for name in columns[PATIENT])
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"patient '{name}' is there twice", where="patients", mend="give each one row")
        seen.add(name)
    return names


def with_columns(model: SbmlModel, given: Columns) -> System:
    """The system with the start values among the columns as parameters.

    Raises
    ------
    InputError
        A column that the model computes.
    UnknownNameError
        A column that the model does not have; the nearest three are named.
    """
    system = model.system
    starts = {entry.id for entry in system.start}
    known = [*system.parameter_ids, *starts]
    for name in given:
        if name in known:
            continue
        if name in model.ids:
            raise InputError(
                f"'{name}' is computed by the model", where="patients", mend="leave the column out"
            )
        raise UnknownNameError("column", name, [PATIENT, *known], where="patients")
    set_at_start = [name for name in given if name in starts]
    return dataclasses.replace(
        system,
        parameters=(
            *system.parameters,
            *(Parameter(id=_START + name, value=np.nan) for name in set_at_start),
        ),
        start=tuple(
            dataclasses.replace(entry, expression=symbol(_START + entry.id)) if entry.id in given else entry
            for entry in system.start
        ),
    )


def patient_matrix(system: System, given: Columns, n_patients: int) -> np.ndarray:
    """Parameters of all patients, (n_patients, n_parameters).

    Raises
    ------
    InputError
        A column that is shorter or longer than the table.
    """
    matrix = np.tile([parameter.value for parameter in system.parameters], (n_patients, 1))
    places = {name: place for place, name in enumerate(system.parameter_ids)}
    for name, values in given.items():
        if len(values) != n_patients:
            raise InputError(
                f"column '{name}' has {len(values)} rows, the table {n_patients}",
                where="patients",
                mend="give each patient a value",
            )
        matrix[:, places[name if name in places else _START + name]] = values
    return matrix


def doses_of(
    model: SbmlModel, system: System, table: Columns, names: tuple[str, ...], matrix: np.ndarray
) -> Doses:
    """The doses of a table as the engine takes them, amounts in units of the states.

    Raises
    ------
    InputError
        A column that is missing, a time or duration below zero, a dose into something that is no state.
    UnknownNameError
        A column, species or patient that does not exist; the nearest three are named.
    """
    known = [*_DOSE_COLUMNS, PATIENT]
    for name in table:
        if name not in known:
            raise UnknownNameError("column", name, known, where="doses")
    for name in _DOSE_COLUMNS[:3]:
        if name not in table:
            raise InputError(
                f"column '{name}' is missing", where="doses", mend=f"columns: {', '.join(known)}"
            )
    into = np.array([str(name) for name in table["into"]], dtype=object)
    time, amount = (np.asarray(table[name], dtype=np.float64) for name in ("time", "amount"))
    duration = np.asarray(table["duration"], np.float64) if "duration" in table else np.zeros(len(into))
    for column, values in (("time", time), ("duration", duration)):
        if (values < 0).any():
            raise InputError(
                f"{values.min():g} is below zero",
                where=f"doses, column {column}, dose {int(values.argmin()) + 1}",
                mend="0 is the start" if column == "time" else "0 is a bolus",
            )
    states = {name: _state_of(model, system, name) for name in dict.fromkeys(into)}
    scale = {name: _per_amount(system, factor, matrix) for name, (_, factor) in states.items()}
    place = np.array([system.state_ids.index(states[name][0]) for name in into], dtype=np.int64)
    if PATIENT not in table:
        columns = zip(time, duration, place, amount, into, strict=True)
        return same_doses(len(names), [(t, d, p, a * scale[to]) for t, d, p, a, to in columns])
    number = {name: row for row, name in enumerate(names)}
    who = [str(name) for name in table[PATIENT]]
    for name in who:
        if name not in number:
            raise UnknownNameError("patient", name, names, where="doses, column patient")
    patient = np.array([number[name] for name in who], dtype=np.int64)
    order = np.lexsort((time, patient))
    amount = np.array([a * scale[to][p] for a, to, p in zip(amount, into, patient, strict=True)])
    counts = np.bincount(patient, minlength=len(names))
    return Doses(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        time=time[order],
        duration=duration[order],
        state=place[order],
        amount=amount[order],
    )


def _state_of(model: SbmlModel, system: System, name: str) -> tuple[str, sympy.Expr]:
    """The state that a dose into ``name`` goes to, and what one unit of amount adds to it."""
    amount = model.amounts.get(name, symbol(name))
    if name in system.state_ids:
        return name, 1 / sympy.diff(amount, symbol(name))
    if isinstance(amount, sympy.Symbol) and amount.name in system.state_ids:
        return amount.name, sympy.Integer(1)
    if name in model.ids:
        raise InputError(
            f"'{name}' is no state of the model", where="doses, column into", mend="dose a species"
        )
    raise UnknownNameError("species", name, system.state_ids, where="doses, column into")


def _per_amount(system: System, factor: sympy.Expr, matrix: np.ndarray) -> np.ndarray:
    """What one unit of amount adds to a state in each patient."""
    column = {name.removeprefix(_START): place for place, name in enumerate(system.parameter_ids)}
    free = sorted(str(one) for one in factor.free_symbols)
    unknown = [name for name in free if name not in column]
    if unknown:
        raise InputError(
            f"the size of compartment '{unknown[0]}' is computed by the model",
            where="doses",
            mend="give it a column in the table of patients, or declare its species as amounts",
        )
    values = sympy.lambdify([symbol(name) for name in free], factor, "numpy")(
        *(matrix[:, column[name]] for name in free)
    )
    return np.broadcast_to(np.asarray(values, dtype=np.float64), (len(matrix),))
