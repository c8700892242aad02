from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from vivocart.endpoints.laboratory import ctcae_grade, laboratory_terms
from vivocart.ground.errors import InputError, UnknownNameError


def test_limits_are_those_published(suites):
    """Every number of the published cells for grades 2 to 4 is the limit our table passes at."""
    with (suites / "endpoints" / "ctcae_lab_thresholds.csv").open(newline="") as handle:
        published = {row["term"]: row for row in csv.DictReader(handle)}
    for term, row in laboratory_terms().items():
        for number in (2, 3, 4):
            limit = getattr(row, f"grade{number}")
            if limit is None:
                continue
            cell = published[term][f"grade{number}"].split("(")[0]
            bounds = [float(found) for found in re.findall(r"\d+\.?\d*", cell)]
            assert limit == (max(bounds) if row.direction == "low" else min(bounds)), (term, number)


def test_falling_counts():
    values = np.array([2.0, 1.8, 1.5, 1.49, 1.0, 0.99, 0.5, 0.49])
    assert ctcae_grade("neutrophil_count_decreased", values, normal_limit=1.9).tolist() == [
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
    ]


def test_rising_values_in_multiples_of_normal():
    values = 40.0 * np.array([1.0, 1.1, 3.0, 3.1, 5.0, 5.1, 20.0, 20.1])
    found = ctcae_grade("alanine_aminotransferase_increased", values, normal_limit=40.0)
    assert found.tolist() == [0, 1, 1, 2, 2, 3, 3, 4]


def test_anemia_has_no_laboratory_grade_four():
    assert ctcae_grade("anemia", np.array([12.5, 11.0, 10.0, 9.9, 7.9, 3.0]), normal_limit=12.0).tolist() == [
        0,
        1,
        1,
        2,
        3,
        3,
    ]


def test_bad_input():
    with pytest.raises(UnknownNameError, match="neutrophil_count_decreased"):
        ctcae_grade("neutrophils_decreased", np.array([1.0]), normal_limit=2.0)
    with pytest.raises(InputError, match="normal_limit"):
        ctcae_grade("anemia", np.array([1.0]), normal_limit=0.0)
