"""Loops over output times and patients, compiled and without the interpreter's lock."""

from __future__ import annotations

import numpy as np
from numba import njit

_FLOOR = 1e-12  # a count that the solver leaves at zero or a rounding error below it


@njit(cache=True, nogil=True)
def extreme_inside(
    values: np.ndarray,
    breaks: np.ndarray,
    spans: np.ndarray,
    sides: np.ndarray,
    shares: np.ndarray,
    is_highest: bool,
    found: np.ndarray,
) -> None:
    """Highest or lowest of values (n_times, n) in windows: output times inside, and both ends between two of them.

    Windows overlap, so each output time is read once for the stretch between two ``breaks`` that it lies in, and a window
    is made of the stretches of its ``spans`` (n_windows, 2).
    """
    parts = np.empty((breaks.shape[0] - 1, values.shape[1]))
    for stretch in range(parts.shape[0]):
        part = parts[stretch]
        part[:] = values[breaks[stretch]]
        for time in range(breaks[stretch] + 1, breaks[stretch + 1]):
            _take_extreme(part, values[time], is_highest)
    for window in range(spans.shape[0]):
        extreme = found[window]
        for end in range(2):
            share = shares[window, end]
            left, right = values[sides[window, end, 0]], values[sides[window, end, 1]]
            for patient in range(extreme.shape[0]):
                value = left[patient] + share * (right[patient] - left[patient])
                value = right[patient] if share == 1.0 else value
                is_more = value > extreme[patient] if is_highest else value < extreme[patient]
                extreme[patient] = value if end == 0 or is_more else extreme[patient]
        for stretch in range(spans[window, 0], spans[window, 1]):
            _take_extreme(extreme, parts[stretch], is_highest)


@njit(cache=True, nogil=True)
def _take_extreme(extreme: np.ndarray, row: np.ndarray, is_highest: bool) -> None:
    """The higher, or the lower, of both; no max(): what it does with NaN keeps the loop from vector units."""
    if is_highest:
        for patient in range(row.shape[0]):
            extreme[patient] = row[patient] if row[patient] > extreme[patient] else extreme[patient]
    else:
        for patient in range(row.shape[0]):
            extreme[patient] = row[patient] if row[patient] < extreme[patient] else extreme[patient]


@njit(cache=True, nogil=True)
def _crossing(left: float, right: float, limit: float) -> float:
    """Share of a step at which its logarithm crosses that of ``limit``."""
    low, high = np.log(max(left, _FLOOR)), np.log(max(right, _FLOOR))
    if high == low:
        return 0.0
    return min(max((np.log(max(limit, _FLOOR)) - low) / (high - low), 0.0), 1.0)


@njit(cache=True, nogil=True)
def spells(
    times: np.ndarray,
    values: np.ndarray,
    limit: float,
    days: np.ndarray,
    longest: np.ndarray,
    back: np.ndarray,
) -> None:
    """Spells of values (n_times, n) below a limit; what is written to holds zeros."""
    n_times, n_patients = values.shape
    began = np.empty(n_patients)
    for time in range(n_times + 1):
        for patient in range(n_patients):
            is_below = time < n_times and values[time, patient] < limit
            was_below = time > 0 and values[time - 1, patient] < limit
            if is_below == was_below:
                continue
            day = times[min(time, n_times - 1)]
            if 0 < time < n_times:
                share = _crossing(values[time - 1, patient], values[time, patient], limit)
                day = times[time - 1] + share * (times[time] - times[time - 1])
            if is_below:
                began[patient] = day
                continue
            days[patient] += day - began[patient]
            longest[patient] = max(longest[patient], day - began[patient])
            back[patient] = np.inf if time == n_times else day


@njit(cache=True, nogil=True)
def first_below(
    times: np.ndarray, values: np.ndarray, limit: np.ndarray, start: np.ndarray, day: np.ndarray
) -> None:
    """First day below of values (n_times, n); ``day`` is left as it is for who never is."""
    n_times, n_patients = values.shape
    for patient in range(n_patients):
        for time in range(start[patient], n_times):
            if values[time, patient] < limit[patient]:
                day[patient] = times[time]
                if time > start[patient]:
                    share = _crossing(values[time - 1, patient], values[time, patient], limit[patient])
                    day[patient] = times[time - 1] + share * (times[time] - times[time - 1])
                break


@njit(cache=True, nogil=True)
def first_above(
    times: np.ndarray, values: np.ndarray, limit: float, start: int, lowest: float, day: np.ndarray
) -> None:
    """First day above of values (n_times, n), those below ``lowest`` taken as that; ``day`` is left as it is for never."""
    n_times, n_patients = values.shape
    for patient in range(n_patients):
        for time in range(start, n_times):
            value = 1.0 / max(values[time, patient], lowest)
            if value < 1.0 / limit:
                day[patient] = times[time]
                if time > start:
                    before = 1.0 / max(values[time - 1, patient], lowest)
                    share = _crossing(before, value, 1.0 / limit)
                    day[patient] = times[time - 1] + share * (times[time] - times[time - 1])
                break


@njit(cache=True, nogil=True)
def highest_apart(
    times: np.ndarray, values: np.ndarray, day: np.ndarray, before: np.ndarray, after: np.ndarray
) -> None:
    """Highest of values (n_times, n) before each patient's day and from it on; what is written to holds minus infinity."""
    for time in range(values.shape[0]):
        row, now = values[time], times[time]
        for patient in range(values.shape[1]):
            value = row[patient]
            early = value if now < day[patient] else -np.inf
            late = -np.inf if now < day[patient] else value
            before[patient] = early if early > before[patient] else before[patient]
            after[patient] = late if late > after[patient] else after[patient]


@njit(cache=True, nogil=True)
def area(widths: np.ndarray, values: np.ndarray, area: np.ndarray) -> None:
    """Area under values (n_times, n) by trapezoids, added up from the first to the last; ``area`` holds zeros."""
    for time in range(values.shape[0] - 1):
        left, right, width = values[time], values[time + 1], widths[time]
        for patient in range(values.shape[1]):
            area[patient] += (right[patient] + left[patient]) * width
    for patient in range(values.shape[1]):
        area[patient] *= 0.5


@njit(cache=True, nogil=True)
def items_present(
    highest: np.ndarray,
    whose: np.ndarray,
    limits: np.ndarray,
    worth: np.ndarray,
    present: np.ndarray,
    score: np.ndarray,
    clinical: np.ndarray,
) -> None:
    """Items whose driver passes the patient's limit at visits, and the scores that they add up to.

    ``highest`` (n_drivers, n_visits, n), ``whose`` (n_items,) the driver of each item, ``limits`` (n_items, n), ``worth``
    (n_items, 2) in both scores; written are ``present`` (n_items, n_visits, n) and the scores (n_visits, n), which hold
    zeros.
    """
    for visit in range(score.shape[0]):
        whole, part = score[visit], clinical[visit]
        for item in range(whose.shape[0]):
            values, limit, there = highest[whose[item], visit], limits[item], present[item, visit]
            weight, clinical_weight = worth[item, 0], worth[item, 1]
            for patient in range(values.shape[0]):
                whole[patient] += weight if values[patient] > limit[patient] else 0
                part[patient] += clinical_weight if values[patient] > limit[patient] else 0
            for patient in range(values.shape[0]):
                there[patient] = values[patient] > limit[patient]


@njit(cache=True, nogil=True)
def extreme_index(values: np.ndarray, is_highest: bool, extreme: np.ndarray, index: np.ndarray) -> None:
    """Place of the highest or lowest of values (n_times, n); ``extreme`` begins as the values of the first time."""
    for time in range(1, values.shape[0]):
        row = values[time]
        for patient in range(values.shape[1]):
            if row[patient] > extreme[patient] if is_highest else row[patient] < extreme[patient]:
                extreme[patient] = row[patient]
                index[patient] = time
