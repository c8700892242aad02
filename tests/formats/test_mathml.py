from __future__ import annotations

import math

import libsbml
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from vivocart.equations.system import TIME, symbol
from vivocart.formats.mathml import MathReader
from vivocart.formats.mathml_functions import AVOGADRO, as_boolean, as_number, divide, number
from vivocart.ground.errors import InputError, UnsupportedError

x, y = symbol("x"), symbol("y")
READER = MathReader(
    resolve=lambda name: symbol(name) if name in ("x", "y") else None,
    rate=lambda name: symbol(f"rateOf({name})"),
    functions={},
)


def tree(formula: str):
    settings_ = libsbml.L3ParserSettings()
    settings_.setParseLog(libsbml.L3P_PARSE_LOG_AS_LOG10)
    found = libsbml.parseL3FormulaWithSettings(formula, settings_)
    assert found is not None, libsbml.getLastParseL3Error()
    return found


def read(formula: str) -> sympy.Expr:
    node = tree(formula)
    return READER.number(node, "here")


def value(formula: str, a: float = 0.7, b: float = 2.5) -> float:
    return float(read(formula).subs({x: a, y: b}))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x + y + 1", 4.2),
        ("-x", -0.7),
        ("x^y", 0.7**2.5),
        ("root(3, y)", 2.5 ** (1 / 3)),
        ("sqrt(y)", math.sqrt(2.5)),
        ("log(3, y)", math.log(2.5, 3)),
        ("log10(y)", math.log10(2.5)),
        ("ln(y)", math.log(2.5)),
        ("factorial(4)", 24),
        ("factorial(y)", math.gamma(3.5)),
        ("sec(x)", 1 / math.cos(0.7)),
        ("csc(x)", 1 / math.sin(0.7)),
        ("cot(x)", 1 / math.tan(0.7)),
        ("sech(x)", 1 / math.cosh(0.7)),
        ("csch(x)", 1 / math.sinh(0.7)),
        ("coth(x)", 1 / math.tanh(0.7)),
        ("arcsec(y)", math.acos(1 / 2.5)),
        ("arccsc(y)", math.asin(1 / 2.5)),
        ("arccot(y)", math.atan(1 / 2.5)),
        ("arcsech(x)", math.acosh(1 / 0.7)),
        ("arccsch(x)", math.asinh(1 / 0.7)),
        ("arccoth(y)", math.atanh(1 / 2.5)),
        ("max(x, y, 1)", 2.5),
        ("min(x, y, 1)", 0.7),
        ("max(x)", 0.7),
        ("floor(y) + ceil(y)", 5),
        ("rem(-7, 3)", -1),
        ("rem(y, 1)", 0.5),
        ("quotient(-7, 2)", -3),
        ("quotient(-y, 1)", -2),
        ("quotient(1, 3)", 0),
        ("0 / 5", 0),
        ("piecewise(1, x > y, 2, x < y, 3)", 2),
        ("piecewise(1, x > y, 3)", 3),
        ("piecewise(x, true)", 0.7),
        ("x < y", 1),
        ("(x < y) + (x > y)", 1),
        ("gt(y, 1, x)", 1),
        ("gt(y, x, 1)", 0),
        ("xor(x < y, true, true)", 1),
        ("xor(x < y, x < y)", 0),
        ("implies(x < y, x > y)", 0),
        ("implies(x > y, x > y)", 1),
        ("piecewise(1, x, 2)", 1),
        ("piecewise(1, x - 0.7, 2)", 2),
        ("and() + or() + xor()", 1),
        ("plus() + times()", 1),
        ("avogadro", AVOGADRO),
        ("pi * exponentiale", math.pi * math.e),
        ("1e3 + (1/4)", 1000.25),
    ],
)
def test_the_value_of_every_function(formula: str, expected: float) -> None:
    assert value(formula) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("1/0", math.inf),
        ("-1/0", -math.inf),
        ("0/0", math.nan),
        ("INF - INF", math.nan),
        ("ln(0)", -math.inf),
        ("ln(-1)", math.nan),
        ("(-8)^(1/3)", math.nan),
        ("0^(-1)", math.inf),
        ("exp(1e10)", math.inf),
        ("10^400", math.inf),
        ("factorial(1e9)", math.inf),
        ("arcsin(2)", math.nan),
        ("piecewise(1, false)", math.nan),
        ("notanumber", math.nan),
        ("9^9^9^9", math.inf),
    ],
)
def test_numbers_follow_the_processor(formula: str, expected: float) -> None:
    assert float(read(formula)) == pytest.approx(expected, nan_ok=True)


def test_a_power_cannot_ask_for_a_number_without_end() -> None:
    assert read("(2*x)^1000000000").count_ops() < 10


def test_time_and_rates() -> None:
    assert read("time") == TIME
    assert read("rateOf(x)") == symbol("rateOf(x)")


def test_conditions_within_conditions_stay_small() -> None:
    formula = "x"
    for level in range(60):
        formula = f"piecewise(1, {formula} > {level}, 2)"
    assert read(formula).count_ops() < 2000


@pytest.mark.parametrize("formula", ["z + 1", "f(x)", "rateOf(z)"])
def test_what_is_not_defined_is_refused(formula: str) -> None:
    with pytest.raises(InputError, match="here"):
        read(formula)


def test_a_delay_is_not_supported() -> None:
    with pytest.raises(UnsupportedError, match="delay"):
        read("delay(x, 1)")


def test_truth_and_number() -> None:
    assert as_number(sympy.true) == 1
    assert as_boolean(number(0.0)) == sympy.false
    assert as_boolean(number(math.nan)) == sympy.true
    assert float(as_number(sympy.Lt(x, 1)).subs(x, 0.5)) == 1.0
    assert divide(x, sympy.S.Zero) == sympy.oo * x


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_keeps_every_bit(given_value: float) -> None:
    found = float(number(given_value))
    assert found == given_value or (math.isnan(found) and math.isnan(given_value))


_LEAVES = st.sampled_from(["x", "y", "2", "0.5", "3"])
_FORMULAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "^"]), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ),
        st.tuples(st.sampled_from(["sin", "exp", "abs", "floor", "ln", "tanh"]), inner).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
        st.tuples(inner, inner, inner, inner).map(lambda p: f"piecewise({p[0]}, {p[1]} < {p[2]}, {p[3]})"),
    ),
    max_leaves=12,
)


def _plain(node, names: dict[str, float]) -> float:
    """An evaluator that shares nothing with ours."""
    parts = [_plain(node.getChild(i), names) for i in range(node.getNumChildren())]
    kind = node.getType()
    if kind == libsbml.AST_NAME:
        return names[node.getName()]
    if node.isNumber():
        return node.getValue()
    if kind == libsbml.AST_FUNCTION_PIECEWISE:
        return parts[0] if parts[1] else parts[2]
    if kind == libsbml.AST_RELATIONAL_LT:
        return parts[0] < parts[1]
    operations = {
        libsbml.AST_PLUS: lambda *v: sum(v),
        libsbml.AST_MINUS: lambda a, b=None: -a if b is None else a - b,
        libsbml.AST_TIMES: lambda *v: math.prod(v),
        libsbml.AST_DIVIDE: lambda a, b: a / b,
        libsbml.AST_POWER: math.pow,
        libsbml.AST_FUNCTION_POWER: math.pow,
        libsbml.AST_FUNCTION_SIN: math.sin,
        libsbml.AST_FUNCTION_EXP: math.exp,
        libsbml.AST_FUNCTION_ABS: abs,
        libsbml.AST_FUNCTION_FLOOR: math.floor,
        libsbml.AST_FUNCTION_LN: math.log,
        libsbml.AST_FUNCTION_TANH: math.tanh,
    }
    return operations[kind](*parts)


@settings(max_examples=150, deadline=None)
@given(_FORMULAS)
def test_any_formula_has_the_value_of_a_plain_evaluation(formula: str) -> None:
    names = {"x": 0.7, "y": 2.5}
    node = tree(formula)
    try:
        expected = _plain(node, names)
    except (ZeroDivisionError, OverflowError, ValueError):
        return
    if isinstance(expected, complex) or not math.isfinite(expected) or abs(expected) > 1e12:
        return
    found = READER.number(node, "here").subs({x: 0.7, y: 2.5})
    assert float(found) == pytest.approx(float(expected), rel=1e-6, abs=1e-9)
