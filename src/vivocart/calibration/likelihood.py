"""How likely a published number is where a cohort shows some statistic: what was read is not quite what happened.

The published number is the cohort's own statistic plus a reading error: rounding, digitizing, another definition or day
than ours, hearsay. The rule is stated here once, by trust; all its numbers are assumed. Chance in the choice of patients is
no part of it: that is in the cohort.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, final

import numpy as np
from scipy.special import gammaln, log_ndtr, logsumexp, ndtr, xlogy

from vivocart.calibration.observations import Observation
from vivocart.calibration.statistics import published_parts

READING_SHARE: Mapping[str, float] = MappingProxyType(
    {
        "primary": 0.03,
        "coded_copy": 0.03,
        "abstract": 0.05,
        "secondary": 0.10,
        "tertiary": 0.25,
        "memory": 0.35,
        "hand_set": 0.35,
    }
)
"""Standard deviation of the reading error as a share of the number, by trust (assumed)."""

MISREAD: Mapping[str, float] = MappingProxyType(
    {
        "primary": 0.005,
        "coded_copy": 0.01,
        "abstract": 0.01,
        "secondary": 0.02,
        "tertiary": 0.05,
        "memory": 0.10,
        "hand_set": 0.10,
    }
)
"""Chance by trust that a statement means something else than we read, and that a patient is counted wrongly (assumed)."""

WIDER = 10.0
"""A misread number's error is so many times wider (assumed)."""

_SCORE_FLOOR = (
    4.0  # a share of a score of 0 or 1 would be no error at all: four points is the least change that counts
)
_LEAST_OF_VALUE = (
    0.01  # on a logarithmic scale what lies below a hundredth of the published number is not told apart
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One published number with the distribution of its reading error.

    Parameters
    ----------
    observation_id, name
        Which row, and which of its statistics.
    kind
        ``number``; ``interval`` (a bound, or not reached); ``count``.
    low, high
        The number twice, or the ends of the interval, in the row's unit.
    logarithmic
        Whether the error acts on the logarithm.
    sd
        Standard deviation of the error, on the logarithm if ``logarithmic``.
    misread
        :data:`MISREAD`.
    floor, ceiling
        Statistics outside count as these: below is not told apart, above was not simulated.
    half_unit
        Half of the last printed digit, by which a bound gives way; 0 on the logarithm.
    n
        Patients counted (for ``count``).
    holds
        False turns an interval into its opposite; only simulated data need it.
    """

    observation_id: str
    name: str
    kind: Literal["number", "interval", "count"]
    low: float
    high: float
    logarithmic: bool = False
    sd: float = 1.0
    misread: float = 0.0
    floor: float = -math.inf
    ceiling: float = math.inf
    half_unit: float = 0.0
    n: int = 1
    holds: bool = True


def printed_unit(value: float, unit: str = "") -> float:
    """Size of the last printed digit, taken as the last one that is not 0: 10 for 60, 0.1 for 2.5; 1 for scores."""
    exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
    assert isinstance(exponent, int)  # numbers of a table are finite
    return 1.0 if unit == "score" or value == 0 else 10.0**exponent


def readings_of(observation: Observation, *, days: float) -> tuple[Reading, ...]:
    """The row as readings, one for each of its statistics.

    Parameters
    ----------
    observation
        A row with a measure.
    days
        Length of the simulation after the first infusion: a time beyond it counts as this.
    """
    return tuple(
        _reading(observation, name, low, high, days) for name, low, high in published_parts(observation)
    )


def _reading(row: Observation, name: str, low: float, high: float, days: float) -> Reading:
    misread = MISREAD[row.trust]
    if name == "count":
        return Reading(
            observation_id=row.id, name=name, kind="count", low=low, high=high, misread=misread, n=row.n
        )
    number = high if math.isfinite(high) else low
    logarithmic = number > 0 and row.unit not in ("score", "1") and name != "fraction"
    unit = printed_unit(number, row.unit)
    ceiling = days * {"d": 1.0, "h": 24.0}.get(row.unit, math.inf)
    return Reading(
        observation_id=row.id,
        name=name,
        kind="number" if low == high else "interval",
        low=low,
        high=high,
        logarithmic=logarithmic,
        sd=_error_sd(row, name, number, unit, logarithmic=logarithmic),
        misread=misread,
        floor=min(unit / 2, _LEAST_OF_VALUE * number) if logarithmic else -math.inf,
        ceiling=max(ceiling, number),
        half_unit=0.0 if logarithmic else unit / 2,
        n=row.n,
    )


def _error_sd(row: Observation, name: str, number: float, unit: float, *, logarithmic: bool) -> float:
    """Trust and rounding together, on the scale of the error.

    Where the source prints the spread of its patients beside the number, the trusted share is of the smaller of the two
    at most: an error beyond the spread would be seen.
    """
    share = READING_SHARE[row.trust]
    rounding = unit / math.sqrt(12.0)
    if name == "fraction":
        scale = 100.0 if row.unit == "%" else 1.0
        counted = scale * math.sqrt(MISREAD[row.trust] * (1.0 - MISREAD[row.trust]) / row.n)
        return math.hypot(rounding, counted)
    size = abs(number)
    if row.unit == "score":
        size = max(size, _SCORE_FLOOR)
    elif size == 0.0:
        size = unit
    error = share * size
    if row.statistic in ("median", "mean") and row.lower is not None and row.upper is not None:
        error = min(error, (row.upper - row.lower) / 2)
    total = math.hypot(error, rounding)
    return total / size if logarithmic else total


def log_likelihood(reading: Reading, statistic: np.ndarray) -> np.ndarray:
    """Logarithm of the likelihood of a reading for each cohort's statistic, in its shape.

    Minus infinite where the statistic is missing: the source could not have printed it.
    """
    values = np.asarray(statistic, dtype=np.float64)
    missing = np.isnan(values)
    values = np.where(missing, 0.0, values)
    if reading.kind == "count":
        found = _log_count(reading, values)
    else:
        place = np.clip(values, reading.floor, reading.ceiling)
        if reading.logarithmic:
            place = np.log(np.maximum(place, np.finfo(float).tiny))
        found = _log_mixture(reading, place)
    return np.where(missing, -np.inf, found)


def _log_mixture(reading: Reading, place: np.ndarray) -> np.ndarray:
    of = _log_number if reading.kind == "number" else _log_interval
    with np.errstate(divide="ignore"):
        usual = np.log1p(-reading.misread) + of(reading, place, reading.sd)
        misread = np.log(reading.misread) + of(reading, place, WIDER * reading.sd)
    return np.logaddexp(usual, misread)


def _scaled(reading: Reading, number: float) -> float:
    if not reading.logarithmic or not math.isfinite(number):
        return number
    return math.log(number)


def _log_number(reading: Reading, place: np.ndarray, sd: float) -> np.ndarray:
    z = (_scaled(reading, reading.low) - place) / sd
    return -0.5 * z * z - math.log(sd * math.sqrt(2.0 * math.pi))


def _log_interval(reading: Reading, place: np.ndarray, sd: float) -> np.ndarray:
    low = (_scaled(reading, reading.low) - reading.half_unit - place) / sd
    high = (_scaled(reading, reading.high) + reading.half_unit - place) / sd
    if math.isinf(reading.low) or math.isinf(reading.high):  # one-sided: exact far into the tails
        inside = high if math.isinf(reading.low) else -low
        return np.asarray(log_ndtr(inside if reading.holds else -inside))
    share = ndtr(high) - ndtr(low)
    with np.errstate(divide="ignore"):
        return np.log(share if reading.holds else 1.0 - share)


def _log_count(reading: Reading, true_count: np.ndarray) -> np.ndarray:
    table = count_probabilities(reading.n, reading.misread)
    wanted = np.arange(reading.n + 1)
    inside = (wanted >= reading.low) & (wanted <= reading.high)
    with np.errstate(divide="ignore"):
        by_true = np.log(table[:, inside].sum(axis=1))
    return by_true[np.clip(true_count, 0, reading.n).astype(np.int64)]


def count_probabilities(n: int, misread: float) -> np.ndarray:
    """Probability of each printed count (column) for each true count (row) of n, shape (n + 1, n + 1).

    Every patient is counted wrongly, independently, with probability ``misread``: the sum of two binomials.
    """
    table = np.zeros((n + 1, n + 1))
    for true in range(n + 1):
        table[true] = np.convolve(_binomial(true, 1.0 - misread), _binomial(n - true, misread))
    return table


def _binomial(n: int, p: float) -> np.ndarray:
    k = np.arange(n + 1)
    log_ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.exp(log_ways + xlogy(k, p) + xlogy(n - k, 1.0 - p))


def log_mean_over_cohorts(values: np.ndarray) -> np.ndarray:
    """Logarithm of the mean likelihood over the cohorts of each particle: (n_particles, n_cohorts) to (n_particles,)."""
    if values.shape[1] == 1:
        return values[:, 0].copy()
    with np.errstate(divide="ignore"):
        return np.asarray(logsumexp(values, axis=1)) - math.log(values.shape[1])


def printed_again(reading: Reading, statistic: float, normal: float, uniform: float) -> Reading:
    """The reading that a source would print for this statistic: what simulated data are made with.

    Parameters
    ----------
    reading
        Which kind of reading, with its error.
    statistic
        The cohort's statistic.
    normal, uniform
        A standard normal and a uniform number: the error, and whether it is a misreading.
    """
    from dataclasses import replace

    if reading.kind == "count":
        table = count_probabilities(reading.n, reading.misread)[int(statistic)]
        printed = float(min(np.searchsorted(np.cumsum(table), uniform), reading.n))
        if reading.low == reading.high:
            return replace(reading, low=printed, high=printed)
        holds = reading.low <= printed <= reading.high
        return reading if holds else replace(reading, low=printed, high=printed)
    place = min(max(statistic, reading.floor), reading.ceiling)
    wide = WIDER if uniform < reading.misread else 1.0
    error = reading.sd * wide * normal
    number = place * math.exp(error) if reading.logarithmic else place + error
    if reading.kind == "number":
        return replace(reading, low=number, high=number)
    holds = reading.low - reading.half_unit <= number <= reading.high + reading.half_unit
    return replace(reading, holds=holds)
