"""Doses of many patients, and the changes of rate and state they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numba import njit
from numpy.typing import NDArray

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


def repeat_doses(doses: Doses, times: int) -> Doses:
    """Doses of each patient for so many patients in a row."""
    counts = np.repeat(np.diff(doses.offsets), times)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    rows = np.arange(int(offsets[-1])) - np.repeat(
        offsets[:-1] - np.repeat(doses.offsets[:-1], times), counts
    )
    return Doses(
        offsets=offsets,
        time=doses.time[rows],
        duration=doses.duration[rows],
        state=doses.state[rows],
        amount=doses.amount[rows],
    )


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


def check_doses(doses: Doses, n_patients: int, dosed: tuple[int, ...], state_ids: tuple[str, ...]) -> None:
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
        if not np.all(np.isfinite(values)):
            raise InputError("a value is not a finite number", where=f"doses.{name}", mend="give a number")
    if count and float(np.min(doses.duration)) < 0:
        raise InputError("a duration is negative", where="doses.duration", mend="0 is a bolus")
    unknown = set(np.unique(doses.state).tolist()) - set(dosed)
    if unknown:
        first = min(unknown)
        name = state_ids[first] if 0 <= first < len(state_ids) else str(first)
        raise InputError(
            f"state '{name}' is not dosed", where="doses.state", mend="name it in compile_system(dosed=)"
        )


def expand_doses(doses: Doses, dosed: tuple[int, ...], kept: tuple[int, ...], start_time: float) -> Actions:
    """The actions of doses; what was due before the start is left out, a running infusion is not.

    ``kept`` are the places of the states that are integrated: boluses are given by place among those.
    """
    row_of = np.full(max(dosed, default=0) + 1, -1, np.int64)
    place_of = np.full(max(dosed, default=0) + 1, -1, np.int64)
    for row, state in enumerate(dosed):
        row_of[state], place_of[state] = row, kept.index(state)
    offsets, time, target, value, bolus, count = _expand(
        doses.offsets,
        doses.time,
        doses.duration,
        doses.state,
        doses.amount,
        row_of,
        place_of,
        len(dosed),
        start_time,
    )
    return Actions(
        offsets=offsets, time=time[:count], target=target[:count], value=value[:count], bolus=bolus[:count]
    )


@njit(cache=True, nogil=True)
def _expand(  # noqa: PLR0917 - arrays of a table, as compiled code takes them
    offsets: Any,
    times: Any,
    durations: Any,
    states: Any,
    amounts: Any,
    row_of: Any,
    place_of: Any,
    n_rows: int,
    start_time: float,
) -> Any:
    """Each patient's doses as actions in order of time, with the rate that holds after each change."""
    n, most = len(offsets) - 1, 2 * len(times)
    out_offsets = np.zeros(n + 1, np.int64)
    out_time, out_value = np.empty(most), np.empty(most)
    out_target, out_bolus = np.empty(most, np.int64), np.empty(most, np.int64)
    dose = np.empty(most, np.int64)
    rate, running = np.zeros(n_rows), np.zeros(n_rows, np.int64)
    count = 0
    for p in range(n):
        begin = count
        for d in range(offsets[p], offsets[p + 1]):
            infused = durations[d] > 0.0
            end = times[d] + durations[d]
            if end < start_time:
                continue
            for part in range(2 if infused else 1):
                when = times[d] if part == 0 else end
                place = count
                while place > begin and out_time[place - 1] > when:
                    out_time[place] = out_time[place - 1]
                    dose[place] = dose[place - 1]
                    place -= 1
                out_time[place] = when
                dose[place] = 2 * d + part
                count += 1
        rate[:] = 0.0
        running[:] = 0
        for a in range(begin, count):
            d, part = dose[a] // 2, dose[a] % 2
            if durations[d] > 0.0:
                row = row_of[states[d]]
                flow = amounts[d] / durations[d]
                running[row] += 1 if part == 0 else -1
                # rates are added up anew when none is left, so that no rounding of a difference stays behind
                rate[row] = 0.0 if running[row] == 0 else rate[row] + (flow if part == 0 else -flow)
                out_target[a], out_value[a], out_bolus[a] = row, rate[row], 0
            else:
                out_target[a], out_value[a], out_bolus[a] = place_of[states[d]], amounts[d], 1
        out_offsets[p + 1] = count
    return out_offsets, out_time, out_target, out_value, out_bolus, count
