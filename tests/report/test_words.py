from __future__ import annotations

import math

import pytest

from vivocart.report.words import answer, as_printed, exact, in_print, number, unit_words
from vivocart.scenarios.result import TrialResult


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0, "0"), (0.999, "1.0"), (3.0, "3"), (3.04, "3.0"), (0.3, "0.30"), (0.0312, "0.031"), (9.97, "10"), (12.4, "12"),
        (1234.5, "1,234"),         (-2.5, "-2.5"), (math.nan, "–"), (None, "–"), (math.inf, "not reached"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, printed: str):
    assert number(value) == printed


def test_parameter_values_keep_four_digits():
    assert exact(0.086812) == "0.08681"


def test_shares_are_printed_in_percent_and_grades_are_not():
    assert as_printed("autoantibody_d90", "Autoantibody, share of baseline, day 90", "1") == (100.0, "%")
    assert as_printed("crs_grade_max", "Highest CRS grade", "1") == (1.0, "")
    assert as_printed("il6_peak", "Highest IL-6", "pg/mL") == (1.0, "pg/mL")


def test_names_in_print():
    assert in_print("anti_dsdna") == "anti-dsDNA"
    assert in_print("organic_brain_syndrome") == "organic brain syndrome"
    assert unit_words("1/uL") == "/µL"


def test_the_answer_names_arms_numbers_and_what_lies_outside(trial_result: TrialResult):
    said = answer(trial_result)
    assert said[0].startswith("**4 mg × 3**")
    assert said[1].startswith("**2 mg × 3**")
    assert "SLEDAI-2K goes from **16** (8 to 26) to **5**" in said[0]
    assert "outside: Largest fall of SLEDAI within 3 months (all)" in said[2]
