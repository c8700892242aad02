"""The problems of the comparison: a model, three infusions, patients, output times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy

from vivocart.equations.system import System, symbol
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import read_sbml
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation

DAYS = 180.0
HOUR = 1.0 / 24.0
INFUSION_DAYS = (0.0, 3.0, 6.0)
N_PATIENTS = 4000
_MODELS = Path(__file__).parent / "models"
_SEED = 20261124


@dataclass(frozen=True)
class Problem:
    """One model and all that is asked of a solver."""

    id: str
    title: str
    sbml: str
    system: System
    observables: Mapping[str, sympy.Expr]
    dosed: str
    amount: float
    patients: np.ndarray  # (n, n_parameters) in the order of system.parameter_ids

    @property
    def doses(self) -> list[tuple[float, float, float]]:
        """Start, duration and amount of each infusion."""
        return [(day, HOUR, self.amount) for day in INFUSION_DAYS]


def output_times() -> np.ndarray:
    """120 times: close together after each infusion, then farther and farther apart; none on an edge of an infusion."""
    after = np.geomspace(0.05, 2.8, 20)
    late = np.geomspace(0.05, DAYS - INFUSION_DAYS[-1], 80)
    return np.concatenate([INFUSION_DAYS[0] + after, INFUSION_DAYS[1] + after, INFUSION_DAYS[2] + late])


def load_problems(names: tuple[str, ...] = ()) -> list[Problem]:
    """The problems asked for, all if none is named."""
    return [make() for name, make in PROBLEMS.items() if not names or name in names]


def _shipped() -> Problem:
    model = load_model()
    patients = VirtualPopulation.sample(model, n_patients=N_PATIENTS, seed=_SEED)
    return Problem(
        id="lupus",
        title="shipped lupus model",
        sbml=model.sbml,
        system=model.system,
        observables={name: model.observable_expression(name) for name in model.observables},
        dosed="lnp_plasma_amount",
        amount=4.0,
        patients=patients.parameter_matrix(model),
    )


def _own(
    name: str, title: str, *, dosed: str, amount: float, cv: float, observed: tuple[str, ...]
) -> Problem:
    """A model of ``models/``: every parameter but exponents and compartments is log-normal."""
    sbml = to_sbml((_MODELS / f"{name}.ant").read_text(encoding="utf-8"))
    system = read_sbml(sbml)
    typical = np.array([parameter.value for parameter in system.parameters])
    vary = np.array([not i.startswith(("h_", "default_", "J_")) for i in system.parameter_ids])
    generator = np.random.default_rng(_SEED)
    spread = np.sqrt(np.log1p(cv**2)) * vary
    return Problem(
        id=name,
        title=title,
        sbml=sbml,
        system=system,
        observables={i: symbol(i) for i in observed},
        dosed=dosed,
        amount=amount,
        patients=typical * np.exp(spread * generator.standard_normal((N_PATIENTS, len(typical)))),
    )


def _kinase_inhibitor() -> Problem:
    observed = (
        "drug_plasma drug_tumour receptor dimer active blocked ras_gtp raf_active mek_pp erk_pp dusp cyclin cells burden "
        "occupancy erk_share"
    )
    return _own(
        "kinase_inhibitor",
        "kinase inhibitor and MAPK cascade",
        dosed="drug_plasma",
        amount=400.0,
        cv=0.3,
        observed=tuple(observed.split()),
    )


def _engager() -> Problem:
    observed = (
        "drug_blood drug_marrow drug_total shed bridge_blood bridge_lymphoid bridge_marrow bridges t_blood active_blood "
        "active_lymphoid active_marrow cells_blood cells_lymphoid cells_marrow targets ifn tnf il6 crp"
    )
    return _own(
        "engager",
        "bispecific T-cell engager",
        dosed="drug_blood",
        amount=3.0,
        cv=0.3,
        observed=tuple(observed.split()),
    )


PROBLEMS = {"lupus": _shipped, "kinase_inhibitor": _kinase_inhibitor, "engager": _engager}
