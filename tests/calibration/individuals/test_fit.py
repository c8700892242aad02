"""The fit against mixed models whose likelihood is known in closed form or by quadrature, and against published fits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from vivocart.calibration.individuals.fit import fit_individuals
from vivocart.calibration.individuals.uncertainty import estimate_table, observed_uncertainty
from vivocart.ground.errors import InputError


def _of_subject(problem, subject):
    ends = [*problem.measured.starts[1:], len(problem.measured.value)]
    return slice(int(problem.measured.starts[subject]), int(ends[subject]))


def _exact(problem, intercept, slope, omega, sigma):
    """Minus twice the exact log-likelihood of a linear mixed model; ``omega`` is the covariance of intercept and slope."""
    total = 0.0
    seen = problem.data.observations
    for subject in range(problem.n_subjects):
        part = _of_subject(problem, subject)
        design = np.column_stack([np.ones(5), seen.time[part]])
        covariance = design @ omega @ design.T + sigma**2 * np.eye(5)
        total += multivariate_normal.logpdf(seen.value[part], design @ [intercept, slope], covariance)
    return -2.0 * total


@pytest.fixture(scope="module")
def both(line, line_problem, line_table):
    problem = line_problem(line, line_table(25, seed=3), "a=3~0.5", "b=1~0.5", correlate=("a,b",))
    return problem, fit_individuals(problem, seed=1, n_draws=400)


def _omega(log_a, log_b, z):
    a, b, r = np.exp(log_a), np.exp(log_b), np.tanh(z)
    return np.array([[a * a, r * a * b], [r * a * b, b * b]])


def _exact_of_vector(problem, vector):
    found = dict(zip(problem.layout.names, vector, strict=True))
    omega = _omega(found["spread:a"], found["spread:b"], found["correlation:a,b"])
    return _exact(problem, found["typical:a"], found["typical:b"], omega, np.exp(found["additive:y"]))


def test_the_likelihood_is_that_of_the_linear_mixed_model(both):
    problem, fit = both
    assert fit.settled
    assert fit.objective == pytest.approx(_exact_of_vector(problem, fit.vector), abs=0.05)


def test_the_estimates_are_those_of_exact_maximum_likelihood(both):
    problem, fit = both
    best = minimize(
        lambda vector: _exact_of_vector(problem, vector), fit.vector, method="BFGS", options={"gtol": 1e-4}
    )
    uncertainty = observed_uncertainty(fit)
    deviations = np.sqrt(np.diagonal(uncertainty.covariance))
    np.testing.assert_array_less(np.abs(fit.vector - best.x), 0.05 * deviations)
    steps, n = 1e-3, len(best.x)
    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            shifts = steps * np.eye(n)[[i, j]]
            heights = [
                signs[0]
                * signs[1]
                * _exact_of_vector(problem, best.x + signs[0] * shifts[0] + signs[1] * shifts[1])
                for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1))
            ]
            hessian[i, j] = sum(heights) / (8.0 * steps**2)
    np.testing.assert_allclose(deviations, np.sqrt(np.diagonal(np.linalg.inv(hessian))), rtol=0.03)


def test_patients_are_where_the_best_linear_predictor_says(both):
    problem, fit = both
    values = fit.values
    for subject in (0, 7, 24):
        part = _of_subject(problem, subject)
        design = np.column_stack([np.ones(5), problem.data.observations.time[part]])
        covariance = design @ values.covariance @ design.T + values.errors[0, 0] ** 2 * np.eye(5)
        residual = problem.measured.value[part] - design @ values.center[subject]
        predicted = values.center[subject] + values.covariance @ design.T @ np.linalg.solve(
            covariance, residual
        )
        np.testing.assert_allclose(fit.modes.normal[subject], predicted, atol=2e-3)


def test_a_parameter_that_all_share_is_found_too(line, line_problem, line_table):
    problem = line_problem(line, line_table(25, seed=4, slope_spread=0.0), "a=3~0.5", "b=1~0")
    fit = fit_individuals(problem, seed=1, n_draws=300)

    def exact(vector):
        omega = np.array([[np.exp(2 * vector[2]), 0.0], [0.0, 0.0]])
        return _exact(problem, vector[0], vector[1], omega, np.exp(vector[3]))

    assert problem.layout.names == ("typical:a", "typical:b", "spread:a", "additive:y")
    best = minimize(exact, fit.vector, method="BFGS", options={"gtol": 1e-4})
    assert fit.objective == pytest.approx(best.fun, abs=0.05)
    np.testing.assert_allclose(fit.vector, best.x, atol=0.01)


def test_values_below_a_limit_count_as_quadrature_says(line, line_problem, line_table):
    problem = line_problem(line, line_table(30, seed=5, limit=5.0, slope_spread=0.0), "a=4~0.8", "b=0.4~0")
    assert (problem.measured.censored == 1).mean() > 0.2
    fit = fit_individuals(problem, seed=1, n_draws=400)
    nodes = np.linspace(-8.0, 8.0, 1601)
    weights = norm.pdf(nodes) * (nodes[1] - nodes[0])

    def exact(vector):
        total, sigma = 0.0, np.exp(vector[3])
        for subject in range(problem.n_subjects):
            part = _of_subject(problem, subject)
            time = problem.data.observations.time[part]
            mean = vector[0] + np.exp(vector[2]) * nodes[:, None] + vector[1] * time
            value, censored = problem.measured.value[part], problem.measured.censored[part]
            logs = np.where(
                censored == 1, norm.logcdf((value - mean) / sigma), norm.logpdf(value, mean, sigma)
            )
            total += np.log(np.exp(logs.sum(axis=1)) @ weights)
        return -2.0 * total

    best = minimize(exact, fit.vector, method="BFGS", options={"gtol": 1e-3})
    assert fit.objective == pytest.approx(best.fun, abs=0.1)
    np.testing.assert_allclose(fit.vector, best.x, atol=0.02)


def test_known_values_come_back_better_with_what_lies_below_the_limit_than_without(
    line, line_problem, line_table
):
    """Dropping low values makes the low patients look high; told as below the limit they do not."""
    text = line_table(100, seed=6, limit=5.0, slope_spread=0.0)
    dropped = "\n".join(row for row in text.splitlines() if not row.endswith(",1"))
    told = fit_individuals(line_problem(line, text, "a=4~0.8", "b=0.4~0"), seed=1, n_draws=200)
    without = fit_individuals(line_problem(line, dropped, "a=4~0.8", "b=0.4~0"), seed=1, n_draws=200)
    truth = np.array([5.0, 0.5, np.log(1.0), np.log(0.4)])
    away = np.abs(told.vector - truth)
    assert (away < [0.25, 0.03, 0.2, 0.1]).all()
    assert (away < np.abs(without.vector - truth))[[0, 2]].all()
    assert without.vector[0] > told.vector[0] + 0.1


def test_a_prior_is_the_compromise_that_it_should_be(line, line_problem, line_table):
    """With normal data of known spreads the posterior mode of the mean is in closed form."""
    from dataclasses import replace

    problem = line_problem(line, line_table(6, seed=8, slope_spread=0.0), "a=5~1", "b=0.5~0")
    layout = problem.layout
    held = [
        replace(
            entry,
            holds_spread=True,
            holds_typical=entry.id == "b",
            prior_sd=0.2 if entry.id == "a" else np.inf,
        )
        for entry in layout.parameters
    ]
    from vivocart.calibration.individuals.population import lay_out

    errors = [replace(error, additive=0.4, hold=True) for error in layout.errors]
    layout = lay_out([replace(held[0], start=4.0), held[1]], (), errors, (), problem.n_subjects)
    assert layout.names == ("typical:a",)
    fit = fit_individuals(replace(problem, layout=layout, uses_prior=True), seed=1, n_draws=300)
    means = [
        (problem.measured.value[part] - 0.5 * problem.data.observations.time[part]).mean()
        for part in (_of_subject(problem, subject) for subject in range(6))
    ]
    precision = 6 / (1.0 + 0.4**2 / 5)
    expected = (precision * np.mean(means) + 4.0 / 0.2**2) / (precision + 1 / 0.2**2)
    assert fit.vector[0] == pytest.approx(expected, abs=0.01)


@pytest.fixture(scope="module")
def theophylline_fit(theophylline_problem):
    return fit_individuals(theophylline_problem, seed=1)


# Estimate and standard error as the README of nlmixr2est prints them for the same model, data and (additive) error, by
# SAEM: logarithms of ka, CL, V; coefficients of variation between patients and residual error have no standard errors there.
PUBLISHED = {"typical:ka": (0.464, 0.195), "typical:CL": (1.01, 0.085), "typical:V": (3.46, 0.0447)}
PUBLISHED_CV = {"spread:ka": 71.1, "spread:CL": 27.4, "spread:V": 13.1}


def test_theophylline_is_as_published(theophylline_fit):
    table = estimate_table(theophylline_fit, observed_uncertainty(theophylline_fit)).set_index("name")
    for name, (estimate, error) in PUBLISHED.items():
        assert abs(table.loc[name, "normal_scale"] - estimate) < 0.2 * error
        assert table.loc[name, "normal_scale_standard_error"] == pytest.approx(error, rel=0.1)
    for name, cv in PUBLISHED_CV.items():
        assert table.loc[name, "cv_percent"] == pytest.approx(cv, rel=0.06)
    assert table.loc["additive:concentration", "estimate"] == pytest.approx(0.696, abs=0.01)


def test_the_objective_of_theophylline_is_that_of_quadrature(theophylline_fit):
    """Gauss-Hermite quadrature around each patient's mode, with the closed form of one compartment and absorption."""
    fit, problem = theophylline_fit, theophylline_fit.problem
    values = fit.values
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    grid = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    mass = np.prod(
        np.stack(np.meshgrid(weights, weights, weights, indexing="ij"), axis=-1).reshape(-1, 3), axis=1
    )
    total = 0.0
    for subject in range(12):
        part = _of_subject(problem, subject)
        time, dose = problem.data.observations.time[part], problem.data.doses.amount[subject]
        root = np.linalg.cholesky(fit.modes.covariance[subject])
        position = fit.modes.normal[subject] + grid @ root.T
        ka, clearance, volume = np.exp(position).T[:, :, None]
        k = clearance / volume
        curve = dose * ka / (volume * (ka - k)) * (np.exp(-k * time) - np.exp(-ka * time))
        logs = norm.logpdf(problem.measured.value[part], curve, values.errors[0, 0]).sum(axis=1)
        logs += multivariate_normal.logpdf(position, values.center[subject], values.covariance)
        logs += 0.5 * (grid**2).sum(axis=1) + np.log(np.diagonal(root)).sum()
        total += np.log(np.exp(logs) @ mass)
    assert fit.objective == pytest.approx(-2.0 * total, abs=3 * fit.objective_error)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(theophylline_problem, theophylline_fit):
    again = fit_individuals(theophylline_problem, seed=1, threads=1)
    assert again.vector.tobytes() == theophylline_fit.vector.tobytes()
    assert again.draws.prediction.tobytes() == theophylline_fit.draws.prediction.tobytes()
    other = fit_individuals(theophylline_problem, seed=2)
    assert other.vector.tobytes() != theophylline_fit.vector.tobytes()
    np.testing.assert_allclose(other.vector, theophylline_fit.vector, atol=0.02)


def test_a_measurement_that_the_model_cannot_explain_is_named(theophylline):
    from vivocart.calibration.individuals.data_map import map_from_words
    from vivocart.calibration.individuals.problem import state_problem
    from vivocart.formats.nonmem import parse_nonmem

    text = "ID,TIME,AMT,DV,EVID\n1,0,.,0.7,0\n1,0,320,.,1\n1,1,.,8,0\n"
    words = map_from_words(
        observe=["concentration:proportional"], doses=["depot"], estimate=["ka", "CL", "V"]
    )
    problem = state_problem(parse_nonmem(text, name="my.csv"), theophylline, words)
    with pytest.raises(InputError, match=r"my.csv, row 2, column DV: the model says 0.*combined"):
        fit_individuals(problem)


def test_slopes_are_those_of_the_likelihood(both):
    """Typical values, spreads, a correlation and the error, against differences of the likelihood itself."""
    from vivocart.calibration.individuals.fit import gradient, log_posterior

    problem, fit = both
    vector = fit.vector + 0.05
    slopes = gradient(problem, fit.draws, vector)
    for place in range(len(vector)):
        step = 1e-4 * (np.arange(len(vector)) == place)
        expected = log_posterior(problem, fit.draws, vector + step) - log_posterior(
            problem, fit.draws, vector - step
        )
        assert slopes[place] == pytest.approx(expected / 2e-4, rel=1e-4, abs=1e-4)
