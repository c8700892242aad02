"""Endpoints of the shipped model in virtual patients: the rooms mean the same thing."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.endpoints.sledai import clinical_sledai_score, sledai_items, sledai_score
from vivocart.endpoints.table import endpoints
from vivocart.therapies.regimen import Regimen


@pytest.fixture(scope="module")
def treated():
    from vivocart.model.load import load_model
    from vivocart.patients.population import VirtualPopulation
    from vivocart.simulation.run import simulate

    model = load_model()
    patients = VirtualPopulation.sample(model, n_patients=24, seed=5)
    regimen = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
    return simulate(model, regimen, patients, days=180)


def test_every_endpoint_can_be_read(treated):
    table = endpoints(treated)
    assert table.attrs["left_out"] == {}
    assert table.attrs["n_failed"] == 0
    assert table.attrs["units"].keys() == set(table.columns)
    assert (table["car_percent_peak"] <= 100).all()
    assert (table["b_cell_depletion_days"] <= table["b_cells_days_below_5"] + 1e-9).all()
    assert (table["b_cells_days_below_1"] <= table["b_cells_days_below_5"] + 1e-9).all()


def test_baseline_scores_are_those_the_patients_were_chosen_by(treated):
    table = endpoints(treated, ["sledai_baseline", "clinical_sledai_baseline"])
    covariates = treated.patients.covariates
    np.testing.assert_array_equal(table["sledai_baseline"], covariates["sledai_baseline"])
    np.testing.assert_array_equal(table["clinical_sledai_baseline"], covariates["sledai_clinical_baseline"])


def test_scores_add_up_at_every_visit(treated):
    from vivocart.endpoints.readings import read

    readings, _ = read(treated)
    table = endpoints(treated)
    for day in (28, 90, 180):
        items = sledai_items(readings, day)
        np.testing.assert_array_equal(sledai_score(items), table[f"sledai_d{day}"])
        np.testing.assert_array_equal(clinical_sledai_score(items), table[f"clinical_sledai_d{day}"])
