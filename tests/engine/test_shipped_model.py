"""The shipped model for 100 random patients, against SUNDIALS with tight tolerances."""

from __future__ import annotations

from itertools import pairwise

import numba
import numpy as np
import pytest
import sympy
from sksundae.cvode import CVODE

from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.equations.system import TIME, symbol
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation

HOUR = 1 / 24
DOSES = [(0.0, 4.0), (3.0, 4.0), (6.0, 4.0)]
N_PATIENTS = 100


def python_functions(system):
    """Rates and their matrix of derivatives by SymPy, and start values, compiled by Numba; none of ours is used."""
    states = [symbol(s) for s in system.state_ids]
    fixed = [symbol(p) for p in (*system.parameter_ids, *system.constant_ids)]
    rates = [system.expand(s.rate) for s in system.states]

    def compiled(expressions):
        return numba.njit(
            sympy.lambdify([TIME, states, fixed], expressions, "math", cse=True), error_model="numpy"
        )

    known: dict[sympy.Basic, sympy.Basic] = {}
    for entry in system.start:
        known[symbol(entry.id)] = entry.expression.xreplace(known)
    parameters = [symbol(p) for p in system.parameter_ids]
    first = sympy.lambdify([parameters], [known[s] for s in states], "numpy", cse=True)
    constants = sympy.lambdify(
        [parameters], [known[symbol(c)] for c in system.constant_ids], "numpy", cse=True
    )
    return compiled(rates), first, constants


def with_flow(rates, fixed, place, flow):
    """The rates of one patient with an infusion running."""

    def right(t, y, yp):
        yp[:] = rates(t, y, fixed)
        yp[place] += flow

    return right


def reference(system, patients, times, place):
    """Trajectories by CVODE, restarted at every start and end of an infusion."""
    rates, first, constants = python_functions(system)
    edges = sorted({0.0, *(d for d, _ in DOSES), *(d + HOUR for d, _ in DOSES), float(times[-1])})
    out = np.empty((len(patients), len(times), len(system.states)))
    for row, patient in enumerate(patients):
        fixed = np.array([*patient, *constants(patient)], dtype=float)
        y = np.array(first(patient), dtype=float)
        for begin, end in pairwise(edges):
            flow = sum(a / HOUR for d, a in DOSES if d <= begin + 1e-9 < d + HOUR)
            right = with_flow(rates, fixed, place, flow)
            inside = (times >= begin) & (times < end) | (times == end) & (end == times[-1])
            asked = np.unique(np.concatenate(([begin], times[inside], [end])))
            asked = asked if len(asked) > 2 else np.array([begin, (begin + end) / 2, end])
            run = CVODE(right, rtol=1e-10, atol=1e-13, method="BDF", max_num_steps=100_000).solve(asked, y)
            assert run.success, run.message
            found = dict(zip(run.t.tolist(), run.y, strict=True))
            for i in np.flatnonzero(inside):
                out[row, i] = found[float(times[i])]
            y = run.y[-1]
    return out


@pytest.fixture(scope="module")
def model():
    return load_model()


def test_one_hundred_random_patients_agree_with_sundials(model):
    system = model.system
    patients = VirtualPopulation.sample(model, n_patients=N_PATIENTS, seed=7).parameter_matrix(model)
    times = np.concatenate([np.linspace(0.05, 10, 40), np.linspace(12, 180, 29)])
    place = system.state_ids.index("lnp_plasma_amount")
    compiled = compile_system(system, dosed=["lnp_plasma_amount"])
    rows = [(day, HOUR, place, amount) for day, amount in DOSES]
    found = solve(compiled, patients, times, doses=same_doses(N_PATIENTS, rows))
    assert not found.failures
    exact = reference(system, patients, times, place)
    scale = np.abs(exact) + 1e-3 * np.abs(exact).max(axis=1, keepdims=True) + 1e-12
    error = np.abs(found.values - exact) / scale
    worst = np.unravel_index(error.argmax(), error.shape)
    assert error.max() < 1e-5, (worst[0], times[worst[1]], system.state_ids[worst[2]], error.max())
