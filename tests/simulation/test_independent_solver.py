"""The shipped model, run again by SUNDIALS: what the engine says must not be the engine's own opinion.

The right-hand side is built from the SBML's symbolic system by SymPy's own printer and integrated by CVODE; nothing of the
engine is used. One run of CVODE is the measure of two: of the states that the engine gives, and of the observables that a
simulation gives, with its regimen, its doses by weight and its output times.
"""

from __future__ import annotations

from itertools import pairwise

import numba
import numpy as np
import pytest
import sympy

from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.equations.system import TIME, symbol
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

cvode = pytest.importorskip("sksundae.cvode", reason="scikit-sundae is not installed: no independent solver")

N_PATIENTS = 100
DAYS = 180.0
TIMES = np.unique(np.concatenate([np.linspace(0.05, 10, 40), [0.25, 3.25, 6.25], np.linspace(12, DAYS, 29)]))
REGIMEN = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)


def compiled_by_numba(system, expressions):
    """A function of time, states, and parameters with constants."""
    states = [symbol(name) for name in system.state_ids]
    fixed = [symbol(name) for name in (*system.parameter_ids, *system.constant_ids)]
    plain = sympy.lambdify([TIME, states, fixed], expressions, "math", cse=True)
    return numba.njit(plain, error_model="numpy")


def start_values(system):
    """Functions from a patient's parameters to the start of the states and to the constants."""
    known = {}
    for entry in system.start:
        known[symbol(entry.id)] = entry.expression.xreplace(known)
    parameters = [symbol(name) for name in system.parameter_ids]
    return [
        sympy.lambdify([parameters], [known[symbol(name)] for name in names], "numpy", cse=True)
        for names in (system.state_ids, system.constant_ids)
    ]


def right_hand_side(rates, fixed, inflow):
    def evaluate(t, y, yp):
        yp[:] = rates(t, y, fixed)
        yp += inflow

    return evaluate


def trajectory(rates, state, fixed, doses):
    """States of one patient at the output times, by CVODE started anew wherever an infusion begins or ends."""
    edges = sorted({0.0, DAYS, *(edge for row in doses for edge in row[:2])})
    rows = {}
    for begin, end in pairwise(edges):
        inflow = np.zeros(len(state))
        for first, last, index, amount in doses:
            if first <= begin < last:
                inflow[index] += amount / (last - first)
        right = right_hand_side(rates, fixed, inflow)
        asked = TIMES[(begin < TIMES) & (end > TIMES)].tolist() or [(begin + end) / 2]
        solver = cvode.CVODE(right, rtol=1e-10, atol=1e-13, method="BDF", max_num_steps=200_000)
        run = solver.solve(np.array([begin, *asked, end]), state)
        assert run.success, run.message
        rows |= dict(zip(run.t.tolist(), run.y, strict=True))
        state = np.asarray(run.y[-1])
    return np.array([rows[time] for time in TIMES.tolist()])


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def patients(model):
    return VirtualPopulation.sample(model, n_patients=N_PATIENTS, seed=20)


@pytest.fixture(scope="module")
def reference(model, patients):
    """States (patient, time, state) and observables (patient, time, observable) by CVODE."""
    system = model.system
    rates = compiled_by_numba(system, [system.expand(state.rate) for state in system.states])
    observe = compiled_by_numba(
        system, [system.expand(model.observable_expression(name)) for name in model.observables]
    )
    first, constants = start_values(system)
    states, observed = [], []
    for patient in patients.parameter_matrix(model):
        weight_kg = patient[system.parameter_ids.index("body_weight")]
        doses = [
            (
                row.time_days,
                row.time_days + row.duration_days,
                system.state_ids.index(row.state),
                row.amount[0],
            )
            for row in REGIMEN.doses(np.array([weight_kg]))
        ]
        fixed = np.array([*patient, *constants(patient)], dtype=float)
        states.append(trajectory(rates, np.array(first(patient), dtype=float), fixed, doses))
        observed.append([observe(time, row, fixed) for time, row in zip(TIMES, states[-1], strict=True)])
    return np.array(states), np.array(observed)


def worst(found, exact, scale):
    """Largest error of each quantity over patients and times."""
    return (np.abs(found - exact) / scale).max(axis=(0, 1))


def test_sundials_agrees_with_the_simulation(model, patients, reference):
    sim = simulate(model, REGIMEN, patients, days=DAYS, times_days=TIMES)
    assert sim.failures.empty
    ours = np.stack([np.asarray(sim.data[name].values) for name in model.observables], axis=2)
    exact = reference[1]
    # what has decayed below a ten-thousandth of its own peak is compared with that ten-thousandth
    scale = np.maximum(np.abs(exact), 1e-4 * np.abs(exact).max(axis=1, keepdims=True)) + 1e-12
    errors = zip(model.observables, worst(ours, exact, scale), strict=True)
    assert not {name: error for name, error in errors if not error <= 1e-5}


def test_sundials_agrees_with_the_states_of_the_engine(model, patients, reference):
    system = model.system
    compiled = compile_system(system, dosed=["lnp_plasma_amount"])
    rows = [  # the dose of HN2301 is the same whatever the weight
        (row.time_days, row.duration_days, system.state_ids.index(row.state), float(row.amount[0]))
        for row in REGIMEN.doses(np.array([70.0]))
    ]
    found = solve(compiled, patients.parameter_matrix(model), TIMES, doses=same_doses(N_PATIENTS, rows))
    assert not found.failures
    exact = reference[0]
    scale = np.abs(exact) + 1e-3 * np.abs(exact).max(axis=1, keepdims=True) + 1e-12
    errors = zip(system.state_ids, worst(found.values, exact, scale), strict=True)
    assert not {name: error for name, error in errors if not error <= 1e-5}
