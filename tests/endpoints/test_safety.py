from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from vivocart.endpoints import safety


def _cases(suites, scale):
    with (suites / "endpoints" / "crs_icans_cases.csv").open(newline="") as handle:
        for case in csv.DictReader(handle):
            if case["scale"] == scale:
                yield case, dict(pair.split("=") for pair in case["inputs"].split(";"))


def _crs(fever, hypotension=0, pressors=0, vasopressin=0, oxygen="none", anticytokine=0):
    return int(
        safety.crs_grade(
            np.array([bool(fever)]),
            hypotension=np.array([bool(hypotension)]),
            pressors=np.array([int(pressors)]),
            vasopressin=np.array([bool(vasopressin)]),
            oxygen=np.array([safety.OXYGEN.index(oxygen)]),
            anticytokine_given=np.array([bool(anticytokine)]),
        )[0]
    )


def test_crs_cases(suites):
    seen = 0
    for case, given in _cases(suites, "ASTCT_CRS"):
        found = _crs(
            int(given["fever"]),
            int(given["hypotension"]),
            int(given["pressors"]),
            int(given["vasopressin"]),
            given["o2"],
            int(given.get("anticytokine_given", 0)),
        )
        assert found == int(case["expected_grade"]), case["case_id"]
        seen += 1
    assert seen >= 6


def test_icans_cases(suites):
    seen = 0
    for case, given in _cases(suites, "ASTCT_ICANS"):
        found = safety.icans_grade(
            int(given["ice"]),
            consciousness=given["consciousness"],
            seizure=given.get("seizure", "none"),
            deep_motor_weakness=given.get("motor", "0") == "1",
            edema=given.get("edema", "none"),
        )
        assert found == int(case["expected_grade"]), case["case_id"]
        seen += 1
    assert seen >= 7


@pytest.mark.parametrize(
    ("signs", "grade"),
    [
        ({"fever": 1}, 1),
        ({"fever": 1, "hypotension": 1}, 2),
        ({"fever": 1, "pressors": 1}, 3),
        ({"fever": 1, "pressors": 1, "oxygen": "low"}, 3),
        ({"fever": 1, "pressors": 2}, 4),
        ({"fever": 1, "oxygen": "positive_pressure"}, 4),
        ({"fever": 0, "pressors": 1}, 0),
        ({"fever": 0, "pressors": 1, "anticytokine": 1}, 3),
        ({"fever": 0, "anticytokine": 1}, 0),
    ],
)
def test_the_consensus_table(signs, grade):
    assert _crs(**signs) == grade


def test_grades_follow_the_patients_own_thresholds(fakes, read_fake):
    times = fakes.default_times(60.0)
    peaks = np.array([10.0, 30.0, 200.0, 1500.0, 9000.0])
    signal = 8.0 + (peaks - 8.0)[:, None] * np.exp(-np.abs(times - 1.0))[None, :]
    readings = read_fake(5, times=times, cytokine_signal=signal)
    assert safety.crs_grade_max(readings).tolist() == [0, 1, 2, 3, 4]
    assert safety.crs_severe(readings).tolist() == [0, 0, 0, 1, 1]
    assert safety.crs_any(readings).tolist() == [0, 1, 1, 1, 1]
    assert safety.crs_grade_1_only(readings).tolist() == [0, 1, 0, 0, 0]


def test_a_high_baseline_is_no_crs(read_fake):
    own = {"crs_fever_threshold": np.array([5.0])}
    assert safety.crs_grade_max(read_fake(1, parameters=own))[0] == 0


def test_tocilizumab_lifts_the_need_for_fever(fakes, read_fake):
    times = fakes.default_times(30.0)
    signal = np.where((times > 1) & (times < 5), 200.0, 8.0)
    own = {"crs_fever_threshold": np.array([500.0, 500.0])}
    rescues = pd.DataFrame({"patient": [1, 1], "time_days": [3.0, 2.0], "product": ["tocilizumab"] * 2})
    readings = read_fake(2, times=times, cytokine_signal=signal, parameters=own, rescues=rescues)
    assert safety.crs_grade_max(readings).tolist() == [0, 2]
    assert safety.tocilizumab_given(readings).tolist() == [0, 1]
    assert readings.first_rescue_day("tocilizumab").tolist() == [np.inf, 2.0]


def test_tocilizumab_between_output_times_still_tells_of_grade_two(fakes, read_fake):
    rescues = pd.DataFrame({"patient": [1], "time_days": [0.21], "product": ["tocilizumab"]})
    readings = read_fake(2, times=fakes.default_times(30.0), cytokine_signal=8.0, rescues=rescues)
    assert safety.crs_grade_max(readings).tolist() == [0, 2]
    assert safety.crs_severe(readings).tolist() == [0, 0]


def test_peaks_and_rises(fakes, read_fake):
    times = fakes.default_times(30.0)
    readings = read_fake(1, times=times, il6=8.0 + 32.0 * (times == 1.0), crp=4.0 + 20.0 * (times == 2.0))
    assert safety.il6_peak(readings)[0] == 40.0
    assert safety.il6_rise_fold(readings)[0] == 5.0
    assert safety.crp_peak(readings)[0] == 24.0
    assert safety.crp_rise_fold(readings)[0] == 6.0
    assert safety.il6_raised(readings)[0] == 1.0
    assert safety.crp_raised(read_fake(1))[0] == 0.0
