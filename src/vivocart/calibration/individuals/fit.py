"""The fit: rounds of drawing patients near what is known of them, and of moving the population to where it is likeliest.

A round draws each patient's parameters from a t distribution shaped like its posterior, solves all patients' draws in one
batch, and maximizes the importance-sampled likelihood of the population with these draws, within a box around the present
values and as long as the draws still represent every patient. With the same points in every round the rounds settle on one
place rather than in a cloud around it.

Source
------
Bauer RJ, Guzy S. Monte Carlo parametric expectation maximization (MC-PEM) method for analyzing population PK/PD data, 2004;
Geyer CJ, Thompson EA. Constrained Monte Carlo maximum likelihood for dependent data. J R Stat Soc B 1992;54:657-699 (one set
of draws serves the likelihood of many parameter values).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.calibration.individuals.importance import (
    Draws,
    Weighed,
    draw_patients,
    log_prior,
    measurement_densities,
    moments,
    patient_densities,
    weigh,
)
from vivocart.calibration.individuals.modes import Modes, find_modes
from vivocart.calibration.individuals.population import Values
from vivocart.calibration.individuals.problem import Problem
from vivocart.ground.errors import InputError, SimulationError

_EARLY_DRAWS = 150
_BOX = 0.7  # how far a round may move a number, on its scale
_LEAST_SHARE = 0.04  # of the draws that must still count for every patient after a move
_TRUSTED_SHARE = 0.10  # from which on a patient's posterior is taken from its draws rather than from its mode
_SETTLED = 5e-3
_STEP = 1e-4  # of derivatives of the likelihood in the population's numbers


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The likeliest population and what was drawn around it.

    ``vector`` in the order of ``problem.layout.names``; ``objective`` is minus twice the log-likelihood (``with_prior`` adds
    what was known beforehand), with its Monte Carlo standard error. ``history`` has a row a round: objective, largest
    change, least effective share. ``settled`` says whether the last rounds agreed.
    """

    problem: Problem
    vector: np.ndarray
    objective: float
    objective_error: float
    with_prior: float
    draws: Draws
    weighed: Weighed
    modes: Modes
    history: np.ndarray
    settled: bool
    seed: int

    @property
    def values(self) -> Values:
        """The likeliest population, taken apart."""
        return self.problem.layout.values(self.vector)


def fit_individuals(
    problem: Problem,
    *,
    seed: int = 1,
    n_draws: int = 600,
    max_rounds: int = 40,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Fit:
    """The population that makes the patients' measurements likeliest (with priors: likeliest given both).

    Parameters
    ----------
    problem
        Of :func:`vivocart.calibration.individuals.problem.state_problem`.
    seed
        Of every random number; the same seed gives the same bytes, on any number of threads.
    n_draws
        Parameter sets drawn for each patient in the last rounds.
    max_rounds
        Rounds after which the fit stops without having settled, and says so.
    on_progress, on_message
        Called with (rounds done, rounds at most) and with a sentence a round.

    Raises
    ------
    InputError
        If the measurements cannot have come from the model at the start values; names the first such row.
    """
    vector = problem.layout.start.copy()
    values = problem.layout.values(vector)
    _refuse_impossible(problem, values, threads)
    modes = find_modes(problem, values, values.center[:, list(problem.layout.varying)], threads=threads)
    mean, covariance = _of_modes(problem, modes)
    history: list[tuple[float, float, float]] = []
    calm, has_calmed, settled = 0, False, False
    for turn in range(max_rounds):
        count = n_draws if has_calmed else min(_EARLY_DRAWS, n_draws)
        values = problem.layout.values(vector)
        draws = draw_patients(problem, values, mean, covariance, n_draws=count, seed=seed, threads=threads)
        moved = _climb(problem, draws, vector)
        weighed = weigh_at(problem, draws, moved)
        change = float(np.max(np.abs(moved - vector), initial=0.0))
        # rounds that go back and forth by the noise of few draws are averaged more and more
        gain = 1.0 / max(1, calm - 3)
        vector = vector + gain * (moved - vector)
        objective = -2.0 * float(weighed.log_likelihood.sum())
        share = float(weighed.effective.min() / count)
        history.append((objective, change, share))
        if on_progress is not None:
            on_progress(turn + 1, max_rounds)
        if on_message is not None:
            on_message(_sentence(turn, objective, change, share))
        mean, covariance = _next_proposal(problem, vector, draws, weighed, threads)
        settled = has_calmed and calm >= 2 and gain * change < _SETTLED
        if settled:
            break
        calm = calm + 1 if change < 10 * _SETTLED else 0
        has_calmed = has_calmed or calm > 0
    values = problem.layout.values(vector)
    draws = draw_patients(problem, values, mean, covariance, n_draws=2 * n_draws, seed=seed, threads=threads)
    modes = find_modes(problem, values, mean, threads=threads)
    return _finished(problem, vector, draws, modes, np.array(history), settled=settled, seed=seed)


def weigh_at(problem: Problem, draws: Draws, vector: np.ndarray) -> Weighed:
    """Draws weighed for the population of a vector."""
    values = problem.layout.values(vector)
    return weigh(
        problem,
        measurement_densities(problem, draws, values),
        patient_densities(problem, draws, values),
    )


def log_posterior(problem: Problem, draws: Draws, vector: np.ndarray) -> float:
    """Log-likelihood of a vector with these draws, plus what was known beforehand."""
    return float(weigh_at(problem, draws, vector).log_likelihood.sum()) + log_prior(problem, vector)


def gradient(problem: Problem, draws: Draws, vector: np.ndarray) -> np.ndarray:
    """Derivatives of :func:`log_posterior`."""
    return _height_and_slopes(problem, draws, vector)[1]


def _height_and_slopes(problem: Problem, draws: Draws, vector: np.ndarray) -> tuple[float, np.ndarray]:
    """The log-posterior and its derivatives, by Fisher's identity: the mean slope of the complete data over the draws.

    What the population's numbers do to centers and covariance is taken by difference; so is what they do to the density of
    the measurements, for those few that touch it.
    """
    layout = problem.layout
    values = layout.values(vector)
    varying = list(layout.varying)
    data_part = measurement_densities(problem, draws, values)
    weighed = weigh(problem, data_part, patient_densities(problem, draws, values))
    height = float(weighed.log_likelihood.sum()) + log_prior(problem, vector)
    away = draws.position - values.center[:, varying]
    inverse = np.linalg.inv(values.covariance)
    pull = np.einsum("kn,knd->nd", weighed.weights, away) @ inverse
    scatter = np.einsum("kn,kni,knj->ij", weighed.weights, away, away)
    bend = 0.5 * (inverse @ scatter @ inverse - problem.n_subjects * inverse)
    lengths = np.diff([*problem.measured.starts, data_part.shape[1]])
    shares = np.repeat(weighed.weights, lengths, axis=1)
    shared = {layout.parameters[place].id for place in layout.shared}
    slopes = np.empty(len(vector))
    for place, name in enumerate(layout.names):
        kind, _, of = name.partition(":")
        sides = [vector + sign * _STEP * (np.arange(len(vector)) == place) for sign in (1.0, -1.0)]
        there = [layout.values(side) for side in sides]
        risen = np.sum(pull * (there[0].center - there[1].center)[:, varying])
        risen += np.sum(bend * (there[0].covariance - there[1].covariance))
        risen += log_prior(problem, sides[0]) - log_prior(problem, sides[1])
        if kind in ("additive", "proportional") or of.split("~")[0] in shared:
            seen = [measurement_densities(problem, draws, side) for side in there]
            with np.errstate(invalid="ignore"):
                risen += np.sum(np.where(shares > 0, shares * (seen[0] - seen[1]), 0.0))
        slopes[place] = risen / (2.0 * _STEP)
    return height, slopes


def _climb(problem: Problem, draws: Draws, vector: np.ndarray) -> np.ndarray:
    """The likeliest vector near this one, drawn back until every patient is still represented."""
    from scipy.optimize import minimize

    layout = problem.layout
    reach = np.full(len(vector), _BOX)
    for place, name in enumerate(layout.names):  # a normal parameter's scale is its own spread
        kind, _, of = name.partition(":")
        entry = next((p for p in layout.parameters if kind == "typical" and p.id == of), None)
        if entry is not None and entry.distribution == "normal":
            reach[place] = max(entry.spread, 0.2 * abs(entry.start), 1e-6)
    low, high = np.maximum(vector - reach, layout.lower), np.minimum(vector + reach, layout.upper)

    def fall(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        height, slopes = _height_and_slopes(problem, draws, scaled * reach)
        return -height, -slopes * reach

    found = minimize(
        fall,
        vector / reach,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low / reach, high / reach, strict=True)),
        options={"maxiter": 60, "ftol": 1e-10, "gtol": 1e-5},
    )
    target = np.clip(found.x * reach, low, high)
    share = 1.0
    while share > 0.02:
        moved = vector + share * (target - vector)
        effective = weigh_at(problem, draws, moved).effective
        if float(effective.min()) >= _LEAST_SHARE * len(draws.position):
            return moved
        share *= 0.5
    return vector + share * (target - vector)


def _of_modes(problem: Problem, modes: Modes) -> tuple[np.ndarray, np.ndarray]:
    return modes.normal[:, list(problem.layout.varying)], modes.covariance


def _next_proposal(
    problem: Problem, vector: np.ndarray, draws: Draws, weighed: Weighed, threads: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Where to draw next: each patient's posterior as drawn, or around its mode where too few draws count."""
    mean, covariance = moments(draws, weighed)
    poor = weighed.effective < _TRUSTED_SHARE * len(draws.position)
    if poor.any():
        values = problem.layout.values(vector)
        start = np.where(np.isfinite(mean), mean, values.center[:, list(problem.layout.varying)])
        modes = find_modes(problem, values, start, threads=threads)
        found, spread = _of_modes(problem, modes)
        mean[poor], covariance[poor] = found[poor], spread[poor]
    d = mean.shape[1]
    floor = 1e-6 * np.einsum("ii->i", problem.layout.values(vector).covariance)
    return mean, covariance + floor[None, :, None] * np.eye(d)


def _finished(
    problem: Problem,
    vector: np.ndarray,
    draws: Draws,
    modes: Modes,
    history: np.ndarray,
    *,
    settled: bool,
    seed: int,
) -> Fit:
    weighed = weigh_at(problem, draws, vector)
    likelihood = float(weighed.log_likelihood.sum())
    if not np.isfinite(likelihood):
        raise SimulationError("the fit has no likelihood: the model cannot be solved near the values found")
    n = len(draws.position)
    spread = np.sqrt(np.sum(np.maximum(n / weighed.effective - 1.0, 0.0) / n))
    return Fit(
        problem=problem,
        vector=vector,
        objective=-2.0 * likelihood,
        objective_error=2.0 * float(spread),
        with_prior=-2.0 * (likelihood + log_prior(problem, vector)),
        draws=draws,
        weighed=weighed,
        modes=modes,
        history=history,
        settled=settled,
        seed=seed,
    )


def _sentence(turn: int, objective: float, change: float, share: float) -> str:
    return (
        f"round {turn + 1}: -2 log-likelihood {objective:.2f}, largest change {change:.4f}, "
        f"effective draws of the least sure patient {100 * share:.0f} %"
    )


def _refuse_impossible(problem: Problem, values: Values, threads: int | None) -> None:
    """Say which measurement the model cannot explain, rather than lose the fit to it."""
    seen = problem.predictions(values.center[None], threads=threads)[0]
    row = problem.data.observations.row[
        np.lexsort((problem.data.observations.at, problem.data.observations.run))
    ]
    for place, prediction in enumerate(seen):
        error = problem.layout.errors[problem.measured.error[place]]
        where = f"{problem.data.name}, row {row[place]}, column DV"
        if not np.isfinite(prediction):
            mend = "change the start values of --estimate"
            raise InputError("the model has no value here at the start values", where=where, mend=mend)
        cannot = error.error in ("proportional", "lognormal") and prediction <= 0
        if cannot and problem.measured.censored[place] != 1:
            mend = "choose the combined error, or write 1 in MDV (a value before the first dose)"
            raise InputError(f"the model says 0, which has no {error.error} error", where=where, mend=mend)
