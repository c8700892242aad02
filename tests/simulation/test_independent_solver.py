"""The shipped model, run again by SUNDIALS: what the engine says must not be the engine's own opinion.

The right-hand side is built from the SBML's symbolic system by SymPy's own printer and integrated by CVODE; nothing of the
engine is used.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy

from vivocart.equations.system import TIME, symbol
from vivocart.model.load import Model, load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

cvode = pytest.importorskip("sksundae.cvode", reason="scikit-sundae is not installed: no independent solver")

N_PATIENTS = 100
DAYS = 180.0
TIMES_DAYS = np.array([0.25, 1.0, 2.0, 3.25, 6.25, 6.5, 7.0, 9.0, 12.0, 20.0, 28.0, 60.0, 90.0, 135.0, 180.0])


def _functions(model: Model):
    """Rates of the states and the observables as plain Python functions of time, states, parameters and constants."""
    system = model.system
    known = [TIME, *map(symbol, (*system.state_ids, *system.parameter_ids, *system.constant_ids))]
    rates = [system.expand(state.rate) for state in system.states]
    observed = [system.expand(model.observable_expression(name)) for name in model.observables]
    return (sympy.lambdify(known, entries, modules="math", cse=True) for entries in (rates, observed))


def _start(model: Model, parameters: np.ndarray) -> tuple[np.ndarray, list[float]]:
    values = {symbol(name): value for name, value in zip(model.system.parameter_ids, parameters, strict=True)}
    for entry in model.system.start:
        values[symbol(entry.id)] = float(model.system.expand(entry.expression).xreplace(values))
    state = np.array([float(values[symbol(name)]) for name in model.system.state_ids])
    return state, [float(values[symbol(name)]) for name in model.system.constant_ids]


def _right_hand_side(rate, tail: list[float], inflow: np.ndarray):
    def evaluate(t, y, yp):
        yp[:] = rate(t, *y.tolist(), *tail)
        yp += inflow

    return evaluate


def _run(model: Model, functions, regimen: Regimen, parameters: np.ndarray, weight_kg: float) -> np.ndarray:
    rate, observe = functions
    state, constants = _start(model, parameters)
    tail = [*parameters.tolist(), *constants]
    ids = model.system.state_ids
    doses = [
        (row.time_days, row.time_days + row.duration_days, ids.index(row.state), float(row.amount[0]))
        for row in regimen.doses(np.array([weight_kg]))
    ]
    edges = sorted({0.0, DAYS, *(edge for row in doses for edge in row[:2])})
    rows: dict[float, np.ndarray] = {}
    for begin, end in itertools.pairwise(edges):
        inflow = np.zeros(len(state))
        for first, last, index, amount in doses:
            if first <= begin < last:
                inflow[index] += amount / (last - first)
        solver = cvode.CVODE(
            _right_hand_side(rate, tail, inflow), rtol=1e-10, atol=1e-13, method="BDF", max_num_steps=200_000
        )
        asked = [time for time in TIMES_DAYS if begin < time < end]
        solution = solver.solve(np.array([begin, *(asked or [(begin + end) / 2]), end]), state)
        rows |= dict(zip(solution.t.tolist(), solution.y, strict=True))
        state = np.asarray(solution.y[-1])
    return np.array([observe(time, *rows[time].tolist(), *tail) for time in TIMES_DAYS.tolist()])


def test_sundials_agrees_on_random_patients():
    model = load_model()
    regimen = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
    patients = VirtualPopulation.sample(model, n_patients=N_PATIENTS, seed=20)
    sim = simulate(model, regimen, patients, days=DAYS, times_days=TIMES_DAYS)
    assert sim.failures.empty
    matrix = patients.parameter_matrix(model)
    weights = matrix[:, model.system.parameter_ids.index("body_weight")]
    functions = tuple(_functions(model))
    ours = np.stack([np.asarray(sim.data[name].values) for name in model.observables], axis=2)
    worst = np.zeros(len(model.observables))
    for patient in range(N_PATIENTS):
        theirs = _run(model, functions, regimen, matrix[patient], weights[patient])
        # what has decayed below a ten-thousandth of its own peak is compared with that ten-thousandth
        scale = np.maximum(np.abs(theirs), 1e-4 * np.abs(theirs).max(axis=0, keepdims=True)) + 1e-12
        worst = np.maximum(worst, (np.abs(ours[patient] - theirs) / scale).max(axis=0))
    too_far = {name: error for name, error in zip(model.observables, worst, strict=True) if error > 1e-5}
    assert not too_far
