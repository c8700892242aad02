"""Distributions between patients: their scales, their limits, and values from standard normal numbers."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from vivocart.ground.errors import InputError
from vivocart.model.rows import Distribution, SpreadKind


def transformed_sd(distribution: Distribution, value: float, spread: float, kind: SpreadKind) -> float:
    """Standard deviation on the scale where the distribution is normal.

    Parameters
    ----------
    distribution
        ``lognormal`` is normal in the logarithm, ``logitnormal`` (on 0 to 1) in the logit, ``normal`` as it stands.
    value
        Median.
    spread, kind
        ``omega_sd`` and ``omega_variance`` are already on that scale. ``cv_percent`` and ``sd`` are on the natural scale:
        exact for the log-normal (from its coefficient of variation), by the slope of the logit for the logit-normal.
    """
    if kind == "omega_sd":
        return spread
    if kind == "omega_variance":
        return math.sqrt(spread)
    cv = spread / 100.0 if kind == "cv_percent" else spread / abs(value)
    if distribution == "lognormal":
        return math.sqrt(math.log1p(cv * cv))
    if distribution == "logitnormal":
        return cv / (1.0 - value)
    return cv * abs(value)


def to_normal(distribution: Distribution, value: np.ndarray | float) -> np.ndarray:
    """``value`` on the scale where the distribution is normal; limits go to minus and plus infinity."""
    array = np.asarray(value, dtype=np.float64)
    with np.errstate(divide="ignore"):
        if distribution == "lognormal":
            return np.log(np.maximum(array, 0.0))
        if distribution == "logitnormal":
            return np.asarray(logit(np.clip(array, 0.0, 1.0)))
    return array


def from_normal(distribution: Distribution, value: np.ndarray) -> np.ndarray:
    """Inverse of :func:`to_normal`."""
    if distribution == "lognormal":
        return np.exp(value)
    if distribution == "logitnormal":
        return np.asarray(expit(value))
    return value


def sampled_values(
    distribution: Distribution,
    z: np.ndarray,
    median: np.ndarray | float,
    sd: np.ndarray | float,
    *,
    lower: float | None = None,
    upper: float | None = None,
) -> np.ndarray:
    """Values of a distribution cut at its limits, from standard normal numbers.

    The cut distribution is sampled by its own inverse, one number a patient: nothing is drawn again and no mass piles up
    at a limit.

    Parameters
    ----------
    distribution, median, sd
        ``sd`` on the transformed scale, ``median`` that of the uncut distribution; each for all or for each patient.
    z
        Standard normal numbers, shape (n,).
    lower, upper
        Hard limits on the natural scale.
    """
    if isinstance(median, float) and isinstance(sd, float):
        center, below, width = _cut_of_all(distribution, median, sd, lower, upper)
    else:
        center, below, width = _cut(distribution, median, sd, lower, upper)
    if below is not None and width is not None:
        z = ndtri(below + width * ndtr(z))
    values = np.asarray(from_normal(distribution, center + sd * z))
    if lower is not None:
        np.maximum(values, lower, out=values)
    if upper is not None:
        np.minimum(values, upper, out=values)
    return values


def _cut(
    distribution: Distribution,
    median: np.ndarray | float,
    sd: np.ndarray | float,
    lower: float | None,
    upper: float | None,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Center on the normal scale, and the share of the uncut distribution below the lower limit and between the two.

    No shares where nothing is cut.
    """
    center = to_normal(distribution, median)
    low = -np.inf if lower is None else to_normal(distribution, lower)
    high = np.inf if upper is None else to_normal(distribution, upper)
    if not (np.all(np.asarray(sd) > 0) and (np.isfinite(low) or np.isfinite(high))):
        return center, None, None
    below, above = ndtr((low - center) / sd), ndtr((high - center) / sd)
    return center, below, above - below


@functools.lru_cache(maxsize=4096)
def _cut_of_all(
    distribution: Distribution, median: float, sd: float, lower: float | None, upper: float | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """As :func:`_cut`, which is the same for every chunk of patients."""
    return _cut(distribution, median, sd, lower, upper)


def conditional_weights(correlation: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and remaining standard deviation that give a standard normal number its correlations with others.

    Parameters
    ----------
    correlation
        Wanted correlation with each of the others, shape (k,).
    among
        Correlation matrix of the others, shape (k, k).

    Raises
    ------
    InputError
        If no joint normal distribution has these correlations.
    """
    weights = np.linalg.solve(among, correlation)
    remaining = 1.0 - float(correlation @ weights)
    if remaining <= 0.0:
        raise InputError("these correlations cannot hold together", mend="make them smaller")
    return weights, math.sqrt(remaining)
