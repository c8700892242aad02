from __future__ import annotations

import math

import numpy as np
import pytest

from vivocart.calibration.value import hypothetical_observations, variance_reduction
from vivocart.endpoints.registry import known_endpoints
from vivocart.model.load import load_model


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0])
def test_a_normal_pair_has_the_reduction_of_the_closed_form(noise):
    rng = np.random.default_rng(4)
    truth = rng.standard_normal(4000)
    observed = truth + math.sqrt(noise) * rng.standard_normal(4000)
    share, error = variance_reduction(observed, truth)
    assert share == pytest.approx(1.0 / (1.0 + noise), abs=4 * error + 0.03)
    assert error < 0.03


def test_noise_of_the_prediction_is_no_ignorance():
    rng = np.random.default_rng(5)
    truth = rng.standard_normal(4000)
    observed = truth + rng.standard_normal(4000)
    predicted = truth + math.sqrt(2.0) * rng.standard_normal(4000)
    share, error = variance_reduction(observed, predicted, noise_variance=2.0)
    assert share == pytest.approx(0.5, abs=4 * error)


def test_an_observation_that_tells_nothing_takes_nothing():
    rng = np.random.default_rng(6)
    share, error = variance_reduction(rng.standard_normal(2000), rng.standard_normal(2000))
    assert share < 4 * error


def test_a_bent_dependence_and_few_values_are_seen():
    rng = np.random.default_rng(7)
    x = rng.standard_normal(4000)
    assert variance_reduction(x, x**2)[0] > 0.6  # no correlation, much dependence
    group = rng.integers(0, 3, 4000).astype(float)
    group[group == 2] = np.inf  # not reached is a value too
    mean = np.where(np.isinf(group), 2.0, group)
    share, _ = variance_reduction(group, mean + rng.standard_normal(4000))
    assert share == pytest.approx(np.var(mean) / (np.var(mean) + 1.0), abs=0.05)


def test_what_does_not_vary_has_no_reduction():
    share, error = variance_reduction(np.arange(50.0), np.ones(50))
    assert math.isnan(share) and math.isnan(error)


def test_shipped_rows_read_what_exists():
    model = load_model()
    known = known_endpoints()
    for row in hypothetical_observations():
        if row.statistic == "known":
            continue
        assert row.measure in (model.observables if row.time_days is not None else known), row.id
        unit = model.observables[row.measure].unit if row.time_days is not None else known[row.measure].unit
        assert unit == row.unit, row.id
