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
    inside = (times > start) & (times < end)
    edges = [value_at(times, values, start), value_at(times, values, end)]
    seen = np.column_stack([*edges, values[:, inside]])
    return seen.min(axis=1), seen.max(axis=1)


def days_below(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Days spent below ``limit``, all spells together, shape (n,)."""
    below, share = _below_and_crossing(values, limit)
    left, right = below[:, :-1], below[:, 1:]
    part = np.where(left & right, 1.0, np.where(left, share, np.where(right, 1.0 - share, 0.0)))
    return part @ np.diff(times)


def longest_days_below(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Length in days of the longest unbroken spell below ``limit``, shape (n,); 0 if there is none."""
    below, share = _below_and_crossing(values, limit)
    longest = np.zeros(len(values))
    running = np.zeros(len(values))
    for k, step in enumerate(np.diff(times)):
        left, right = below[:, k], below[:, k + 1]
        # a spell grows by the whole step, by what precedes its end, or starts with what follows its beginning
        grown = running + np.where(right, step, share[:, k] * step)
        running = np.where(left, grown, np.where(right, (1.0 - share[:, k]) * step, 0.0))
        longest = np.maximum(longest, running)
        running = np.where(right, running, 0.0)
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
    below, share = _below_and_crossing(values, limit)
    index = below.shape[1] - 1 - np.argmax(below[:, ::-1], axis=1)  # last output time below
    after = np.minimum(index + 1, below.shape[1] - 1)
    rows = np.arange(len(values))
    crossed = times[index] + share[rows, np.minimum(index, share.shape[1] - 1)] * (
        times[after] - times[index]
    )
    return np.where(~below.any(axis=1), 0.0, np.where(below[:, -1], np.inf, crossed))


def _below_and_crossing(values: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each value is below, and at which share of each step the limit would be crossed."""
    below = values < limit
    return below, _crossing(values[:, :-1], values[:, 1:], limit)


def _crossing(left: np.ndarray, right: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    low, high = np.log(np.maximum(left, _FLOOR)), np.log(np.maximum(right, _FLOOR))
    difference = high - low
    flat = difference == 0.0
    share = (np.log(np.maximum(limit, _FLOOR)) - low) / np.where(flat, 1.0, difference)
    return np.clip(np.where(flat, 0.0, share), 0.0, 1.0)
