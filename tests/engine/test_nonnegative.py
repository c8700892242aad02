from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.special import lambertw

from vivocart.engine.solve import Status, compile_system, solve
from vivocart.equations.system import Assignment, Parameter, State, System, symbol

SPEED, HALF = 5.0, 0.05


def saturated(precision: str = "double"):
    """Elimination that saturates: a step too long lands below zero, where the same rate drives the state away."""
    drug = symbol("drug")
    system = System(
        id="saturated",
        parameters=(Parameter(id="start_amount", value=100.0),),
        states=(
            State(id="drug", rate=-SPEED * drug / (drug + HALF)),
            State(id="still", rate=sympy.Integer(0)),
        ),
        start=(
            Assignment(id="drug", expression=symbol("start_amount")),
            Assignment(id="still", expression=sympy.Integer(1)),
        ),
    )
    return compile_system(system, precision=precision)


def closed_form(start: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The solution by the Lambert function (Schnell and Mendoza 1997)."""
    scaled = start[:, None] / HALF
    return HALF * lambertw(scaled * np.exp(scaled - SPEED * times / HALF)).real


@pytest.mark.parametrize("precision", ["double", "single"])
def test_loose_steps_do_not_land_below_zero(precision):
    start = np.linspace(5.0, 30.0, 60)
    times = np.linspace(0.0, 40.0, 81)
    found = solve(saturated(precision), start[:, None], times, rtol=1e-3, atol=1e-5, nonnegative=True)
    assert not found.failures
    drug = found.values[:, :, 0]
    assert drug.min() > -10 * (1e-5 * 30.0)
    np.testing.assert_allclose(drug, closed_form(start, times), atol=0.05)


def test_without_it_some_do():
    """Else the test above would say nothing."""
    start = np.linspace(5.0, 30.0, 60)
    found = solve(saturated(), start[:, None], np.linspace(0.0, 40.0, 81), rtol=1e-3, atol=1e-5)
    assert not np.nanmin(found.values[:, :, 0]) > -1.0


def test_a_drain_that_goes_on_where_nothing_is_left_fails_with_its_time():
    system = System(
        id="drain",
        parameters=(Parameter(id="speed", value=1.0),),
        states=(State(id="tank", rate=-symbol("speed")), State(id="other", rate=-symbol("other"))),
        start=(
            Assignment(id="tank", expression=sympy.Integer(2)),
            Assignment(id="other", expression=sympy.Integer(1)),
        ),
    )
    speeds = np.array([[1.0], [0.1], [4.0]])
    times = np.linspace(0.0, 10.0, 11)
    for precision in ("double", "single"):
        found = solve(compile_system(system, precision=precision), speeds, times, rtol=1e-5, nonnegative=True)
        assert [failure.patient for failure in found.failures] == [0, 2]
        for failure, expected in zip(found.failures, (2.0, 0.5), strict=True):
            assert failure.status == Status.NEGATIVE
            assert failure.state_id == "tank"
            assert failure.time == pytest.approx(expected, rel=1e-3)
            assert "below zero" in failure.reason
        np.testing.assert_allclose(found.values[1, :, 0], 2.0 - 0.1 * times, rtol=1e-5)
    free = solve(compile_system(system), speeds, times)
    assert not free.failures
    np.testing.assert_allclose(free.values[2, :, 0], 2.0 - 4.0 * times, atol=1e-8)
