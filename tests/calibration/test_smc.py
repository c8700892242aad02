from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from vivocart.calibration.likelihood import WIDER, log_likelihood
from vivocart.calibration.particles import first_particles, scenario_places
from vivocart.calibration.smc import (
    SmcSettings,
    SmcState,
    effective_number,
    next_temperature,
    run,
    systematic_places,
)
from vivocart.ground.errors import SimulationError

from . import closed_form
from .closed_form import SHIFTS, problem, row

SETTINGS = SmcSettings(n_particles=2000, seed=3, sweeps=5, last_sweeps=15)


def _exact_one_patient(value: float, shift: float = 0.0) -> list[tuple[float, float, float]]:
    """Weight, mean and SD of z0's posterior: one patient, no doubt about the spread, two normal errors."""
    from vivocart.calibration.likelihood import readings_of

    reading = readings_of(row("point", 1, value=value), days=1e6)[0]
    parts: list[tuple[float, float, float]] = []
    for share, sd in ((1 - reading.misread, reading.sd), (reading.misread, WIDER * reading.sd)):
        noise = 0.25 * math.exp(0.0) + sd**2
        there = math.log(value) - 1.0 - shift
        total = 1.0 + noise
        weight = share * math.exp(-0.5 * there**2 / total) / math.sqrt(2 * math.pi * total)
        parts.append((weight, there / total, math.sqrt(noise / total)))
    return parts


def _mixture(parts: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    weights = np.array([part[0] for part in parts])
    means, sds = (np.array([part[k] for part in parts]) for k in (1, 2))
    mean = float(weights @ means / weights.sum())
    second = float(weights @ (means**2 + sds**2) / weights.sum())
    return float(weights.sum()), mean, math.sqrt(second - mean**2)


def _known_spread(state: SmcState) -> np.ndarray:
    return state.particles.typical[:, 0]


def test_one_patient_has_the_posterior_and_the_evidence_of_the_closed_form(monkeypatch):
    # the closed form knows the spread: take its doubt away
    measure = closed_form.ClosedForm.measure
    monkeypatch.setattr(
        closed_form.ClosedForm,
        "measure",
        lambda self, patients, threads: measure(
            self, replace(patients, spread=np.zeros_like(patients.spread)), threads
        ),
    )
    end = run(problem([row("point", 1, value=20.0)], n=1), SETTINGS)
    evidence, mean, sd = _mixture(_exact_one_patient(20.0))
    z = _known_spread(end)
    assert z.mean() == pytest.approx(mean, abs=4 * sd / math.sqrt(1000))
    assert z.std() == pytest.approx(sd, rel=0.08)
    gained = sum(stage.log_evidence_gain for stage in end.stages)
    assert gained == pytest.approx(math.log(evidence), abs=0.15)
    # what nothing observed depends on keeps its prior
    assert abs(end.particles.typical[:, 2].mean()) < 4 / math.sqrt(2000)
    assert end.particles.typical[:, 2].std() == pytest.approx(1.0, abs=0.07)


def test_a_discrete_unknown_has_the_probabilities_of_the_closed_form(monkeypatch):
    measure = closed_form.ClosedForm.measure
    monkeypatch.setattr(
        closed_form.ClosedForm,
        "measure",
        lambda self, patients, threads: measure(
            self, replace(patients, spread=np.zeros_like(patients.spread)), threads
        ),
    )
    posed = problem([row("point", 1, value=60.0)], n=1, scenarios=3)
    end = run(posed, SETTINGS)
    weights = np.array([_mixture(_exact_one_patient(60.0, shift))[0] for shift in SHIFTS])
    places = scenario_places(posed.studies[0], end.particles.scenario[:, 0])
    found = np.bincount(places, minlength=3) / len(places)
    np.testing.assert_allclose(found, weights / weights.sum(), atol=0.05)


ROWS = [
    row("mean", 5, value=9.0),
    row("maximum", 5, value=30.0, trust="tertiary"),
    row("count", 5, measure="flag", unit="1", value=4.0),
]


def _by_importance(rows, n: int, count: int = 600_000) -> tuple[np.ndarray, np.ndarray]:
    """z0, z1 and s of the prior with weights: the likelihood written down anew, nothing shared with the particles."""
    rng = np.random.default_rng(11)
    z0, z1, s = rng.standard_normal((3, count))
    eta = rng.standard_normal((count, n))
    y = np.exp(1.0 + z0[:, None] + 0.5 * np.exp(0.3 * s)[:, None] * eta)
    flags = (z1[:, None] + eta > 0).sum(axis=1)
    from vivocart.calibration.likelihood import readings_of

    log_weights = log_likelihood(readings_of(rows[0], days=1e6)[0], y.mean(axis=1))
    log_weights = log_weights + log_likelihood(readings_of(rows[1], days=1e6)[0], y.max(axis=1))
    log_weights = log_weights + log_likelihood(readings_of(rows[2], days=1e6)[0], flags.astype(float))
    return np.stack([z0, z1, s]), np.exp(log_weights)


@pytest.mark.parametrize("cohorts", [1, 3])
def test_smc_agrees_with_an_independent_sampler(cohorts):
    unknowns, weights = _by_importance(ROWS, 5)
    effective = weights.sum() ** 2 / (weights**2).sum()
    assert effective > 2000
    mean = unknowns @ weights / weights.sum()
    sd = np.sqrt((unknowns**2) @ weights / weights.sum() - mean**2)
    end = run(problem(ROWS, cohorts=cohorts), SETTINGS)
    found = np.stack([end.particles.typical[:, 0], end.particles.typical[:, 1], end.particles.spread[:, 0]])
    # a quarter of the particles taken as independent
    np.testing.assert_array_less(np.abs(found.mean(axis=1) - mean), 4 * sd / math.sqrt(500))
    np.testing.assert_allclose(found.std(axis=1), sd, rtol=0.12)
    evidence = sum(stage.log_evidence_gain for stage in end.stages)
    assert evidence == pytest.approx(math.log(weights.mean()), abs=0.2)


@pytest.mark.parametrize("truth", [(-0.8, 0.5)])
def test_parameters_are_found_as_the_study_grows(truth):
    rng = np.random.default_rng(2)
    widths: list[float] = []
    for n in (5, 30, 150):
        eta = rng.standard_normal(n)
        y = np.exp(1.0 + truth[0] + 0.5 * eta)
        flags = int((truth[1] + eta > 0).sum())
        rows = [
            row("median", n, value=float(np.median(y)), trust="primary"),
            row("count", n, measure="flag", unit="1", value=float(flags), trust="primary"),
        ]
        settings = SmcSettings(n_particles=250, seed=1, sweeps=4, last_sweeps=10)
        end = run(problem(rows, n=n), settings)
        for place, true in enumerate(truth):
            z = end.particles.typical[:, place]
            assert abs(z.mean() - true) < 4 * z.std() + 0.05
        widths.append(float(end.particles.typical[:, 0].std()))
    assert widths[0] > 1.6 * widths[1] > 2.4 * widths[2]


def test_a_run_that_goes_on_gives_the_same_bytes():
    posed, settings = problem(ROWS, scenarios=3), SmcSettings(n_particles=60, seed=4, sweeps=2, last_sweeps=3)
    whole = run(posed, settings)
    seen: list[SmcState] = []

    class Stop(Exception):
        pass

    def stop(state: SmcState) -> None:
        seen.append(state)
        if len(seen) == 5:
            raise Stop

    with pytest.raises(Stop):
        run(posed, settings, on_step=stop)
    again = run(posed, settings, state=seen[-1])
    for name in ("typical", "spread", "scenario", "log_likelihoods"):
        assert getattr(again.particles, name).tobytes() == getattr(whole.particles, name).tobytes()
    assert again.stages == whole.stages or str(again.stages) == str(
        whole.stages
    )  # missing shares are not equal
    other = run(posed, replace(settings, seed=5))
    assert other.particles.typical.tobytes() != whole.particles.typical.tobytes()


def test_entry_criteria_hold_after_all_moves():
    end = run(problem(ROWS), SmcSettings(n_particles=200, seed=4, sweeps=3, last_sweeps=5))
    numbers = end.particles.cohorts[0].numbers
    assert (numbers > -1.0).all()
    # and within them covariates that nothing depends on keep their cut normal distribution
    from scipy.stats import truncnorm

    assert numbers.mean() == pytest.approx(truncnorm(-1.0, np.inf).mean(), abs=4 / math.sqrt(200))


def test_an_impossible_row_is_told():
    with pytest.raises(SimulationError, match="likelihood is zero"):
        run(problem([row("sd", 1, value=5.0)], n=1), SmcSettings(n_particles=50))


def test_temperature_and_resampling():
    rng = np.random.default_rng(1)
    log_likelihood = -50.0 * rng.standard_normal(400) ** 2
    temperature = next_temperature(log_likelihood, 0.0, 200.0)
    assert effective_number(temperature * log_likelihood) == pytest.approx(200.0, rel=1e-6)
    assert next_temperature(np.zeros(10), 0.3, 5.0) == 1.0
    assert next_temperature(0.1 * log_likelihood, 0.0, 200.0) == 1.0  # 183 are near enough to spare a step
    log_weights = np.log(np.array([0.1, 0.0 + 1e-300, 0.4, 0.5]))
    counts = np.mean(
        [np.bincount(systematic_places(log_weights, u), minlength=4) for u in (np.arange(100) + 0.5) / 100],
        axis=0,
    )
    np.testing.assert_allclose(counts, [0.4, 0.0, 1.6, 2.0], atol=0.02)


def test_first_particles_are_the_prior():
    particles = first_particles(problem(ROWS, scenarios=3), 3000, 9, None)
    for z in (particles.typical[:, 0], particles.spread[:, 0], particles.cohorts[0].eta.ravel()):
        assert abs(z.mean()) < 4 / math.sqrt(len(z))
        assert abs(z.std() - 1.0) < 4 / math.sqrt(2 * len(z))


def test_a_large_start_gives_the_same_posterior_in_fewer_steps():
    unknowns, weights = _by_importance(ROWS, 5)
    mean = unknowns @ weights / weights.sum()
    sd = np.sqrt((unknowns**2) @ weights / weights.sum() - mean**2)
    few = SmcSettings(n_particles=500, seed=5, sweeps=4, last_sweeps=8)
    small, large = (run(problem(ROWS), replace(few, n_first=count)) for count in (0, 20_000))
    assert len(large.stages) < len(small.stages)
    assert len(large.particles) == len(small.particles) == 500
    assert large.stages[0].effective == pytest.approx(250.0, rel=1e-6)
    found = np.stack(
        [large.particles.typical[:, 0], large.particles.typical[:, 1], large.particles.spread[:, 0]]
    )
    np.testing.assert_array_less(np.abs(found.mean(axis=1) - mean), 4 * sd / math.sqrt(125))
    np.testing.assert_allclose(found.std(axis=1), sd, rtol=0.25)
    evidence = sum(stage.log_evidence_gain for stage in large.stages)
    assert evidence == pytest.approx(math.log(weights.mean()), abs=0.2)
