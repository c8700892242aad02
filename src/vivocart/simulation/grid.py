"""Times at which a simulation is read."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

_HOUR = 1.0 / 24.0
_FINE_DAYS = 14.0  # how long after the last infusion counts and cytokines still move within a day
_DAILY_UNTIL_DAYS = 120.0
_WEEK = 7.0
_LATER_DAYS = 63.0
_AFTER_INFUSION_HOURS = np.concatenate(
    [np.arange(0, 13), [14, 16, 18, 21, 24, 30, 36, 42, 48, 54, 60, 66, 70]]
)
_COARSE_FINE_DAYS = 10.0
_COARSE_DAILY_UNTIL_DAYS = 30.0


def output_times(infusion_days: Iterable[float], *, days: float) -> np.ndarray:
    """Default output times: dense where a treated patient changes by the hour, sparse where by the week.

    Hourly for a day after each infusion, every two hours to three days, every six hours until two weeks after the last
    infusion, then daily to day 120 and every two days beyond. The solver's steps do not depend on these times.

    Parameters
    ----------
    infusion_days
        Start of each infusion, in days.
    days
        Length of the simulation, in days.

    Returns
    -------
    numpy.ndarray
        Ascending days from 0 to ``days``, without repeats.
    """
    return _output_times(tuple(infusion_days), days).copy()


@functools.lru_cache(maxsize=64)
def _output_times(infusion_days: tuple[float, ...], days: float) -> np.ndarray:
    starts = sorted(set(infusion_days))
    after = np.concatenate([np.arange(0, 24) * _HOUR, np.arange(24, 73, 2) * _HOUR])
    parts = [
        np.array([0.0, days]),
        np.arange(0.0, min(days, _DAILY_UNTIL_DAYS), 1.0),
        np.arange(0.0, days, 2.0),
    ]
    for start in starts:
        parts.append(start + after)
        parts.append(np.arange(start, start + _FINE_DAYS, 6 * _HOUR))
    times = np.concatenate(parts)
    return np.unique(np.round(times[(times >= 0.0) & (times <= days)], 9))


def coarse_output_times(infusion_days: Iterable[float], *, days: float) -> np.ndarray:
    """Fewer output times than :func:`output_times`, all but a few of them among its own: what a fit reads.

    Hourly for half a day after each infusion, every two hours to one day, every six or twelve hours to three days, twice a
    day until ten days after the last infusion, daily to day 30 and every three days beyond.

    Parameters and result as in :func:`output_times`.
    """
    starts = sorted(set(infusion_days))
    hours = np.concatenate([np.arange(0, 12), np.arange(12, 24, 2), [24, 30, 36, 48, 60, 72]]) * _HOUR
    parts = [
        np.array([0.0, days]),
        np.arange(0.0, min(days, _COARSE_DAILY_UNTIL_DAYS), 1.0),
        np.arange(0.0, days, 3.0),
        *(start + hours for start in starts),
    ]
    if starts:
        parts.append(np.arange(starts[0], starts[-1] + _COARSE_FINE_DAYS, 0.5))
    times = np.concatenate(parts)
    return np.unique(np.round(times[(times >= 0.0) & (times <= days)], 9))


def trial_output_times(
    infusion_days: Iterable[float], *, days: float, first_infusion_day: float, visits_days: Iterable[float]
) -> np.ndarray:
    """Fewest output times from which the endpoints of a trial are still read as from :func:`output_times`.

    After each infusion hourly for half a day, then ever more seldom to every six hours in the third day, twice a day to day
    10, daily to day 24 and twice a week to day 63; weekly throughout, for weekly visits; and the visits themselves.

    Parameters
    ----------
    infusion_days, days
        As in :func:`output_times`.
    first_infusion_day
        Day of the simulation from which visits count.
    visits_days
        Days of visits.
    """
    soon = np.concatenate([_AFTER_INFUSION_HOURS * _HOUR, np.arange(3.0, 10.0, 0.5), np.arange(10.0, 25.0)])
    starts = sorted(set(infusion_days))
    last = starts[-1] if starts else 0.0
    parts = [
        np.array([0.0, days]),
        first_infusion_day + np.arange(0.0, days, _WEEK),
        first_infusion_day + np.array(sorted(visits_days), dtype=np.float64),
        first_infusion_day + np.arange(0.0, last + _LATER_DAYS, _WEEK / 2),
        *(start + soon for start in starts),
    ]
    times = np.concatenate(parts)
    return np.unique(np.round(times[(times >= 0.0) & (times <= days)], 9))
