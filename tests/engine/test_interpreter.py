from __future__ import annotations

import math

import pytest
import sympy

from vivocart.engine.graph import PARAMETER, STATE, Graph
from vivocart.engine.interpreter import formulas
from vivocart.engine.symbols import Reader
from vivocart.equations.system import TIME, symbol

x, p = symbol("x"), symbol("p")


def value(expression: sympy.Basic, *, state: float = 0.7, parameter: float = 2.5, time: float = 3.0) -> float:
    graph = Graph()
    reader = Reader(graph, {x: graph.make(STATE, value=0), p: graph.make(PARAMETER, value=0)})
    return formulas(graph, [reader.read(expression)])([parameter], [state], time)[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (x + p * TIME, 0.7 + 7.5),
        (x**p / 3, 0.7**2.5 / 3),
        (sympy.exp(-x) * sympy.log(p), math.exp(-0.7) * math.log(2.5)),
        (sympy.gamma(p), math.gamma(2.5)),
        (sympy.floor(p) + sympy.ceiling(x), 3),
        (sympy.Max(x, p) - sympy.Min(x, p), 1.8),
        (sympy.Abs(-p) + sympy.sign(-p), 1.5),
        (sympy.Piecewise((x, p > 3), (p, True)), 2.5),
        (sympy.Mod(p, 1), 0.5),
        (sympy.atan2(x, p), math.atan2(0.7, 2.5)),
    ],
)
def test_values(expression: sympy.Expr, expected: float) -> None:
    assert value(expression) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (1 / x, math.inf),
        (sympy.log(x), -math.inf),
        (sympy.log(x - 1), math.nan),
        (sympy.sqrt(x - 1), math.nan),
        (sympy.exp(p / x), math.inf),
        ((x - 1) ** sympy.Float(0.3), math.nan),
        (x**-p, math.inf),
        (sympy.sin(p / x), math.nan),
        (sympy.floor(p / x), math.inf),
    ],
)
def test_nothing_is_raised_where_the_processor_would_not(expression: sympy.Expr, expected: float) -> None:
    assert value(expression, state=0.0) == pytest.approx(expected, nan_ok=True)


def test_truths_are_truths() -> None:
    assert value(sympy.And(x < p, sympy.Not(x > p))) is True
    assert value(sympy.Or(x > p, sympy.Eq(TIME, 4))) is False
