"""A host stops, changes and resumes patients."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).parent))
import systems

from vivocart.engine.solve import (
    Status,
    advance,
    begin,
    compile_system,
    conditions_at,
    failures_of,
    record_now,
    same_doses,
)
from vivocart.equations.system import TIME, symbol

H, V = symbol("h"), symbol("v")


def ball():
    return systems.make_system({"h": "v", "v": "-g"}, {"h": 10, "v": 0}, {"g": 9.81})


def test_a_ball_bounces_where_and_when_it_should():
    compiled = compile_system(ball(), conditions=[H < 0])
    gravity = np.array([9.81, 5.0, 1.62])
    batch = begin(compiled, gravity[:, None], np.linspace(0, 3, 6))
    bounces: list[list[float]] = [[], [], []]
    while True:
        advance(compiled, batch, until=3.0)
        stopped = np.flatnonzero(batch.status == Status.STOPPED)
        if stopped.size == 0:
            break
        for q in stopped:
            if batch.truth[q, 0]:
                bounces[q].append(float(batch.time[q]))
                batch.state[q, 1] *= -0.5
                batch.state[q, 0] = 1e-12
    record_now(compiled, batch)
    np.testing.assert_array_equal(batch.time, 3.0)
    fall = np.sqrt(20 / gravity)
    for q in range(3):
        expected = fall[q] * np.array([1, 2, 2.5, 2.75])  # each bounce takes half as long as the one before
        expected = expected[expected < 3.0]
        np.testing.assert_allclose(bounces[q], expected, rtol=1e-9)
    assert np.isfinite(batch.values).all()
    np.testing.assert_allclose(batch.values[2, -1, 0], batch.state[2, 0])


def test_conditions_on_time_turn_where_they_say():
    compiled = compile_system(ball(), conditions=[TIME >= 3, TIME > 4, sympy.And(TIME >= 2, H < 10)])
    batch = begin(compiled, [[9.81]], [])
    seen = []
    for _ in range(4):
        advance(compiled, batch, until=6.0)
        seen.append((float(batch.time[0]), int(batch.status[0]), batch.truth[0].tolist()))
    assert seen[0] == (2.0, Status.STOPPED, [0, 0, 1])
    assert seen[1] == (3.0, Status.STOPPED, [1, 0, 1])
    assert 4.0 <= seen[2][0] <= 4.0 + 1e-9 and seen[2][2] == [1, 1, 1]
    assert seen[3] == (6.0, Status.REACHED_END, [1, 1, 1])


def test_a_dose_that_turns_a_condition_stops_right_after_it():
    compiled = compile_system(systems.decay(), dosed=["x"], conditions=[symbol("x") > 1])
    batch = begin(compiled, [[1.0, 0.2]], [0.0, 2.0, 3.0], doses=same_doses(1, [(2.0, 0.0, 0, 5.0)]))
    advance(compiled, batch, until=10.0)
    assert (batch.time[0], batch.status[0], batch.state[0, 0]) == (2.0, Status.STOPPED, 5.0)
    advance(compiled, batch, until=10.0)
    assert batch.time[0] == pytest.approx(2.0 + np.log(5.0), rel=1e-7)
    advance(compiled, batch, until=10.0)
    assert batch.status[0] == Status.REACHED_END
    np.testing.assert_allclose(batch.values[0, :, 0], [0, 5, 5 / np.e], rtol=1e-6, atol=1e-12)


def test_stopping_on_the_way_changes_nothing_but_rounding():
    compiled = compile_system(systems.robertson(), conditions=[symbol("c") > 2])
    values = []
    for stops in ((10.0,), (0.5, 1.0, 7.0, 10.0)):
        batch = begin(compiled, systems.typical(systems.robertson()), [0.0, 5.0, 10.0])
        for until in stops:
            advance(compiled, batch, until=until, rtol=1e-9, atol=1e-13)
        record_now(compiled, batch)
        values.append(batch.values)
    np.testing.assert_allclose(values[0], values[1], rtol=1e-7)


def test_truth_follows_changes_by_the_host():
    compiled = compile_system(ball(), conditions=[H < 0, V > 0])
    batch = begin(compiled, [[9.81], [9.81]], [])
    np.testing.assert_array_equal(conditions_at(compiled, batch), 0.0)
    batch.state[1] = [-1.0, 2.0]
    np.testing.assert_array_equal(conditions_at(compiled, batch), [[0, 0], [1, 1]])


def test_a_condition_that_flickers_is_a_storm():
    """x slides along zero: its rate points to zero from both sides."""
    rate = sympy.Piecewise((-1, symbol("x") > 0), (1, True))
    compiled = compile_system(systems.make_system({"x": rate}, {"x": 1}, {"k": 1.0}))
    batch = begin(compiled, [[1.0]], [0.0, 0.5, 2.0])
    advance(compiled, batch, until=2.0, turn_limit=200)
    (failure,) = failures_of(compiled, batch)
    assert failure.status == Status.TRIGGER_STORM
    assert failure.time == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(np.isnan(batch.values[0, :, 0]), [False, False, True])
