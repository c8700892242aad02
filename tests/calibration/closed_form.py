"""A study whose patients are written down: y = exp(1 + z0 + shift + 0.5 exp(0.3 s) eta), flag = z1 + eta > 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vivocart.calibration.design import DesignArm, StudyDesign
from vivocart.calibration.forward import Patients
from vivocart.calibration.hierarchy import Hierarchy
from vivocart.calibration.observations import Observation
from vivocart.calibration.particles import Problem, study_problem
from vivocart.therapies.regimen import Regimen

SHIFTS = (0.0, 0.4, 0.8)


@dataclass(frozen=True)
class ClosedForm:
    """Two uncertain typical values and one never read, one varying parameter, one covariate that must be > -1."""

    scenarios: int = 1
    within: float = 0.5
    columns: tuple[str, ...] = ("y", "flag")
    n_uncertain: int = 3
    n_varying: int = 1
    n_covariates: int = 1
    reads_typical: np.ndarray = field(default_factory=lambda: np.array([True, True, False]))
    reads_varying: np.ndarray = field(default_factory=lambda: np.array([True]))
    hierarchy: None = (
        None  # z0 moves a number and z1 a flag of the same eta: neither can be kept while the other moves
    )

    def accepted(self, numbers: np.ndarray) -> np.ndarray:
        return numbers[:, 0] > -1.0

    def measure(self, patients: Patients, threads: int | None) -> np.ndarray:
        z = patients.typical[patients.population]
        shift = np.asarray(SHIFTS)[patients.scenario[patients.population]]
        sd = self.within * np.exp(0.3 * patients.spread[patients.population, 0])
        y = np.exp(1.0 + z[:, 0] + shift + sd * patients.eta[:, 0])
        return np.stack([y, (z[:, 1] + patients.eta[:, 0] > 0).astype(float)], axis=1)


def row(statistic: str, n: int, **fields: object) -> Observation:
    given = {
        "id": f"{statistic}_{fields.get('measure', 'y')}",
        "study_id": "S",
        "arm": "a",
        "n": n,
        "measure": "y",
        "label": "L",
        "unit": "d",
        "statistic": statistic,
        "trust": "secondary",
        "value": 5.0,
    }
    return Observation.model_validate(given | fields)


def problem(
    rows: Sequence[Observation], *, n: int = 5, scenarios: int = 1, cohorts: int = 1, within: float = 0.5
) -> Problem:
    regimens = tuple(
        Regimen("HN2301", dose_mg=4, infusions=3, interval_days=1.0 + k) for k in range(scenarios)
    )
    design = StudyDesign(
        id="S",
        arms=(DesignArm(id="a", n_patients=n, regimens=regimens),),
        intervals_days=tuple(1.0 + k for k in range(scenarios)) if scenarios > 1 else (),
        criteria=None,
        rescue=(),
        taper=None,
        days=1e6,
        fitted=tuple(rows),
    )
    forward = ClosedForm(scenarios=scenarios, within=within)
    return Problem(studies=(study_problem(None, design, forward),), cohorts_per_particle=cohorts)


HIERARCHY = Hierarchy(
    typical_places=np.array([0]),
    varying_places=np.array([0]),
    center=np.array([1.0]),
    uncertainty=np.array([1.0]),
    spread=np.array([0.5]),
    low=np.array([-np.inf]),
    high=np.array([2.5]),
)


@dataclass(frozen=True)
class ByPatients(ClosedForm):
    """The same through patients' parameters, cut at 2.5: y = exp(parameter), flag = y > 4; z1 moves nothing."""

    hierarchy: Hierarchy = HIERARCHY  # type: ignore[assignment]
    reads_typical: np.ndarray = field(default_factory=lambda: np.array([True, False, False]))

    def measure(self, patients: Patients, threads: int | None) -> np.ndarray:
        who = patients.population
        parameter = self.hierarchy.patients(
            patients.typical[who, :1], patients.spread[who], patients.eta[:, None, :]
        )
        y = np.exp(parameter[:, 0, 0])
        return np.stack([y, (y > 4.0).astype(float)], axis=1)


def by_patients(rows: Sequence[Observation], *, n: int = 5) -> Problem:
    """The problem of :class:`ByPatients`."""
    posed = problem(rows, n=n)
    study = posed.studies[0]
    return replace(posed, studies=(replace(study, forward=ByPatients()),))
