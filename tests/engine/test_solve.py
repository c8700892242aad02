"""The solver against closed forms, an independent solver and itself."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

sys.path.insert(0, str(Path(__file__).parent))
import systems
from synthetic import synthetic_patients, synthetic_system

from vivocart.engine.solve import Doses, Status, compile_system, same_doses, solve
from vivocart.equations.system import TIME, symbol
from vivocart.ground.errors import InputError, UnknownNameError

HOUR = 1 / 24


@pytest.fixture(scope="module")
def decay():
    return compile_system(systems.decay(), dosed=["x"])


def infusion(t, start, duration, amount, k):
    """Amount in a one-compartment model."""
    rate = amount / duration
    rising = rate / k * -np.expm1(-k * np.clip(t - start, 0, duration))
    return rising * np.exp(-k * np.clip(t - start - duration, 0, None))


def test_exponential_decay_of_a_bolus(decay):
    t = np.linspace(0, 30, 31)
    found = solve(decay, [[0.7, 0.2]], t, doses=same_doses(1, [(0.0, 0.0, 0, 5.0)]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.values[0, :, 0], 5 * np.exp(-0.7 * t), rtol=1e-7, atol=1e-11)


def test_bateman_function_with_infusion(decay):
    """One hour of infusion into x, loss into z with another rate."""
    k, c = 2.0, 0.3
    t = np.linspace(0, 20, 101)
    found = solve(decay, [[k, c]], t, doses=same_doses(1, [(1.0, HOUR, 0, 4.0)]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.values[0, :, 0], infusion(t, 1.0, HOUR, 4.0, k), rtol=1e-6, atol=1e-10)

    # z is the convolution of the infusion with k (exp(-c t) - exp(-k t)) / (k - c)
    def z(s):
        s = np.clip(s, 0, None)
        return k / (k - c) * (-np.expm1(-c * s) / c + np.expm1(-k * s) / k)

    expected = 4.0 / HOUR * (z(t - 1.0) - z(t - 1.0 - HOUR))
    np.testing.assert_allclose(found.values[0, :, 1], expected, rtol=1e-6, atol=1e-9)


def test_value_at_the_time_of_a_bolus_is_the_one_after_it(decay):
    found = solve(decay, [[1.0, 0.2]], [0.0, 1.0, 2.0], doses=same_doses(1, [(1.0, 0.0, 0, 3.0)]))
    assert found.values[0, 0, 0] == 0.0
    assert found.values[0, 1, 0] == 3.0


@settings(max_examples=25, deadline=None)
@given(
    start=st.floats(0.0, 999.0),
    hours=st.floats(0.25, 5.0),
    amount=st.floats(1e-3, 1e3),
    k=st.floats(0.05, 30.0),
)
def test_an_hour_within_a_thousand_days_is_never_stepped_over(decay, start, hours, amount, k):
    duration = hours * HOUR
    t = np.array([start + duration, start + 2 * duration, 1001.0])
    found = solve(
        decay, [[k, 0.0]], t, doses=same_doses(1, [(start, duration, 0, amount)]), rtol=1e-8, atol=1e-12
    )
    np.testing.assert_allclose(
        found.values[0, :, 0], infusion(t, start, duration, amount, k), rtol=1e-5, atol=1e-8 * amount
    )
    # nothing is lost: what went in is in x or went through to z, which keeps it (c = 0)
    assert found.values[0, -1].sum() == pytest.approx(amount, rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(first=st.floats(0.1, 10.0), second=st.floats(0.1, 10.0), when=st.floats(0.5, 20.0))
def test_doses_superpose_in_a_linear_model(decay, first, second, when):
    t = np.linspace(0, 40, 21)
    one, two = (0.0, HOUR, 0, first), (when, 2 * HOUR, 0, second)
    values = [
        solve(decay, [[1.3, 0.2]], t, doses=same_doses(1, rows), rtol=1e-9, atol=1e-12).values
        for rows in ([one], [two], [one, two])
    ]
    np.testing.assert_allclose(values[0] + values[1], values[2], rtol=1e-6, atol=1e-9)


def test_a_linear_model_is_linear_and_does_not_know_the_date(decay):
    t = np.linspace(0, 10, 11)
    plain = solve(decay, [[1.3, 0.2]], t, doses=same_doses(1, [(0.5, HOUR, 0, 1.0)]), rtol=1e-9, atol=1e-12)
    tripled = solve(decay, [[1.3, 0.2]], t, doses=same_doses(1, [(0.5, HOUR, 0, 3.0)]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tripled.values, 3 * plain.values, rtol=1e-6, atol=1e-9)
    later = solve(
        decay, [[1.3, 0.2]], t + 100, doses=same_doses(1, [(100.5, HOUR, 0, 1.0)]), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(later.values, plain.values, rtol=1e-6, atol=1e-9)


def test_doses_differ_between_patients(decay):
    doses = Doses(
        offsets=np.array([0, 1, 1, 3]),
        time=np.array([0.0, 1.0, 2.0]),
        duration=np.array([0.0, 0.0, HOUR]),
        state=np.array([0, 0, 0]),
        amount=np.array([1.0, 2.0, 3.0]),
    )
    t = np.array([0.0, 1.5, 5.0])
    found = solve(decay, np.tile([1.0, 0.2], (3, 1)), t, doses=doses, rtol=1e-9, atol=1e-12).values[:, :, 0]
    np.testing.assert_allclose(found[0], np.exp(-t), rtol=1e-7)
    np.testing.assert_array_equal(found[1], 0.0)
    expected = np.where(t >= 1, 2 * np.exp(-(t - 1)), 0) + infusion(t, 2.0, HOUR, 3.0, 1.0)
    np.testing.assert_allclose(found[2], expected, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(
    "name, end", [("robertson", 1e4), ("van_der_pol", 1500.0), ("hires", 321.8122), ("oregonator", 300.0)]
)
def test_stiff_problems_agree_with_an_independent_solver(name, end):
    system = getattr(systems, name)()
    states = [symbol(s) for s in system.state_ids]
    values = {symbol(p.id): p.value for p in system.parameters}
    rates = [s.rate.subs(values) for s in system.states]
    f = sympy.lambdify([states], rates, "numpy")
    jacobian = sympy.lambdify([states], sympy.Matrix(rates).jacobian(states), "numpy")
    t = np.linspace(0, end, 9)
    start = [float(a.expression) for a in system.start]
    reference = solve_ivp(
        lambda _, y: f(y),
        (0, end),
        start,
        method="Radau",
        jac=lambda _, y: jacobian(y),
        t_eval=t,
        rtol=1e-11,
        atol=1e-14,
    )
    found = solve(compile_system(system), systems.typical(system), t, rtol=1e-8, atol=1e-12)
    assert found.status[0] == Status.REACHED_END
    np.testing.assert_allclose(found.values[0], reference.y.T, rtol=2e-5, atol=1e-10)


def test_rates_may_depend_on_time():
    system = systems.make_system(
        {"x": sympy.cos(3 * TIME) - symbol("k") * symbol("x")}, {"x": 0}, {"k": 50.0}
    )
    t = np.linspace(0, 4, 17)
    found = solve(compile_system(system), [[50.0]], t, rtol=1e-10, atol=1e-13).values[0, :, 0]
    k, a = 50.0, 3.0
    expected = (k * np.cos(a * t) + a * np.sin(a * t) - k * np.exp(-k * t)) / (k * k + a * a)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-11)


def test_order_of_convergence_is_five():
    """Errors over a ladder of tolerances against the steps taken, on a problem with time in its rates."""
    rate = symbol("x") * sympy.cos(TIME) + symbol("y") / 10
    system = systems.make_system({"x": rate, "y": "x - y"}, {"x": 1, "y": 1}, {"unused": 0.0})
    compiled = compile_system(system)
    exact = solve(compiled, [[0.0]], [10.0], rtol=1e-13, atol=1e-15).values
    ladder = [1e-5, 1e-7, 1e-9]
    runs = [solve(compiled, [[0.0]], [10.0], rtol=r, atol=r) for r in ladder]
    errors = [float(np.abs(run.values - exact).max()) for run in runs]
    steps = [int(run.steps[0]) for run in runs]
    order = -np.log(errors[-1] / errors[0]) / np.log(steps[-1] / steps[0])
    assert 4.3 < order < 6.2, (errors, steps)


def test_results_do_not_depend_on_the_output_grid(decay):
    doses = same_doses(1, [(0.3, HOUR, 0, 1.0)])
    fine, coarse = np.linspace(0, 10, 401), np.linspace(0, 10, 11)
    a = solve(decay, [[1.0, 0.2]], fine, doses=doses)
    b = solve(decay, [[1.0, 0.2]], coarse, doses=doses)
    np.testing.assert_array_equal(a.values[:, ::40], b.values)
    assert a.steps[0] == b.steps[0]


def test_results_are_the_same_bits_for_any_lanes_threads_and_order():
    system = synthetic_system()
    patients = synthetic_patients(37)
    times = np.linspace(0, 30, 16)
    doses = [(x, HOUR, 0, np.linspace(1, 5, 37)) for x in (0.0, 3.0)]

    def run(lanes, threads, order):
        rows = [(t, d, s, a[order]) for t, d, s, a in doses]
        compiled = compile_system(system, dosed=["drug"], lanes=lanes)
        found = solve(compiled, patients[order], times, doses=same_doses(37, rows), threads=threads, block=5)
        back = np.argsort(order)
        return found.values[back], found.steps[back]

    plain = np.arange(37)
    values, steps = run(4, 1, plain)
    assert np.isfinite(values).all()
    shuffled = np.random.default_rng(1).permutation(37)
    for lanes, threads, order in ((1, 1, plain), (2, 1, plain), (8, 2, plain), (4, 2, shuffled)):
        again, again_steps = run(lanes, threads, order)
        np.testing.assert_array_equal(again, values)
        np.testing.assert_array_equal(again_steps, steps)


def test_the_start_of_a_dose_is_a_surprise_only_once():
    """Into a fast system that is at rest again, every infusion takes the steps of the first, without its tries."""
    system = systems.make_system({"x": "-k * x", "y": "k * x - y / 2"}, {"x": 0, "y": 0}, {"k": 5e6})
    compiled = compile_system(system, dosed=["x"])

    def steps(count: int) -> int:
        rows = [(10.0 + 40.0 * i, HOUR, 0, 5.0) for i in range(count)]
        times = [10.0 + 40.0 * count]
        return int(solve(compiled, [[5e6]], times, doses=same_doses(1, rows)).steps[0])

    first, later = steps(1), [steps(i + 1) - steps(i) for i in range(1, 5)]
    assert max(later) <= first - 14  # 8 fewer even without memory: the first step of all is far too short
    assert max(later) - min(later) <= 3


def test_a_patient_that_fails_is_named_and_its_neighbours_are_untouched():
    """x' = k x² runs to infinity at t = 1/k."""
    system = systems.make_system({"x": "k*x**2"}, {"x": 1}, {"k": 0.1})
    compiled = compile_system(system)
    t = np.linspace(0, 5, 11)
    rates = np.full((9, 1), 0.1)
    alone = solve(compiled, rates, t).values
    rates[4] = 0.45
    found = solve(compiled, rates, t)
    (failure,) = found.failures
    assert failure.patient == 4
    assert failure.state_id == "x"
    assert failure.time == pytest.approx(1 / 0.45, abs=1e-4)
    assert failure.status in (Status.STEP_TOO_SMALL, Status.NOT_FINITE)
    assert failure.reason and failure.advice
    np.testing.assert_array_equal(np.isnan(found.values[4, :, 0]), t > 1 / 0.45)
    others = np.arange(9) != 4
    np.testing.assert_array_equal(found.values[others], alone[others])
    assert (found.status[others] == Status.REACHED_END).all()


def test_not_a_number_from_the_start_is_a_failure_and_so_is_the_step_limit():
    system = systems.make_system({"x": "log(k)*x", "y": "-y"}, {"x": 1, "y": 1}, {"k": 2.0})
    compiled = compile_system(system)
    found = solve(compiled, [[2.0], [-1.0]], [0.0, 1.0])
    assert found.failures[0].status == Status.NOT_FINITE
    assert found.failures[0].state_id == "x"
    assert np.isnan(found.values[1]).all()
    limited = solve(compiled, [[2.0]], [0.0, 100.0], step_limit=5)
    assert limited.failures[0].status == Status.STEP_LIMIT


def test_ten_decades_of_scale():
    """Two species, one of size 1e10 and one of 1e-3 that it feeds through a tiny rate."""
    system = systems.make_system(
        {"big": "-k*big", "small": "e*big - small"}, {"big": 1e10, "small": 0}, {"k": 0.5, "e": 1e-13}
    )
    t = np.linspace(0, 40, 41)
    found = solve(compile_system(system), [[0.5, 1e-13]], t, atol=1e-12).values[0]
    np.testing.assert_allclose(found[:, 0], 1e10 * np.exp(-0.5 * t), rtol=2e-6, atol=1e-2)
    np.testing.assert_allclose(
        found[1:, 1], 1e-3 * (np.exp(-0.5 * t) - np.exp(-t))[1:] / 0.5, rtol=2e-6, atol=1e-12
    )


def test_piecewise_on_time_and_on_states_is_met_exactly():
    """Growth at rate 1 from t = 2 on, ten times slower above a level of the patient's own."""
    x, a = symbol("x"), symbol("a")
    rate = sympy.Piecewise((1, x < a), (sympy.Rational(1, 10), True)) * sympy.Piecewise(
        (0, TIME < 2), (1, True)
    )
    compiled = compile_system(systems.make_system({"x": rate}, {"x": 0}, {"a": 1.0}))
    t = np.array([0.0, 2.0, 2.5, 3.0, 4.0, 5.0])
    found = solve(compiled, [[1.0], [0.5]], t)
    np.testing.assert_allclose(found.values[0, :, 0], [0, 0, 0.5, 1.0, 1.1, 1.2], atol=1e-9)
    np.testing.assert_allclose(found.values[1, :, 0], [0, 0, 0.5, 0.55, 0.65, 0.75], atol=1e-9)
    assert found.steps.max() < 20


def test_a_pulse_of_the_patient_s_own_times_is_not_stepped_over():
    on, off = symbol("on"), symbol("off")
    rate = sympy.Piecewise((1 / (off - on), sympy.And(on <= TIME, off > TIME)), (0, True))
    compiled = compile_system(systems.make_system({"x": rate}, {"x": 0}, {"on": 1.0, "off": 2.0}))
    found = solve(compiled, [[500.0, 500.01], [3.0, 900.0]], [0.0, 1000.0])
    np.testing.assert_allclose(found.values[:, 1, 0], 1.0, rtol=1e-9)


def test_a_smooth_pulse_is_seen_with_a_longest_step():
    pulse = sympy.exp(-((TIME - 500) ** 2))
    compiled = compile_system(systems.make_system({"x": pulse}, {"x": 0}, {"k": 1.0}))
    found = solve(compiled, [[1.0]], [0.0, 1000.0], max_step=1.0, rtol=1e-8)
    assert found.values[0, 1, 0] == pytest.approx(np.sqrt(np.pi), rel=1e-6)
    with pytest.raises(InputError):
        solve(compiled, [[1.0]], [0.0], max_step=0.0)


def test_at_rest_steps_grow_without_harm():
    compiled = compile_system(systems.make_system({"x": "-k*(x - 1) + 0*k"}, {"x": 1}, {"k": 1.0}))
    found = solve(compiled, [[1.0]], [0.0, 1e9, 1e12])
    np.testing.assert_array_equal(found.values[0, :, 0], 1.0)


def test_powers_of_what_undershoots_zero_do_not_stop_a_run():
    system = systems.make_system({"x": "-k*x", "y": "x**1.7/(1 + x**1.7) - y"}, {"x": 1, "y": 0}, {"k": 40.0})
    found = solve(compile_system(system), [[40.0]], np.linspace(0, 200, 5))
    assert not found.failures
    assert np.isfinite(found.values).all()


def test_observables_are_expressions_of_everything():
    system = systems.make_system({"x": "-r"}, {"x0": 3, "x": "x0*x1"}, {"k": 1.0, "x1": 2.0}, {"r": "k*x"})
    observables = {
        "double": 2 * symbol("x"),
        "loss": symbol("r"),
        "share": symbol("x") / symbol("x0"),
        "t": TIME,
    }
    found = solve(
        compile_system(system, observables=observables), [[1.0, 2.0]], [0.0, 1.0], rtol=1e-9, atol=1e-12
    )
    assert found.observable_ids == ("double", "loss", "share", "t")
    e = 6 * np.exp(-1.0)
    np.testing.assert_allclose(found.values[0], [[12, 6, 2, 0], [2 * e, e, e / 3, 1]], rtol=1e-7)


def test_progress_is_told_and_nothing_is_printed(decay, capsys):
    seen = []
    solve(
        decay,
        np.tile([1.0, 0.2], (50, 1)),
        [0.0, 1.0],
        block=20,
        threads=1,
        on_progress=lambda a, b: seen.append((a, b)),
    )
    assert seen == [(20, 50), (40, 50), (50, 50)]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": [[1.0]]},
        {"times": [1.0, 0.0]},
        {"times": [-1.0, 0.0]},
        {"doses": same_doses(1, [(0.0, -1.0, 0, 1.0)])},
        {"doses": same_doses(1, [(0.0, 1.0, 1, 1.0)])},
        {"doses": same_doses(1, [(0.0, 1.0, 0, float("nan"))])},
        {"doses": same_doses(2, [(0.0, 1.0, 0, 1.0)])},
        {"atol": 0.0},
    ],
)
def test_what_cannot_be_run_is_refused(decay, change):
    arguments = {"parameters": [[1.0, 0.2]], "times": [0.0, 1.0]} | change
    with pytest.raises(InputError):
        solve(decay, arguments.pop("parameters"), arguments.pop("times"), **arguments)


def test_unknown_states_are_named():
    with pytest.raises(UnknownNameError, match="did you mean x"):
        compile_system(systems.decay(), dosed=["X"])
