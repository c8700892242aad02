"""How likely measurements are given what the model predicts: residual errors and limits of quantification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from vivocart.calibration.individuals.population import FittedError

_HALF_LOG_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))
_SMALLEST = 1e-12  # of a prediction on the scale of the logarithm
_NARROW = 1e-9  # smallest standard deviation, against the size of the data


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """What was measured, column by column as the predictions come, (n,) each; patients stand one after another.

    The truth lies between ``lower`` and ``upper``; ``censored`` is 1 below a limit and -1 above one, else 0. ``error`` is a
    place among the fit's errors; ``starts`` (n_subjects,) is where each patient begins.
    """

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    censored: np.ndarray
    error: np.ndarray
    starts: np.ndarray


def is_lognormal(errors: Sequence[FittedError], measured: Measurements) -> np.ndarray:
    """Whether each measurement's error is on the scale of the logarithm, (n,)."""
    return np.array([entry.error == "lognormal" for entry in errors])[measured.error]


def deviations(
    prediction: np.ndarray, sizes: np.ndarray, measured: Measurements, logs: np.ndarray
) -> np.ndarray:
    """Standard deviation around each prediction, on the scale of the error; shape of ``prediction`` (..., n).

    Parameters
    ----------
    sizes
        (n_errors, 2): additive and proportional.
    logs
        Of :func:`is_lognormal`.
    """
    additive, proportional = sizes[measured.error, 0], sizes[measured.error, 1]
    spread = np.sqrt(additive**2 + np.where(logs, 0.0, proportional * prediction) ** 2)
    return np.maximum(spread, _NARROW * (1.0 + np.abs(measured.value)))


def on_error_scale(values: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Predictions or measurements on the scale of their error: logarithms where it is log-normal."""
    if not logs.any():
        return values
    return np.where(logs, np.log(np.maximum(values, _SMALLEST)), values)


def log_densities(
    prediction: np.ndarray, sizes: np.ndarray, measured: Measurements, logs: np.ndarray
) -> np.ndarray:
    """Logarithm of the likelihood of each measurement; a prediction that is missing has -inf.

    A value below or above a limit counts with the probability to lie there, as in the method M3.

    Parameters
    ----------
    prediction
        (..., n) in the unit of the observable.

    Source
    ------
    Beal SL. Ways to fit a PK model with some data below the quantification limit. J Pharmacokinet Pharmacodyn
    2001;28:481-504.
    """
    spread = deviations(prediction, sizes, measured, logs)
    center = on_error_scale(prediction, logs)
    value = on_error_scale(measured.value, logs)
    residual = (value - center) / spread
    density = -0.5 * residual * residual - np.log(spread) - _HALF_LOG_TWO_PI - np.where(logs, value, 0.0)
    cut = np.flatnonzero(measured.censored)
    if len(cut):
        part = logs[cut]
        low = (_limit(measured.lower[cut], part) - center[..., cut]) / spread[..., cut]
        high = (_limit(measured.upper[cut], part) - center[..., cut]) / spread[..., cut]
        density[..., cut] = _log_between(low, high)
    return np.where(np.isnan(density), -np.inf, density)


def _limit(values: np.ndarray, logs: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(logs, np.log(np.maximum(values, 0.0)), values)


def _log_between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Logarithm of the standard normal probability between two limits, without cancellation in either tail."""
    flip = low > 0
    lower, upper = np.where(flip, -high, low), np.where(flip, -low, high)
    top, bottom = log_ndtr(upper), log_ndtr(lower)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return top + np.log1p(-np.exp(np.minimum(bottom - top, 0.0)))


def draw_measurements(
    prediction: np.ndarray,
    sizes: np.ndarray,
    measured: Measurements,
    logs: np.ndarray,
    z: np.ndarray,
) -> np.ndarray:
    """Measurements around predictions from standard normal numbers ``z``, (..., n); nothing is censored."""
    noisy = on_error_scale(prediction, logs) + deviations(prediction, sizes, measured, logs) * z
    return np.where(logs, np.exp(np.where(logs, noisy, 0.0)), noisy)


def imputed_scores(
    prediction: np.ndarray, sizes: np.ndarray, measured: Measurements, logs: np.ndarray, u: np.ndarray
) -> np.ndarray:
    """Weighted residuals; one beyond a limit is drawn there with the uniform number ``u``, (n,) each."""
    spread, center = deviations(prediction, sizes, measured, logs), on_error_scale(prediction, logs)
    plain = (on_error_scale(measured.value, logs) - center) / spread
    low = ndtr((_limit(measured.lower, logs) - center) / spread)
    high = ndtr((_limit(measured.upper, logs) - center) / spread)
    drawn = ndtri(np.clip(low + (high - low) * u, 1e-12, 1.0 - 1e-12))
    return np.where(measured.censored != 0, drawn, plain)


def draw_beyond(
    prediction: np.ndarray, sizes: np.ndarray, measured: Measurements, logs: np.ndarray, u: np.ndarray
) -> np.ndarray:
    """Measurements on the scale of their error; one beyond a limit is drawn there with the uniform number ``u``."""
    spread, center = deviations(prediction, sizes, measured, logs), on_error_scale(prediction, logs)
    scores = imputed_scores(prediction, sizes, measured, logs, u)
    return np.where(measured.censored != 0, center + spread * scores, on_error_scale(measured.value, logs))
