"""Moves that leave a tempered posterior as it is: Crank-Nicolson steps of populations, scenarios and patients.

Every unknown is standard normal under the prior. A step ``z' = m + sqrt(1 - b^2) (z - m) + b L x``, ``x`` standard normal,
leaves the normal distribution with mean ``m`` and covariance ``L L'`` as it is, so that only the likelihood and the ratio of
prior to that normal decide on acceptance, whatever the number of unknowns (Cotter, Roberts, Stuart and White, Statistical
Science 28, 424, 2013). For the few parameters that the data inform, ``m`` and ``L`` come from the ensemble before the move;
for all others they are the prior's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from vivocart.calibration.hierarchy import Hierarchy
from vivocart.calibration.particles import (
    Cohorts,
    Particles,
    Problem,
    measured,
    simulated,
    study_log_likelihood,
)
from vivocart.ground.streams import normals, uniforms

_INFORMED_AT = 4.0  # standard errors of the ensemble by which mean or SD must differ from the prior's
_MOST_INFORMED = 40
_ROUNDS_AROUND_PATIENTS = 3  # of typical values and of spreads: they cost no simulation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The normal distribution that a step of populations leaves as it is, for the informed among all z.

    ``informed`` are places among typical values and spreads side by side; ``mean``, ``factor`` (lower Cholesky factor of the
    covariance) and its ``inverse`` are theirs.
    """

    informed: np.ndarray
    mean: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray

    def stepped(self, z: np.ndarray, noise: np.ndarray, step: float) -> np.ndarray:
        """Proposals, shape of ``z`` (n, n_unknowns); ``noise`` is standard normal."""
        kept = math.sqrt(1.0 - step * step)
        proposed = kept * z + step * noise
        if len(self.informed):
            here = z[:, self.informed] - self.mean
            mixed = _times(noise[:, self.informed], self.factor)
            proposed[:, self.informed] = self.mean + kept * here + step * mixed
        return proposed

    def log_prior_ratio(self, z: np.ndarray) -> np.ndarray:
        """Logarithm of prior over reference density up to a constant, shape (n,)."""
        if not len(self.informed):
            return np.zeros(len(z))
        here = z[:, self.informed]
        scaled = _times(here - self.mean, self.inverse)
        return 0.5 * (scaled**2).sum(axis=1) - 0.5 * (here**2).sum(axis=1)


def _times(noise: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """``noise @ factor.T`` in an order of additions that no thread count changes."""
    return np.einsum("nk,jk->nj", noise, factor, optimize=False)


def reference_of(particles: Particles, inert: np.ndarray) -> Reference:
    """The reference for an ensemble: where it differs from the prior, its own mean and covariance.

    ``inert`` marks unknowns that nothing observed depends on, shape (n_unknowns,).
    """
    z = np.concatenate([particles.typical, particles.spread], axis=1)
    n = len(z)
    mean, sd = z.mean(axis=0), z.std(axis=0)
    score = np.maximum(np.abs(mean) * math.sqrt(n), np.abs(sd - 1.0) * math.sqrt(2.0 * n))
    score = np.where(inert, 0.0, score)
    ranked = np.argsort(-score, kind="stable")[:_MOST_INFORMED]
    # resampled particles repeat: a covariance of few distinct ones would be no covariance
    most = max(0, len(np.unique(z, axis=0)) // 10)
    informed = np.sort(ranked[score[ranked] > _INFORMED_AT][:most])
    if not len(informed):
        none = np.empty((0, 0))
        return Reference(informed=informed, mean=np.empty(0), factor=none, inverse=none)
    centered = z[:, informed] - mean[informed]
    covariance = np.einsum("ni,nj->ij", centered, centered, optimize=False) / n
    factor = np.linalg.cholesky(covariance + 1e-6 * np.eye(len(informed)))
    return Reference(
        informed=informed, mean=mean[informed], factor=factor, inverse=np.asarray(np.linalg.inv(factor))
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Particles after a move, and the shares of proposals that were taken, each with the kind of step it speaks of."""

    particles: Particles
    acceptance: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every move needs: the problem, the seed, the exponent of the likelihood, threads."""

    problem: Problem
    seed: int
    temperature: float
    threads: int | None


def _taken(setting: Setting, stream: str, log_ratio: np.ndarray) -> np.ndarray:
    u = uniforms(setting.seed, f"{stream}/accept", 0, len(log_ratio))[:, 0]
    with np.errstate(invalid="ignore"):
        return np.log(u) < np.where(np.isnan(log_ratio), -np.inf, log_ratio)


def _difference(setting: Setting, new: Particles, old: Particles) -> np.ndarray:
    return setting.temperature * (new.log_likelihood - old.log_likelihood)


def move_populations(
    setting: Setting, particles: Particles, reference: Reference, *, step: float, stream: str
) -> Moved:
    """One step of typical values and spreads; the patients keep their own deviations.

    Unknowns that nothing observed depends on are independent of all else: they are drawn anew in every particle.
    """
    problem, n_typical = setting.problem, particles.typical.shape[1]
    z = np.concatenate([particles.typical, particles.spread], axis=1)
    noise = normals(setting.seed, f"{stream}/noise", 0, len(z), draws=z.shape[1])
    proposed = reference.stepped(z, noise, step)
    moved = replace(particles, typical=proposed[:, :n_typical], spread=proposed[:, n_typical:])
    moved = simulated(problem, moved, tuple(range(len(problem.studies))), setting.threads)
    ratio = _difference(setting, moved, particles)
    ratio = ratio + reference.log_prior_ratio(proposed) - reference.log_prior_ratio(z)
    taken = _taken(setting, stream, ratio)
    after = np.where(taken[:, None], proposed, z)
    after[:, problem.inert] = noise[:, problem.inert]
    result = replace(particles.where(taken, moved), typical=after[:, :n_typical], spread=after[:, n_typical:])
    return Moved(particles=result, acceptance=float(taken.mean()))


def move_around_patients(setting: Setting, particles: Particles, *, stream: str) -> Moved:
    """Steps of typical values and spreads in which every patient keeps its parameters, so that nothing is simulated.

    What patients show depends on their parameters only; given these, a parameter's typical value and spread depend on prior
    and patients alone, and each is taken or not for itself. The patients' own numbers become those that give the same
    patients in the new population. Without this move populations follow their patients only as far as patients and
    populations can be moved one without the other (Yu and Meng, J Comput Graph Stat 20, 531, 2011).
    """
    hierarchy = _read_hierarchy(setting.problem)
    if hierarchy is None or not len(hierarchy.center):
        return Moved(particles=particles, acceptance=math.nan)
    n, at, of = len(particles), hierarchy.typical_places, hierarchy.varying_places
    eta = np.concatenate([part.eta[..., of].reshape(n, -1, len(of)) for part in particles.cohorts], axis=1)
    typical, spread = particles.typical[:, at], particles.spread[:, of]
    patients = hierarchy.patients(typical, spread, eta)
    density, taken = hierarchy.log_density(typical, spread, patients), np.zeros((n, len(of)), dtype=bool)
    shares: list[float] = []
    for half in range(2 * _ROUNDS_AROUND_PATIENTS):
        u = uniforms(setting.seed, f"{stream}/{half}/accept", 0, n, draws=2 * len(of))
        step, noise = u[:, len(of) :], normals(setting.seed, f"{stream}/{half}/noise", 0, n, draws=len(of))
        new_typical, new_spread = (
            np.sqrt(1.0 - step**2) * z + step * noise if half % 2 == which else z
            for which, z in enumerate((typical, spread))
        )
        new = hierarchy.log_density(new_typical, new_spread, patients)
        better = np.log(u[:, : len(of)]) < new - density
        typical, spread = np.where(better, new_typical, typical), np.where(better, new_spread, spread)
        density, taken = np.where(better, new, density), taken | better
        shares.append(float(better.mean()))
    numbers = hierarchy.numbers(typical, spread, patients)
    # where digits do not suffice to say the same patient in the new population, it stays in the old one
    taken &= np.isfinite(numbers).all(axis=1)
    numbers = np.where(taken[:, None], numbers, eta)
    after_typical, after_spread = particles.typical.copy(), particles.spread.copy()
    after_typical[:, at] = np.where(taken, typical, particles.typical[:, at])
    after_spread[:, of] = np.where(taken, spread, particles.spread[:, of])
    moved = replace(
        particles,
        typical=after_typical,
        spread=after_spread,
        cohorts=_with_numbers(particles.cohorts, of, numbers),
    )
    return Moved(particles=moved, acceptance=float(np.mean(shares)))


def _read_hierarchy(problem: Problem) -> Hierarchy | None:
    """Parameters that the fit moves and anything observed depends on; the others are drawn anew with every population."""
    hierarchy = problem.studies[0].forward.hierarchy
    if hierarchy is None:
        return None
    read = ~problem.inert
    return hierarchy.only(
        read[hierarchy.typical_places] & read[problem.n_uncertain + hierarchy.varying_places]
    )


def _with_numbers(
    cohorts: tuple[Cohorts, ...], columns: np.ndarray, numbers: np.ndarray
) -> tuple[Cohorts, ...]:
    """Cohorts whose patients have these numbers, (n, patients of all cohorts, n_columns); nothing they show changes."""
    found: list[Cohorts] = []
    start = 0
    for part in cohorts:
        count = part.eta.shape[1] * part.eta.shape[2]
        eta = part.eta.copy()
        eta[..., columns] = numbers[:, start : start + count].reshape(*part.eta.shape[:3], len(columns))
        found.append(replace(part, eta=eta))
        start += count
    return tuple(found)


def move_scenario(setting: Setting, particles: Particles, place: int, *, stream: str) -> Moved:
    """One study's scenario drawn anew from the prior."""
    scenario = particles.scenario.copy()
    scenario[:, place] = normals(setting.seed, f"{stream}/noise", 0, len(particles))[:, 0]
    moved = simulated(setting.problem, replace(particles, scenario=scenario), (place,), setting.threads)
    taken = _taken(setting, stream, _difference(setting, moved, particles))
    return Moved(particles=particles.where(taken, moved), acceptance=float(taken.mean()))


def move_patients(
    setting: Setting, particles: Particles, place: int, positions: np.ndarray, *, step: float, stream: str
) -> Moved:
    """One step of the patients at these places in one study's cohorts: only they are simulated again.

    A proposal that the entry criteria turn away is not taken, since the prior of patients ends there.
    """
    study, part = setting.problem.studies[place], particles.cohorts[place]
    kept = math.sqrt(1.0 - step * step)

    def stepped(old: np.ndarray, name: str) -> np.ndarray:
        count = max(1, int(np.prod(old.shape[1:])))
        noise = normals(setting.seed, f"{stream}/{name}", 0, len(old), draws=count)
        return kept * old + step * noise[:, : int(np.prod(old.shape[1:]))].reshape(old.shape)

    eta = stepped(part.eta[:, :, positions], "eta")
    numbers = stepped(part.numbers[:, :, positions], "numbers")
    flat = numbers.reshape(-1, numbers.shape[-1])
    enters = study.forward.accepted(flat).reshape(numbers.shape[:3]).all(axis=(1, 2))
    values = measured(
        study, particles, place, eta=eta, numbers=numbers, positions=positions, threads=setting.threads
    )
    new = Cohorts(eta=part.eta.copy(), numbers=part.numbers.copy(), values=part.values.copy())
    new.eta[:, :, positions], new.numbers[:, :, positions], new.values[:, :, positions] = eta, numbers, values
    likelihoods = particles.log_likelihoods.copy()
    likelihoods[:, place] = study_log_likelihood(study, new.values)
    cohorts = tuple(new if at == place else old for at, old in enumerate(particles.cohorts))
    moved = replace(particles, cohorts=cohorts, log_likelihoods=likelihoods)
    taken = _taken(setting, stream, _difference(setting, moved, particles)) & enters
    return Moved(particles=particles.where(taken, moved), acceptance=float(taken.mean()))
