"""Expressions and their derivatives, compiled, against SymPy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).parent))
import systems

from vivocart.engine.graph import NUMBER, PARAMETER, STATE, Derivatives, Graph
from vivocart.engine.interpreter import formulas
from vivocart.engine.solve import compile_system, solve
from vivocart.engine.symbols import Reader
from vivocart.equations.system import TIME, symbol
from vivocart.ground.errors import InputError, UnsupportedError

X, Y, K = symbol("x"), symbol("y"), symbol("k")
EXPRESSIONS = [
    X + Y - K, X * Y / K, X / (Y * K), X**3 - Y**-2, X**K, K**X, X**Y, sympy.sqrt(X), X ** sympy.Rational(-1, 2),
    X**2 / (X**2 + K**2), X**1.7 / (X**1.7 + K**1.7), sympy.exp(-X * K), sympy.log(1 + X), sympy.log(X, 10),
    sympy.sin(X), sympy.cos(X * Y), sympy.tan(X / 3), sympy.asin(X / 9), sympy.acos(X / 9), sympy.atan(X),
    sympy.sinh(X), sympy.cosh(X), sympy.tanh(X - Y), sympy.asinh(X), sympy.acosh(1 + X), sympy.atanh(X / 9),
    sympy.sec(X / 3), sympy.csc(X), sympy.cot(X), sympy.acot(X), sympy.asec(9 + X), sympy.sech(X), sympy.acsch(X),
    sympy.Abs(X - Y), sympy.sign(X - Y), sympy.floor(3 * X), sympy.ceiling(3 * X), sympy.Max(X, Y, K), sympy.Min(X, Y),
    sympy.factorial(X), sympy.erf(X), sympy.atan2(Y, X), sympy.Mod(7 * X, Y),
    sympy.Piecewise((X, X > Y), (Y**2, True)), sympy.Piecewise((sympy.log(X - Y), X > Y), (0, True)),
    sympy.Piecewise((1, sympy.And(X > 1, sympy.Not(Y > X))), (2, sympy.Or(Y < 1, K >= X)), (3, True)),
    sympy.Piecewise((1, sympy.Xor(X > 1, Y > 1)), (X, True)), X * TIME + sympy.pi + sympy.E + sympy.Rational(1, 3),
]  # fmt: skip


@pytest.fixture(scope="module")
def values():
    """Every expression at some points, through a kernel: (n_points, n_expressions), and the points."""
    points = np.array([[1.3, 0.7, 2.1], [0.4, 2.2, 0.9], [2.0, 2.0, 1.5], [3.1, 0.2, 0.5]])
    system = systems.make_system(
        {"x": "0", "y": "0"}, {"x": "x0", "y": "y0"}, {"x0": 1.0, "y0": 1.0, "k": 1.0}
    )
    observables = {f"e{i}": e for i, e in enumerate(EXPRESSIONS)}
    found = solve(compile_system(system, observables=observables), points, [0.5])
    return found.values[:, 0, :], points


@pytest.mark.parametrize("number", range(len(EXPRESSIONS)), ids=lambda i: str(EXPRESSIONS[i])[:40])
def test_kernels_compute_what_sympy_says(values, number):
    found, points = values
    for row, (x, y, k) in zip(found, points, strict=True):
        exact = EXPRESSIONS[number].subs({X: x, Y: y, K: k, TIME: 0.5}).evalf(30)
        assert row[number] == pytest.approx(float(exact), rel=1e-13, abs=1e-14)


SMOOTH = [e for e in EXPRESSIONS if not e.has(sympy.sign, sympy.floor, sympy.ceiling, sympy.Mod)]


@pytest.mark.parametrize("expression", SMOOTH, ids=lambda e: str(e)[:40])
def test_derivatives_are_those_of_sympy(expression):
    graph = Graph()
    names = {X: graph.make(STATE, value=0), Y: graph.make(STATE, value=1), K: graph.make(PARAMETER, value=0)}
    gradient = Derivatives(graph).gradient(Reader(graph, names).read(expression))
    at = {
        X: sympy.Float("1.3", 40),
        Y: sympy.Float("0.7", 40),
        K: sympy.Float("2.1", 40),
        TIME: sympy.Float("0.5", 40),
    }
    step = sympy.Float("1e-12", 40)
    for key, variable in ((("state", 0), X), (("state", 1), Y), (("time", 0), TIME)):
        node = gradient.get(key, graph.make(NUMBER, value=0.0))
        (found,) = formulas(graph, [node])([2.1], [1.3, 0.7], 0.5)
        high, low = (expression.subs(at | {variable: at[variable] + s}).evalf(40) for s in (step, -step))
        assert found == pytest.approx(float((high - low) / (2 * step)), rel=1e-8, abs=1e-9)


def test_what_is_not_chosen_does_not_leak():
    """The logarithm of zero and one over zero stand in branches that are not taken."""
    expression = sympy.Piecewise((sympy.log(X) / X, X > 0), (0, True))
    system = systems.make_system({"x": expression - X, "y": "1"}, {"x": 0, "y": 0}, {"k": 1.0})
    found = solve(compile_system(system), [[1.0]], [0.0, 1.0])
    np.testing.assert_allclose(found.values[0], [[0, 0], [0, 1]], atol=1e-12)


def test_equal_parts_exist_once():
    graph = Graph()
    reader = Reader(graph, {X: graph.make(STATE, value=0), Y: graph.make(STATE, value=1)})
    first = reader.read(sympy.exp(X * Y) + 1)
    before = len(graph.nodes)
    reader.read(sympy.exp(X * Y) * 2)
    assert len(graph.nodes) == before + 2  # the number 2 and the product
    assert graph.nodes[first].operation == "add"


def test_numbers_of_the_patient_are_multiplied_once_a_patient():
    graph = Graph()
    a, b = graph.make(PARAMETER, value=0), graph.make(PARAMETER, value=1)
    x = graph.make(STATE, value=0)
    joined = graph.multiply(a, graph.multiply(b, x))
    assert joined == graph.multiply(graph.multiply(a, b), x) == graph.multiply(graph.multiply(x, b), a)
    assert sorted(graph.level[i] for i in graph.nodes[joined].inputs) == [1, 2]
    assert graph.multiply(a, graph.negative(graph.multiply(x, b))) == graph.negative(joined)


def test_unknown_names_and_functions_are_named():
    graph = Graph()
    with pytest.raises(InputError, match="'x'"):
        Reader(graph, {}).read(X)
    with pytest.raises(UnsupportedError, match="not supported: function 'zeta'"):
        Reader(graph, {X: graph.make(STATE, value=0)}).read(sympy.zeta(X))
