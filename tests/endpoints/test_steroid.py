"""Prednisone at visits, and remission and low disease activity as far as the simulation holds them."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.endpoints.readings import read
from vivocart.endpoints.sledai import clinical_sledai, sledai_items, sledai_score
from vivocart.endpoints.table import endpoints
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import load_study

IDS = [
    f"{name}_d{day}"
    for name in ("prednisone", "prednisone_low", "doris_without_pga", "lldas_without_pga")
    for day in (90, 180)
]


@pytest.fixture(scope="module")
def simulations():
    model, study = load_model(), load_study("hn2301_taper")
    patients = VirtualPopulation.sample(model, n_patients=200, seed=2, criteria=study.entry)
    regimen = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
    taper = study.taper.as_taper()
    return [simulate(model, regimen, patients, days=180, taper=rule) for rule in (None, taper)]


def test_the_dose_at_a_visit_is_the_baseline_or_what_the_rule_left(simulations):
    stays, falls = (endpoints(simulation, IDS) for simulation in simulations)
    baseline = simulations[0].patients.covariates["prednisone"]
    assert np.array_equal(stays["prednisone_d180"], baseline)
    assert np.all(falls["prednisone_d180"] <= baseline + 1e-9) and np.all(
        falls["prednisone_d180"] >= 5 - 1e-9
    )
    assert stays["prednisone_low_d180"].sum() == 0, "the protocol takes 7.5 mg a day and more"
    assert falls["prednisone_low_d180"].mean() > 0.5
    assert falls["doris_without_pga_d180"].sum() > stays["doris_without_pga_d180"].sum() == 0


def test_the_parts_are_those_of_the_definitions(simulations):
    table = endpoints(simulations[1], IDS)
    readings, _ = read(simulations[1])
    for day in (90, 180):
        dose = table[f"prednisone_d{day}"].to_numpy()
        remission = (clinical_sledai(readings, day) == 0) & (dose < 5.0001)
        assert np.array_equal(table[f"doris_without_pga_d{day}"], remission)
        low = table[f"lldas_without_pga_d{day}"].to_numpy() == 1
        assert np.all(sledai_score(sledai_items(readings, day))[low] <= 4) and np.all(dose[low] <= 7.5001)
        assert np.all(low[remission & (sledai_score(sledai_items(readings, day)) <= 4)])
