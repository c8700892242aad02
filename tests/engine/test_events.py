from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import sympy

from vivocart.engine.doses import no_doses
from vivocart.engine.event_batch import compile_events, run_events
from vivocart.equations.system import TIME, Assignment, Event, Parameter, State, System, symbol
from vivocart.formats.sbml import read_sbml_model
from vivocart.formats.sbml_suite import read_settings, reported
from vivocart.ground.errors import SimulationError

from .scipy_events import solve_with_events

x, v, n, w = (symbol(name) for name in "xvnw")


def system(rates: dict[str, object], start: dict[str, float], events: list[Event]) -> System:
    return System(
        id="test",
        parameters=(Parameter(id="p", value=2.0),),
        states=tuple(State(id=name, rate=sympy.sympify(rate)) for name, rate in rates.items()),
        start=tuple(Assignment(id=name, expression=sympy.sympify(value)) for name, value in start.items()),
        events=tuple(events),
    )


def event(trigger: sympy.Basic, *, name: str = "e", **options: object) -> Event:
    targets = {key: options.pop(key) for key in list(options) if key in ("x", "v", "n", "w")}
    assignments = tuple(Assignment(id=key, expression=sympy.sympify(value)) for key, value in targets.items())
    for key in ("delay", "priority"):
        if key in options:
            options[key] = sympy.sympify(options[key])
    return Event(id=name, trigger=trigger, assignments=assignments, **options)  # type: ignore[arg-type]


def alone(
    made: System,
    observables: dict[str, sympy.Expr],
    parameters: list[float],
    times: list[float],
    *,
    relative: float = 1e-8,
    absolute: float = 1e-12,
    seed: int = 0,
) -> np.ndarray:
    """(n_times, n_observables) of one patient."""
    found = run_events(
        compile_events(made, observables, span=1.0, quick=True),
        np.array([parameters]),
        np.array(times),
        doses=no_doses(1),
        relative=relative,
        absolute=absolute,
        seed=seed,
    )
    if found.failures:
        raise SimulationError(found.failures[0])
    return found.values[0]


def run(made: System, times: list[float], **asked: float) -> dict[str, np.ndarray]:
    values = alone(made, {name: symbol(name) for name in made.state_ids}, [2.0], times, **asked)  # type: ignore[arg-type]
    return dict(zip(made.state_ids, values.T, strict=True))


def test_a_bouncing_ball_bounces_when_it_must() -> None:
    gravity, restitution = 9.81, 0.8
    bounce = event(sympy.And(x < 0, v < 0), x=0, v=-restitution * v, n=n + 1, w=TIME)
    made = system({"x": v, "v": -gravity, "n": 0, "w": 0}, {"x": 5, "v": 0, "n": 0, "w": 0}, [bounce])
    first = math.sqrt(2 * 5 / gravity)
    bounces = [first]
    flight = 2 * first * restitution
    while len(bounces) < 12:
        bounces.append(bounces[-1] + flight)
        flight *= restitution
    times = [0.5 * (a + b) for a, b in itertools.pairwise(bounces)]
    found = run(made, times)
    assert found["n"].tolist() == list(range(1, 12))
    np.testing.assert_allclose(found["w"], bounces[:11], rtol=1e-8)


@pytest.mark.parametrize("level", [0.9, 0.5, 1e-3, 1e-7])
def test_a_crossing_is_found_to_a_ten_billionth_of_the_step(level: float) -> None:
    # x falls along a straight line: the solution is exact, so all that is seen is the error of the root
    made = system({"x": -1, "w": 0}, {"x": 1, "w": -1}, [event(x < level, w=TIME)])
    found = run(made, [1.0])
    assert found["w"][0] == pytest.approx(1 - level, abs=1e-10)


def test_what_happens_at_an_output_time_is_seen_at_it_unless_the_condition_is_strict() -> None:
    made = system({"x": 0, "v": 0}, {"x": 0, "v": 0}, [event(TIME >= 2, x=1), event(TIME > 2, name="f", v=1)])
    found = run(made, [1.0, 2.0, 3.0])
    assert found["x"].tolist() == [0, 1, 1]
    assert found["v"].tolist() == [0, 0, 1]


def test_equality_with_time_happens_once() -> None:
    made = system({"n": 0}, {"n": 0}, [event(sympy.Eq(TIME, 2), n=n + 1)])
    assert run(made, [1.0, 2.0, 3.0])["n"].tolist() == [0, 1, 1]


@pytest.mark.parametrize(("initial_value", "expected"), [(True, 0), (False, 1)])
def test_at_the_start_an_event_happens_only_if_it_was_false_before(
    initial_value: bool, expected: int
) -> None:
    made = system({"n": 0}, {"n": 0}, [event(TIME >= 0, n=n + 1, initial_value=initial_value)])
    assert run(made, [0.0, 1.0])["n"].tolist() == [expected, expected]


def test_a_delay_takes_values_from_the_trigger_or_from_the_moment() -> None:
    early = event(TIME >= 1, x=10 * TIME, delay=2)
    late = event(TIME >= 1, name="f", v=10 * TIME, delay=2, use_values_from_trigger_time=False)
    made = system({"x": 0, "v": 0}, {"x": 0, "v": 0}, [early, late])
    found = run(made, [2.9, 3.0])
    assert found["x"].tolist() == [0, 10]
    assert found["v"].tolist() == [0, 30]


@pytest.mark.parametrize(("persistent", "expected"), [(True, 1), (False, 0)])
def test_an_event_that_does_not_persist_is_dropped_when_its_trigger_turns_false(
    persistent: bool, expected: int
) -> None:
    window = sympy.And(TIME >= 1, TIME < 2)
    made = system({"n": 0}, {"n": 0}, [event(window, n=n + 1, delay=1.5, persistent=persistent)])
    assert run(made, [4.0])["n"].tolist() == [expected]


def test_an_event_waits_more_than_once() -> None:
    wave = event(sympy.sin(2 * sympy.pi * TIME) > 0.5, n=n + 1, delay=2.5, use_values_from_trigger_time=False)
    made = system({"n": 0}, {"n": 0}, [wave])
    # triggers at 1/12 + k, is executed 2.5 later
    assert run(made, [2.5, 3.0, 4.0, 5.0])["n"].tolist() == [0, 1, 2, 3]


def test_a_condition_that_holds_for_a_moment_is_not_stepped_over() -> None:
    narrow = sympy.And(TIME > 0.3, TIME < 0.3 + 1e-6)
    made = system({"n": 0}, {"n": 0}, [event(narrow, n=n + 1)])
    assert run(made, [1000.0])["n"].tolist() == [1]
    peak = system({"x": v, "v": -x, "n": 0}, {"x": 0, "v": 1, "n": 0}, [event(x > 0.9999, n=n + 1)])
    assert run(peak, [20 * math.pi])["n"].tolist() == [10]


def test_the_higher_priority_comes_first_and_priorities_change() -> None:
    events = [
        event(TIME >= 1, name="low", x=10 * x + 1, priority=1),
        event(TIME >= 1, name="high", x=10 * x + 2, priority=3),
        event(TIME >= 1, name="rises", x=10 * x + 3, priority=sympy.Piecewise((9, x > 5), (2, True))),
        event(TIME >= 1, name="falls", x=10 * x + 4, priority=sympy.Piecewise((0, x > 5), (2.5, True))),
    ]
    for e in events:
        object.__setattr__(e, "use_values_from_trigger_time", False)
    made = system({"x": 0}, {"x": 0}, events)
    # high (x=2), falls (24), then rises has 9 (243), low (2431)
    assert run(made, [1.0])["x"].tolist() == [2431]


def test_an_event_may_stop_another_of_the_same_moment() -> None:
    first = event(TIME >= 1, name="first", v=1, priority=2)
    held = sympy.And(TIME >= 1, v < 0.5)
    for persistent, expected in ((True, 1), (False, 0)):
        second = event(held, name="second", n=n + 1, priority=1, persistent=persistent)
        made = system({"v": 0, "n": 0}, {"v": 0, "n": 0}, [first, second])
        assert run(made, [2.0])["n"].tolist() == [expected]


def test_events_set_each_other_off_at_one_moment() -> None:
    chain = [event(n >= i, name=f"e{i}", n=n + 1) for i in range(1, 50)]
    made = system({"n": 0}, {"n": 0}, [event(TIME >= 1, n=1), *chain])
    assert run(made, [0.5, 1.0])["n"].tolist() == [0, 50]


def test_a_storm_is_an_error_not_a_hang() -> None:
    flip = [event(n > 0.5, name="down", n=0), event(n < 0.5, name="up", n=1)]
    made = system({"n": 0}, {"n": 0}, [event(TIME >= 1, n=1), *flip])
    with pytest.raises(SimulationError, match="without end at time 1"):
        run(made, [2.0])


def test_a_delay_that_is_negative_is_an_error() -> None:
    made = system({"n": 0}, {"n": 0}, [event(TIME >= 1, n=1, delay=-1)])
    with pytest.raises(SimulationError, match="delay of event 'e' is -1"):
        run(made, [2.0])


def test_events_of_one_priority_come_in_any_order_but_the_same_for_a_seed() -> None:
    events = [event(TIME >= 1, name=f"e{i}", x=10 * x + i, priority=1) for i in (1, 2, 3)]
    for e in events:
        object.__setattr__(e, "use_values_from_trigger_time", False)
    made = system({"x": 0}, {"x": 0}, events)
    found = {seed: float(run(made, [1.0], seed=seed)["x"][0]) for seed in range(60)}
    assert set(found.values()) == {123, 132, 213, 231, 312, 321}
    assert run(made, [1.0], seed=7)["x"].tolist() == [found[7]]


def test_a_scaled_assignment_uses_the_scale_of_the_moment_before() -> None:
    both = Event(
        id="e",
        trigger=TIME >= 1,
        assignments=(
            Assignment(id="x", expression=sympy.Integer(3), scale=v),
            Assignment(id="v", expression=sympy.Integer(7)),
        ),
        delay=sympy.Integer(1),
    )
    made = system({"x": 0, "v": 1}, {"x": 0, "v": 2}, [both])
    found = run(made, [2.0])
    assert found["x"][0] == pytest.approx(3 * 4)
    assert found["v"][0] == 7


def test_a_rate_that_jumps_is_integrated_up_to_the_jump() -> None:
    made = system({"x": sympy.Piecewise((1, TIME < 1.3), (-2, True))}, {"x": 0}, [])
    assert run(made, [1.3, 2.0])["x"] == pytest.approx([1.3, 1.3 - 2 * 0.7], abs=1e-12)


@pytest.mark.parametrize(("trigger", "delay"), [(0.82, 0.38), (1.42, 0.38), (0.1, 0.2), (0.7, 0.1)])
def test_times_that_differ_by_a_rounding_are_the_same_moment(trigger: float, delay: float) -> None:
    made = system({"n": 0}, {"n": 0}, [event(TIME >= trigger, n=2, delay=delay)])  # noqa: SIM300
    assert run(made, [round(trigger + delay, 2)])["n"].tolist() == [2]


def test_a_moving_state_without_a_value_is_named() -> None:
    made = system({"x": -x, "v": -v}, {"x": 1, "v": sympy.nan}, [])
    with pytest.raises(SimulationError, match="state 'v' is not a number at the start"):
        run(made, [1.0])


def test_a_state_without_a_value_waits_for_its_event() -> None:
    made = system({"x": -x, "n": 0}, {"x": 1, "n": sympy.nan}, [event(TIME >= 1, n=3)])
    found = run(made, [0.5, 1.5])
    np.testing.assert_allclose(found["x"], np.exp([-0.5, -1.5]), rtol=1e-7)
    np.testing.assert_equal(found["n"], [math.nan, 3.0])


def test_a_time_that_events_move_is_met_exactly() -> None:
    # w is the next time; what the event notes in v shows when it happened
    alarm = event(w <= TIME, w=w + sympy.Float(0.7), n=n + 1, v=TIME - w)
    made = system({"n": 0, "w": 0, "v": 0, "x": x}, {"n": 0, "w": 0.7, "v": 0, "x": 1}, [alarm])
    found = run(made, [0.699, 0.7, 3.5, 3.6])
    assert found["n"].tolist() == [0, 1, 5, 5]
    assert found["v"].tolist() == [0, 0, 0, 0]


def test_a_constant_made_from_a_start_value_does_not_follow_the_state() -> None:
    made = System(
        id="test",
        parameters=(Parameter(id="p", value=2.0),),
        states=(State(id="n", rate=sympy.S.Zero), State(id="x", rate=symbol("first"))),
        start=(
            Assignment(id="n", expression=sympy.Integer(5)),
            Assignment(id="first", expression=2 * n),
            Assignment(id="x", expression=sympy.S.Zero),
        ),
        events=(event(TIME >= 1, n=100),),
    )
    assert run(made, [2.0])["x"].tolist() == pytest.approx([20.0])


def test_a_system_that_cannot_go_on_says_where() -> None:
    made = system({"x": x * x}, {"x": 1}, [])
    with pytest.raises(SimulationError, match=r"at time (1|0\.99).*state 'x'"):
        run(made, [2.0])


SAME_AS_SCIPY = (
    "00041 00361 00379 00399 00417 00435 00457 00647 00689 00749 00769 00883 "
    "00953 01071 01237 01287 01329 01509 01597 01675 01693 01711 01769"
)


@pytest.mark.parametrize("case", SAME_AS_SCIPY.split())
def test_cases_with_events_agree_with_an_independent_solver(suites: Path, case: str) -> None:
    folder = suites / "sbml-odd" / case
    model = read_sbml_model((folder / "model.xml").read_text())
    settings = read_settings((folder / "settings.txt").read_text())
    observables = reported(model, settings)
    parameters = [p.value for p in model.system.parameters]
    found = alone(model.system, observables, parameters, settings.times, absolute=1e-13)
    expected = solve_with_events(model.system, list(observables.values()), settings.times)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())
