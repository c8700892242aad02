"""Times to events read at weekly visits, and the Kaplan-Meier estimate of such times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import endpoint
from vivocart.endpoints.sledai import clinical_sledai_score, sledai_items, sledai_score, weekly_visits


@endpoint(
    id="days_to_sledai_fall_4",
    unit="d",
    label="Time until SLEDAI-2K is down by 4 or more",
    family="time_to_event",
    source="nct04895241",
)
def days_to_sledai_fall_4(readings: Readings) -> np.ndarray:
    """Day of the first weekly visit at which SLEDAI-2K is at least 4 below baseline; infinite if at none."""
    baseline = sledai_score(sledai_items(readings, float(readings.times[0])))
    return _first_visit(readings, lambda items: sledai_score(items) <= baseline - 4)


@endpoint(
    id="days_to_clinical_sledai_zero",
    unit="d",
    label="Time until clinical SLEDAI-2K is 0",
    family="time_to_event",
    source="doris2021",
)
def days_to_clinical_sledai_zero(readings: Readings) -> np.ndarray:
    """Day of the first weekly visit at which no item but anti-dsDNA and low complement counts; infinite if at none."""
    return _first_visit(readings, lambda items: clinical_sledai_score(items) == 0)


def kaplan_meier(time_days: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Product-limit estimate of the share still without the event.

    Parameters
    ----------
    time_days
        Time of the event or of censoring, shape (n,), finite.
    observed
        True where the event was seen, False where the patient left without it; shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        Distinct event times, ascending, and the share without the event just after each. A patient censored at an event
        time still counts as at risk there.
    """
    times = np.asarray(time_days, dtype=float)
    seen = np.asarray(observed, dtype=bool)
    event_times, events = np.unique(times[seen], return_counts=True)
    at_risk = times.size - np.searchsorted(np.sort(times), event_times, side="left")
    return event_times, np.cumprod(1.0 - events / np.maximum(at_risk, 1))


def _first_visit(readings: Readings, reached: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    day = np.full(readings.n_patients, np.inf)
    for visit in weekly_visits(readings)[::-1]:
        day = np.where(reached(sledai_items(readings, float(visit))), visit, day)
    return day
