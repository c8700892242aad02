"""Particles in plasma: what the endpoints read is what the two-compartment equations say."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.endpoints.table import endpoints
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

IDS = ["lnp_peak", "lnp_auc", "lnp_fast_half_life", "lnp_slow_half_life", "lnp_percent_after_a_day"]


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def patients(model):
    # without antibodies to the carrier the equations are linear and have a closed solution
    return VirtualPopulation.sample(model, n_patients=40, seed=4, typical={"carrier_clearance_gain": 1e-9})


def _closed(patients, infusion_days: float, dose_mg_per_kg: float):
    """Peak, exposure and both rates of the linear two-compartment model for each patient."""
    loss, out, back = (patients.parameters[name] for name in ("lnp_loss", "lnp_exit", "lnp_return"))
    volume = patients.parameters["plasma_volume_per_kg"]
    total = loss + out + back
    root = np.sqrt(total**2 - 4 * loss * back)
    fast, slow = (total + root) / 2, (total - root) / 2
    weights = (fast - back) / (fast - slow), (back - slow) / (fast - slow)
    rate = dose_mg_per_kg / volume / infusion_days
    peak = sum(
        rate * share / k * (1 - np.exp(-k * infusion_days))
        for share, k in zip(weights, (fast, slow), strict=True)
    )
    return peak, dose_mg_per_kg / volume / loss * 24, fast, slow


def test_patisiran_is_read_as_its_equations_say(model, patients):
    regimen = Regimen("patisiran", dose_mg_per_kg=0.3, infusions=1)
    simulation = simulate(model, regimen, patients, days=60)
    table = endpoints(simulation, IDS)
    peak, exposure, fast, slow = _closed(patients, 80 / 1440, 0.3)
    light = patients.covariates["body_weight"] < 100  # beyond it the dose is capped
    assert light.any()
    assert np.allclose(table["lnp_peak"][light], peak[light], rtol=0.05)
    assert np.allclose(table["lnp_auc"][light], exposure[light], rtol=0.08)
    assert np.allclose(table["lnp_fast_half_life"], np.log(2) * 24 / fast, rtol=0.05)
    assert np.median(np.abs(table["lnp_slow_half_life"] / (np.log(2) / slow) - 1)) < 0.02
    day = simulation["lnp_plasma"].sel(time=1.0).values
    assert np.allclose(table["lnp_percent_after_a_day"], 100 * day / table["lnp_peak"], rtol=1e-6)
    assert simulation["car_percent_cd8"].values.max() < 1e-3, "it makes no CAR-T cells"


def test_who_gets_no_particles_has_no_such_reading(model, patients):
    simulation = simulate(model, Regimen("rituximab", dose_mg=1000, infusions=1), patients, days=30)
    assert endpoints(simulation, IDS).isna().all(axis=None)
