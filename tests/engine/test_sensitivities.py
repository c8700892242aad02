"""Forward sensitivities against closed forms and differences of high order."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).parent))
import systems
from synthetic import synthetic_patients, synthetic_system

from vivocart.engine.sensitivities import compile_sensitivities, sensitivities
from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.equations.system import symbol
from vivocart.ground.errors import UnknownNameError, UnsupportedError

HOUR = 1 / 24


def test_closed_form_of_a_decay():
    """x = b x0 exp(-k t): derivatives to k, b and the initial value."""
    system = systems.make_system({"x": "-k*x"}, {"x": "b*3"}, {"k": 0.7, "b": 2.0})
    t = np.linspace(0, 5, 11)
    found = sensitivities(compile_sensitivities(system), [[0.7, 2.0], [0.2, 1.0]], t, wrt=["k", "b", "x"])
    for i, (k, b) in enumerate(((0.7, 2.0), (0.2, 1.0))):
        decay = np.exp(-k * t)
        np.testing.assert_allclose(found.values[i, :, 0], 3 * b * decay, rtol=1e-7)
        expected = np.stack([-3 * b * t * decay, 3 * decay, decay])
        np.testing.assert_allclose(found.derivatives[i, :, :, 0], expected, rtol=1e-6, atol=1e-9)


def test_observables_carry_their_own_derivatives_and_a_parameter_of_zero_has_one():
    system = systems.make_system({"x": "-k*x + e*x**2"}, {"x": 1}, {"k": 0.5, "e": 0.0})
    compiled = compile_sensitivities(system, observables={"ratio": symbol("x") / symbol("k")})
    t = np.array([0.0, 2.0])
    found = sensitivities(compiled, [[0.5, 0.0]], t, wrt=["k", "e"])
    x = np.exp(-0.5 * t)
    np.testing.assert_allclose(found.derivatives[0, 0, :, 0], -t * x / 0.5 - x / 0.25, rtol=1e-6)
    # first order in e: dx/de = x (1 - x) / k
    np.testing.assert_allclose(found.derivatives[0, 1, :, 0], x * (1 - x) / 0.5 / 0.5, rtol=1e-6, atol=1e-10)


def test_all_parameters_of_a_stiff_model_against_differences_of_sixth_order():
    system = synthetic_system()
    wrt = ["clearance", "hill", "uptake", "kill_node", "half_node", "crp_power", "c3_rate", "cells_blood"]
    times = np.array([0.5, 4.0, 10.0, 30.0])
    rows = [(day, HOUR, 0, 3.0) for day in (0.0, 3.0)]
    patient = synthetic_patients(1, seed=3)
    exact = sensitivities(
        compile_sensitivities(system, dosed=["drug"]), patient, times, wrt=wrt, doses=same_doses(1, rows)
    )
    plain = compile_system(system, dosed=["drug"])
    shifts, weights = np.array([-3, -2, -1, 1, 2, 3]), np.array([-1, 9, -45, 45, -9, 1]) / 60
    for i, name in enumerate(wrt):
        column = system.parameter_ids.index(name)
        moved = np.repeat(patient, 6, axis=0)
        step = 3e-3 * patient[0, column]
        moved[:, column] += shifts * step
        values = solve(plain, moved, times, doses=same_doses(6, rows), rtol=1e-12, atol=1e-15).values
        expected = np.tensordot(weights, values, axes=1) / step
        # relative to the derivative, with a floor of a hundredth of the observable over the parameter
        floor = 1e-2 * np.abs(exact.values[0]).max(axis=0) / patient[0, column] + 1e-12
        error = np.abs(exact.derivatives[0, i] - expected) / (np.abs(expected) + floor)
        assert error.max() < 1e-6, (name, error.max())


def test_patients_have_their_own_doses_and_derivatives():
    system = systems.decay()
    compiled = compile_sensitivities(system, dosed=["x"])
    amounts = np.array([1.0, 2.0, 5.0])
    t = np.array([0.0, 1.0, 3.0])
    k = np.array([[1.0, 0.2], [0.5, 0.2], [2.0, 0.2]])
    found = sensitivities(compiled, k, t, wrt=["c", "k"], doses=same_doses(3, [(0.0, 0.0, 0, amounts)]))
    expected = -t * amounts[:, None] * np.exp(-k[:, :1] * t)
    np.testing.assert_allclose(found.derivatives[:, 1, :, 0], expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.derivatives[:, 0, :, 0], 0.0, atol=1e-12)


def test_what_has_no_derivative_is_refused():
    switch = sympy.Piecewise((1, symbol("x") < 2), (2, True))
    with pytest.raises(UnsupportedError, match="condition"):
        compile_sensitivities(systems.make_system({"x": switch}, {"x": 0}, {"k": 1.0}))
    compiled = compile_sensitivities(systems.decay())
    with pytest.raises(UnknownNameError, match="did you mean"):
        sensitivities(compiled, [[1.0, 0.2]], [0.0], wrt=["kk"])
