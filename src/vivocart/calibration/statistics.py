"""The statistic of a published row in cohorts of virtual patients, and the number or interval it is set against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.calibration.observations import Observation
from vivocart.ground.errors import InputError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One statistic over cohorts beside its published counterpart; a range has two.

    Parameters
    ----------
    name
        ``maximum``, ``minimum``, ``median``, ``mean``, ``sd``, ``quantile``, ``count``, ``fraction`` or ``point``.
    values
        Shape (n_cohorts,), for ``point`` (n_cohorts * n,). Missing where a cohort has nobody (for ``sd`` fewer than two) to
        whom the row applies; infinite where not reached.
    low, high
        The published number twice, or the ends of an interval, infinite where open.
    """

    name: str
    values: np.ndarray
    low: float
    high: float


def cohort_statistics(
    observation: Observation, values: np.ndarray, given: np.ndarray | None = None
) -> tuple[Part, ...]:
    """The row's statistic in every cohort.

    Parameters
    ----------
    values
        The measure, shape (n_cohorts, n); no value missing among those to whom the row applies.
    given
        The 0/1 endpoint that the row names in ``given``, same shape; none if it names none.

    Raises
    ------
    InputError
        If the row names a condition and ``given`` is missing, or the other way round, or the shapes differ.
    """
    where = f"observation '{observation.id}'"
    if bool(observation.given) != (given is not None):
        raise InputError("the condition is missing or too much", where=where, mend="pass what 'given' names")
    if given is not None and given.shape != values.shape:
        raise InputError(f"a condition of shape {given.shape}", where=where, mend=f"give {values.shape}")
    chosen = values if given is None else np.where(given > 0.5, values, np.nan)
    return tuple(
        Part(name=name, values=_FUNCTIONS[name](chosen, observation), low=low, high=high)
        for name, low, high in published_parts(observation)
    )


def published_parts(observation: Observation) -> tuple[tuple[str, float, float], ...]:
    """Name of each statistic of a row, and the published interval (twice the number) that it is set against."""
    value = np.nan if observation.value is None else observation.value
    lower = np.nan if observation.lower is None else observation.lower
    upper = np.nan if observation.upper is None else observation.upper
    statistic = observation.statistic
    if statistic == "range":
        return (("minimum", lower, lower), ("maximum", upper, upper))
    if statistic == "upper_bound":
        return (("maximum", -np.inf, value),)
    if statistic == "lower_bound":
        return (("minimum", value, np.inf),)
    if statistic == "median_time":
        return (("median", lower, np.inf) if observation.value is None else ("median", value, value),)
    if statistic == "count" and observation.value is None:
        return (("count", lower, upper),)
    return ((statistic, value, value),)


def _ordered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row sorted with what is missing at its end, and how many are there."""
    return np.sort(values, axis=1), np.sum(~np.isnan(values), axis=1)


def quantile_of(values: np.ndarray, level: float) -> np.ndarray:
    """Quantile of each row by linear interpolation between order statistics (Hyndman and Fan's type 7), missing left out.

    Infinite as soon as an infinite value takes part.
    """
    ordered, count = _ordered(values)
    place = np.maximum(count - 1, 0) * level
    below = np.floor(place + 1e-9).astype(np.int64)
    share = np.where(place - below > 1e-9, place - below, 0.0)
    above = np.minimum(below + (share > 0), np.maximum(count - 1, 0))
    rows = np.arange(len(values))
    low, high = ordered[rows, below], ordered[rows, above]
    with np.errstate(invalid="ignore"):
        mixed = np.where(np.isinf(high), high, low + share * (high - low))
    return np.where(share > 0, mixed, low)


def _largest(values: np.ndarray, _: Observation) -> np.ndarray:
    ordered, count = _ordered(values)
    return ordered[np.arange(len(values)), np.maximum(count - 1, 0)]


def _smallest(values: np.ndarray, _: Observation) -> np.ndarray:
    return np.sort(values, axis=1)[:, 0]


def _mean(values: np.ndarray, _: Observation) -> np.ndarray:
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _sd(values: np.ndarray, observation: Observation) -> np.ndarray:
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    with np.errstate(invalid="ignore"):
        squares = np.where(present, values - _mean(values, observation)[:, None], 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=1) / np.maximum(count - 1, 1))
    spread = np.where(np.isinf(values).any(axis=1), np.inf, spread)
    return np.where(count > 1, spread, np.nan)


def _count(values: np.ndarray, _: Observation) -> np.ndarray:
    return (values > 0.5).sum(axis=1).astype(np.float64)


def _fraction(values: np.ndarray, observation: Observation) -> np.ndarray:
    applies = (~np.isnan(values)).sum(axis=1)
    share = (values > 0.5).sum(axis=1) / np.maximum(applies, 1)
    return np.where(applies > 0, share * (100.0 if observation.unit == "%" else 1.0), np.nan)


_FUNCTIONS: dict[str, Callable[[np.ndarray, Observation], np.ndarray]] = {
    "maximum": _largest,
    "minimum": _smallest,
    "median": lambda values, _: quantile_of(values, 0.5),
    "quantile": lambda values, row: quantile_of(values, 0.5 if row.level is None else row.level),
    "mean": _mean,
    "sd": _sd,
    "count": _count,
    "fraction": _fraction,
    "point": lambda values, _: values.ravel(),
}
