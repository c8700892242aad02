"""Simulation-based calibration: does a fit find the populations that made the data, as often as it says.

A population is drawn from the prior, a study of the published size is simulated in it and printed with the reading errors of
the rows; the printed study is fitted, and the population's place among the posterior's particles is noted. Over replicates
these ranks are uniform if likelihood, moves and weights are right. (Talts, Betancourt, Simpson, Vehtari and Gelman, 2018,
arXiv:1804.06788.) The log likelihood is ranked too: it sees faults that single unknowns do not, and it is the first to show
a fit that was stopped too early, since particles that still lag behind have too low a one.

:func:`rank_replicates` asks the whole fit. :func:`rank_among_prior` asks only whether studies are printed as the likelihood
reads them: it needs no moves, so that what it finds is no matter of how long they were let run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
import pandas as pd

from vivocart.calibration.likelihood import log_likelihood, printed_again
from vivocart.calibration.particles import (
    FittedRow,
    Particles,
    Problem,
    StudyProblem,
    first_particles,
    simulated,
    statistics_of,
    study_log_likelihood,
)
from vivocart.calibration.smc import Report, SmcSettings, SmcState, run
from vivocart.ground.errors import SimulationError
from vivocart.ground.streams import normals, uniforms

Quantities = Callable[[Particles], Mapping[str, np.ndarray]]
"""What is ranked: from particles to named numbers, shape (n_particles,)."""

SMALL_FIT = SmcSettings(n_particles=200, sweeps=4, last_sweeps=8, patient_groups=3, n_first=20_000)
"""A fit of a replicate: what is needed to converge, and a large start since replicates share it."""

_MAXIMUM_TRUTHS = 50
_SHARE_A_START = (
    10  # replicates: particles of the prior know no data, so that they are simulated once for all of these
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Ranks of truths among draws of their posteriors.

    ``ranks`` (n_replicates, n_quantities) from 0 to ``n_draws``; ``names`` of the quantities; ``n_draws`` of each posterior;
    ``n_redrawn`` counts truths that could print no study (a failed patient) and were drawn anew. ``climbs`` (n_replicates,)
    tell by how much the particles' mean log likelihood rose in the second half of the last rounds: nothing, but for chance,
    in fits that have converged.
    """

    names: tuple[str, ...]
    ranks: np.ndarray
    n_draws: int
    n_redrawn: int
    climbs: np.ndarray = field(default_factory=lambda: np.empty(0))

    def uniformity(self, *, bins: int = 10) -> pd.DataFrame:
        """How far each quantity's ranks are from uniform.

        Returns
        -------
        pandas.DataFrame
            Columns ``quantity``, ``counts`` (ranks by bin), ``chi_square``, ``p_value``, and ``mean`` and ``spread`` of the
            relative rank (0.5 and 1 for uniform ones: below 1 the posteriors are too wide, above 1 too narrow).
        """
        from scipy.stats import chi2

        shares = (self.ranks + 0.5) / (self.n_draws + 1)
        rows: list[dict[str, object]] = []
        # a rank is one of n_draws + 1 numbers: bins of different numbers of them have different chances
        edges = np.linspace(0.0, 1.0, bins + 1)
        chances = np.histogram((np.arange(self.n_draws + 1) + 0.5) / (self.n_draws + 1), edges)[0] / (
            self.n_draws + 1
        )
        for place, name in enumerate(self.names):
            counts = np.histogram(shares[:, place], edges)[0]
            wanted = chances * len(shares)
            statistic = float(((counts - wanted) ** 2 / wanted).sum())
            rows.append(
                {
                    "quantity": name,
                    "counts": counts.tolist(),
                    "chi_square": statistic,
                    "p_value": float(chi2(bins - 1).sf(statistic)),
                    "mean": float(shares[:, place].mean()),
                    "spread": float(shares[:, place].std() * math.sqrt(12.0)),
                }
            )
        return pd.DataFrame(rows)


def rank_replicates(
    problem: Problem,
    *,
    n_replicates: int,
    seed: int,
    quantities: Quantities,
    settings: SmcSettings | None = None,
    n_draws: int = 15,
    first: int = 0,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Ranks:
    """Simulate studies from the prior, fit each, and rank the truth.

    Parameters
    ----------
    problem
        The studies, with rows whose sizes, statistics and reading errors are taken and whose numbers are not.
    quantities
        What is ranked, beside the log likelihood: :func:`named_quantities` makes it.
    settings
        Of each small fit; :data:`SMALL_FIT` if left out. Its seed is not used.
    n_draws
        Draws among which the truth is ranked, evenly through the particles so that they are nearly independent.
    first
        Number of the first replicate: one run of twenty is two of ten, the second with ``first=10``. Ten with the same tens
        start from the same particles of the prior, if ``settings.n_first`` asks for more than are moved.
    """
    small = settings or SMALL_FIT
    found: list[list[int]] = []
    climbs: list[float] = []
    names: tuple[str, ...] = ()
    redrawn = 0
    start: Particles | None = None
    for replicate in range(first, first + n_replicates):
        own = (
            seed * 1_000_003 + replicate
        )  # seeds of replicates never meet for seeds below a million replicates
        truth, printed, tries = _printed_study(problem, own, threads)
        redrawn += tries
        course: list[float] = []
        if small.n_first > small.n_particles and (start is None or replicate % _SHARE_A_START == 0):
            block = seed * 1_000_003 + replicate // _SHARE_A_START
            start = first_particles(problem, small.n_first, block * 10_007, threads)
        end = run(
            printed,
            replace(small, seed=own),
            state=None if start is None else _started(printed, start),
            threads=threads,
            on_step=_follow(course),
        )
        particles = end.particles
        climbs.append(course[-1] - course[len(course) // 2])
        chosen = np.unique(np.floor(np.linspace(0, len(particles), n_draws, endpoint=False)).astype(np.int64))
        draws = particles.take(chosen)
        true_likelihood = simulated(printed, truth, tuple(range(len(printed.studies))), threads)
        here = dict(quantities(draws)) | {"log likelihood": draws.log_likelihood}
        there = dict(quantities(truth)) | {"log likelihood": true_likelihood.log_likelihood}
        names = tuple(here)
        breaks = uniforms(own, "calibration/ranks/ties", 0, len(names))[:, 0]
        found.append(
            [
                _rank(here[name], float(there[name][0]), float(u))
                for name, u in zip(names, breaks, strict=True)
            ]
        )
        if on_progress is not None:
            on_progress(replicate + 1 - first, n_replicates)
    return Ranks(
        names=names,
        ranks=np.array(found),
        n_draws=min(n_draws, small.n_particles),
        n_redrawn=redrawn,
        climbs=np.array(climbs),
    )


def _started(problem: Problem, particles: Particles) -> SmcState:
    """Particles of the prior that were simulated, before another study's data."""
    likelihoods = [
        study_log_likelihood(study, cohorts.values)
        for study, cohorts in zip(problem.studies, particles.cohorts, strict=True)
    ]
    here = replace(particles, log_likelihoods=np.stack(likelihoods, axis=1))
    return SmcState(particles=here, zero_at_start=int((~np.isfinite(here.log_likelihood)).sum()))


def _follow(course: list[float]) -> Report:
    """Keeps the particles' mean log likelihood at the start of the last rounds and after each of them."""

    def step(state: SmcState) -> None:
        if state.temperature >= 1.0:
            course.append(float(state.particles.log_likelihood.mean()))

    return step


def rank_among_prior(
    problem: Problem,
    *,
    n_truths: int,
    n_prior: int,
    seed: int,
    quantities: Quantities | None = None,
    threads: int | None = None,
) -> Ranks:
    """Rank truths among populations of the prior, each weighted by its likelihood: no sampler takes part.

    Of populations drawn alike, one printed the study; given what it printed, each of them is the one with a chance in
    proportion to its likelihood. So the share of weight below the truth is uniform, however few particles carry the weight,
    if and only if studies are printed with the density that the likelihood evaluates. Rows are looked at one by one, each as
    if it were the only one, and together.

    Parameters
    ----------
    n_truths, n_prior
        Truths, and populations of the prior among which each stands. The truths are the first of them.
    quantities
        What is ranked besides the log likelihood of each row and of all; nothing if left out.

    Returns
    -------
    Ranks
        Out of 999. A truth that could print no study is left out and counted in ``n_redrawn``.
    """
    prior = first_particles(problem, n_prior, seed, threads)
    rows = [(place, row) for place, study in enumerate(problem.studies) for row in study.fitted]
    statistics = [statistics_of(row, prior.cohorts[place].values[:, 0]) for place, row in rows]
    values = dict(quantities(prior)) if quantities else {}
    names = (*values, *(row.observation.id for _, row in rows), "log likelihood")
    ranks: list[list[int]] = []
    for truth in range(n_truths):
        if any(np.isnan(found[truth]).any() for found in statistics):
            continue
        own = seed * 1_000_003 + truth
        single = [
            _row_log_likelihood(_printed_row(row, found[truth], own), found)
            for (_, row), found in zip(rows, statistics, strict=True)
        ]
        together = np.sum(single, axis=0)
        pairs = [(array, together) for array in values.values()]
        pairs += [(array, array) for array in (*single, together)]
        ties = uniforms(own, "calibration/ranks/ties", 0, len(names))[:, 0]
        ranks.append(
            [
                _weighted_rank(*pair, truth=truth, uniform=float(u))
                for pair, u in zip(pairs, ties, strict=True)
            ]
        )
    return Ranks(names=names, ranks=np.array(ranks), n_draws=999, n_redrawn=n_truths - len(ranks))


def _row_log_likelihood(row: FittedRow, statistics: np.ndarray) -> np.ndarray:
    parts = [log_likelihood(reading, statistics[:, k]) for k, reading in enumerate(row.readings)]
    return np.sum(parts, axis=0)


def _weighted_rank(values: np.ndarray, log_weights: np.ndarray, *, truth: int, uniform: float) -> int:
    """The share of weight below the truth, and a random part of that at it, in thousandths."""
    weights = np.exp(log_weights - log_weights.max())
    below, same = weights[values < values[truth]].sum(), weights[values == values[truth]].sum()
    return min(int(1000.0 * (below + uniform * same) / weights.sum()), 999)


def named_quantities(
    problem: Problem, names: Sequence[str], *, typical: Sequence[str], varying: Sequence[str]
) -> Quantities:
    """Typical values (and ``spread of <parameter>``) by name, and every study's scenario unknown.

    Parameters
    ----------
    names
        What to rank; spreads as ``spread of <parameter>``.
    typical, varying
        Names of the unknowns in the order of the particles.
    """
    from vivocart.calibration.particles import scenario_places

    def numbers(particles: Particles) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for name in names:
            plain = name.removeprefix("spread of ")
            part, known = (particles.typical, typical) if plain == name else (particles.spread, varying)
            found[name] = part[:, list(known).index(plain)]
        for place, study in enumerate(problem.studies):
            if study.design.n_scenarios > 1:
                places = scenario_places(study, particles.scenario[:, place])
                found[f"interval of {study.design.id}"] = places.astype(np.float64)
        return found

    return numbers


def _rank(draws: np.ndarray, truth: float, uniform: float) -> int:
    """How many draws lie below the truth; of those equal to it a random part."""
    below, same = int((draws < truth).sum()), int((draws == truth).sum())
    return below + int(uniform * (same + 1))


def _printed_study(problem: Problem, seed: int, threads: int | None) -> tuple[Particles, Problem, int]:
    """A population with its cohorts, the problem with what they print, and how many were drawn anew before."""
    for attempt in range(_MAXIMUM_TRUTHS):
        truth = first_particles(problem, 1, seed * 101 + attempt + 1, threads)
        studies = [
            _printed(study, truth.cohorts[place].values[0, 0], seed)
            for place, study in enumerate(problem.studies)
        ]
        whole = [study for study in studies if study is not None]
        if len(whole) == len(studies):
            return truth, replace(problem, studies=tuple(whole)), attempt
    raise SimulationError(f"{_MAXIMUM_TRUTHS} populations of the prior in a row could print no study")


def _printed(study: StudyProblem, values: np.ndarray, seed: int) -> StudyProblem | None:
    rows: list[FittedRow] = []
    for row in study.fitted:
        statistics = statistics_of(row, values[None])[0]
        if np.isnan(statistics).any():
            return None
        rows.append(_printed_row(row, statistics, seed))
    return replace(study, fitted=tuple(rows))


def _printed_row(row: FittedRow, statistics: np.ndarray, seed: int) -> FittedRow:
    stream = f"calibration/ranks/{row.observation.id}"
    normal = normals(seed, f"{stream}/error", 0, len(statistics))[:, 0]
    uniform = uniforms(seed, f"{stream}/misread", 0, len(statistics))[:, 0]
    readings = tuple(
        printed_again(reading, float(statistic), float(error), float(misread))
        for reading, statistic, error, misread in zip(row.readings, statistics, normal, uniform, strict=True)
    )
    return replace(row, readings=readings)
