"""CAR-T cells in blood and tissue: how many, when, and how soon they are gone."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints import curves
from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import DEFINITION, endpoint

DETECTION_PERCENT = 1.0
"""CAR+ share of CD8 cells that a flow-cytometry plot tells from none (assumed; the sources state no assay limit)."""

BASELINE_SHARE_OF_PEAK = 0.05
"""Share of its own peak at which a curve in a figure reads as back at baseline (assumed)."""

_HOURS_PER_DAY = 24.0


@endpoint(
    id="car_percent_peak",
    unit="%",
    label="Highest CAR+ share of CD8 cells in blood",
    family="car_t",
    source="wang2025",
)
def car_percent_peak(readings: Readings) -> np.ndarray:
    """Highest CAR+ share of CD8 cells in blood over the whole simulation."""
    return readings.highest("car_percent_cd8")


@endpoint(
    id="car_percent_tissue_peak",
    unit="%",
    label="Highest CAR+ share of CD8 cells in lymphoid tissue",
    family="car_t",
    source=DEFINITION,
)
def car_percent_tissue_peak(readings: Readings) -> np.ndarray:
    """Highest CAR+ share of CD8 cells in lymphoid tissue over the whole simulation."""
    return readings.highest("car_percent_cd8_tissue")


@endpoint(
    id="car_detected_hour",
    unit="h",
    label="CAR+ cells first detected in blood, hours after the first infusion",
    family="car_t",
    source="wang2025",
)
def car_detected_hour(readings: Readings) -> np.ndarray:
    """Hours from the start of the first infusion to the first CAR+ share of CD8 cells in blood above 1 %.

    Infinite if never; missing if the regimen gives no CAR product.
    """
    doses = readings.car_dose_days()
    if doses.size == 0:
        return _not_applicable(readings)
    start = int(np.searchsorted(readings.times, doses[0] - 1e-9))
    day = curves.first_above(readings.times, readings["car_percent_cd8"], DETECTION_PERCENT, from_index=start)
    return (day - doses[0]) * _HOURS_PER_DAY


@endpoint(
    id="car_peak_hour_first",
    unit="h",
    label="Peak of the CAR+ share after the first infusion",
    family="car_t",
    source="wang2025",
)
def car_peak_hour_first(readings: Readings) -> np.ndarray:
    """Hours from the start of the first infusion to the highest CAR+ share of CD8 cells in blood before the second.

    Read at output times (hourly on the first day by default); missing if the regimen gives no CAR product.
    """
    doses = readings.car_dose_days()
    if doses.size == 0:
        return _not_applicable(readings)
    first, last = _between(readings, doses, 0)
    peak = first + curves.highest_index(readings["car_percent_cd8"][:, first:last])
    return (readings.times[peak] - doses[0]) * _HOURS_PER_DAY


@endpoint(
    id="car_peak_hour",
    unit="h",
    label="Highest CAR+ share, hours after the infusion before it",
    family="car_t",
    source="wang2025",
)
def car_peak_hour(readings: Readings) -> np.ndarray:
    """Hours from the start of an infusion to the highest CAR+ share of CD8 cells in blood that follows it.

    The highest share of the whole simulation counts, after whichever infusion it comes. Read at output times; missing
    if the regimen gives no CAR product.
    """
    doses = readings.car_dose_days()
    if doses.size == 0:
        return _not_applicable(readings)
    peak_day = readings.times[curves.highest_index(readings["car_percent_cd8"])]
    before = np.maximum(np.searchsorted(doses, peak_day + 1e-9) - 1, 0)
    return (peak_day - doses[before]) * _HOURS_PER_DAY


@endpoint(
    id="car_return_days_first",
    unit="d",
    label="CAR+ cells back at baseline after the first infusion",
    family="car_t",
    source="wang2025",
)
def car_return_days_first(readings: Readings) -> np.ndarray:
    """Days from the start of the first infusion until the CAR+ share of CD8 cells in blood is back at baseline.

    Back at baseline: after its peak, below 1 % of CD8 cells or below 5 % of that peak, whichever comes first. Infinite
    if not before the second infusion; 0 if the share never passed 1 %; missing if the regimen gives no CAR product.
    """
    return _return_days(readings, 0)


@endpoint(
    id="car_return_days",
    unit="d",
    label="CAR+ cells back at baseline after the last infusion",
    family="car_t",
    source="wang2025",
)
def car_return_days(readings: Readings) -> np.ndarray:
    """Days from the start of the last infusion until the CAR+ share of CD8 cells in blood is back at baseline.

    Back at baseline: after its peak, below 1 % of CD8 cells or below 5 % of that peak, whichever comes first. Infinite
    if not by the end of the simulation; 0 if the share never passed 1 %; missing if the regimen gives no CAR product.
    """
    return _return_days(readings, -1)


@endpoint(
    id="cd8_fraction",
    unit="1",
    label="CD8 T cells in blood as a share of the start",
    family="car_t",
    source="hosseini2020",
    visits=(0.5, 7),
)
def cd8_fraction(readings: Readings, day: float) -> np.ndarray:
    """Count of CD8 T cells in blood at the visit, CAR+ ones included, as a share of that before anything is given."""
    return readings.at("cd8_blood", day) / readings.baseline("cd8_blood")


@endpoint(
    id="car_t_peak",
    unit="1/uL",
    label="Highest CAR-T count in blood",
    family="car_t",
    source=DEFINITION,
)
def car_t_peak(readings: Readings) -> np.ndarray:
    """Highest count of CAR-T cells in blood, transient and infused ones together."""
    return readings.highest("car_t_blood")


@endpoint(
    id="car_t_peak_day",
    unit="d",
    label="Day of the highest CAR-T count, after the first CAR infusion",
    family="car_t",
    source=DEFINITION,
)
def car_t_peak_day(readings: Readings) -> np.ndarray:
    """Days from the start of the first CAR infusion to the highest count of CAR-T cells in blood.

    Missing if the regimen gives no CAR product.
    """
    doses = readings.car_dose_days()
    if doses.size == 0:
        return _not_applicable(readings)
    return readings.times[curves.highest_index(readings["car_t_blood"])] - doses[0]


def _not_applicable(readings: Readings) -> np.ndarray:
    return np.full(readings.n_patients, np.nan)


def _between(readings: Readings, doses: np.ndarray, which: int) -> tuple[int, int]:
    """First output time at or after an infusion, and the one after the last output time before the next infusion."""
    which = which % doses.size
    first = int(np.searchsorted(readings.times, doses[which] - 1e-9))
    if which + 1 == doses.size:
        return first, readings.times.size
    return first, max(int(np.searchsorted(readings.times, doses[which + 1] - 1e-9)), first + 1)


def _return_days(readings: Readings, which: int) -> np.ndarray:
    doses = readings.car_dose_days()
    if doses.size == 0:
        return _not_applicable(readings)
    first, last = _between(readings, doses, which)
    times, values = readings.times[first:last], readings["car_percent_cd8"][:, first:last]
    peak = curves.highest_index(values)
    highest = values.max(axis=1)
    limit = np.maximum(DETECTION_PERCENT, BASELINE_SHARE_OF_PEAK * highest)
    back = curves.first_below(times, values, limit, from_index=peak) - doses[which]
    return np.where(highest <= DETECTION_PERCENT, 0.0, back)
