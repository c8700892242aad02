from __future__ import annotations

import sympy

from vivocart.engine.turning_points import turning_conditions
from vivocart.equations.system import TIME, Assignment, Parameter, State, System, symbol

x, v, k, r = (symbol(name) for name in "xvkr")
SYSTEM = System(
    id="s",
    parameters=(Parameter(id="k", value=1.0),),
    states=(State(id="x", rate=v), State(id="v", rate=-k * x)),
    start=(Assignment(id="x", expression=sympy.S.One), Assignment(id="v", expression=sympy.S.Zero)),
    rules=(
        Assignment(id="r", expression=x**2 + TIME),
        Assignment(id="jumps", expression=sympy.Piecewise((x, TIME > 1), (v, True))),
    ),
)


def speeds(trigger: sympy.Basic) -> list[sympy.Expr]:
    return [condition.args[0] for condition in turning_conditions(SYSTEM, (trigger,), 10.0)]


def test_the_speed_of_each_comparison_is_watched() -> None:
    assert speeds(x > 3) == [v]
    assert speeds(sympy.And(x > 3, v < k)) == [-k * x, v] or speeds(sympy.And(x > 3, v < k)) == [v, -k * x]


def test_a_rule_moves_by_the_chain_rule() -> None:
    assert sympy.expand(speeds(r > 3)[0] - (2 * x * v + 1)) == 0


def test_what_does_not_turn_or_jumps_is_not_watched() -> None:
    assert speeds(TIME > 3) == []
    assert speeds(k > 3) == []
    assert speeds(symbol("jumps") > 3) == []
