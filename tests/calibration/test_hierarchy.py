from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.hierarchy import Hierarchy, hierarchy_of
from vivocart.model.load import load_model
from vivocart.patients.draws import patient_values, spread_multipliers, typical_values
from vivocart.patients.numbers import patient_numbers
from vivocart.patients.sampling import to_normal

CUT = Hierarchy(
    typical_places=np.array([0, 1, 2]),
    varying_places=np.array([0, 1, 2]),
    center=np.array([0.3, -1.0, 2.0]),
    uncertainty=np.array([0.5, 1.0, 0.2]),
    spread=np.array([0.4, 0.7, 1.0]),
    low=np.array([-np.inf, -1.5, 1.0]),
    high=np.array([np.inf, 0.5, np.inf]),
)


def _numbers(hierarchy: Hierarchy, n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng, k = np.random.default_rng(seed), len(hierarchy.center)
    return rng.standard_normal((n, k)), rng.standard_normal((n, k)), rng.standard_normal((n, 4, k))


def test_patients_are_those_that_the_model_draws():
    model = load_model()
    who = patient_numbers(model)
    hierarchy = hierarchy_of(who)
    assert len(hierarchy.center) > 100
    z, s, eta = _numbers(hierarchy, 30)
    found = hierarchy.patients(z, s, eta)
    for place, (typical, varying) in enumerate(
        zip(hierarchy.typical_places, hierarchy.varying_places, strict=True)
    ):
        row = model.parameters[who.varying[varying]]
        assert who.uncertain[typical] == who.varying[varying] == row.id
        center = typical_values(row, z[:, place])
        values = patient_values(
            row, eta[:, :, place], center[:, None], spread_multipliers(s[:, place])[:, None]
        )
        np.testing.assert_allclose(found[:, :, place], to_normal(row.distribution, values), atol=1e-9)


def test_numbers_give_the_same_patients_in_another_population():
    z, s, eta = _numbers(CUT, 200)
    patients = CUT.patients(z, s, eta)
    np.testing.assert_allclose(CUT.numbers(z, s, patients), eta, atol=1e-7)
    other = CUT.numbers(z + 0.4, s - 0.3, patients)
    np.testing.assert_allclose(CUT.patients(z + 0.4, s - 0.3, other), patients, atol=1e-9)


@pytest.mark.parametrize("parameter", [0, 1, 2])
def test_the_density_has_the_same_integral_in_every_population(parameter):
    hierarchy = CUT.only(np.arange(3) == parameter)
    z, s, _ = _numbers(hierarchy, 12)
    grid = np.linspace(max(hierarchy.low[0], -8.0), min(hierarchy.high[0], 9.0), 20_001)
    density = np.stack(
        [hierarchy.log_density(z, s, np.broadcast_to(at, (len(z), 1, 1)))[:, 0] for at in grid]
    )
    integral = np.trapezoid(np.exp(density), grid, axis=0)
    np.testing.assert_allclose(integral, np.sqrt(2 * np.pi), rtol=1e-3)


def test_a_density_far_outside_the_limits_is_finite_and_keeps_its_digits():
    far = CUT.only(np.arange(3) == 1)
    wide = np.array([[0.0]])
    # patients are cut to (-1.5, 0.5) with an SD of 0.7 x exp(0.3 x -6): the typical value lies at a limit
    patients = np.full((1, 1, 1), 0.4)
    near = far.log_density(np.array([[-9.0]]), wide - 6.0, patients)
    assert np.isfinite(near).all()
