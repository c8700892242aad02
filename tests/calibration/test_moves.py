from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kstest

from vivocart.calibration import smc
from vivocart.calibration.likelihood import log_likelihood, readings_of
from vivocart.calibration.moves import Moved, Setting, move_around_patients
from vivocart.calibration.particles import Particles, first_particles, simulated
from vivocart.calibration.smc import SmcSettings, run

from .closed_form import HIERARCHY, by_patients, problem, row

ROWS = [row("mean", 5, value=9.0), row("maximum", 5, value=11.0), row("sd", 5, value=1.5)]


def test_moving_around_patients_changes_no_patient_and_leaves_the_prior_as_it_is():
    posed = by_patients(ROWS)
    start = first_particles(posed, 3000, 1, None)
    setting = Setting(problem=posed, seed=2, temperature=1.0, threads=None)
    here = start
    for turn in range(4):
        moved = move_around_patients(setting, here, stream=f"turn/{turn}")
        here = moved.particles
        assert 0.3 < moved.acceptance < 0.95
    assert (here.typical[:, 0] != start.typical[:, 0]).mean() > 0.95
    again = simulated(posed, here, (0,), None)
    np.testing.assert_allclose(again.cohorts[0].values, start.cohorts[0].values, rtol=1e-9)
    np.testing.assert_array_equal(here.log_likelihood, start.log_likelihood)
    # under the prior populations and patients' numbers are independent and standard normal, before and after
    for numbers in (here.typical[:, 0], here.spread[:, 0], *here.cohorts[0].eta[:, 0, :, 0].T):
        assert kstest(numbers, "norm").pvalue > 1e-3
    joint = np.column_stack([here.typical[:, 0], here.spread[:, 0], here.cohorts[0].eta[:, 0, :, 0]])
    for array in (joint, joint**2):
        assert np.abs(np.corrcoef(array.T) - np.eye(7)).max() < 4.5 / math.sqrt(3000)
    # what is not read, and covariates, are left alone
    np.testing.assert_array_equal(here.typical[:, 1:], start.typical[:, 1:])
    np.testing.assert_array_equal(here.cohorts[0].numbers, start.cohorts[0].numbers)


def test_a_problem_without_a_hierarchy_is_left_alone():
    posed = problem(ROWS)
    start = first_particles(posed, 50, 1, None)
    setting = Setting(problem=posed, seed=2, temperature=1.0, threads=None)
    assert move_around_patients(setting, start, stream="x").particles is start


def _by_importance(count: int = 400_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    z, s = rng.standard_normal((2, count, 1))
    y = np.exp(HIERARCHY.patients(z, s, rng.standard_normal((count, 5, 1)))[:, :, 0])
    statistics = (y.mean(axis=1), y.max(axis=1), y.std(axis=1, ddof=1))
    readings = (readings_of(each, days=1e6)[0] for each in ROWS)
    log_weights = np.sum([log_likelihood(*pair) for pair in zip(readings, statistics, strict=True)], axis=0)
    return np.stack([z[:, 0], s[:, 0]]), np.exp(log_weights)


def test_with_it_the_posterior_is_that_of_importance_sampling():
    unknowns, weights = _by_importance()
    assert weights.sum() ** 2 / (weights**2).sum() > 400
    mean = unknowns @ weights / weights.sum()
    sd = np.sqrt((unknowns**2) @ weights / weights.sum() - mean**2)
    particles = run(
        by_patients(ROWS), SmcSettings(n_particles=1500, seed=3, sweeps=4, last_sweeps=10)
    ).particles
    found = np.stack([particles.typical[:, 0], particles.spread[:, 0]])
    np.testing.assert_array_less(np.abs(found.mean(axis=1) - mean), 4 * sd / math.sqrt(200))
    np.testing.assert_allclose(found.std(axis=1), sd, rtol=0.15)


@pytest.mark.parametrize("is_used", [True, False])
def test_populations_forget_where_they_were_only_with_it(monkeypatch, is_used):
    # twenty patients told closely: without it a population follows them by small steps of all of them together
    rows = [row("mean", 20, value=4.0, trust="primary"), row("sd", 20, value=1.5, trust="primary")]
    if not is_used:

        def still(setting: Setting, particles: Particles, *, stream: str) -> Moved:
            return Moved(particles=particles, acceptance=math.nan)

        monkeypatch.setattr(smc, "move_around_patients", still)
    end = run(by_patients(rows, n=20), SmcSettings(n_particles=400, seed=3, sweeps=2, last_sweeps=4))
    assert end.stages[-1].kept_correlation < 0.4 if is_used else end.stages[-1].kept_correlation > 0.65
