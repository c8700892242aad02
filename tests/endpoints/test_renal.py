from __future__ import annotations

import csv

import numpy as np
import pytest

from vivocart.endpoints import renal


@pytest.fixture(scope="module")
def cases(suites):
    with (suites / "endpoints" / "renal_response_cases.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def _numbers(cases, *names):
    return [np.array([float(case[name]) for case in cases]) for name in names]


def test_named_responses(cases):
    baseline, reference, upcr, egfr, rescue, prednisone = _numbers(
        cases, "upcr_baseline_g_per_g", "egfr_reference", "upcr", "egfr", "rescue", "pred_mg"
    )
    rescued = rescue > 0
    found = {
        "exp_PERR_BLISS_LN": renal.perr(upcr, egfr, reference, rescued),
        "exp_CRR_BLISS_LN": renal.crr_bliss_ln(upcr, egfr, reference, rescued),
        "exp_CRR_AURORA": renal.crr_aurora(upcr, egfr, reference, rescued, prednisone),
    }
    for column, values in found.items():
        assert [int(value) for value in values] == [int(case[column]) for case in cases], column
    assert renal.kdigo_2024(baseline, upcr, egfr, reference).tolist() == [
        case["exp_KDIGO2024"] for case in cases
    ]


def test_upcr_endpoints_are_for_patients_with_proteinuria(read_fake):
    times = np.array([0.0, 90.0, 180.0])
    upcr = np.array([[2.0, 0.5, 0.4], [8.0, 3.5, 2.9], [0.3, 0.2, 0.2]])
    readings = read_fake(3, times=times, upcr=upcr)
    assert renal.upcr(readings, 90).tolist() == [0.5, 3.5, 0.2]
    assert renal.upcr_complete(readings, 90)[:2].tolist() == [1.0, 0.0]
    assert renal.upcr_halved(readings, 90)[:2].tolist() == [1.0, 0.0]
    assert renal.upcr_halved(readings, 180)[:2].tolist() == [1.0, 1.0]
    assert renal.upcr_fall_percent(readings, 90)[0] == pytest.approx(75.0)
    for function in (renal.upcr_complete, renal.upcr_halved, renal.upcr_fall_percent):
        assert np.isnan(function(readings, 90)[2])
