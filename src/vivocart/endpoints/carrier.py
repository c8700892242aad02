"""Particles that carry mRNA or siRNA, in plasma: peak, exposure, and how they decline."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints import curves
from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import DEFINITION, endpoint

_STATE = "lnp_plasma_amount"
_HOURS_PER_DAY = 24.0
_FAST_HOURS = (1.0, 3.0)  # after the end of an infusion: the fast phase alone
_SLOW_DAYS = (3.0, 9.0)  # after the start of the last infusion: the slow phase alone
_FLOOR_UG_PER_ML = 1e-12  # far below any assay, so that a logarithm has something to read


@endpoint(
    id="lnp_peak",
    unit="ug/mL",
    label="Highest concentration of particles",
    family="carrier",
    source="zhang2020",
)
def lnp_peak(readings: Readings) -> np.ndarray:
    """Concentration at the end of the first infusion; missing if the regimen gives no particles.

    The end need not be an output time: it is the line through 1 and 3 hours after it on the logarithmic scale.
    """
    end = _first_end(readings)
    if end is None:
        return _not_applicable(readings)
    early, late = (_log_at(readings, end + hours / _HOURS_PER_DAY) for hours in _FAST_HOURS)
    slope = (late - early) / (_FAST_HOURS[1] - _FAST_HOURS[0])
    return np.exp(early - _FAST_HOURS[0] * slope)


@endpoint(
    id="lnp_auc",
    unit="ug.h/mL",
    label="Exposure to particles, whole simulation",
    family="carrier",
    source="zhang2020",
)
def lnp_auc(readings: Readings) -> np.ndarray:
    """Area under the concentration of particles over the whole simulation, by trapezoids between output times.

    Missing if the regimen gives no particles. Up to a twelfth too small where an infusion ends between two output times.
    """
    if _first_end(readings) is None:
        return _not_applicable(readings)
    return _HOURS_PER_DAY * curves.area_under(readings.times, readings["lnp_plasma"])


@endpoint(
    id="lnp_fast_half_life",
    unit="h",
    label="Half-life of particles just after an infusion",
    family="carrier",
    source="zhang2020",
)
def lnp_fast_half_life(readings: Readings) -> np.ndarray:
    """Half-life from 1 to 3 hours after the end of the first infusion; missing if the regimen gives no particles."""
    end = _first_end(readings)
    if end is None:
        return _not_applicable(readings)
    early, late = (_log_at(readings, end + hours / _HOURS_PER_DAY) for hours in _FAST_HOURS)
    return np.log(2.0) * (_FAST_HOURS[1] - _FAST_HOURS[0]) / np.maximum(early - late, 1e-9)


@endpoint(
    id="lnp_slow_half_life",
    unit="d",
    label="Half-life of particles days after the last infusion",
    family="carrier",
    source="zhang2020",
)
def lnp_slow_half_life(readings: Readings) -> np.ndarray:
    """Half-life from 3 to 9 days after the start of the last infusion; missing if the regimen gives no particles.

    Raises
    ------
    MissingReadingError
        If the simulation ends before.
    """
    if _first_end(readings) is None:
        return _not_applicable(readings)
    last = float(readings.dose_days[_STATE][-1])
    early, late = (_log_at(readings, last + days) for days in _SLOW_DAYS)
    return np.log(2.0) * (_SLOW_DAYS[1] - _SLOW_DAYS[0]) / np.maximum(early - late, 1e-9)


@endpoint(
    id="lnp_percent_after_a_day",
    unit="%",
    label="Particles a day after the first infusion, share of the peak",
    family="carrier",
    source=DEFINITION,
)
def lnp_percent_after_a_day(readings: Readings) -> np.ndarray:
    """Concentration 24 hours after the start of the first infusion in percent of ``lnp_peak``.

    Missing if the regimen gives no particles, or again within the day.
    """
    if _first_end(readings) is None or np.any(np.diff(readings.dose_days[_STATE][:2]) < 1.0):
        return _not_applicable(readings)
    start = float(readings.dose_days[_STATE][0])
    return 100.0 * np.exp(_log_at(readings, start + 1.0)) / lnp_peak(readings)


def _first_end(readings: Readings) -> float | None:
    """Day on which the first infusion of particles ends; none if the regimen gives none."""
    if _STATE not in readings.dose_days:
        return None

    def compute() -> float:
        doses = [row for row in readings.regimen.doses(np.ones(1)) if row.state == _STATE]
        return min(row.time_days + row.duration_days for row in doses) - readings.first_infusion_day

    return readings.shared("first_carrier_end", compute)


def _log_at(readings: Readings, day: float) -> np.ndarray:
    """Logarithm of the concentration on a day: a straight line between output times, as an exponential decline is."""
    readings.require_day(day)

    def compute() -> np.ndarray:
        right = min(int(np.searchsorted(readings.times, day - 1e-9)), len(readings.times) - 1)
        sides = slice(max(right - 1, 0), max(right, 1) + 1)
        values = np.log(np.maximum(readings["lnp_plasma"].T[sides], _FLOOR_UG_PER_ML))
        return curves.value_at(readings.times[sides], values.T, day)

    return readings.shared(f"log_lnp_plasma/{day!r}", compute)


def _not_applicable(readings: Readings) -> np.ndarray:
    return np.full(readings.n_patients, np.nan)
