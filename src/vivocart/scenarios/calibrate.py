"""Studies, the model and published rows become a fit: what ``vivocart calibrate`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vivocart.calibration.design import DesignArm, StudyDesign, check_design
from vivocart.calibration.fits import fit_of, parted
from vivocart.calibration.forward import model_forward
from vivocart.calibration.observations import Observation
from vivocart.calibration.particles import Problem, study_problem
from vivocart.model.load import Model
from vivocart.trials.protocol import Study


def design_of(study: Study, rows: Sequence[Observation]) -> StudyDesign:
    """A study as a fit sees it: arms under each thinkable interval, and which rows are fitted."""
    fitted, held_out = parted(study.id, rows)
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
