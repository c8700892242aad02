"""Studies, the model and published rows become a fit: what ``vivocart calibrate`` does."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from vivocart.calibration.checkpoint import read_checkpoint, write_checkpoint
from vivocart.calibration.design import DesignArm, StudyDesign, check_design
from vivocart.calibration.fit import fingerprint_of, posterior_of
from vivocart.calibration.fits import fit_of, parted
from vivocart.calibration.forward import model_forward
from vivocart.calibration.likelihood import MISREAD, READING_SHARE
from vivocart.calibration.observations import Observation, observations
from vivocart.calibration.particles import Problem, study_problem
from vivocart.calibration.posterior import Posterior
from vivocart.calibration.ranks import SMALL_FIT, Ranks, named_quantities, rank_replicates
from vivocart.calibration.smc import SmcSettings, SmcState, begin, run
from vivocart.ground.errors import InputError
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.model.load import Model, load_model
from vivocart.patients.draws import uncertain_parameters
from vivocart.patients.numbers import patient_numbers
from vivocart.scenarios.readings import with_visits
from vivocart.trials.protocol import Study, load_study

RANKED = (
    "car_loss",
    "transfection_half_concentration",
    "transfection_max",
    "car_kill_tissue",
    "car_kill_blood",
    "b_exit_lymphoid",
    "il6_per_activation",
    "tissue_inflammation_rate",
    "spread of car_loss",
)
"""Unknowns that simulation-based calibration ranks: what a study like HN2301 informs, and some that it hardly does."""

DEFAULT_SWEEPS = 6
LAST_SWEEPS = (
    5  # times as many rounds after the last step: the particles that are kept should forget their ancestors
)
FIRST_PARTICLES = (
    8  # times as many of the prior as are moved: two rounds' work that saves whole steps of the temperature
)
_PATIENTS_AT_ONCE = 6_000  # patients in all particles together: about a second on two cores
_LEAST_PARTICLES, _MOST_PARTICLES = 200, 1_200


def design_of(
    study: Study, rows: Sequence[Observation], *, held_out_ids: Mapping[str, str] | None = None
) -> StudyDesign:
    """A study as a fit sees it: arms under each thinkable interval, and which rows are fitted.

    ``held_out_ids`` are held out in place of what ``fits.yaml`` says of the study.
    """
    fitted, held_out = (with_visits(part, study) for part in parted(study.id, rows, held_out_ids))
    intervals = study.interval_scenarios_days
    by_scenario = [study.regimens(days) for days in intervals] if intervals else [study.regimens()]
    used = {row.arm for row in (*fitted, *held_out)}
    design = StudyDesign(
        id=study.id,
        arms=tuple(
            DesignArm(
                id=arm.id,
                n_patients=arm.n_patients,
                regimens=tuple(regimens[arm.id] for regimens in by_scenario),
            )
            for arm in study.arms
            if "all" in used or arm.id in used
        ),
        intervals_days=tuple(float(days) for days in intervals),
        criteria=study.entry,
        rescue=study.rescues,
        taper=study.taper.as_taper() if study.taper else None,
        days=float(fit_of(study.id).days or study.follow_up_days),
        fitted=fitted,
        predicted=held_out,
    )
    check_design(design)
    return design


def problem_of(
    model: Model,
    studies: Sequence[Study],
    rows: Sequence[Observation],
    *,
    cohorts_per_particle: int = 1,
    on_message: Callable[[str], None] | None = None,
) -> Problem:
    """Studies as one problem of a fit, ready to be simulated."""
    parts = [
        study_problem(model, design, model_forward(model, design, on_message=on_message))
        for design in (design_of(study, rows) for study in studies)
    ]
    return Problem(studies=tuple(parts), cohorts_per_particle=cohorts_per_particle)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FitProgress:
    """How far a fit is. ``acceptance`` is that of the stage so far: populations, scenario, patients; missing where none."""

    temperature: float
    stage: int
    sweep: int
    effective: float
    n_particles: int
    acceptance: tuple[float, float, float]
    seconds_left: float | None

    def __str__(self) -> str:
        """One line."""
        shown = " / ".join("–" if math.isnan(share) else f"{share:.2f}" for share in self.acceptance)
        left = "" if self.seconds_left is None else f", about {_duration(self.seconds_left)} left"
        return (
            f"temperature {self.temperature:.3f}, effective {self.effective:.0f} of {self.n_particles}, "
            f"acceptance {shown} (populations / scenario / patients), round {self.sweep}{left}"
        )


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def calibrate(
    studies: str | Study | Sequence[str | Study] = "hn2301",
    *,
    n_particles: int | None = None,
    seed: int = 1,
    cohorts_per_particle: int = 1,
    sweeps: int = DEFAULT_SWEEPS,
    extra_observations: Path | str | None = None,
    checkpoint: Path | str | None = None,
    resume: bool = False,
    model: Model | None = None,
    threads: int | None = None,
    on_progress: Callable[[FitProgress], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Posterior:
    """Fit the population to published summaries of one study, or of several together.

    Parameters
    ----------
    studies
        Ids of shipped studies, paths of study files, or studies.
    n_particles
        Particles; as many as the patients of a cohort allow in some minutes if left out.
    seed
        Seed of every random number: the same seed gives the same posterior, whatever the threads.
    cohorts_per_particle
        Cohorts of each study in a particle; more make its likelihood less noisy and the fit as many times longer.
    sweeps
        Rounds of moves after each step of the temperature; five times as many after the last.
    extra_observations
        CSV of your own observations, fitted with the shipped ones of the studies named.
    checkpoint
        File in which the run keeps where it stands, and from which ``resume`` goes on to the same result.
    model
        Another model than the shipped one, such as one under another mechanism.
    on_progress, on_message
        Called after every round, and with a sentence before a compilation that takes seconds.

    Returns
    -------
    Posterior
        Draws of the population with what they predict; ``.draws`` for ``VirtualPopulation.sample``.

    Raises
    ------
    InputError
        If a number is out of range, no row of a study is fitted, or the checkpoint belongs to another fit.
    UnknownNameError
        If there is no such study.
    """
    _check_numbers(n_particles, cohorts_per_particle, sweeps)
    several = [studies] if isinstance(studies, str | Study) else list(studies)
    known = [study if isinstance(study, Study) else load_study(study) for study in several]
    used = load_model() if model is None else model
    rows = observations(extra=extra_observations)
    problem = problem_of(used, known, rows, cohorts_per_particle=cohorts_per_particle, on_message=on_message)
    width = sum(part.design.n_patients for part in problem.studies) * cohorts_per_particle
    count = _default_particles(width) if n_particles is None else n_particles
    settings = SmcSettings(
        n_particles=count,
        seed=seed,
        sweeps=sweeps,
        last_sweeps=LAST_SWEEPS * sweeps,
        n_first=FIRST_PARTICLES * count,
    )
    asked = dataclasses.asdict(settings) | {"cohorts_per_particle": cohorts_per_particle}
    return fit_problem(
        problem,
        settings,
        asked=asked,
        provenance=_provenance(used, known, problem, asked, seed, extra_observations),
        checkpoint=checkpoint,
        resume=resume,
        threads=threads,
        on_progress=on_progress,
    )


def fit_problem(
    problem: Problem,
    settings: SmcSettings,
    *,
    asked: Mapping[str, Any],
    provenance: Provenance,
    checkpoint: Path | str | None = None,
    resume: bool = False,
    threads: int | None = None,
    on_progress: Callable[[FitProgress], None] | None = None,
) -> Posterior:
    """The posterior of a problem, with progress and a checkpoint.

    Parameters
    ----------
    asked
        Everything besides model and studies that decides the result: a checkpoint belongs to it.

    Raises
    ------
    InputError
        If ``resume`` is given without a checkpoint, or the checkpoint belongs to another fit.
    """
    designs = [part.design for part in problem.studies]
    keeper = _Keeper(
        path=None if checkpoint is None else Path(checkpoint),
        fingerprint=fingerprint_of(designs, provenance.model_hash, dict(asked)),
        last_sweeps=settings.last_sweeps,
        report=on_progress,
    )
    if resume and keeper.path is None:
        raise InputError("there is no checkpoint", where="resume", mend="name the checkpoint's file")
    start = read_checkpoint(keeper.path, keeper.fingerprint) if resume and keeper.path else None
    if start is None:
        start = begin(problem, settings, threads=threads)
    end = keeper.kept(lambda: run(problem, settings, state=start, threads=threads, on_step=keeper.step))
    return posterior_of(problem, end, seed=settings.seed, provenance=provenance, threads=threads)


def _check_numbers(n_particles: int | None, cohorts_per_particle: int, sweeps: int) -> None:
    least = (
        ("n_particles", n_particles, 20),
        ("cohorts_per_particle", cohorts_per_particle, 1),
        ("sweeps", sweeps, 1),
    )
    for name, value, smallest in least:
        if value is not None and value < smallest:
            raise InputError(f"{value}", where=name, mend=f"give a whole number, {smallest} or more")


def _default_particles(width: int) -> int:
    """Particles whose patients take some minutes on two cores."""
    return int(np.clip(_PATIENTS_AT_ONCE // max(width, 1), _LEAST_PARTICLES, _MOST_PARTICLES))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Keeper:
    """Keeps the last state on disk, at the end of every stage and when the run is stopped, and tells of it."""

    path: Path | None
    fingerprint: str
    last_sweeps: int
    report: Callable[[FitProgress], None] | None
    last: list[SmcState] = field(default_factory=list[SmcState])  # the one state reached last
    seconds: list[float] = field(default_factory=list[float])  # of each round
    ticks: list[float] = field(default_factory=lambda: [time.monotonic()])

    def step(self, state: SmcState) -> None:
        self.last[:] = [state]
        self.ticks.append(time.monotonic())
        if state.sweep or state.reference is None:  # a round of moves; resampling takes no time
            self.seconds.append(self.ticks[-1] - self.ticks[-2])
        if self.report is not None:
            self.report(_progress_of(state, self._left(state)))
        if state.reference is None:
            self.write()

    def write(self) -> None:
        if self.path is not None and self.last:
            write_checkpoint(self.path, self.last[0], self.fingerprint)

    def kept(self, work: Callable[[], SmcState]) -> SmcState:
        """The result of the work; if it is stopped, where it stood is on disk."""
        try:
            end = work()
        except BaseException:
            self.write()
            raise
        self.last[:] = [end]
        self.write()
        return end

    def _left(self, state: SmcState) -> float | None:
        """Seconds to the end, from the rounds still to come: the temperature goes on rising as it last did."""
        if not self.seconds:
            return None
        each = float(np.mean(self.seconds[-10:]))
        if state.temperature >= 1.0:
            rounds = 0 if state.is_done else self.last_sweeps - state.sweep
        else:
            temperatures = [stage.temperature for stage in state.stages] + [state.temperature]
            ratio = 2.5 if len(temperatures) < 3 else max(1.1, temperatures[-1] / temperatures[-2])
            stages = math.ceil(math.log(1.0 / max(state.temperature, 1e-3)) / math.log(ratio)) - 1
            rounds = self.last_sweeps // LAST_SWEEPS * (1 + max(stages, 0)) - state.sweep + self.last_sweeps
        return each * rounds


def _progress_of(state: SmcState, left: float | None) -> FitProgress:
    if state.reference is None and state.stages:
        acceptance = state.stages[-1].acceptance
    else:
        sums, counts = state.tried
        shares = np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan)
        acceptance = (float(shares[0]), float(shares[1]), float(shares[2]))
    return FitProgress(
        temperature=state.temperature,
        stage=state.stage,
        sweep=state.sweep,
        effective=state.effective,
        n_particles=len(state.particles),
        acceptance=acceptance,
        seconds_left=left,
    )


def _provenance(
    model: Model,
    studies: Sequence[Study],
    problem: Problem,
    asked: Mapping[str, Any],
    seed: int,
    extra: Path | str | None,
) -> Provenance:
    fitted = [row.observation for study in problem.studies for row in study.fitted]
    held_out = {
        row.observation.id: fit_of(study.design.id).held_out.get(row.observation.id, "")
        for study in problem.studies
        for row in study.predicted
    }
    names = " ".join(study.id.lower() for study in studies)
    own = "" if extra is None else f" --observations {Path(extra).name}"
    particles = f" --particles {asked['n_particles']} --sweeps {asked['sweeps']}"
    cohorts = asked["cohorts_per_particle"]
    more = f" --cohorts {cohorts}" if cohorts != 1 else ""
    return Provenance(
        model_hash=model.hash,
        parameter_set=f"posterior of {', '.join(study.id for study in studies)}",
        seed=seed,
        asked={
            "command": f"vivocart calibrate {names}{own}{particles}{more} --seed {seed}",
            "studies": [study.id for study in studies],
            "settings": dict(asked),
            "fitted": [row.id for row in fitted],
            "held_out": held_out,
            "reading_share": dict(READING_SHARE),
            "misread": dict(MISREAD),
        },
        record_ids=tuple(sorted({row.record_id for row in fitted if row.record_id})),
        parameter_ids=uncertain_parameters(model),
        versions=current_versions(),
    )


def rank_study(
    study: str | Study = "hn2301",
    *,
    n_replicates: int = 100,
    seed: int = 1,
    names: Sequence[str] = RANKED,
    settings: SmcSettings = SMALL_FIT,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Ranks:
    """Simulation-based calibration of a study's fit: simulated studies of its size, each fitted, the truth ranked.

    Parameters
    ----------
    names
        Typical values that are ranked, and spreads as ``spread of <parameter>``; besides them the interval where it is
        unknown, and the log likelihood.

    Returns
    -------
    Ranks
        ``.uniformity()`` gives counts and p values.
    """
    known = study if isinstance(study, Study) else load_study(study)
    problem = problem_of(load_model(), [known], observations(), on_message=on_message)
    who = patient_numbers(load_model())
    return rank_replicates(
        problem,
        n_replicates=n_replicates,
        seed=seed,
        quantities=named_quantities(problem, names, typical=who.uncertain, varying=who.varying),
        settings=settings,
        threads=threads,
        on_progress=on_progress,
    )
