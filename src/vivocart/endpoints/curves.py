"""Reading trajectories between output times: values, crossings, spells below a limit, extremes in a window.

Everywhere ``times`` has shape (n_times,) and ``values`` (n, n_times). Crossings of a limit are found by linear
interpolation of the logarithm, because cell counts and concentrations rise and fall exponentially.

What reads every output time runs compiled and without the interpreter's lock, over memory in which the patients of one
time lie side by side; values laid out that way, as those of a simulation are, are not copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import final

import numpy as np


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """What a patient's unbroken spells below a limit come to, each of shape (n,).

    A spell that is under way at the first or last output time begins or ends there.

    Parameters
    ----------
    days
        Days below the limit, all spells together.
    longest_days
        Length of the longest spell; 0 if there is none.
    return_day
        Day on which the last spell ends; 0 if there is none, infinite if it is under way at the end.
    """

    days: np.ndarray
    longest_days: np.ndarray
    return_day: np.ndarray


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Windows of time, placed among output times."""

    breaks: np.ndarray  # output times, ascending, at which windows begin and end
    spans: (
        np.ndarray
    )  # (n_windows, 2) places among breaks of the first output time inside and the one after the last
    sides: np.ndarray  # (n_windows, 2, 2) for start and end the output times on both sides
    shares: np.ndarray  # (n_windows, 2) how far start and end lie between those


def value_at(times: np.ndarray, values: np.ndarray, day: float) -> np.ndarray:
    """Values at ``day``, shape (n,), interpolated linearly; the nearest end where ``day`` lies outside."""
    left, right, share = _place(times, day)
    if share == 0.0:
        return values[:, left].copy()
    if share == 1.0:
        return values[:, right].copy()
    return values[:, left] + share * (values[:, right] - values[:, left])


def window_extremes(
    times: np.ndarray, values: np.ndarray, start: float, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value from ``start`` to ``end``, each of shape (n,), interpolated values at both ends included."""
    among = windows(times, np.array([start]), np.array([end]))
    return windows_lowest(values, among)[0], windows_highest(values, among)[0]


def windows(times: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Windows:
    """Windows from ``starts`` to ``ends``, each of shape (n_windows,), placed among output times."""
    inside = np.stack([np.searchsorted(times, starts, "right"), np.searchsorted(times, ends, "left")], axis=1)
    left, right, share = _places(times, np.stack([starts, ends], axis=1))
    breaks = np.unique(inside).astype(np.int64)
    return Windows(
        breaks=breaks,
        spans=np.searchsorted(breaks, inside).astype(np.int64),
        sides=np.stack([left, right], axis=2),
        shares=share,
    )


def windows_highest(values: np.ndarray, among: Windows) -> np.ndarray:
    """Highest value in each of several windows as :func:`window_extremes` gives it, shape (n_windows, n)."""
    return _windows_extreme(values, among, is_highest=True)


def windows_lowest(values: np.ndarray, among: Windows) -> np.ndarray:
    """Lowest value in each of several windows, shape (n_windows, n)."""
    return _windows_extreme(values, among, is_highest=False)


def _windows_extreme(values: np.ndarray, among: Windows, *, is_highest: bool) -> np.ndarray:
    found = np.empty((len(among.spans), len(values)))
    _loops().extreme_inside(
        _by_time(values), among.breaks, among.spans, among.sides, among.shares, is_highest, found
    )
    return found


def spells_below(times: np.ndarray, values: np.ndarray, limit: float) -> Spells:
    """The spells below ``limit`` of every patient."""
    by_time = _by_time(values)
    days, longest, back = (np.zeros(by_time.shape[1]) for _ in range(3))
    _loops().spells(np.asarray(times, dtype=np.float64), by_time, float(limit), days, longest, back)
    return Spells(days=days, longest_days=longest, return_day=back)


def days_below(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Days spent below ``limit``, all spells together, shape (n,)."""
    return spells_below(times, values, limit).days


def longest_days_below(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Length in days of the longest unbroken spell below ``limit``, shape (n,); 0 if there is none."""
    return spells_below(times, values, limit).longest_days


def last_return(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Day on which the values leave the region below ``limit`` for good, shape (n,).

    0 if they never were below; infinite if they still are at the end.
    """
    return spells_below(times, values, limit).return_day


def first_below(
    times: np.ndarray, values: np.ndarray, limit: np.ndarray | float, *, from_index: np.ndarray | int = 0
) -> np.ndarray:
    """First day below ``limit`` at or after the output time ``from_index``, shape (n,); infinite if never.

    ``limit`` and ``from_index`` may differ between patients, shape (n,).
    """
    by_time = _by_time(values)
    n_patients = by_time.shape[1]
    bound = np.ascontiguousarray(np.broadcast_to(np.asarray(limit, dtype=np.float64), (n_patients,)))
    start = np.ascontiguousarray(np.broadcast_to(np.asarray(from_index, dtype=np.int64), (n_patients,)))
    day = np.full(n_patients, np.inf)
    _loops().first_below(np.asarray(times, dtype=np.float64), by_time, bound, start, day)
    return day


def first_above(
    times: np.ndarray, values: np.ndarray, limit: float, *, from_index: int = 0, lowest: float = 1e-9
) -> np.ndarray:
    """First day above ``limit`` at or after the output time ``from_index``, shape (n,); infinite if never.

    Values below ``lowest`` are read as that: one that begins at zero has no logarithm.
    """
    by_time = _by_time(values)
    day = np.full(by_time.shape[1], np.inf)
    _loops().first_above(np.asarray(times, dtype=np.float64), by_time, float(limit), from_index, lowest, day)
    return day


def highest_apart(times: np.ndarray, values: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Highest value before each patient's ``day`` (n,), and from it on, each (n,); minus infinity if there is none."""
    by_time = _by_time(values)
    before, after = (np.full(by_time.shape[1], -np.inf) for _ in range(2))
    _loops().highest_apart(np.asarray(times, dtype=np.float64), by_time, day, before, after)
    return before, after


def area_under(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Area under the values by trapezoids between output times, shape (n,)."""
    by_time = _by_time(values)
    area = np.zeros(by_time.shape[1])
    _loops().area(np.diff(np.asarray(times, dtype=np.float64)), by_time, area)
    return area


def highest_index(values: np.ndarray) -> np.ndarray:
    """Output time at which each patient's value is highest, the first one if several are, shape (n,)."""
    return _extreme_index(values, is_highest=True)


def lowest_index(values: np.ndarray) -> np.ndarray:
    """Output time at which each patient's value is lowest, the first one if several are, shape (n,)."""
    return _extreme_index(values, is_highest=False)


def _extreme_index(values: np.ndarray, *, is_highest: bool) -> np.ndarray:
    by_time = _by_time(values)
    extreme, index = by_time[0].copy(), np.zeros(by_time.shape[1], np.int64)
    _loops().extreme_index(by_time, is_highest, extreme, index)
    return index


def _loops() -> ModuleType:
    """The compiled loops, loaded when the first is needed: not everybody who imports endpoints reads one."""
    from vivocart.endpoints import loops

    return loops


def _by_time(values: np.ndarray) -> np.ndarray:
    """The values as (n_times, n), the patients of one time side by side in memory."""
    return np.ascontiguousarray(np.asarray(values, dtype=np.float64).T)


def _place(times: np.ndarray, day: float) -> tuple[int, int, float]:
    """As :func:`_places` for one day; by itself, since visits are read one by one and often."""
    if len(times) == 1 or day <= times[0]:
        return 0, 0, 0.0
    right = min(max(int(times.searchsorted(day - 1e-12)), 1), len(times) - 1)
    before = times[right - 1]
    share = float((day - before) / (times[right] - before))
    return right - 1, right, 1.0 if share >= 1.0 - 1e-12 else max(share, 0.0)


def _places(times: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Output times on both sides of days, and the share of the step between them that lies before each."""
    last = len(times) - 1
    right = np.minimum(np.maximum(np.searchsorted(times, days - 1e-12), min(1, last)), last)
    left = np.maximum(right - 1, 0)
    share = (days - times[left]) / np.where(right > left, times[right] - times[left], 1.0)
    share = np.where(share >= 1.0 - 1e-12, 1.0, np.maximum(share, 0.0))
    return left, right, np.where(right > left, share, 0.0)
