"""How much an observation that nobody has published would narrow a prediction."""

from __future__ import annotations

import functools
import math
from importlib import resources
from typing import Literal, final

import numpy as np
from pydantic import Field

from vivocart.ground.tables import Row, read_table


@final
class Hypothetical(Row):
    """One thing that could be observed: a statistic of n new patients, or a number that somebody knows (``known``)."""

    id: str
    label: str
    measure: str
    unit: str
    time_days: float | None = None
    statistic: Literal["median", "known"]
    n: int = Field(ge=1)
    note: str = ""


@functools.cache
def hypothetical_observations() -> tuple[Hypothetical, ...]:
    """Rows of ``hypothetical.csv``."""
    return tuple(read_table(resources.files("vivocart.calibration") / "hypothetical.csv", Hypothetical))


def variance_reduction(
    observed: np.ndarray, predicted: np.ndarray, *, noise_variance: float = 0.0, degree: int = 3
) -> tuple[float, float]:
    """Share of a prediction's variance that an observation is expected to take away, and its standard error.

    By the law of total variance the expected variance that is left is the variance of the prediction about its regression
    on the observation, over draws of the posterior. The regression is a polynomial in the ranks of the observation, or the
    mean of each value where there are few, with its degrees of freedom taken off. Source of the idea: Strong, Oakley and
    Brennan, Med Decis Making 34, 311 (2014).

    Parameters
    ----------
    observed, predicted
        One value a draw, shape (n_draws,); what is missing or infinite in the observation counts as its own value.
    noise_variance
        Part of the variance of ``predicted`` that comes from the finite number of patients it was computed in.

    Returns
    -------
    tuple
        The share, not below 0 and not above 1, and its standard error; both missing if nothing varies.
    """
    n = len(predicted)
    total = float(np.var(predicted, ddof=1))
    uncertain = total - noise_variance
    if n < 10 or not uncertain > 1e-12 * max(total, 1e-300) or total <= 0:
        return math.nan, math.nan
    basis = _basis(observed, degree)
    fitted = basis @ np.linalg.lstsq(basis, predicted, rcond=None)[0]
    left = float(((predicted - fitted) ** 2).sum()) / max(n - basis.shape[1], 1)
    explained = max(total - left, 0.0)
    share = min(explained / uncertain, 1.0)
    of_total = min(explained / total, 1.0)
    error = math.sqrt(max(4.0 * of_total * (1.0 - of_total) ** 2, 2.0 * (basis.shape[1] - 1) / n) / n)
    return share, error * total / uncertain


def _basis(observed: np.ndarray, degree: int) -> np.ndarray:
    """Columns of the regression: one for each value if there are few, else powers of the centered rank."""
    codes = np.where(np.isnan(observed), np.inf, observed)
    values, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if len(values) <= degree + 4:
        return (places[:, None] == np.arange(len(values))[None, :]).astype(np.float64)
    middle = np.cumsum(counts) - 0.5 * counts  # ties share their middle rank
    rank = 2.0 * middle[places] / len(observed) - 1.0
    return np.stack([rank**power for power in range(degree + 1)], axis=1)
