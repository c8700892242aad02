"""Sequential Monte Carlo from the prior to the posterior, by adaptive tempering.

The likelihood is raised to a power that rises from 0 to 1. Each step is chosen so that the weights of the particles still
hold half as many effective particles; these are resampled and then moved (:mod:`vivocart.calibration.moves`). Every random
number has the name of its step, so that a run that was stopped goes on to the same bytes.
Sources of the method: Del Moral, Doucet and Jasra, J R Stat Soc B 68, 411 (2006); for particles that carry their own random
effects, Andrieu and Roberts, Ann Stat 37, 697 (2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from scipy.special import logsumexp

from vivocart.calibration.moves import (
    Reference,
    Setting,
    move_around_patients,
    move_patients,
    move_populations,
    move_scenario,
    reference_of,
)
from vivocart.calibration.particles import Particles, Problem, first_particles
from vivocart.ground.errors import SimulationError
from vivocart.ground.streams import uniforms

SAMPLER = 3
"""Number of the sampler: raised with every change of moves or temperatures, so that unlike runs are never put together."""

_ESS_SHARE = 0.5  # of the particles that a step of the temperature keeps effective
_NEARLY = 0.85  # of the wanted number at a temperature of 1: a last small step would cost a round of moves and gain nothing
_WANTED_ACCEPTANCE = 0.3
_LEAST_STEP, _FIRST_STEP = 0.02, 0.5
_MAXIMUM_STAGES = 60


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SmcSettings:
    """How hard to work.

    Parameters
    ----------
    n_particles, seed
        Particles, and the seed of every random number.
    sweeps, last_sweeps
        Rounds of moves after each step of the temperature, and after the last.
    patient_groups
        A cohort's patients are moved in so many groups, one after the other: fewer are quicker, more move further.
    n_first
        Particles drawn from the prior, as many as ``n_particles`` if fewer. They are simulated once and never moved, so that
        many cost little; and the more there are, the further the first step of the temperature goes, to particles that owe
        nothing to moves.
    """

    n_particles: int = 1000
    seed: int = 1
    sweeps: int = 5
    last_sweeps: int = 10
    patient_groups: int = 5
    n_first: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What happened at one temperature, for the record."""

    temperature: float
    effective: float
    log_evidence_gain: float
    unique: int
    acceptance: tuple[float, float, float]
    steps: tuple[float, float]
    kept_correlation: (
        float  # the largest, of log likelihood and informed unknowns, with what they were before the moves
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SmcState:
    """Where a run stands after a round of moves; it goes on from here to the same end.

    ``started`` (n, 1 + n_informed) are the log likelihoods and the informed unknowns after the stage's resampling, ``tried``
    sums of acceptance and counts by move.
    """

    particles: Particles
    temperature: float = 0.0
    stage: int = 0
    sweep: int = 0
    steps: tuple[float, float] = (_FIRST_STEP, _FIRST_STEP)
    reference: Reference | None = None
    started: np.ndarray = field(default_factory=lambda: np.empty(0))
    tried: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))
    effective: float = 0.0
    log_evidence_gain: float = 0.0
    stages: tuple[Stage, ...] = ()
    zero_at_start: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the posterior is reached."""
        return self.temperature >= 1.0 and self.reference is None


Report = Callable[[SmcState], None]


def begin(problem: Problem, settings: SmcSettings, *, threads: int | None = None) -> SmcState:
    """Particles of the prior.

    Raises
    ------
    SimulationError
        If the likelihood is zero in nearly every particle.
    """
    count = max(settings.n_first, settings.n_particles)
    particles = first_particles(problem, count, settings.seed, threads)
    zero = int((~np.isfinite(particles.log_likelihood)).sum())
    if count - zero < 10:
        raise SimulationError(
            f"the likelihood is zero in {zero} of {count} particles of the prior; "
            "simulate more particles, or look at the observations that no patient can show"
        )
    return SmcState(particles=particles, zero_at_start=zero)


def advance(
    problem: Problem, settings: SmcSettings, state: SmcState, *, threads: int | None = None
) -> SmcState:
    """One step: a new temperature with resampling, or a round of moves."""
    if state.reference is None:
        return _resampled(problem, settings, state)
    last = state.temperature >= 1.0
    moved = _swept(problem, settings, state, threads)
    if moved.sweep < (settings.last_sweeps if last else settings.sweeps):
        return moved
    return replace(
        moved,
        stage=moved.stage + 1,
        sweep=0,
        reference=None,
        started=np.empty(0),
        tried=np.zeros((2, 3)),
        stages=(*moved.stages, _recorded(moved)),
    )


def run(
    problem: Problem,
    settings: SmcSettings,
    *,
    state: SmcState | None = None,
    threads: int | None = None,
    on_step: Report | None = None,
) -> SmcState:
    """Go on to the posterior.

    Parameters
    ----------
    state
        Where to go on; the beginning if left out.
    on_step
        Called after every step with the state reached. Whatever it raises stops the run, and the state it was given last
        is where to go on.
    """
    here = begin(problem, settings, threads=threads) if state is None else state
    while not here.is_done:
        if here.stage >= _MAXIMUM_STAGES:
            raise SimulationError(
                f"the temperature is {here.temperature:.3g} after {_MAXIMUM_STAGES} steps; "
                "the observations contradict each other or the prior: hold some out, or widen their trust"
            )
        here = advance(problem, settings, here, threads=threads)
        if on_step is not None:
            on_step(here)
    return here


def effective_number(log_weights: np.ndarray) -> float:
    """Effective number of particles with these logarithms of weights."""
    return float(np.exp(2.0 * _log_sum(log_weights) - _log_sum(2.0 * log_weights)))


def next_temperature(log_likelihood: np.ndarray, temperature: float, wanted: float) -> float:
    """The highest temperature at which equally weighted particles hold ``wanted`` effective ones; 1 if that is near."""

    def effective(candidate: float) -> float:
        return effective_number(_weights(log_likelihood, candidate - temperature))

    if effective(1.0) >= _NEARLY * wanted:
        return 1.0
    low, high = temperature, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= wanted else (low, middle)
    return max(low, np.nextafter(temperature, 1.0))


def _log_sum(values: np.ndarray) -> float:
    return float(np.asarray(logsumexp(values)))


def _weights(log_likelihood: np.ndarray, gain: float) -> np.ndarray:
    return np.where(np.isfinite(log_likelihood), gain * log_likelihood, -np.inf)


def systematic_places(log_weights: np.ndarray, uniform: float, count: int | None = None) -> np.ndarray:
    """Places of the particles that systematic resampling keeps, ascending: ``count``, or as many as there are weights."""
    kept = len(log_weights) if count is None else count
    weights = np.exp(log_weights - _log_sum(log_weights))
    edges = np.cumsum(weights)
    edges /= edges[-1]
    wanted = (np.arange(kept) + uniform) / kept
    return np.searchsorted(edges, wanted, side="left")


def _resampled(problem: Problem, settings: SmcSettings, state: SmcState) -> SmcState:
    likelihood = state.particles.log_likelihood
    n = len(likelihood)
    alive = min(int(np.isfinite(likelihood).sum()), settings.n_particles)
    temperature = next_temperature(likelihood, state.temperature, _ESS_SHARE * alive)
    weights = _weights(likelihood, temperature - state.temperature)
    u = float(uniforms(settings.seed, f"calibration/{state.stage}/resample", 0, 1)[0, 0])
    particles = state.particles.take(systematic_places(weights, u, settings.n_particles))
    reference = reference_of(particles, problem.inert)
    return replace(
        state,
        particles=particles,
        temperature=temperature,
        sweep=0,
        reference=reference,
        started=_followed(particles, reference),
        effective=effective_number(weights),
        log_evidence_gain=_log_sum(weights) - math.log(n),
    )


def _adapted(step: float, acceptance: float) -> float:
    return float(np.clip(step * math.exp(acceptance - _WANTED_ACCEPTANCE), _LEAST_STEP, 1.0))


def _swept(problem: Problem, settings: SmcSettings, state: SmcState, threads: int | None) -> SmcState:
    """One round: populations, scenarios, populations again, and every patient; populations around their patients between."""
    setting = Setting(problem=problem, seed=settings.seed, temperature=state.temperature, threads=threads)
    name = f"calibration/{state.stage}/{state.sweep}"
    particles, (step, patient_step) = state.particles, state.steps
    tried = state.tried.copy()
    assert state.reference is not None
    for half in range(2):
        moved = move_populations(
            setting, particles, state.reference, step=step, stream=f"{name}/populations/{half}"
        )
        particles, step = moved.particles, _adapted(step, moved.acceptance)
        tried[:, 0] += (moved.acceptance, 1.0)
        if half == 0:
            particles = move_around_patients(setting, particles, stream=f"{name}/around/0").particles
            for place, study in enumerate(problem.studies):
                if study.design.n_scenarios > 1:
                    moved = move_scenario(setting, particles, place, stream=f"{name}/scenario/{place}")
                    particles = moved.particles
                    tried[:, 1] += (moved.acceptance, 1.0)
    for place, study in enumerate(problem.studies):
        groups = np.array_split(
            np.arange(study.design.n_patients), min(settings.patient_groups, study.design.n_patients)
        )
        for which, positions in enumerate(groups):
            moved = move_patients(
                setting,
                particles,
                place,
                positions,
                step=patient_step,
                stream=f"{name}/patients/{place}/{which}",
            )
            particles, patient_step = moved.particles, _adapted(patient_step, moved.acceptance)
            tried[:, 2] += (moved.acceptance, 1.0)
    particles = move_around_patients(setting, particles, stream=f"{name}/around/1").particles
    return replace(state, particles=particles, sweep=state.sweep + 1, steps=(step, patient_step), tried=tried)


def _followed(particles: Particles, reference: Reference) -> np.ndarray:
    """Log likelihood and informed unknowns, side by side: their correlation with what they were tells how well moves mix."""
    z = np.concatenate([particles.typical, particles.spread], axis=1)
    return np.concatenate([particles.log_likelihood[:, None], z[:, reference.informed]], axis=1)


def _recorded(state: SmcState) -> Stage:
    sums, counts = state.tried
    shares = np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan)
    assert state.reference is not None
    now = _followed(state.particles, state.reference)
    centered = [array - array.mean(axis=0) for array in (now, state.started)]
    spread = now.std(axis=0) * state.started.std(axis=0)
    kept = (centered[0] * centered[1]).mean(axis=0) / np.where(spread > 0, spread, np.inf)
    return Stage(
        temperature=state.temperature,
        effective=state.effective,
        log_evidence_gain=state.log_evidence_gain,
        unique=len(np.unique(state.particles.typical, axis=0)) if state.particles.typical.shape[1] else 0,
        acceptance=(float(shares[0]), float(shares[1]), float(shares[2])),
        steps=state.steps,
        kept_correlation=float(kept.max()),
    )
