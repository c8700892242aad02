"""Formulas give what arithmetic gives, and refuse what they do not know."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.evidence.formulas import evaluate, quantity_names
from vivocart.evidence.library import quantities
from vivocart.evidence.quantities import Quantity
from vivocart.ground.errors import InputError, UnknownNameError

HALF_LIFE = Quantity(
    id="half_life", quantity="a half-life", value=12, unit="h", spread=3, spread_kind="sd", n=5
)
RANGE = Quantity(id="a_range", quantity="a range", unit="1/h", lower=0, upper=2)
KNOWN = {"half_life": HALF_LIFE, "a_range": RANGE}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("half_life", 0.5),  # in days, the unit asked for
        ("half_life[h]", 12),
        ("log(2) / half_life", 2 * math.log(2)),
        ("half_life - spread(half_life)", 0.375),
        ("-half_life + 2 * half_life", 0.5),
        ("n(half_life)", 5),
        ("mean(1, 3)", 2),
        ("geometric_mean(1, 4)", 2),
        ("sqrt(16)", 4),
    ],
)
def test_arithmetic(formula, expected):
    assert evaluate(formula, KNOWN, unit="d") == (pytest.approx(expected),)


def test_bounds_convert_too_and_zero_is_a_bound():
    assert evaluate("lower(a_range), upper(a_range)", KNOWN, unit="1/d") == (0.0, pytest.approx(48))


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("", "no formula"),
        ("half_life +", "no formula"),
        ("half_life.unit", "not understood"),
        ("__import__('os')", "not understood"),
        ("half_life ** 9", "not understood"),
        ("'text'", "not understood"),
        ("mean(*half_life)", "not understood"),
        ("upper(half_life)", "states no upper"),
        ("a_range[1/d]", "states no value"),
        ("half_life[kg]", "cannot convert"),
        ("half_life[?]", "no formula"),
        ("1 / 0", "cannot compute"),
        ("log(-1)", "cannot compute"),
        ("sqrt()", "cannot compute"),
        ("lower(2)", "lower of what"),
        ("1e999 * 1", "no number"),
        ("(" * 300 + ")" * 300, "at most 500"),
    ],
)
def test_what_is_not_known_is_refused_in_words(formula, words):
    with pytest.raises(InputError, match=words) as caught:
        evaluate(formula, KNOWN, unit="d", where="here")
    assert "\n" not in str(caught.value)


def test_an_unknown_quantity_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean half_life"):
        evaluate("halflife", KNOWN, unit="d")


def test_names_are_those_of_quantities_only():
    assert quantity_names("geometric_mean(log(2) / half_life[d], lower(a_range), half_life)") == (
        "half_life",
        "a_range",
    )
    assert quantity_names("") == ()


@given(st.floats(1e-6, 1e6), st.sampled_from(sorted(quantities())))
def test_a_quantity_times_a_number(factor, name):
    quantity = quantities()[name]
    if quantity.value is not None:
        (found,) = evaluate(f"{factor!r} * {name}", quantities(), unit=quantity.unit)
        assert found == pytest.approx(factor * quantity.value)
