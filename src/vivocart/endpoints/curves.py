"""Reading trajectories between output times: values, crossings, spells below a limit, extremes in a window.

Everywhere ``times`` has shape (n_times,) and ``values`` (n, n_times). Crossings of a limit are found by linear
interpolation of the logarithm, because cell counts and concentrations rise and fall exponentially.
"""

from __future__ import annotations

import numpy as np

_FLOOR = 1e-12  # a count that the solver leaves at zero or a rounding error below it


def value_at(times: np.ndarray, values: np.ndarray, day: float) -> np.ndarray:
    """Values at ``day``, shape (n,), interpolated linearly; the nearest end where ``day`` lies outside."""
    right = int(np.clip(np.searchsorted(times, day - 1e-12), 1, len(times) - 1)) if len(times) > 1 else 0
    if right == 0 or day <= times[0]:
        return values[:, 0].copy()
    left = right - 1
    share = float(np.clip((day - times[left]) / (times[right] - times[left]), 0.0, 1.0))
    if share >= 1.0 - 1e-12:
        return values[:, right].copy()
    return values[:, left] + share * (values[:, right] - values[:, left])


def window_extremes(
    times: np.ndarray, values: np.ndarray, start: float, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value from ``start`` to ``end``, each of shape (n,), interpolated values at both ends included."""
    inside = slice(int(np.searchsorted(times, start, "right")), int(np.searchsorted(times, end, "left")))
    left, right = value_at(times, values, start), value_at(times, values, end)
    lowest, highest = np.minimum(left, right), np.maximum(left, right)
    if inside.stop > inside.start:
        lowest = np.minimum(lowest, values[:, inside].min(axis=1))
        highest = np.maximum(highest, values[:, inside].max(axis=1))
    return lowest, highest


def spells_below(
    times: np.ndarray, values: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every unbroken spell below ``limit``: patient (row of ``values``), first day and last day, each of shape (n_spells,).

    A patient's spells follow each other in time. A spell that is under way at the first or last output time begins or ends
    there.
    """
    below = values < limit
    began = below.copy()
    began[:, 1:] &= ~below[:, :-1]
    ended = below.copy()
    ended[:, :-1] &= ~below[:, 1:]
    row, first = np.nonzero(began)
    _, last = np.nonzero(ended)  # in the same order: each spell has one beginning and one end
    return row, _crossed(times, values, row, first - 1, limit), _crossed(times, values, row, last, limit)


def days_below(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Days spent below ``limit``, all spells together, shape (n,)."""
    row, start, end = spells_below(times, values, limit)
    return np.bincount(row, weights=end - start, minlength=len(values))


def longest_days_below(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Length in days of the longest unbroken spell below ``limit``, shape (n,); 0 if there is none."""
    row, start, end = spells_below(times, values, limit)
    longest = np.zeros(len(values))
    np.maximum.at(longest, row, end - start)
    return longest


def first_below(
    times: np.ndarray, values: np.ndarray, limit: np.ndarray | float, *, from_index: np.ndarray | int = 0
) -> np.ndarray:
    """First day below ``limit`` at or after the output time ``from_index``, shape (n,); infinite if never.

    ``limit`` and ``from_index`` may differ between patients, shape (n,).
    """
    n_patients, n_times = values.shape
    bound = np.broadcast_to(np.asarray(limit, dtype=float), (n_patients,))
    start = np.broadcast_to(np.asarray(from_index), (n_patients,))
    hit = (values < bound[:, None]) & (np.arange(n_times) >= start[:, None])
    index = np.argmax(hit, axis=1)
    rows = np.arange(n_patients)
    before = np.maximum(index - 1, 0)
    share = _crossing(values[rows, before], values[rows, index], bound)
    crossed = times[before] + share * (times[index] - times[before])
    day = np.where(index > start, crossed, times[index])
    return np.where(hit.any(axis=1), day, np.inf)


def last_return(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Day on which the values leave the region below ``limit`` for good, shape (n,).

    0 if they never were below; infinite if they still are at the end.
    """
    row, _, end = spells_below(times, values, limit)
    day = np.zeros(len(values))
    day[row] = end  # the last of a patient's spells is written last
    return np.where(values[:, -1] < limit, np.inf, day)


def _crossed(
    times: np.ndarray, values: np.ndarray, row: np.ndarray, left: np.ndarray, limit: float
) -> np.ndarray:
    """Day of the crossing between output times ``left`` and the next, or the end of the record where there is no next."""
    start = np.maximum(left, 0)
    end = np.minimum(left + 1, len(times) - 1)
    share = _crossing(values[row, start], values[row, end], limit)
    return times[start] + share * (times[end] - times[start])


def _crossing(left: np.ndarray, right: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Share of a step at which its logarithm crosses that of ``limit``."""
    low, high = np.log(np.maximum(left, _FLOOR)), np.log(np.maximum(right, _FLOOR))
    difference = high - low
    flat = difference == 0.0
    share = (np.log(np.maximum(limit, _FLOOR)) - low) / np.where(flat, 1.0, difference)
    return np.clip(np.where(flat, 0.0, share), 0.0, 1.0)
