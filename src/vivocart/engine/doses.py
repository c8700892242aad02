"""Doses of many patients, and the changes of rate and state they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from vivocart.engine.driver import driver
from vivocart.engine.machine import vector_lanes
from vivocart.equations.system import System
from vivocart.ground.errors import InputError

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Doses:
    """Doses of ``n`` patients; those of patient p stand in rows ``offsets[p]`` to ``offsets[p + 1] - 1``.

    ``state`` is the place of the state in ``system.state_ids``. ``duration`` 0 is a bolus: ``amount`` is added to the
    state at ``time``. Otherwise ``amount`` flows in at a constant rate from ``time`` on. Times and durations are in the
    time unit of the system, amounts in the unit of the state.
    """

    offsets: Indices  # (n + 1,)
    time: Numbers  # (n_doses,)
    duration: Numbers
    state: Indices
    amount: Numbers


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What happens to each patient's states and infusion rates, in order of time."""

    offsets: Indices
    time: Numbers
    target: Indices
    value: Numbers
    bolus: Indices


def no_doses(n_patients: int) -> Doses:
    """Doses of patients who get none."""
    empty = np.zeros(0)
    return Doses(
        offsets=np.zeros(n_patients + 1, np.int64),
        time=empty,
        duration=empty,
        state=np.zeros(0, np.int64),
        amount=empty,
    )


def same_doses(n_patients: int, rows: list[tuple[float, float, int, Any]]) -> Doses:
    """Doses at the same times for all; a row is time, duration, state, and an amount for all or one a patient."""
    count = len(rows)
    amounts = np.empty((n_patients, count))
    for i, row in enumerate(rows):
        amounts[:, i] = row[3]
    times, durations, states = (
        np.array([row[i] for row in rows], dtype=kind) for i, kind in enumerate((float, float, np.int64))
    )
    return Doses(
        offsets=np.arange(n_patients + 1, dtype=np.int64) * count,
        time=np.tile(times, n_patients),
        duration=np.tile(durations, n_patients),
        state=np.tile(states, n_patients),
        amount=amounts.ravel(),
    )


def part_of(doses: Doses, first: int, last: int) -> Doses:
    """Doses of patients ``first`` to ``last - 1``."""
    rows = slice(int(doses.offsets[first]), int(doses.offsets[last]))
    return Doses(
        offsets=doses.offsets[first : last + 1] - doses.offsets[first],
        time=doses.time[rows],
        duration=doses.duration[rows],
        state=doses.state[rows],
        amount=doses.amount[rows],
    )


def chosen_doses(doses: Doses, patients: Indices) -> Doses:
    """Doses of some patients, in this order."""
    counts = np.diff(doses.offsets)[patients]
    offsets = np.concatenate(([0], np.cumsum(counts)))
    rows = np.arange(int(offsets[-1])) + np.repeat(doses.offsets[patients] - offsets[:-1], counts)
    return Doses(
        offsets=offsets,
        time=doses.time[rows],
        duration=doses.duration[rows],
        state=doses.state[rows],
        amount=doses.amount[rows],
    )


def repeat_doses(doses: Doses, times: int) -> Doses:
    """Doses of each patient for so many patients in a row."""
    return chosen_doses(doses, np.repeat(np.arange(len(doses.offsets) - 1), times))


def append_doses(doses: Doses, patient: Indices, more: Doses) -> Doses:
    """Doses with one more for each of the patients named (each at most once); ``more.offsets`` is not looked at."""
    counts = np.diff(doses.offsets)
    counts[patient] += 1
    offsets = np.concatenate(([0], np.cumsum(counts)))
    new = offsets[patient + 1] - 1
    old = np.ones(int(offsets[-1]), np.bool_)
    old[new] = False

    def merged(kind: type, before: Any, added: Any) -> Any:
        values = np.empty(len(old), kind)
        values[old], values[new] = before, added
        return values

    return Doses(
        offsets=offsets,
        time=merged(float, doses.time, more.time),
        duration=merged(float, doses.duration, more.duration),
        state=merged(np.int64, doses.state, more.state),
        amount=merged(float, doses.amount, more.amount),
    )


def check_doses(doses: Doses, n_patients: int, dosed: tuple[int, ...], system: System) -> None:
    """Refuses doses that cannot be given.

    Raises
    ------
    InputError
        Wrong sizes, a number that is not finite, a negative duration, or a state the system was not compiled to dose.
    """
    if len(doses.offsets) != n_patients + 1:
        raise InputError(
            f"doses for {len(doses.offsets) - 1} patients, parameters for {n_patients}", where="doses"
        )
    count = int(doses.offsets[-1])
    for name in ("time", "duration", "state", "amount"):
        values = getattr(doses, name)
        if len(values) != count:
            raise InputError(f"{len(values)} values, offsets say {count}", where=f"doses.{name}")
        if not np.isfinite(values).all():
            raise InputError("a value is not a finite number", where=f"doses.{name}", mend="give a number")
    if count == 0:
        return
    if float(doses.duration.min()) < 0:
        raise InputError("a duration is negative", where="doses.duration", mend="0 is a bolus")
    if len(dosed) == 1 and doses.state.min() == doses.state.max() == dosed[0]:
        return
    unknown = set(np.unique(doses.state).tolist()) - set(dosed)
    if unknown:
        first, state_ids = min(unknown), system.state_ids
        name = state_ids[first] if 0 <= first < len(state_ids) else str(first)
        raise InputError(
            f"state '{name}' is not dosed", where="doses.state", mend="name it in compile_system(dosed=)"
        )


def expand_doses(
    doses: Doses,
    dosed: tuple[int, ...],
    kept: tuple[int, ...],
    start_time: float,
    *,
    lanes: int | None = None,
) -> Actions:
    """The actions of doses; what was due before the start is left out, a running infusion is not.

    ``kept`` are the places of the states that are integrated: boluses are given by place among those. ``lanes`` says which
    of the compiled loops does it; the result is the same.
    """
    row_of = np.full(max(dosed, default=0) + 1, -1, np.int64)
    place_of = np.full(max(dosed, default=0) + 1, -1, np.int64)
    for row, state in enumerate(dosed):
        row_of[state], place_of[state] = row, kept.index(state)
    n, most = len(doses.offsets) - 1, 2 * len(doses.time)
    offsets = np.zeros(n + 1, np.int64)
    time, value = np.empty(most), np.empty(most)
    target, bolus, source = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    rate, running = np.zeros(len(dosed)), np.zeros(len(dosed), np.int64)
    given = [
        *(np.ascontiguousarray(array, dtype=kind) for array, kind in _columns(doses)),
        *(row_of, place_of, offsets, time, target, value, bolus, source, rate, running),
    ]
    table = np.array([*(array.ctypes.data for array in given), len(dosed), 0], np.int64)
    table[-1:].view(np.float64)[0] = start_time
    driver(lanes or vector_lanes()).expand(0, 0, 0, table.ctypes.data, 0, n)
    count = int(offsets[-1])
    return Actions(
        offsets=offsets, time=time[:count], target=target[:count], value=value[:count], bolus=bolus[:count]
    )


def _columns(doses: Doses) -> tuple[tuple[Any, type], ...]:
    return (
        (doses.offsets, np.int64),
        (doses.time, np.float64),
        (doses.duration, np.float64),
        (doses.state, np.int64),
        (doses.amount, np.float64),
    )
