"""Times to events read at weekly visits, and the Kaplan-Meier estimate of such times."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import endpoint
from vivocart.endpoints.sledai import sledai_baseline, weekly_scores, weekly_visits


@endpoint(
    id="days_to_sledai_fall_4",
    unit="d",
    label="Time until SLEDAI-2K is down by 4 or more",
    family="time_to_event",
    source="nct04895241",
)
def days_to_sledai_fall_4(readings: Readings) -> np.ndarray:
    """Day of the first weekly visit at which SLEDAI-2K is at least 4 below baseline; infinite if at none."""
    scores, _ = weekly_scores(readings)
    return _first_visit(readings, scores <= sledai_baseline(readings) - 4)


@endpoint(
    id="days_to_clinical_sledai_zero",
    unit="d",
    label="Time until clinical SLEDAI-2K is 0",
    family="time_to_event",
    source="doris2021",
)
def days_to_clinical_sledai_zero(readings: Readings) -> np.ndarray:
    """Day of the first weekly visit at which no item but anti-dsDNA and low complement counts; infinite if at none."""
    _, clinical = weekly_scores(readings)
    return _first_visit(readings, clinical == 0)


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


def _first_visit(readings: Readings, reached: np.ndarray) -> np.ndarray:
    """Day of the first weekly visit at which a condition (n_visits, n) holds, shape (n,); infinite if at none."""
    if len(reached) == 0:
        return np.full(readings.n_patients, np.inf)
    return np.where(reached.any(axis=0), weekly_visits(readings)[np.argmax(reached, axis=0)], np.inf)
