"""Steps in single precision: as accurate as asked, the same bits however they are run, and never a wrong number."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import systems
from synthetic import synthetic_patients, synthetic_system

from vivocart.engine.solve import Status, begin, compile_system, same_doses, solve
from vivocart.equations.system import TIME, symbol
from vivocart.equations.triggers import Trigger
from vivocart.ground.errors import InputError

HOUR = 1 / 24


@pytest.fixture(scope="module")
def decay():
    return compile_system(systems.decay(), dosed=["x"], precision="single")


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
def test_single_and_double_are_equally_far_from_the_truth(tolerance):
    system, patients, times = synthetic_system(), synthetic_patients(24), np.linspace(0.5, 60, 30)
    doses = same_doses(24, [(0.0, HOUR, 0, 4.0), (3.0, HOUR, 0, 4.0)])
    double, single = (
        compile_system(system, dosed=["drug"], precision=precision) for precision in ("double", "single")
    )
    assert (double.precision, single.precision) == ("double", "single")
    exact = solve(double, patients, times, doses=doses, rtol=1e-11, atol=1e-14).values
    size = np.abs(exact) + 1e-3 * np.abs(exact).max(axis=1, keepdims=True) + 1e-300
    runs = [
        solve(compiled, patients, times, doses=doses, rtol=tolerance, atol=tolerance * 1e-3)
        for compiled in (double, single)
    ]
    errors = [np.quantile(np.abs(run.values - exact) / size, 0.999) for run in runs]
    assert errors[1] < 1.2 * errors[0] + 1e-4
    assert runs[1].steps.mean() < 1.03 * runs[0].steps.mean()
    assert not runs[1].failures


def test_results_are_the_same_bits_for_any_lanes_threads_and_order():
    system, patients, times = synthetic_system(), synthetic_patients(37), np.linspace(0, 30, 16)
    doses = [(x, HOUR, 0, np.linspace(1, 5, 37)) for x in (0.0, 3.0)]

    def run(lanes, threads, order):
        rows = [(t, d, s, a[order]) for t, d, s, a in doses]
        compiled = compile_system(system, dosed=["drug"], lanes=lanes, precision="single")
        asked = {"doses": same_doses(len(order), rows), "rtol": 1e-4, "atol": 1e-7}
        found = solve(compiled, patients[order], times, **asked, threads=threads, block=5)
        back = np.argsort(order)
        return found.values[back], found.steps[back]

    plain = np.arange(37)
    values, steps = run(8, 1, plain)
    assert np.isfinite(values).all()
    shuffled = np.random.default_rng(1).permutation(37)
    for lanes, threads, order in (
        (1, 1, plain),
        (2, 1, plain),
        (4, 2, plain),
        (16, 1, plain),
        (8, 2, shuffled),
    ):
        again, again_steps = run(lanes, threads, order)
        np.testing.assert_array_equal(again, values)
        np.testing.assert_array_equal(again_steps, steps)


@settings(max_examples=25, deadline=None)
@given(
    start=st.floats(0.0, 999.0),
    hours=st.floats(0.25, 5.0),
    amount=st.floats(1e-3, 1e3),
    k=st.floats(0.05, 30.0),
)
def test_nothing_is_lost_on_the_way(decay, start, hours, amount, k):
    doses = same_doses(1, [(start, hours * HOUR, 0, amount)])
    found = solve(decay, [[k, 0.0]], [start + 3 * hours * HOUR, 1001.0], doses=doses, rtol=1e-5, atol=1e-9)
    assert found.values[0].sum(axis=1) == pytest.approx(amount, rel=2e-5)


@settings(max_examples=10, deadline=None)
@given(first=st.floats(0.1, 10.0), second=st.floats(0.1, 10.0), when=st.floats(0.5, 20.0))
def test_doses_superpose_and_a_linear_model_is_linear(decay, first, second, when):
    t = np.linspace(0, 40, 21)
    one, two = (0.0, HOUR, 0, first), (when, 2 * HOUR, 0, second)
    three = [(day, length, state, 3 * amount) for day, length, state, amount in (one, two)]
    single, other, both, tripled = (
        solve(decay, [[1.3, 0.2]], t, doses=same_doses(1, rows), rtol=1e-5, atol=1e-8).values
        for rows in ([one], [two], [one, two], three)
    )
    np.testing.assert_allclose(single + other, both, rtol=3e-4, atol=1e-4)
    np.testing.assert_allclose(tripled, 3 * both, rtol=3e-4, atol=1e-4)


def test_it_does_not_know_the_date(decay):
    """Times are in double: a hundred thousand days on, an hour is still an hour."""
    t = np.linspace(0, 10, 11)
    plain, later = (
        solve(
            decay,
            [[1.3, 0.2]],
            t + s,
            doses=same_doses(1, [(s + 0.5, HOUR, 0, 1.0)]),
            rtol=1e-5,
            start_time=s,
        )
        for s in (0.0, 1e5)
    )
    np.testing.assert_allclose(later.values, plain.values, rtol=1e-5, atol=1e-7)


def hill(power: float):
    """Half of what there is at ``middle``, by a power that grows out of single precision for a large one."""
    rate = f"x**{power}/(middle**{power} + x**{power}) - y"
    return systems.make_system({"x": "-x/10", "y": rate}, {"x": "middle", "y": 0}, {"middle": 1.0})


@pytest.mark.parametrize("middle", [1e15, 1e-15])
def test_a_patient_whose_numbers_single_precision_cannot_hold_is_integrated_in_double(middle):
    """(1e15)**4 ends at infinity in single precision, and (1e-15)**4 at zero."""
    system, times = hill(4), np.linspace(0, 20, 9)
    patients = np.ones((11, 1))
    single = compile_system(system, precision="single")
    alone = solve(single, patients, times, rtol=1e-4, atol=1e-20)
    patients[6] = middle
    found = solve(single, patients, times, rtol=1e-4, atol=1e-20, threads=2, block=3)
    double = solve(compile_system(system), patients[6:7], times, rtol=1e-4, atol=1e-20)
    assert not found.failures
    np.testing.assert_array_equal(found.values[6], double.values[0])
    assert found.steps[6] == double.steps[0]
    others = np.arange(11) != 6
    np.testing.assert_array_equal(found.values[others], alone.values[others])


def test_a_denominator_that_overflows_does_not_become_zero():
    """a/(1 + b·c): in single precision b·c is infinite and the quotient would be zero."""
    system = systems.make_system({"x": "a/(1 + b*c*x) - x"}, {"x": 1}, {"a": 1e30, "b": 1e20, "c": 1e20})
    given, times = [[1e30, 1e20, 1e20]], np.linspace(0, 5, 6)
    single = solve(compile_system(system, precision="single"), given, times, rtol=1e-5)
    double = solve(compile_system(system), given, times, rtol=1e-5)
    np.testing.assert_array_equal(single.values, double.values)


def test_a_state_that_outgrows_single_precision():
    system = systems.make_system({"x": "k*x", "y": "x/(1 + x) - y"}, {"x": 1, "y": 0}, {"k": 1.0})
    found = solve(compile_system(system, precision="single"), [[1.0], [0.1]], [0.0, 100.0], rtol=1e-5)
    double = solve(compile_system(system), [[1.0]], [0.0, 100.0], rtol=1e-5)
    np.testing.assert_array_equal(found.values[0], double.values[0])
    assert found.values[1, 1, 0] == pytest.approx(np.exp(10.0), rel=1e-3)


def test_a_failure_is_that_of_double_precision():
    system = systems.make_system({"x": "k*x**2", "y": "-y"}, {"x": 1, "y": 1}, {"k": 0.1})
    t, rates = np.linspace(0, 5, 11), np.full((9, 1), 0.1)
    rates[4] = 0.45
    found = solve(compile_system(system, precision="single"), rates, t, rtol=1e-4)
    (failure,) = found.failures
    (expected,) = solve(compile_system(system), rates, t, rtol=1e-4).failures
    assert failure == expected
    assert failure.patient == 4
    assert failure.state_id == "x"
    np.testing.assert_array_equal(np.isnan(found.values[4, :, 0]), t > 1 / 0.45)
    limited = solve(compile_system(system, precision="single"), rates, t, rtol=1e-4, step_limit=3)
    assert {f.status for f in limited.failures} == {Status.STEP_LIMIT}


def test_conditions_and_triggered_doses_are_met_as_exactly():
    system = systems.make_system({"x": "-k*x"}, {"x": 8}, {"k": 1.0})
    trigger = Trigger(
        id="again",
        condition=sympy.Lt(symbol("x"), 1),
        state="x",
        amount=sympy.Integer(7),
        max_count=3,
    )
    compiled = compile_system(system, triggers=[trigger], precision="single")
    found = solve(compiled, [[1.0], [2.0]], np.linspace(0, 10, 21), rtol=1e-5, atol=1e-9)
    assert found.doses_given.tolist() == [[3], [3]]
    turns = np.log(8.0) * np.arange(1, 4)
    np.testing.assert_allclose(found.dose_times[:, 0], [turns, turns / 2], rtol=1e-4)


def test_rates_with_conditions():
    x, a = symbol("x"), symbol("a")
    rate = sympy.Piecewise((1, x < a), (sympy.Rational(1, 10), True)) * sympy.Piecewise(
        (0, TIME < 2), (1, True)
    )
    compiled = compile_system(systems.make_system({"x": rate}, {"x": 0}, {"a": 1.0}), precision="single")
    assert compiled.precision == "single"
    found = solve(compiled, [[1.0], [0.5]], [0.0, 2.0, 2.5, 3.0, 4.0, 5.0], rtol=1e-5)
    np.testing.assert_allclose(found.values[0, :, 0], [0, 0, 0.5, 1.0, 1.1, 1.2], atol=1e-6)
    np.testing.assert_allclose(found.values[1, :, 0], [0, 0, 0.5, 0.55, 0.65, 0.75], atol=1e-6)


def test_functions_of_the_mathematics_library():
    system = systems.make_system(
        {"x": "tanh(x) + erf(y) - x", "y": "sin(x) + gamma(y + 2)/10 - y"},
        {"x": 1, "y": 0.5},
        {"unused": 0.0},
    )
    runs = [
        solve(compile_system(system, precision=precision), [[0.0]], np.linspace(0, 9, 7), rtol=1e-5)
        for precision in ("single", "double")
    ]
    np.testing.assert_allclose(runs[0].values, runs[1].values, rtol=2e-5)


def test_rates_that_are_functions_of_time_stay_in_double():
    system = systems.make_system({"x": sympy.cos(3 * TIME) - symbol("x")}, {"x": 0}, {"unused": 0.0})
    single, double = (compile_system(system, precision=precision) for precision in ("single", "double"))
    assert single.precision == "double"
    runs = [solve(compiled, [[0.0]], [1e6, 1e6 + 1], rtol=1e-8) for compiled in (single, double)]
    np.testing.assert_array_equal(runs[0].values, runs[1].values)


@pytest.mark.parametrize(
    "tolerances", [{"rtol": 9e-6}, {"rtol": 1e-4, "atol": 1e-31}, {"rtol": float("nan")}]
)
def test_what_single_precision_cannot_keep_is_refused(decay, tolerances):
    with pytest.raises(InputError, match="single precision"):
        solve(decay, [[1.0, 0.2]], [0.0, 1.0], **tolerances)


def test_a_host_works_in_double(decay):
    with pytest.raises(InputError, match="compile in double"):
        begin(decay, [[1.0, 0.2]], [0.0, 1.0])
