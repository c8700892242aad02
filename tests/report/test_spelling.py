from __future__ import annotations

import math

import pytest

from vivocart.report.spelling import as_printed, exact, in_print, number, summary_cell, unit_words


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


def test_a_tiny_share_does_not_list_zeros():
    row = {
        "endpoint": "b",
        "label": "Share left",
        "unit": "1",
        "is_flag": False,
        "median": 0.2,
        "q05": 2e-5,
        "q95": 0.9,
    }
    assert summary_cell(row) == "20 (<0.1 to 90)"


def test_flags_and_what_does_not_apply():
    row = {"endpoint": "b", "label": "b", "unit": "1", "is_flag": True, "mean": 0.25, "median": 0.0}
    assert summary_cell(row) == "25 % of patients"
    assert summary_cell(row | {"is_flag": False, "median": math.nan}) == "–"
