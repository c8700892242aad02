from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from vivocart.ground.errors import InputError
from vivocart.ground.streams import normals
from vivocart.patients.sampling import (
    conditional_weights,
    from_normal,
    sampled_values,
    to_normal,
    transformed_sd,
)

Z = normals(5, "sampling", 0, 200_000)[:, 0]


@pytest.mark.parametrize(("spread", "kind"), [(60.0, "cv_percent"), (3.0, "sd")])
def test_lognormal_spread_on_the_natural_scale_is_exact(spread: float, kind: str):
    sd = transformed_sd("lognormal", 5.0, spread, kind)
    values = sampled_values("lognormal", Z, 5.0, sd)
    assert np.median(values) == pytest.approx(5.0, rel=0.01)
    assert values.std() / values.mean() == pytest.approx(0.6, rel=0.02)


def test_omega_is_taken_as_it_is():
    assert transformed_sd("lognormal", 5.0, 0.3, "omega_sd") == 0.3
    assert transformed_sd("logitnormal", 0.2, 0.09, "omega_variance") == pytest.approx(0.3)
    assert transformed_sd("normal", -4.0, 25, "cv_percent") == pytest.approx(1.0)
    assert transformed_sd("normal", -4.0, 2, "sd") == 2.0


def test_logitnormal_spread_by_the_slope_of_the_logit():
    sd = transformed_sd("logitnormal", 0.3, 0.01, "sd")
    values = sampled_values("logitnormal", Z, 0.3, sd)
    assert values.std() == pytest.approx(0.01, rel=0.02)
    assert np.median(values) == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("distribution", ["lognormal", "logitnormal", "normal"])
def test_scales_are_inverse(distribution: str):
    values = np.array([0.01, 0.3, 0.99])
    np.testing.assert_allclose(from_normal(distribution, to_normal(distribution, values)), values, rtol=1e-12)


def test_limits_cut_the_distribution_without_piling_up():
    values = sampled_values("normal", Z, 1.0, 2.0, lower=0.0, upper=4.0)
    assert stats.kstest(values, stats.truncnorm(-0.5, 1.5, loc=1.0, scale=2.0).cdf).pvalue > 1e-4
    assert len(np.unique(values)) > 199_000


def test_limits_hold_when_all_mass_lies_outside():
    values = sampled_values("lognormal", Z[:1000], 1e-9, 0.1, lower=1.0, upper=2.0)
    assert np.isfinite(values).all()
    assert ((values >= 1.0) & (values <= 2.0)).all()


def test_medians_may_differ_between_patients():
    medians = np.array([1.0, 10.0, 100.0])
    np.testing.assert_allclose(sampled_values("lognormal", np.zeros(3), medians, 0.5), medians)


def test_zero_lower_limit_of_a_lognormal_cuts_nothing():
    sd = math.sqrt(0.3)
    np.testing.assert_array_equal(
        sampled_values("lognormal", Z[:100], 2.0, sd, lower=0.0),
        sampled_values("lognormal", Z[:100], 2.0, sd),
    )


def test_impossible_correlations_are_refused():
    with pytest.raises(InputError, match="cannot hold together"):
        conditional_weights(np.array([0.9, -0.9]), np.array([[1.0, 0.9], [0.9, 1.0]]))
