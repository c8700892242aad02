"""How sure the numbers of a fit are: observed information, and draws of populations that the data allow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from vivocart.calibration.individuals.fit import Fit, gradient, log_posterior
from vivocart.calibration.individuals.population import SMALLEST_SPREAD, FittedParameter, Layout
from vivocart.ground.streams import normals, uniforms
from vivocart.patients.sampling import from_normal

_STEP = 2e-3
_AT_LIMIT = 1e-3
_Z95 = 1.959963984540054
_DEGREES = 5.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """Covariance of the fit's vector, (n, n); rows of numbers that stand at a limit are NaN.

    ``is_known`` is false where the information has no inverse: the data cannot tell some numbers apart. ``condition`` is the
    ratio of the largest to the smallest eigenvalue of the correlation matrix.
    """

    covariance: np.ndarray
    at_limit: np.ndarray  # (n,)
    is_known: bool
    condition: float


def observed_uncertainty(fit: Fit) -> Uncertainty:
    """Inverse of the observed information, by differences of the slope of the importance-sampled likelihood.

    This is Louis's identity carried out by number: the draws are weighed anew on both sides, so that what the patients'
    parameters hide is taken off. Prior knowledge counts as information.

    Source
    ------
    Louis TA. Finding the observed information matrix when using the EM algorithm. J R Stat Soc B 1982;44:226-233.
    """
    layout, n = fit.problem.layout, len(fit.vector)
    at_limit = (fit.vector <= layout.lower + _AT_LIMIT) | (fit.vector >= layout.upper - _AT_LIMIT)
    free = np.flatnonzero(~at_limit)
    information = np.empty((len(free), len(free)))
    scale = _scales(layout)
    for row, place in enumerate(free):
        aside = [fit.vector.copy(), fit.vector.copy()]
        aside[0][place] += _STEP * scale[place]
        aside[1][place] -= _STEP * scale[place]
        slopes = [gradient(fit.problem, fit.draws, vector)[free] for vector in aside]
        information[row] = -(slopes[0] - slopes[1]) / (2.0 * _STEP * scale[place])
    information = 0.5 * (information + information.T)
    covariance = np.full((n, n), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt(np.abs(np.diagonal(information)))
        scaled = information / np.outer(size, size)
    is_known = bool(len(free)) and bool(np.isfinite(scaled).all())
    condition = math.inf
    if is_known:
        eigenvalues = np.linalg.eigvalsh(scaled)
        is_known = bool(eigenvalues[0] > 1e-9)
        condition = float(eigenvalues[-1] / eigenvalues[0]) if is_known else math.inf
    if is_known:
        covariance[np.ix_(free, free)] = np.linalg.inv(scaled) / np.outer(size, size)
    return Uncertainty(covariance=covariance, at_limit=at_limit, is_known=is_known, condition=condition)


def estimate_table(fit: Fit, uncertainty: Uncertainty) -> pd.DataFrame:
    """A row for each number of the fit, in print units.

    Columns ``name, unit, estimate, standard_error, relative_standard_error_percent, lower, upper, normal_scale,
    normal_scale_standard_error, shrinkage_percent, note``. ``lower`` and ``upper`` are the limits of 95 % confidence, taken
    from the scale on which the number is normal; a spread is shown as such (``spread``, standard deviation on that scale)
    and as ``cv_percent`` where the parameter is log-normal.
    """
    deviations = np.sqrt(np.diagonal(uncertainty.covariance))
    shrinkage = shrinkage_percent(fit)
    rows = [
        _row(fit, place, float(deviations[place]), shrinkage, bool(uncertainty.at_limit[place]))
        for place in range(len(fit.vector))
    ]
    return pd.DataFrame(rows + _held_rows(fit.problem.layout))


def shrinkage_percent(fit: Fit) -> dict[str, float]:
    """How much less the patients' most likely parameters spread than the population does, in percent, by parameter."""
    layout = fit.problem.layout
    values = fit.values
    spread = np.sqrt(np.diagonal(values.covariance))
    varying = list(layout.varying)
    away = fit.modes.normal[:, varying] - values.center[:, varying]
    seen = away.std(axis=0, ddof=1) if len(away) > 1 else np.full(len(varying), np.nan)
    return {
        layout.parameters[place].id: 100.0 * (1.0 - float(seen[i]) / float(spread[i]))
        for i, place in enumerate(varying)
    }


def draw_populations(fit: Fit, uncertainty: Uncertainty, *, n_draws: int) -> np.ndarray:
    """Vectors that the data allow, (n_draws, n), by sampling, weighing and resampling.

    Vectors come from a t distribution with the covariance of the estimates and are weighed by their likelihood (and prior),
    so that a spread that few patients leave open to one side is open to that side. Without a covariance, the estimate.

    Source
    ------
    Dosne AG, Bergstrand M, Harling K, Karlsson MO. Improving the estimation of parameter uncertainty distributions in
    nonlinear mixed effects models using sampling importance resampling. J Pharmacokinet Pharmacodyn 2016;43:583-596.
    """
    layout, n = fit.problem.layout, len(fit.vector)
    if not uncertainty.is_known:
        return np.repeat(fit.vector[None], n_draws, axis=0)
    free = np.flatnonzero(~uncertainty.at_limit)
    root = np.linalg.cholesky(uncertainty.covariance[np.ix_(free, free)])
    z = normals(fit.seed, "individuals/population", 0, n_draws, draws=n + 1)
    stretch = np.sqrt(_DEGREES / _chi_squared(uniforms(fit.seed, "individuals/tail", 0, n_draws)[:, 0]))
    scaled = z[:, : len(free)] * stretch[:, None]
    vectors = np.repeat(fit.vector[None], n_draws, axis=0)
    vectors[:, free] = np.clip(fit.vector[free] + scaled @ root.T, layout.lower[free], layout.upper[free])
    log_proposal = -0.5 * (_DEGREES + len(free)) * np.log1p((scaled**2).sum(axis=1) / _DEGREES)
    heights = np.array([log_posterior(fit.problem, fit.draws, vector) for vector in vectors])
    logs = np.where(np.isfinite(heights), heights, -np.inf) - log_proposal
    weights = np.exp(logs - logs.max())
    edges = np.cumsum(weights) / weights.sum()
    even = (np.arange(n_draws) + uniforms(fit.seed, "individuals/resample", 0, 1)[0, 0]) / n_draws
    return vectors[np.minimum(np.searchsorted(edges, even), n_draws - 1)]


def _chi_squared(u: np.ndarray) -> np.ndarray:
    from scipy.special import gammaincinv

    return 2.0 * gammaincinv(0.5 * _DEGREES, u)


def _scales(layout: Layout) -> np.ndarray:
    scale = np.ones(len(layout.names))
    for place, name in enumerate(layout.names):
        entry = _parameter_of(layout, name)
        if entry is not None and name.startswith("typical:") and entry.distribution == "normal":
            scale[place] = max(abs(entry.start), entry.spread, 1e-6)
    return scale


def _parameter_of(layout: Layout, name: str) -> FittedParameter | None:
    of = name.partition(":")[2]
    return next((entry for entry in layout.parameters if entry.id == of), None)


def _row(
    fit: Fit, place: int, deviation: float, shrinkage: Mapping[str, float], at_limit: bool
) -> dict[str, Any]:
    layout, name, value = fit.problem.layout, fit.problem.layout.names[place], float(fit.vector[place])
    units = {
        error.observable: fit.problem.model.observables[error.observable].unit for error in layout.errors
    }
    kind, _, of = name.partition(":")
    entry = _parameter_of(layout, name)

    def natural(x: float) -> float:
        if kind == "typical" and entry is not None:
            return float(from_normal(entry.distribution, np.asarray(x)))
        if kind == "correlation":
            return math.tanh(x)
        return x if kind == "effect" else math.exp(x)

    estimate = natural(value)
    slope = (natural(value + 1e-5) - natural(value - 1e-5)) / 2e-5
    error = abs(slope) * deviation
    note = ""
    if at_limit:
        note = "at its limit"
        if kind == "spread" and value <= math.log(SMALLEST_SPREAD) + _AT_LIMIT:
            note = "not told apart from no spread"
    is_cv = kind == "spread" and entry is not None and entry.distribution == "lognormal"
    return {
        "name": name,
        "unit": _unit(layout, kind, of, entry, units),
        "estimate": estimate,
        "standard_error": error,
        "relative_standard_error_percent": 100.0 * error / abs(estimate) if estimate else math.nan,
        "lower": natural(value - _Z95 * deviation) if math.isfinite(deviation) else math.nan,
        "upper": natural(value + _Z95 * deviation) if math.isfinite(deviation) else math.nan,
        "normal_scale": value,
        "normal_scale_standard_error": deviation,
        "cv_percent": 100.0 * math.sqrt(math.expm1(estimate**2)) if is_cv else math.nan,
        "shrinkage_percent": shrinkage.get(of, math.nan) if kind == "spread" else math.nan,
        "note": note,
    }


def _unit(layout: Layout, kind: str, of: str, entry: FittedParameter | None, units: Mapping[str, str]) -> str:
    if kind == "typical" and entry is not None:
        return entry.unit
    if kind == "additive":
        error = next(error for error in layout.errors if error.label == of)
        return "1" if error.error == "lognormal" else units[error.observable]
    return "1"


def _held_rows(layout: Layout) -> list[dict[str, Any]]:
    held: list[tuple[str, str, float]] = []
    for entry in layout.parameters:
        if entry.holds_typical:
            value = float(from_normal(entry.distribution, np.asarray(entry.start)))
            held.append((f"typical:{entry.id}", entry.unit, value))
        if entry.holds_spread and entry.spread > 0:
            held.append((f"spread:{entry.id}", "1", entry.spread))
    held += [(effect.name, "1", effect.start) for effect in layout.effects if effect.hold]
    for error in layout.errors:
        if error.hold:
            held += [
                (f"{part}:{error.label}", "1", getattr(error, part))
                for part in ("additive", "proportional")
                if getattr(error, part) > 0
            ]
    return [{"name": name, "unit": unit, "estimate": value, "note": "held"} for name, unit, value in held]
