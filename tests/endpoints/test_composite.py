from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.endpoints import composite


@pytest.fixture(scope="module")
def cases(suites):
    with (suites / "endpoints" / "endpoint_cases.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def descriptors(suites):
    with (suites / "endpoints" / "sledai2k_items.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def _column(cases, name):
    return np.array([float(case[name]) for case in cases])


def _response_arguments(cases):
    return {
        "bilag_baseline": composite.bilag_codes([case["baseline_bilag"] for case in cases]),
        "bilag_visit": composite.bilag_codes([case["visit_bilag"] for case in cases]),
        "pga_baseline": _column(cases, "baseline_pga"),
        "pga_visit": _column(cases, "visit_pga"),
        "treatment_failure": _column(cases, "treatment_failure") > 0,
    }


def _differences(cases, found, expected):
    return [
        case["case_id"] for case, got in zip(cases, found, strict=True) if int(got) != int(case[expected])
    ]


def test_sri4_cases(cases):
    before, now = _column(cases, "exp_baseline_sledai"), _column(cases, "exp_visit_sledai")
    assert _differences(cases, composite.sri4(before, now, **_response_arguments(cases)), "exp_sri4") == []


def test_bicla_cases(cases):
    before, now = _column(cases, "exp_baseline_sledai"), _column(cases, "exp_visit_sledai")
    assert _differences(cases, composite.bicla(before, now, **_response_arguments(cases)), "exp_bicla") == []


def test_doris_cases(cases):
    found = composite.doris(
        _column(cases, "exp_visit_clinical_sledai"),
        pga=_column(cases, "visit_pga"),
        prednisone_mg_per_day=_column(cases, "visit_pred_mg"),
        stable_background=_column(cases, "stable_background") > 0,
    )
    assert _differences(cases, found, "exp_doris") == []


def test_lldas_cases(cases, descriptors):
    names = [row["item"] for row in descriptors]
    items = {
        visit: np.array([[name in case[f"{visit}_items"].split() for name in names] for case in cases])
        for visit in ("baseline", "visit")
    }
    found = composite.lldas(
        items["visit"],
        items["baseline"],
        weights=np.array([int(row["weight"]) for row in descriptors]),
        major_organ=np.array([row["major_organ_for_LLDAS"] == "1" for row in descriptors]),
        pga=_column(cases, "visit_pga"),
        prednisone_mg_per_day=_column(cases, "visit_pred_mg"),
        stable_background=_column(cases, "stable_background") > 0,
        hemolysis_or_gi_activity=_column(cases, "hemolysis_or_gi_activity") > 0,
    )
    assert _differences(cases, found, "exp_lldas") == []


def test_doris_steroid_sign_is_a_setting():
    arguments = {
        "pga": np.array([0.2]),
        "prednisone_mg_per_day": np.array([5.0]),
        "stable_background": np.array([True]),
    }
    assert composite.doris(np.array([0]), **arguments)[0]
    assert not composite.doris(np.array([0]), **arguments, limit_included=False)[0]


@pytest.mark.parametrize(("rise", "allowed"), [(0.29, True), (0.3, False), (0.31, False)])
def test_a_pga_rise_of_exactly_three_tenths_is_a_worsening(rise, allowed):
    same = composite.bilag_codes(["DBEBEEEED"])
    found = composite.sri4(
        np.array([12]),
        np.array([4]),
        bilag_baseline=same,
        bilag_visit=same,
        pga_baseline=np.array([1.0]),
        pga_visit=np.array([1.0 + rise]),
        treatment_failure=np.array([False]),
    )
    assert found[0] == allowed


@given(st.text("ABCDE", min_size=9, max_size=9), st.text("ABCDE", min_size=9, max_size=9))
def test_bilag_rules_word_by_word(before, now):
    def response(function, fall):
        return bool(
            function(
                np.array([12]),
                np.array([12 - fall]),
                bilag_baseline=composite.bilag_codes([before]),
                bilag_visit=composite.bilag_codes([now]),
                pga_baseline=np.array([1.0]),
                pga_visit=np.array([1.0]),
                treatment_failure=np.array([False]),
            )[0]
        )

    pairs = list(zip(before, now, strict=True))
    worse = any(b == "A" and a != "A" for a, b in pairs) or sum(b == "B" and a in "CDE" for a, b in pairs) > 1
    improved = all(b > a for a, b in pairs if a in "AB")
    assert response(composite.sri4, 4) is not worse
    assert response(composite.sri4, 3) is False
    assert response(composite.bicla, 0) is (not worse and improved and any(a in "AB" for a in before))


def test_a_word_of_another_length_is_refused():
    with pytest.raises(ValueError, match="nine letters"):
        composite.bilag_codes(["DBEB"])
