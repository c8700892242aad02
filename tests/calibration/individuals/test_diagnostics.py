from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

from vivocart.calibration.individuals.diagnostics import (
    individual_curves,
    measurement_table,
    patient_table,
    replicate_study,
)
from vivocart.calibration.individuals.fit import fit_individuals
from vivocart.calibration.individuals.posterior_tree import posterior_tree
from vivocart.calibration.individuals.predictive_check import predictive_check
from vivocart.calibration.individuals.residual import Measurements, draw_measurements, log_densities
from vivocart.calibration.individuals.uncertainty import (
    draw_populations,
    estimate_table,
    observed_uncertainty,
    shrinkage_percent,
)
from vivocart.ground.provenance import Provenance


@pytest.fixture(scope="module")
def fit(line, line_problem, line_table):
    return fit_individuals(
        line_problem(line, line_table(60, seed=11, limit=4.5), "a=4~0.8", "b=0.4~0.3"), seed=1, n_draws=200
    )


@pytest.fixture(scope="module")
def replicates(fit):
    return replicate_study(fit, n_replicates=400)


def test_replicates_have_the_moments_of_the_population(fit, replicates):
    values = fit.values
    time = fit.problem.data.observations.time
    expected = np.sqrt(values.covariance[0, 0] + time**2 * values.covariance[1, 1] + values.errors[0, 0] ** 2)
    np.testing.assert_allclose(
        replicates.population, values.center[0] @ [np.ones_like(time), time], rtol=1e-6
    )
    assert np.abs(replicates.value.mean(axis=0) - replicates.population).max() < 5 * expected.max() / 20
    np.testing.assert_allclose(replicates.value.std(axis=0).mean(), expected.mean(), rtol=0.03)


def test_prediction_errors_of_a_right_model_are_standard_normal(fit, replicates):
    table = measurement_table(fit, replicates)
    errors = table["npde"].to_numpy()
    assert kstest(errors, norm.cdf).pvalue > 0.01
    assert kstest(errors[table["censored"].to_numpy() == 1], norm.cdf).statistic > 0.3  # these lie low
    assert table["iwres"].abs().max() < 5


def test_prediction_errors_of_a_wrong_model_are_not(fit, replicates):
    from dataclasses import replace

    table = measurement_table(fit, replace(replicates, value=replicates.value + 1.0))
    assert kstest(table["npde"].to_numpy(), norm.cdf).pvalue < 0.005
    first = table.loc[
        table["time"] == 0, "npde"
    ].to_numpy()  # a shift that all of a patient shares shows in its first
    assert first.mean() < -0.5


def test_nine_tenths_of_the_statistics_lie_in_their_bands(fit, replicates):
    check = predictive_check(fit, replicates)
    assert set(check["statistic"]) == {"p10", "p50", "p90", "below"}
    shown = check.dropna(subset=["observed", "simulated_low"])
    inside = (shown["observed"] >= shown["simulated_low"]) & (shown["observed"] <= shown["simulated_high"])
    assert inside.mean() > 0.75
    below = check.loc[check["statistic"] == "below"].sort_values("time")
    censored = fit.problem.measured.censored.reshape(60, 5)
    np.testing.assert_allclose(below["observed"], (censored == 1).mean(axis=0))


def test_a_percentile_below_the_limit_is_missing(fit, replicates):
    check = predictive_check(fit, replicates)
    first = check.loc[(check["bin"] == 0) & (check["statistic"] == "p10")].iloc[0]
    share = check.loc[(check["bin"] == 0) & (check["statistic"] == "below")].iloc[0]
    assert share["observed"] > 0.1
    assert np.isnan(first["observed"])


def test_patients_allow_what_they_should(fit):
    table = patient_table(fit)
    assert len(table) == 120
    assert (table["lower"] < table["mode"]).all()
    assert (table["mode"] < table["upper"]).all()
    shrinkage = shrinkage_percent(fit)
    assert 0 < shrinkage["a"] < 30
    curves = individual_curves(fit, n_points=5)
    one = curves.loc[curves["id"] == "0"]
    mode = table.loc[table["id"] == "0"].set_index("parameter")["mode"]
    np.testing.assert_allclose(one["ipred"], mode["a"] + mode["b"] * one["time"], rtol=1e-6)


def test_populations_drawn_agree_with_the_standard_errors(fit):
    uncertainty = observed_uncertainty(fit)
    assert uncertainty.is_known
    vectors = draw_populations(fit, uncertainty, n_draws=300)
    deviations = np.sqrt(np.diagonal(uncertainty.covariance))
    assert np.abs((vectors.mean(axis=0) - fit.vector) / deviations).max() < 0.6
    np.testing.assert_allclose(vectors.std(axis=0) / deviations, 1.0, atol=0.35)
    table = estimate_table(fit, uncertainty).set_index("name")
    assert table.loc["typical:a", "lower"] < 5.0 < table.loc["typical:a", "upper"]


def test_draws_stand_under_the_names_of_arviz(fit, tmp_path):
    import xarray as xr

    vectors = draw_populations(fit, observed_uncertainty(fit), n_draws=40)
    tree = posterior_tree(fit, vectors, Provenance(model_hash="x"))
    path = tmp_path / "posterior.nc"
    tree.to_netcdf(path, engine="h5netcdf")
    read = xr.open_datatree(path, engine="h5netcdf")
    assert set(read.children) == {
        *("posterior", "log_likelihood", "posterior_predictive", "observed_data", "sample_stats")
    }
    assert read["posterior"]["individual_a"].dims == ("chain", "draw", "subject")
    modes = fit.modes.normal[:, 0]
    drawn = read["posterior"]["individual_a"].values[0]
    assert np.corrcoef(drawn.mean(axis=0), modes)[0, 1] > 0.95
    assert read["log_likelihood"]["y"].shape == (1, 40, 300)
    assert np.isfinite(read["log_likelihood"]["y"].values).all()
    read.close()


def _measured(value, lower, upper, censored):
    one = np.array([0])
    return Measurements(
        value=np.array([value]),
        lower=np.array([lower]),
        upper=np.array([upper]),
        censored=np.array([censored]),
        error=one,
        starts=one,
    )


@pytest.mark.parametrize("logs", [False, True])
@pytest.mark.parametrize(
    ("lower", "upper", "censored"), [(0.2, 0.5, 1), (-np.inf, 0.5, 1), (3.0, np.inf, -1), (40.0, np.inf, -1)]
)
def test_a_value_beyond_a_limit_counts_with_the_mass_that_lies_there(logs, lower, upper, censored):
    """Against the area under the density of single values, by the trapezoid rule."""
    sizes, prediction = np.array([[0.6, 0.0 if logs else 0.3]]), np.array([2.0])
    is_log = np.array([logs])
    low, high = max(lower, 1e-9 if logs else -30.0), min(upper, 4000.0 if logs else 60.0)
    grid = np.geomspace(low, high, 40001) if logs else np.linspace(low, high, 40001)
    plain = _measured(1.0, 1.0, 1.0, 0)
    from dataclasses import replace

    density = np.array(
        [
            log_densities(prediction, sizes, replace(plain, value=grid[i : i + 1]), is_log)[0]
            for i in range(0, len(grid), 20)
        ]
    )
    area = np.trapezoid(np.exp(density), grid[::20])
    censored_part = log_densities(prediction, sizes, _measured(1.0, lower, upper, censored), is_log)[0]
    if area > 1e-200:
        assert censored_part == pytest.approx(np.log(area), abs=0.02)
    else:
        assert censored_part < -400


def test_draws_of_measurements_follow_their_density():
    z = norm.ppf((np.arange(2000) + 0.5) / 2000)[:, None]
    one = _measured(1.0, 1.0, 1.0, 0)
    sizes = np.array([[0.3, 0.2]])
    plain = draw_measurements(np.full((2000, 1), 5.0), sizes, one, np.array([False]), z)
    assert plain.std() == pytest.approx(np.hypot(0.3, 1.0), rel=0.01)
    logs = draw_measurements(np.full((2000, 1), 5.0), sizes, one, np.array([True]), z)
    assert np.log(logs).std() == pytest.approx(0.3, rel=0.01)
    assert np.median(logs) == pytest.approx(5.0, rel=0.01)
