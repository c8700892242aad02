"""The right-hand side of the shipped model as a plain function, so that its properties can be tested without a solver."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import sympy

from vivocart.equations.system import TIME, symbol
from vivocart.model.load import Model, load_model
from vivocart.patients.population import VirtualPopulation


class Rates:
    """Start and rates of the shipped model for one set of parameters."""

    def __init__(self, model: Model) -> None:
        system = model.system
        self.ids = system.state_ids
        self.parameter_ids = system.parameter_ids
        self._constant_ids = system.constant_ids
        parameters = [symbol(name) for name in system.parameter_ids]
        written: dict[sympy.Symbol, sympy.Basic] = {}
        for entry in system.start:
            written[symbol(entry.id)] = system.expand(entry.expression).xreplace(written)
        start = [written[symbol(name)] for name in (*system.state_ids, *system.constant_ids)]
        self._start = sympy.lambdify([parameters], start, modules="math", cse=True)
        known = [TIME, *map(symbol, (*system.state_ids, *system.constant_ids)), *parameters]
        rates = [system.expand(state.rate) for state in system.states]
        self._rates = sympy.lambdify(known, rates, modules="math", cse=True)

    def start(self, values: Mapping[str, float]) -> tuple[np.ndarray, list[float]]:
        """States at the start, and derived constants."""
        found = self._start([values[name] for name in self.parameter_ids])
        return np.array(found[: len(self.ids)], dtype=float), found[len(self.ids) :]

    def rates(self, values: Mapping[str, float], states: np.ndarray) -> dict[str, float]:
        """Rate of every state, per day."""
        _, constants = self.start(values)
        numbers = [values[name] for name in self.parameter_ids]
        return dict(zip(self.ids, self._rates(0.0, *states.tolist(), *constants, *numbers), strict=True))


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="session")
def rates(model: Model) -> Rates:
    return Rates(model)


@pytest.fixture(scope="session")
def typical(model: Model) -> dict[str, float]:
    return {name: row.value for name, row in model.parameters.items()}


@pytest.fixture(scope="session")
def people(model: Model) -> list[dict[str, float]]:
    """Parameters of fifty virtual patients."""
    patients = VirtualPopulation.sample(model, n_patients=50, seed=11)
    matrix = patients.parameter_matrix(model)
    return [dict(zip(model.system.parameter_ids, row, strict=True)) for row in matrix.tolist()]
