"""Particles of a fit: populations, each with cohorts of its own, and how likely the published numbers are in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from vivocart.calibration.design import StudyDesign
from vivocart.calibration.forward import Forward, Patients, column_of, condition_of
from vivocart.calibration.likelihood import Reading, log_likelihood, log_mean_over_cohorts, readings_of
from vivocart.calibration.observations import Observation
from vivocart.calibration.statistics import cohort_statistics
from vivocart.ground.errors import InputError
from vivocart.ground.streams import normals
from vivocart.model.load import Model
from vivocart.patients.draws import chosen_scenarios

_MAXIMUM_ATTEMPTS = 400
_PATIENTS_AT_ONCE = 8_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRow:
    """One row as the likelihood reads it: places in a cohort, places of the columns, and its readings."""

    observation: Observation
    positions: np.ndarray
    column: int
    given: int | None
    readings: tuple[Reading, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StudyProblem:
    """One study: its design, its forward map and its rows."""

    design: StudyDesign
    forward: Forward
    fitted: tuple[FittedRow, ...]
    predicted: tuple[FittedRow, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Studies fitted together in one population; ``cohorts_per_particle`` cohorts of each study in every particle."""

    studies: tuple[StudyProblem, ...]
    cohorts_per_particle: int = 1

    @property
    def n_uncertain(self) -> int:
        """Uncertain typical values."""
        return self.studies[0].forward.n_uncertain

    @property
    def n_varying(self) -> int:
        """Parameters that vary between patients."""
        return self.studies[0].forward.n_varying

    @property
    def inert(self) -> np.ndarray:
        """Which of the typical values and spreads, side by side, no study's columns can depend on."""
        typical = np.logical_or.reduce([study.forward.reads_typical for study in self.studies])
        varying = np.logical_or.reduce([study.forward.reads_varying for study in self.studies])
        return ~np.concatenate([typical, varying])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cohorts:
    """Cohorts of one study in every particle.

    ``eta`` (n_particles, n_cohorts, n_patients, n_varying), ``numbers`` (..., n_covariates), ``values`` (..., n_columns).
    """

    eta: np.ndarray
    numbers: np.ndarray
    values: np.ndarray

    def take(self, places: np.ndarray) -> Cohorts:
        """Those of the particles at these places."""
        return Cohorts(eta=self.eta[places], numbers=self.numbers[places], values=self.values[places])

    def where(self, chosen: np.ndarray, other: Cohorts) -> Cohorts:
        """Those of ``other`` for the chosen particles, else these."""
        mask = chosen[:, None, None, None]
        return Cohorts(
            eta=np.where(mask, other.eta, self.eta),
            numbers=np.where(mask, other.numbers, self.numbers),
            values=np.where(mask, other.values, self.values),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Particles:
    """A weighted sample of populations with their cohorts; weights are equal between steps.

    ``typical`` (n, n_uncertain), ``spread`` (n, n_varying), ``scenario`` (n, n_studies): standard normal numbers under the
    prior. ``log_likelihoods`` (n, n_studies).
    """

    typical: np.ndarray
    spread: np.ndarray
    scenario: np.ndarray
    cohorts: tuple[Cohorts, ...]
    log_likelihoods: np.ndarray

    def __len__(self) -> int:
        """Number of particles."""
        return len(self.typical)

    @property
    def log_likelihood(self) -> np.ndarray:
        """Logarithm of the likelihood of all studies, shape (n,)."""
        return self.log_likelihoods.sum(axis=1)

    def take(self, places: np.ndarray) -> Particles:
        """The particles at these places."""
        return Particles(
            typical=self.typical[places],
            spread=self.spread[places],
            scenario=self.scenario[places],
            cohorts=tuple(part.take(places) for part in self.cohorts),
            log_likelihoods=self.log_likelihoods[places],
        )

    def where(self, chosen: np.ndarray, other: Particles) -> Particles:
        """Those of ``other`` where chosen, else these."""
        mask = chosen[:, None]
        return Particles(
            typical=np.where(mask, other.typical, self.typical),
            spread=np.where(mask, other.spread, self.spread),
            scenario=np.where(mask, other.scenario, self.scenario),
            cohorts=tuple(a.where(chosen, b) for a, b in zip(self.cohorts, other.cohorts, strict=True)),
            log_likelihoods=np.where(mask, other.log_likelihoods, self.log_likelihoods),
        )


def study_problem(model: Model | None, design: StudyDesign, forward: Forward) -> StudyProblem:
    """A study with its rows made ready; ``model`` is None where a closed form stands in for it."""

    def ready(row: Observation) -> FittedRow:
        return FittedRow(
            observation=row,
            positions=np.array(design.positions(row), dtype=np.int64),
            column=forward.columns.index(column_of(model, row)),
            given=forward.columns.index(condition_of(row)) if row.given else None,
            readings=readings_of(row, days=design.days),
        )

    return StudyProblem(
        design=design,
        forward=forward,
        fitted=tuple(ready(row) for row in design.fitted),
        predicted=tuple(ready(row) for row in design.predicted),
    )


def statistics_of(row: FittedRow, values: np.ndarray) -> np.ndarray:
    """Each statistic of a row in cohorts (n_cohorts, n_patients, n_columns): shape (n_cohorts, n_readings).

    Missing where somebody whom the row speaks of failed, or where it speaks of nobody.
    """
    chosen = values[:, row.positions, row.column]
    given = None if row.given is None else values[:, row.positions, row.given]
    missing = np.isnan(chosen) if given is None else np.isnan(given) | (np.isnan(chosen) & (given > 0.5))
    whole = ~missing.any(axis=1)
    found = np.full((len(values), len(row.readings)), np.nan)
    if whole.any():
        parts = cohort_statistics(row.observation, chosen[whole], None if given is None else given[whole])
        found[whole] = np.stack([part.values for part in parts], axis=1)
    return found


def study_log_likelihood(study: StudyProblem, values: np.ndarray) -> np.ndarray:
    """Logarithm of the likelihood of a study's rows, shape (n_particles,).

    ``values`` (n_particles, n_cohorts, n_patients, n_columns). Statistics of one cohort go together: their dependence is
    that of its patients, and over cohorts the products are averaged.
    """
    n_particles, n_cohorts = values.shape[:2]
    flat = values.reshape(n_particles * n_cohorts, *values.shape[2:])
    total = np.zeros(len(flat))
    for row in study.fitted:
        statistics = statistics_of(row, flat)
        for place, reading in enumerate(row.readings):
            total = total + log_likelihood(reading, statistics[:, place])
    return log_mean_over_cohorts(total.reshape(n_particles, n_cohorts))


def row_log_likelihoods(study: StudyProblem, values: np.ndarray) -> np.ndarray:
    """Logarithm of each fitted row's likelihood, shape (n_particles, n_rows), averaged over cohorts one by one."""
    n_particles, n_cohorts = values.shape[:2]
    flat = values.reshape(n_particles * n_cohorts, *values.shape[2:])
    found = np.empty((n_particles, len(study.fitted)))
    for place, row in enumerate(study.fitted):
        statistics = statistics_of(row, flat)
        parts = [log_likelihood(reading, statistics[:, k]) for k, reading in enumerate(row.readings)]
        found[:, place] = log_mean_over_cohorts(np.sum(parts, axis=0).reshape(n_particles, n_cohorts))
    return found


def scenario_places(study: StudyProblem, z: np.ndarray) -> np.ndarray:
    """Place of the scenario among the study's for each standard normal number."""
    names = tuple(float(place) for place in range(study.design.n_scenarios))
    return chosen_scenarios(z, names).astype(np.int64)


def measured(
    study: StudyProblem,
    particles: Particles,
    place: int,
    *,
    eta: np.ndarray,
    numbers: np.ndarray,
    positions: np.ndarray,
    threads: int | None,
) -> np.ndarray:
    """Columns of cohorts' patients at these positions, shape (n_particles, n_cohorts, n_positions, n_columns)."""
    shape = eta.shape[:3]
    count = int(np.prod(shape))
    patients = Patients(
        typical=particles.typical,
        spread=particles.spread,
        scenario=scenario_places(study, particles.scenario[:, place]),
        population=np.repeat(np.arange(shape[0]), shape[1] * shape[2]),
        position=np.tile(positions, shape[0] * shape[1]),
        eta=eta.reshape(count, -1),
        numbers=numbers.reshape(count, -1),
    )
    return study.forward.measure(patients, threads).reshape(*shape, -1)


def simulated(
    problem: Problem, particles: Particles, studies: tuple[int, ...], threads: int | None
) -> Particles:
    """The particles with the cohorts of these studies simulated again and their likelihoods."""
    cohorts, likelihoods = list(particles.cohorts), particles.log_likelihoods.copy()
    for place in studies:
        study, part = problem.studies[place], particles.cohorts[place]
        values = measured(
            study,
            particles,
            place,
            eta=part.eta,
            numbers=part.numbers,
            positions=np.arange(part.eta.shape[2]),
            threads=threads,
        )
        cohorts[place] = replace(part, values=values)
        likelihoods[:, place] = study_log_likelihood(study, values)
    return replace(particles, cohorts=tuple(cohorts), log_likelihoods=likelihoods)


def first_particles(problem: Problem, n_particles: int, seed: int, threads: int | None) -> Particles:
    """Particles from the prior, simulated.

    Raises
    ------
    InputError
        If hardly any candidate meets a study's entry criteria.
    """
    particles = Particles(
        typical=normals(seed, "calibration/start/typical", 0, n_particles, draws=max(1, problem.n_uncertain))[
            :, : problem.n_uncertain
        ],
        spread=normals(seed, "calibration/start/spread", 0, n_particles, draws=max(1, problem.n_varying))[
            :, : problem.n_varying
        ],
        scenario=normals(seed, "calibration/start/scenario", 0, n_particles, draws=len(problem.studies)),
        cohorts=fresh_cohorts(problem, n_particles, seed, "calibration/start"),
        log_likelihoods=np.zeros((n_particles, len(problem.studies))),
    )
    patients = sum(study.design.n_patients for study in problem.studies) * problem.cohorts_per_particle
    at_once = max(1, _PATIENTS_AT_ONCE // patients)  # their trajectories would fill the memory
    every = tuple(range(len(problem.studies)))
    return _joined(
        [
            simulated(
                problem, particles.take(np.arange(start, min(start + at_once, n_particles))), every, threads
            )
            for start in range(0, n_particles, at_once)
        ]
    )


def _joined(parts: Sequence[Particles]) -> Particles:
    """Particles one after the other."""
    if len(parts) == 1:
        return parts[0]

    def together(arrays: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate(list(arrays))

    return Particles(
        typical=together(part.typical for part in parts),
        spread=together(part.spread for part in parts),
        scenario=together(part.scenario for part in parts),
        cohorts=tuple(
            Cohorts(
                eta=together(cohort.eta for cohort in studies),
                numbers=together(cohort.numbers for cohort in studies),
                values=together(cohort.values for cohort in studies),
            )
            for studies in zip(*(part.cohorts for part in parts), strict=True)
        ),
        log_likelihoods=together(part.log_likelihoods for part in parts),
    )


def fresh_cohorts(problem: Problem, n_particles: int, seed: int, stream: str) -> tuple[Cohorts, ...]:
    """Cohorts of new patients for each particle, not yet simulated.

    Raises
    ------
    InputError
        If hardly any candidate meets a study's entry criteria.
    """
    shape = (n_particles, problem.cohorts_per_particle)
    cohorts: list[Cohorts] = []
    for study in problem.studies:
        n, forward = study.design.n_patients, study.forward
        name = f"{stream}/{study.design.id}"
        eta = normals(seed, f"{name}/eta", 0, n_particles, draws=max(1, shape[1] * n * forward.n_varying))
        cohorts.append(
            Cohorts(
                eta=eta[:, : shape[1] * n * forward.n_varying].reshape(*shape, n, forward.n_varying),
                numbers=_accepted_numbers(study, (*shape, n), seed, name),
                values=np.empty((*shape, n, len(forward.columns))),
            )
        )
    return tuple(cohorts)


def _accepted_numbers(study: StudyProblem, shape: tuple[int, int, int], seed: int, name: str) -> np.ndarray:
    """Covariate numbers of patients whom the entry criteria take, each candidate drawn anew until one is."""
    forward, count = study.forward, int(np.prod(shape))
    width = max(1, forward.n_covariates)
    numbers = normals(seed, f"{name}/numbers", 0, count, draws=width)[:, : forward.n_covariates]
    waiting = np.flatnonzero(~forward.accepted(numbers))
    for attempt in range(1, _MAXIMUM_ATTEMPTS + 1):
        if len(waiting) == 0:
            return numbers.reshape(*shape, -1)
        drawn = normals(seed, f"{name}/numbers#{attempt}", 0, len(waiting), draws=width)
        drawn = drawn[:, : forward.n_covariates]
        meets = forward.accepted(drawn)
        numbers[waiting[meets]] = drawn[meets]
        waiting = waiting[~meets]
    raise InputError(
        f"{len(waiting)} of {count} patients met no draw in {_MAXIMUM_ATTEMPTS}",
        where=f"entry criteria of {study.design.id}",
        mend="widen them, or change covariates.csv",
    )
