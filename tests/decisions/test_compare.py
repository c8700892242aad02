"""Arms in the same virtual patients: a difference is the therapy's."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.decisions.compare import Comparison, compare
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.therapies.regimen import Regimen

ENDPOINTS = ("b_cells_nadir", "autoantibody_d90", "b_cell_return_day")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    model = load_model()
    patients = VirtualPopulation.sample(model, n_patients=16, seed=2)
    low = Regimen("HN2301", dose_mg=2, infusions=3, interval_days=3)
    high = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
    return compare(
        model, {"low": low, "high": high, "low again": low}, patients, days=90, endpoint_ids=ENDPOINTS
    )


def test_the_same_regimen_differs_in_nothing(comparison: Comparison):
    paired = comparison.paired("low").set_index(["arm", "endpoint"])
    same = paired.loc["low again"]
    assert (same[["q05", "median", "q95"]].to_numpy() == 0).all()


def test_more_drug_does_more_in_every_patient(comparison: Comparison):
    nadir = comparison.endpoints["b_cells_nadir"]
    assert (nadir.loc["high"].to_numpy() < nadir.loc["low"].to_numpy()).all()
    summary = comparison.summary().set_index(["arm", "endpoint"])
    assert (
        summary.loc[("high", "autoantibody_d90"), "median"]
        < summary.loc[("low", "autoantibody_d90"), "median"]
    )
    assert set(summary["n"]) == {16}


def test_bands_and_provenance_cover_all_arms(comparison: Comparison):
    assert set(comparison.bands) == {"low", "high", "low again"}
    assert np.isfinite(comparison.bands["high"]["b_cells_blood"].values).all()
    assert len(comparison.provenance.as_dict()["asked"]["parts"]) == 3


def test_wrong_arms_are_refused(comparison: Comparison):
    with pytest.raises(UnknownNameError, match="high"):
        comparison.paired("hihg")
    model = load_model()
    with pytest.raises(InputError, match="at least one"):
        compare(model, {}, VirtualPopulation.sample(model, n_patients=1, seed=1), days=10)
