from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.scenarios.summary import endpoint_table, heaviest, kinds, to_json


def test_json_is_canonical():
    text = to_json(
        {"b": np.float64(0.1 + 0.2), "a": [np.int64(1), math.nan, math.inf, -0.0], "c": np.bool_(True)}
    )
    assert json.loads(text) == {"a": [1, None, None, 0.0], "b": 0.3, "c": True}
    assert text.index('"a"') < text.index('"b"')
    assert "-0.0" not in text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_twelve_digits(value: float):
    back = json.loads(to_json({"x": value}))["x"]
    assert math.isclose(back, value, rel_tol=1e-11, abs_tol=0.0)
    assert to_json({"x": back}) == to_json({"x": value})


def _endpoints() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "flag": [0.0, 1.0, 1.0, np.nan],
            "crs_grade_max": [0.0, 1.0, 0.0, 1.0],
            "days": [1.0, 2.0, np.inf, np.nan],
        },
        index=pd.Index(range(4), name="patient"),
    )
    table.attrs["units"] = {"flag": "1", "crs_grade_max": "1", "days": "d"}
    table.attrs["labels"] = {name: name for name in table.columns}
    table.attrs["families"] = dict.fromkeys(table.columns, "safety")
    table.attrs["n_failed"] = 0
    return table


def test_flags_are_told_from_grades_and_numbers():
    table = endpoint_table(_endpoints()).set_index("endpoint")
    assert dict(table["is_flag"]) == {"flag": True, "crs_grade_max": False, "days": False}
    assert table.at["flag", "mean"] == pytest.approx(2 / 3)
    assert table.at["days", "not_reached"] == 1


def test_only_assumptions_and_scenarios_carry_weight_in_the_list():
    table = pd.DataFrame(
        {
            "parameter_id": ["a", "b", "c", "d", "e"],
            "kind": ["assumed", "measured", "scenario", "assumed", "assumed"],
            "weight": [0.2, 0.9, 0.5, np.nan, 0.2],
        }
    )
    assert [row["parameter_id"] for row in heaviest(table, 5)] == ["c", "a", "e"]
    assert kinds(table) == {"measured": 1, "estimated": 0, "assumed": 3, "scenario": 1}
