"""Where each patient's parameters most likely lie, all patients at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.calibration.individuals.population import Values
from vivocart.calibration.individuals.problem import Problem
from vivocart.calibration.individuals.residual import deviations, log_densities

_STEP = (
    1e-3  # of a derivative on the normal scale: far above the solver's error, far below a patient's spread
)
_ROUNDS = 30
_CLOSE = 1e-4  # of a standard deviation of the patient's parameters


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Most likely parameters of each patient given the population, and how sharply they are known.

    ``normal`` (n_subjects, n_fitted) holds all fitted parameters on the normal scale; ``covariance`` (n_subjects, n_varying,
    n_varying) is the inverse of the curvature there; ``prediction`` (n_observations,).
    """

    normal: np.ndarray
    covariance: np.ndarray
    prediction: np.ndarray


def find_modes(problem: Problem, values: Values, start: np.ndarray, *, threads: int | None = None) -> Modes:
    """Modes by damped Gauss-Newton steps with derivatives by difference, each patient damped for itself.

    Parameters
    ----------
    values
        The population.
    start
        (n_subjects, n_varying) on the normal scale.
    """
    varying = list(problem.layout.varying)
    n, d = start.shape
    position, damping = start.copy(), np.full(n, 1e-2)
    best = np.full(n, -np.inf)
    gradient, curvature = np.zeros((n, d)), np.repeat(np.eye(d)[None], n, axis=0)
    kept = position.copy()
    inverse = np.linalg.inv(values.covariance) if d else np.zeros((0, 0))
    prediction = np.zeros(len(problem.place))
    moving = np.ones(n, dtype=bool)
    for _ in range(_ROUNDS):
        height, slope, curve, seen = _look(problem, values, position, inverse, threads)
        better = height >= best
        mine = np.repeat(better, np.diff([*problem.measured.starts, len(prediction)]))
        prediction = np.where(mine, seen, prediction)
        best = np.where(better, height, best)
        kept[better], gradient[better], curvature[better] = position[better], slope[better], curve[better]
        damping = np.where(better, np.maximum(damping / 5.0, 1e-6), damping * 8.0)
        scale = np.einsum("nii->ni", curvature)
        lifted = curvature + damping[:, None, None] * np.einsum("ni,ij->nij", scale, np.eye(d))
        step = np.linalg.solve(lifted, gradient[:, :, None])[:, :, 0]
        moving = np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", step, curvature, step), 0.0)) > _CLOSE
        if not moving.any() or d == 0:
            break
        position = np.where(moving[:, None], kept + np.clip(step, -1.5, 1.5), kept)
    normal = values.center.copy()
    normal[:, varying] = kept
    return Modes(normal=normal, covariance=np.linalg.inv(curvature), prediction=prediction)


def _look(
    problem: Problem, values: Values, position: np.ndarray, inverse: np.ndarray, threads: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Height of each patient's posterior, its slope and curvature in the varying parameters, and the predictions."""
    varying, measured = list(problem.layout.varying), problem.measured
    n, d = position.shape
    sets = np.repeat(values.center[None], d + 1, axis=0)
    sets[:, :, varying] = position
    for place, column in enumerate(varying):
        sets[place + 1, :, column] += _STEP
    seen = problem.predictions(sets, threads=threads)
    jacobian = (seen[1:] - seen[0]) / _STEP  # (d, n_observations)
    density, slope, curve = _in_prediction(problem, values, seen[0])
    away = position - values.center[:, varying]
    height = np.add.reduceat(density, measured.starts) - 0.5 * np.einsum("ni,ij,nj->n", away, inverse, away)
    pull = np.add.reduceat(jacobian * slope, measured.starts, axis=1).T - away @ inverse
    products = jacobian[:, None] * jacobian[None] * curve
    bend = np.moveaxis(np.add.reduceat(products, measured.starts, axis=2), 2, 0) + inverse
    bad = ~(np.isfinite(height) & np.isfinite(pull).all(axis=1) & np.isfinite(bend).all(axis=(1, 2)))
    height = np.where(bad, -np.inf, height)
    pull[bad], bend[bad] = 0.0, inverse
    return height, pull.reshape(n, d), bend, seen[0]


def _in_prediction(
    problem: Problem, values: Values, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log density of each measurement, its slope in the prediction, and a curvature that is never negative."""
    measured, logs = problem.measured, problem.logs
    spread = deviations(seen, values.errors, measured, logs)
    width = np.where(logs, spread * np.maximum(np.abs(seen), 1e-12), spread)  # in the unit of the prediction
    step = 1e-3 * width
    low, middle, high = (
        log_densities(seen + shift * step, values.errors, measured, logs) for shift in (-1.0, 0.0, 1.0)
    )
    with np.errstate(invalid="ignore"):
        slope = (high - low) / (2.0 * step)
        measured_curve = -(high - 2.0 * middle + low) / step**2
    proportional = np.where(logs, 0.0, values.errors[measured.error, 1])
    expected = (1.0 + 2.0 * (proportional**2 * seen / spread) ** 2) / width**2
    curve = np.where(measured.censored == 0, expected, np.clip(measured_curve, 0.0, 1.0 / width**2))
    return middle, slope, curve
