"""Expressions and systems as plain data: what is read back is what was written."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as some

from vivocart.equations.plain import expression_of, plain, read_system, write_system
from vivocart.equations.system import TIME, Assignment, Event, Parameter, State, System, symbol

X, Y, K = map(symbol, "xyk")

_LEAVES = some.sampled_from([X, Y, K, TIME]) | some.integers(-3, 9).map(sympy.Integer) | some.floats(0.01, 99)


def _more(parts: some.SearchStrategy) -> some.SearchStrategy:
    pairs = some.tuples(parts, parts)
    return some.one_of(
        pairs.map(lambda p: sympy.Add(*p)),
        pairs.map(lambda p: sympy.Mul(*p)),
        pairs.map(lambda p: sympy.Mul(*p, evaluate=False)),
        pairs.map(lambda p: sympy.Max(*p)),
        parts.map(lambda p: sympy.Pow(sympy.Add(K, 1), p)),
        parts.map(lambda p: sympy.exp(sympy.Mul(-1, K, p))),
        parts.map(lambda p: sympy.Piecewise((p, X > Y), (K, True), evaluate=False)),
    )


def system_of(rate: sympy.Basic, **more: object) -> System:
    return System(
        id="one",
        parameters=(Parameter(id="k", value=0.1, unit="per_day"), Parameter(id="y", value=1e-300)),
        states=(State(id="x", rate=rate, unit="µg"),),
        start=(Assignment(id="x", expression=sympy.Integer(2)),),
        names={"x": "what there is"},
        **more,
    )


@given(some.recursive(_LEAVES, _more, max_leaves=12).map(sympy.sympify))
def test_an_expression_comes_back_with_its_terms_in_their_order(expression: sympy.Expr):
    again = expression_of(json.loads(json.dumps(plain(expression))))
    assert again == expression
    for one, other in zip(sympy.preorder_traversal(again), sympy.preorder_traversal(expression), strict=True):
        assert type(one) is type(other)
        assert one.args == other.args


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (K * X, K * Y),
        (K + X, K * X),
        (sympy.Integer(1), sympy.Float(1.0)),
        (sympy.Float(0.1), sympy.Float(0.1).n(30) + sympy.Float("1e-25", 30)),
        (X, sympy.Symbol("x")),
        (sympy.Gt(X, Y, evaluate=False), sympy.Ge(X, Y, evaluate=False)),
        (sympy.Add(X, Y, evaluate=False), sympy.Add(Y, X, evaluate=False)),
        (sympy.true, symbol("true")),
    ],
)
def test_different_expressions_have_different_data(one: sympy.Basic, other: sympy.Basic):
    assert repr(plain(one)) != repr(plain(other))


def test_what_is_shared_is_written_once():
    shared = sympy.exp(-K * X)
    known: dict = {}
    first, second = plain(shared + 1, known), plain(shared * Y, known)
    assert any(part is known[shared] for part in first)
    assert any(part is known[shared] for part in second)


@pytest.mark.parametrize(
    "rate",
    [
        sympy.Integer(0),
        -K * X,
        sympy.Mul(2, X + Y, evaluate=False),
        K * X ** sympy.Float(1.7) / (Y + X ** sympy.Float(1.7)),
        sympy.Piecewise((K, sympy.Gt(TIME, Y, evaluate=False)), (0, True)),
        sympy.Basic.__new__(sympy.Piecewise, sympy.functions.elementary.piecewise.ExprCondPair(K, X > Y)),
    ],
    ids=str,
)
def test_a_system_comes_back_whole(rate: sympy.Expr):
    system = system_of(rate, rules=(Assignment(id="r", expression=K + X, unit="1"),), time_unit="day")
    text = write_system(system)
    assert text is not None
    again = read_system(text)
    assert again == system
    assert again.state_ids == ("x",)
    assert again.names == {"x": "what there is"}


def test_what_would_not_come_back_the_same_is_not_written():
    assert write_system(system_of(sympy.sin(X))) is None
    assert write_system(system_of(X * sympy.Symbol("k"))) is None
    assert write_system(system_of(X, events=(Event(id="e", trigger=X > 1, assignments=()),))) is None
    no_value = dataclasses.replace(system_of(X), parameters=(Parameter(id="k", value=math.nan),))
    assert write_system(no_value) is None
    scaled = dataclasses.replace(system_of(X), start=(Assignment(id="x", expression=X, scale=K),))
    assert write_system(scaled) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", '{"id": "one"}', "not JSON", pytest.param(None, id="kind nobody knows")]
)
def test_a_text_that_is_no_system_says_so(text: str | None):
    if text is None:
        good = write_system(system_of(sympy.exp(X)))
        assert good is not None
        text = good.replace('"exp"', '"__import__"')
    with pytest.raises(ValueError, match=r"."):
        read_system(text)
