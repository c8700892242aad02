"""Entry criteria in a cell of a table: what people write, and what is told back where it cannot be read."""

from __future__ import annotations

import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.patients.criteria_text import read_criteria


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("age 18 to 69", "age 18 to 69 a"),
        ("age 18-69 years", "age 18 to 69 a"),
        ("age from 18 to 69", "age 18 to 69 a"),
        ("sledai_baseline >= 6", "sledai_baseline at least 6 score"),
        ("SLEDAI-2K ≥ 6 points", "sledai_baseline at least 6 score"),
        ("upcr at least 1000 mg/g", "upcr at least 1 g/g"),
        ("prednisone <= 30 mg/d", "prednisone at most 30 mg/d"),
        ("hemoglobin > 8 g/dL", "hemoglobin at least 80 g/L"),
        ("lymphocytes >= 800 1/uL", "lymphocytes at least 0.8 10*9/L"),
        ("nephritis", "nephritis 1 to 1"),
        ("with nephritis", "nephritis 1 to 1"),
        ("without nephritis", "nephritis 0 to 0"),
        ("female = no", "female 0 to 0"),
        ("body weight 40 to 100 kg", "body_weight 40 to 100 kg"),
    ],
)
def test_parts_as_people_write_them(text: str, shown: str):
    found = read_criteria(text)
    assert str(found.criteria) == shown
    assert found.not_read == ()


def test_parts_are_joined_and_free_text_is_told_back():
    found = read_criteria(
        "age 18 to 69; sledai_baseline >= 6, biopsy-proven class III or IV; adults with lupus."
    )
    assert str(found.criteria) == "age 18 to 69 a; sledai_baseline at least 6 score"
    assert found.not_read == ("biopsy-proven class III or IV", "adults with lupus")


def test_an_empty_text_has_no_criteria():
    assert read_criteria("  ").criteria is None


def test_a_limit_on_what_is_no_covariate_names_the_nearest():
    with pytest.raises(UnknownNameError, match="sledai_baseline"):
        read_criteria("sledai_basline >= 6")


def test_a_unit_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="write hemoglobin in g/L"):
        read_criteria("hemoglobin >= 8 mL")
