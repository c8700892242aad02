"""In vivo CAR-T, in silico: from LNP dose to lupus remission, in virtual patients. For research, not for treating anyone.

Names load on first use, so that ``import vivocart`` costs nothing that is not asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivocart.calibration.observations import observations
    from vivocart.calibration.posterior import load_posterior
    from vivocart.decisions.compare import compare
    from vivocart.endpoints.table import endpoints, summarize
    from vivocart.evidence.citations import cite
    from vivocart.ground.errors import VivocartError
    from vivocart.model.load import load_model
    from vivocart.patients.population import VirtualPopulation
    from vivocart.report.write import write_trial
    from vivocart.scenarios.calibrate import calibrate
    from vivocart.scenarios.trial import run_trial
    from vivocart.simulation.rescue import Rescue
    from vivocart.simulation.run import simulate
    from vivocart.therapies.product import load_products
    from vivocart.therapies.regimen import Regimen
    from vivocart.trials.protocol import load_study

_HOMES = {
    "Regimen": "therapies.regimen",
    "Rescue": "simulation.rescue",
    "VirtualPopulation": "patients.population",
    "VivocartError": "ground.errors",
    "calibrate": "scenarios.calibrate",
    "cite": "evidence.citations",
    "compare": "decisions.compare",
    "load_model": "model.load",
    "load_posterior": "calibration.posterior",
    "load_products": "therapies.product",
    "load_study": "trials.protocol",
    "observations": "calibration.observations",
    "run_trial": "scenarios.trial",
    "simulate": "simulation.run",
    "summarize": "endpoints.table",
    "write_trial": "report.write",
}

__all__ = [
    "Regimen",
    "Rescue",
    "VirtualPopulation",
    "VivocartError",
    "calibrate",
    "cite",
    "compare",
    "endpoints",
    "load_model",
    "load_posterior",
    "load_products",
    "load_study",
    "observations",
    "run_trial",
    "simulate",
    "summarize",
    "write_trial",
]


def __getattr__(name: str) -> Any:
    """A public name, from the room where it lives."""
    if name == "__version__":
        from importlib.metadata import version

        return version("vivocart")
    if name == "endpoints":  # the room itself, which may be called
        return importlib.import_module("vivocart.endpoints")
    if name not in _HOMES:
        raise AttributeError(f"vivocart has no '{name}'; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"vivocart.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Public names."""
    return sorted([*__all__, "__version__"])
