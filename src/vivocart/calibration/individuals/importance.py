"""The likelihood of a population by importance sampling.

Patients' parameters are drawn and solved once, then weighed anew for every population that is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from scipy.special import gammaincinv, gammaln, ndtri

from vivocart.calibration.individuals.population import Values
from vivocart.calibration.individuals.problem import Problem
from vivocart.calibration.individuals.residual import log_densities
from vivocart.ground.streams import uniforms

_DEGREES = 6.0  # of the t distribution that is drawn from: tails that no patient's posterior exceeds
_WIDER = 1.15  # than the patient's posterior as known so far
_DIFFERENCE = (
    0.02  # of a derivative in a shared parameter: its second difference must stand above the solver's error
)
_LEAST_PRIOR_SD = 1e-8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Drawn parameters of every patient with what the model predicts for them.

    ``position`` (n_draws, n_subjects, n_varying) on the normal scale, drawn with log density ``log_proposal`` (n_draws,
    n_subjects); ``prediction`` (n_draws, n_observations). For parameters that all patients share, ``slope`` and ``bend``
    (n_shared, n_draws, n_observations) are first and second derivatives of the prediction around ``shared`` (n_shared,).
    """

    position: np.ndarray
    log_proposal: np.ndarray
    prediction: np.ndarray
    shared: np.ndarray
    slope: np.ndarray
    bend: np.ndarray


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Draws weighed for one population.

    ``log_likelihood`` (n_subjects,) of each patient's measurements; ``weights`` (n_draws, n_subjects) add up to one a
    patient; ``effective`` (n_subjects,) is how many equally weighted draws they are worth.
    """

    log_likelihood: np.ndarray
    weights: np.ndarray
    effective: np.ndarray


def draw_patients(
    problem: Problem,
    values: Values,
    mean: np.ndarray,
    covariance: np.ndarray,
    *,
    n_draws: int,
    seed: int,
    threads: int | None = None,
) -> Draws:
    """Parameters of every patient from a t distribution around ``mean``, solved.

    The points are a Sobol sequence, shifted for each patient by random numbers of its own, so that they fill the
    distribution evenly and the same seed gives the same points in every round.

    Parameters
    ----------
    mean, covariance
        (n_subjects, n_varying) and (n_subjects, n_varying, n_varying) on the normal scale.
    """
    varying, shared = list(problem.layout.varying), list(problem.layout.shared)
    n, d = mean.shape
    points = np.mod(
        _sobol(n_draws, d + 1)[:, None, :] + uniforms(seed, "individuals/shift", 0, n, draws=d + 1), 1.0
    )
    points = np.clip(points, 1e-12, 1.0 - 1e-12)
    stretch = np.sqrt(0.5 * _DEGREES / gammaincinv(0.5 * _DEGREES, points[:, :, d]))
    z = ndtri(points[:, :, :d]) * stretch[:, :, None]
    root = _WIDER * np.linalg.cholesky(covariance)
    position = mean + np.einsum("nij,knj->kni", root, z)
    log_proposal = _log_t(z) - np.log(np.einsum("nii->ni", root)).sum(axis=1)
    sets = np.repeat(values.center[None], n_draws, axis=0)
    sets[:, :, varying] = position
    prediction = problem.predictions(sets, threads=threads)
    slope = np.empty((len(shared), *prediction.shape))
    bend = np.empty_like(slope)
    for index, place in enumerate(shared):
        moved = []
        for sign in (1.0, -1.0):
            aside = sets.copy()
            aside[:, :, place] += sign * _DIFFERENCE
            moved.append(problem.predictions(aside, threads=threads))
        slope[index] = (moved[0] - moved[1]) / (2.0 * _DIFFERENCE)
        bend[index] = (moved[0] - 2.0 * prediction + moved[1]) / _DIFFERENCE**2
    return Draws(
        position=position,
        log_proposal=log_proposal,
        prediction=prediction,
        shared=values.center[:, shared],
        slope=slope,
        bend=bend,
    )


@cache
def _sobol(n_draws: int, dimensions: int) -> np.ndarray:
    from scipy.stats import qmc

    bits = max(1, int(np.ceil(np.log2(n_draws))))
    return qmc.Sobol(dimensions, scramble=False).random_base2(bits)[:n_draws]


def _log_t(z: np.ndarray) -> np.ndarray:
    """Log density of the standard multivariate t distribution."""
    d = z.shape[-1]
    constant = gammaln(0.5 * (_DEGREES + d)) - gammaln(0.5 * _DEGREES) - 0.5 * d * np.log(_DEGREES * np.pi)
    return constant - 0.5 * (_DEGREES + d) * np.log1p((z * z).sum(axis=-1) / _DEGREES)


def predictions_for(problem: Problem, draws: Draws, values: Values) -> np.ndarray:
    """Predictions of the draws for this population, (n_draws, n_observations).

    Parameters that all patients share move them, to second order.
    """
    shared = list(problem.layout.shared)
    if not shared:
        return draws.prediction
    lengths = np.diff([*problem.measured.starts, draws.prediction.shape[1]])
    away = np.repeat(values.center[:, shared] - draws.shared, lengths, axis=0).T  # (n_shared, n_observations)
    moved = draws.prediction + np.einsum("sn,skn->kn", away, draws.slope)
    return moved + 0.5 * np.einsum("sn,skn->kn", away**2, draws.bend)


def measurement_densities(problem: Problem, draws: Draws, values: Values) -> np.ndarray:
    """Log density of every measurement for every draw, (n_draws, n_observations)."""
    return log_densities(
        predictions_for(problem, draws, values), values.errors, problem.measured, problem.logs
    )


def patient_densities(problem: Problem, draws: Draws, values: Values) -> np.ndarray:
    """Log density of every draw in the population, less that with which it was drawn, (n_draws, n_subjects)."""
    varying = list(problem.layout.varying)
    away = draws.position - values.center[:, varying]
    root = np.linalg.cholesky(values.covariance)
    scaled = away @ np.linalg.inv(root).T
    constant = np.log(np.diagonal(root)).sum() + 0.5 * len(varying) * np.log(2.0 * np.pi)
    return -0.5 * (scaled * scaled).sum(axis=2) - constant - draws.log_proposal


def weigh(problem: Problem, data_part: np.ndarray, patient_part: np.ndarray) -> Weighed:
    """Likelihood and weights from the two parts of the density.

    Parameters
    ----------
    data_part
        (n_draws, n_observations) of :func:`measurement_densities`.
    patient_part
        (n_draws, n_subjects) of :func:`patient_densities`.
    """
    logs = np.add.reduceat(data_part, problem.measured.starts, axis=1) + patient_part
    most = logs.max(axis=0)
    shares = np.exp(logs - np.where(np.isfinite(most), most, 0.0))
    total = shares.sum(axis=0)
    with np.errstate(divide="ignore"):
        likelihood = most + np.log(total) - np.log(len(logs))
    weights = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    squares = (weights * weights).sum(axis=0)
    effective = np.divide(1.0, squares, out=np.zeros_like(squares), where=squares > 0)
    return Weighed(log_likelihood=likelihood, weights=weights, effective=effective)


def moments(draws: Draws, weighed: Weighed) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n_subjects, n_varying) and covariance of each patient's parameters given its measurements."""
    mean = np.einsum("kn,knd->nd", weighed.weights, draws.position)
    away = draws.position - mean
    return mean, np.einsum("kn,kni,knj->nij", weighed.weights, away, away)


def log_prior(problem: Problem, vector: np.ndarray) -> float:
    """Log density of what is known beforehand, less a constant; 0 without priors.

    Typical values are normal around their start. Spreads count as ``prior_patients`` patients who have exactly the spread of
    the start: the scaled inverse chi-squared distribution of the variance.
    """
    layout = problem.layout
    total = 0.0
    found = dict(zip(layout.names, vector.tolist(), strict=True))
    for entry in layout.parameters:
        name = f"typical:{entry.id}"
        if name in found and np.isfinite(entry.prior_sd):
            total -= 0.5 * ((found[name] - entry.start) / max(entry.prior_sd, _LEAST_PRIOR_SD)) ** 2
        name = f"spread:{entry.id}"
        if name in found and problem.prior_patients > 0:
            ratio = np.exp(2.0 * (np.log(entry.spread) - found[name]))
            total -= problem.prior_patients * (found[name] + 0.5 * ratio)
    return total
