"""Comparators fitted to their own published data, in patients and a disease that the fit of HN2301 found.

What a comparator's study says of patients and disease is cut off: they are held at the middle of the base fit, so that a
comparator that fits badly cannot bend them (modular inference: Plummer, Stat Comput 25, 37, 2015, in its simplest form). So
every arm of a trial is simulated in the same patients, with what is a product's own from its own fit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from vivocart.calibration.fits import BASE, Family, find_family, own_parameters
from vivocart.calibration.forward import model_forward
from vivocart.calibration.held import HeldPopulation, held_population, with_held
from vivocart.calibration.likelihood import MISREAD, READING_SHARE
from vivocart.calibration.observations import Observation, observations
from vivocart.calibration.particles import Problem, study_problem
from vivocart.calibration.posterior import Posterior, load_posterior
from vivocart.calibration.smc import SmcSettings
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.model.load import Model, load_model
from vivocart.patients.draws import PopulationDraws
from vivocart.patients.numbers import patient_numbers
from vivocart.scenarios.calibrate import (
    FIRST_PARTICLES,
    LAST_SWEEPS,
    FitProgress,
    design_of,
    fit_problem,
)
from vivocart.scenarios.shipped_fits import middle_of
from vivocart.trials.protocol import Study, load_study


def family_rows(family: Family, study: Study) -> tuple[Observation, ...]:
    """Rows of a study on arms that give one of the family's products, and on all arms where every arm does."""
    theirs = {
        arm
        for arm, regimen in study.regimens().items()
        if any(course.product.id in family.products for course in regimen.courses)
    }
    every = theirs == set(study.regimens())
    return tuple(
        row
        for row in observations()
        if row.study_id.lower() == study.id.lower() and (row.arm in theirs or (row.arm == "all" and every))
    )


def family_problem(
    name: str,
    model: Model,
    middle: PopulationDraws,
    *,
    on_message: Callable[[str], None] | None = None,
) -> tuple[Problem, HeldPopulation]:
    """The problem of a family's fit, and what it holds.

    Raises
    ------
    UnknownNameError
        If there is no such family, or ``fits.yaml`` holds out a row that is not theirs.
    """
    family = find_family(name)
    held = held_population(patient_numbers(model), middle, free=own_parameters(family, model))
    parts = []
    for study in (load_study(study_id) for study_id in family.studies):
        design = design_of(study, family_rows(family, study), held_out_ids=family.held_out)
        forward = with_held(model_forward(model, design, on_message=on_message), held)
        parts.append(study_problem(model, design, forward))
    return Problem(studies=tuple(parts)), held


def calibrate_family(
    name: str,
    *,
    base: Posterior | None = None,
    n_particles: int | None = None,
    sweeps: int | None = None,
    seed: int = 1,
    checkpoint: Path | str | None = None,
    resume: bool = False,
    model: Model | None = None,
    threads: int | None = None,
    on_progress: Callable[[FitProgress], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Posterior:
    """Fit a comparator's own parameters to its own published data.

    Parameters
    ----------
    name
        Family of ``fits.yaml``.
    base
        Fit of HN2301 at whose middle patients and disease are held; the shipped one if left out.
    n_particles, sweeps
        As ``fits.yaml`` says if left out.
    seed, checkpoint, resume, model, threads, on_progress, on_message
        As for :func:`vivocart.scenarios.calibrate.calibrate`.

    Returns
    -------
    Posterior
        Of the family's own parameters only.

    Raises
    ------
    UnknownNameError
        If there is no such family.
    InputError
        If the shipped base fit belongs to another version of the model, or as for ``calibrate``.
    """
    used, family = load_model() if model is None else model, find_family(name)
    behind = load_posterior(BASE, model=used) if base is None else base
    problem, held = family_problem(name, used, middle_of(behind, used), on_message=on_message)
    rounds = family.sweeps if sweeps is None else sweeps
    count = family.particles if n_particles is None else n_particles
    settings = SmcSettings(
        n_particles=count,
        seed=seed,
        sweeps=rounds,
        last_sweeps=LAST_SWEEPS * rounds,
        n_first=FIRST_PARTICLES * count,
    )
    asked = dataclasses.asdict(settings) | {
        "family": name.lower(),
        "held_typical": [round(float(number), 9) for number in held.typical_numbers],
        "held_spread": [round(float(number), 9) for number in held.spread_numbers],
    }
    found = fit_problem(
        problem,
        settings,
        asked=asked,
        provenance=_provenance(name.lower(), family, problem, used, behind, settings),
        checkpoint=checkpoint,
        resume=resume,
        threads=threads,
        on_progress=on_progress,
    )
    return found.only(own_parameters(family, used))


def _provenance(
    name: str, family: Family, problem: Problem, model: Model, base: Posterior, settings: SmcSettings
) -> Provenance:
    fitted = [row.observation for study in problem.studies for row in study.fitted]
    return Provenance(
        model_hash=model.hash,
        parameter_set=f"posterior of {family.label}",
        seed=settings.seed,
        asked={
            "command": f"vivocart calibrate {name} --particles {settings.n_particles} --sweeps {settings.sweeps} "
            f"--seed {settings.seed}",
            "family": name,
            "base": base.command,
            "studies": [study.design.id for study in problem.studies],
            "settings": dataclasses.asdict(settings),
            "fitted": [row.id for row in fitted],
            "held_out": {
                row.observation.id: family.held_out[row.observation.id]
                for study in problem.studies
                for row in study.predicted
            },
            "tested_on": dict(family.tested_on),
            "reading_share": dict(READING_SHARE),
            "misread": dict(MISREAD),
        },
        record_ids=tuple(sorted({row.record_id for row in fitted if row.record_id})),
        parameter_ids=own_parameters(family, model),
        versions=current_versions(),
    )
