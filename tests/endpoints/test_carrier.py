"""Particles in plasma: what the endpoints read is what the equations of three pools say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

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


def _closed(model, patients, regimen, hours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exposure, and concentrations at hours after the infusion, of the linear three-pool model by matrix powers."""
    matrix = patients.parameter_matrix(model, regimen.parameter_overrides, regimen.parameter_widths)
    names = ("lnp_loss", "lnp_exit", "lnp_return", "plasma_volume_per_kg")
    columns = [matrix[:, model.system.parameter_ids.index(name)] for name in names]
    infusion_days, dose_mg_per_kg = 80 / 1440, 0.3
    found = []
    for loss, out, back, volume in zip(*columns, strict=True):
        rates = np.array([[-loss - out, 0, back], [out, -back, 0], [0, back, -back]])
        given = np.array([dose_mg_per_kg / infusion_days / volume, 0, 0])
        end = np.linalg.solve(rates, (expm(rates * infusion_days) - np.eye(3)) @ given)
        found.append([(expm(rates * hour / 24) @ end)[0] for hour in hours])
    return dose_mg_per_kg / columns[3] / columns[0] * 24, np.array(found)


def test_patisiran_is_read_as_its_equations_say(model, patients):
    regimen = Regimen("patisiran", dose_mg_per_kg=0.3, infusions=1)
    # every six minutes at first: between hours the decline of some patients is no straight line on the logarithmic scale
    times = np.concatenate([np.arange(240) / 240, np.arange(1, 60, 0.25), [60.0]])
    simulation = simulate(model, regimen, patients, days=60, times_days=times)
    table = endpoints(simulation, IDS)
    late = np.array([3.0, 9.0]) * 24 - 80 / 60
    exposure, values = _closed(model, patients, regimen, np.array([1.0, 3.0, *late]))
    fast, slow = (
        np.log(2) * span / np.log(values[:, k] / values[:, k + 1]) for k, span in ((0, 2.0), (2, 6.0))
    )
    light = patients.covariates["body_weight"] < 100  # beyond it the dose is capped
    assert light.any()
    assert np.allclose(table["lnp_peak"][light], (values[:, 0] * 2 ** (1 / fast))[light], rtol=0.01)
    lasting = light & (slow < 8)  # what is left after the simulation is no part of its exposure
    assert lasting.mean() > 0.5
    assert np.allclose(table["lnp_auc"][lasting], exposure[lasting], rtol=0.02)
    assert np.allclose(table["lnp_fast_half_life"], fast, rtol=0.01)
    assert np.allclose(table["lnp_slow_half_life"], slow, rtol=0.05)
    day = simulation["lnp_plasma"].sel(time=1.0).values
    assert np.allclose(table["lnp_percent_after_a_day"], 100 * day / table["lnp_peak"], rtol=1e-6)
    assert simulation["car_percent_cd8"].values.max() < 1e-3, "it makes no CAR-T cells"


def test_patisiran_has_a_minor_second_peak_within_a_day(model, patients):
    regimen = Regimen("patisiran", dose_mg_per_kg=0.3, infusions=1)
    hours = np.arange(2.0, 24.0, 0.5)
    _, values = _closed(model, patients, regimen, hours)
    lowest = values.argmin(axis=1)
    assert np.mean((lowest > 0) & (lowest < len(hours) - 1)) > 0.5


def test_who_gets_no_particles_has_no_such_reading(model, patients):
    simulation = simulate(model, Regimen("rituximab", dose_mg=1000, infusions=1), patients, days=30)
    assert endpoints(simulation, IDS).isna().all(axis=None)
