"""Comparators can reach their data before the fit, move nothing that is shared, and are simulated with their own fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivocart.calibration.fit import all_statistics, reading_names
from vivocart.calibration.fits import families, find_family, own_parameters
from vivocart.calibration.forward import Patients
from vivocart.calibration.likelihood import log_likelihood
from vivocart.calibration.particles import first_particles
from vivocart.calibration.posterior import Posterior, load_posterior, posterior_names
from vivocart.ground.errors import InputError
from vivocart.model.load import load_model
from vivocart.patients.draws import PopulationDraws
from vivocart.scenarios import shipped_fits
from vivocart.scenarios.calibrate import calibrate
from vivocart.scenarios.comparators import calibrate_family, family_problem, family_rows
from vivocart.scenarios.explore_draws import draws_for
from vivocart.scenarios.fitted import fitted_population
from vivocart.scenarios.shipped_fits import ShippedFits, middle_of, products_of
from vivocart.scenarios.validation_draws import draws_source
from vivocart.scenarios.validation_plans import shipped_plans
from vivocart.trials.protocol import load_study

MODEL = load_model()
NOBODY = PopulationDraws(typical={})  # the table's own values

BEST_AT_LEAST = {
    "ex_vivo_car_t": -15.0,
    "rituximab": -50.0,
    "ofatumumab": -5.0,
    "blinatumomab": -8.0,
    "teclistamab": -5.0,
    "patisiran": -35.0,
}
"""Log likelihood that the best of a hundred populations of the prior reaches."""


@pytest.fixture(scope="module")
def base() -> Posterior:
    return calibrate("hn2301", n_particles=60, sweeps=1, seed=3)


@pytest.fixture(scope="module")
def patisiran(base) -> Posterior:
    return calibrate_family("patisiran", base=base, n_particles=40, sweeps=1, seed=2, threads=1)


@pytest.mark.parametrize("name", families())
def test_the_prior_of_a_family_reaches_its_data(name):
    problem, _ = family_problem(name, MODEL, NOBODY)
    particles = first_particles(problem, 100, 1, 1)
    assert particles.log_likelihood.max() > BEST_AT_LEAST[name]
    found = dict(zip(reading_names(problem), all_statistics(problem, particles).T, strict=True))
    for study in problem.studies:
        for row in study.fitted:
            for reading in row.readings:
                single = len(row.readings) == 1
                key = row.observation.id if single else f"{row.observation.id}:{reading.name}"
                nearest = log_likelihood(reading, found[key]).max()
                exact = (
                    0.0 if reading.kind != "number" else log_likelihood(reading, np.array([reading.low]))[0]
                )
                assert nearest > exact - 4.5, f"{key}: more than three reading errors away"


@pytest.mark.parametrize("name", ["rituximab", "patisiran"])
def test_a_fit_reads_what_is_its_own_and_nothing_else(name):
    problem, held = family_problem(name, MODEL, NOBODY)
    study, own = problem.studies[0], set(own_parameters(find_family(name), MODEL))
    forward = study.forward
    read = {key for key, is_read in zip(forward.who.uncertain, forward.reads_typical, strict=True) if is_read}
    assert read and read <= own
    assert {
        key for key, is_read in zip(forward.who.varying, forward.reads_varying, strict=True) if is_read
    } <= own
    n, rng = 6, np.random.default_rng(5)
    usual = Patients(
        typical=np.zeros((1, forward.n_uncertain)),
        spread=np.zeros((1, forward.n_varying)),
        scenario=np.zeros(1, dtype=int),
        population=np.zeros(n, dtype=int),
        position=np.zeros(n, dtype=int),
        eta=rng.normal(size=(n, forward.n_varying)),
        numbers=rng.normal(size=(n, forward.n_covariates)),
    )
    shared = replace(
        usual, typical=usual.typical + 2.0 * held.typical, spread=usual.spread + 2.0 * held.spread
    )
    moved = replace(usual, typical=usual.typical + 1.0 * ~held.typical)
    values = [forward.measure(patients, 1) for patients in (usual, shared, moved)]
    assert np.array_equal(values[0], values[1], equal_nan=True)
    assert not np.array_equal(values[0], values[2], equal_nan=True)


def test_what_is_shared_stands_where_the_base_fit_left_it():
    middle = PopulationDraws(
        typical={"b_exit_lymphoid": np.array([0.3])}, spread={"b_exit_lymphoid": np.array([1.5])}
    )
    problem, held = family_problem("rituximab", MODEL, middle)
    who = problem.studies[0].forward.who
    at = who.uncertain.index("b_exit_lymphoid")
    assert held.typical[at] and held.typical_numbers[at] > 1.0
    assert held.spread_numbers[who.varying.index("b_exit_lymphoid")] == pytest.approx(np.log(1.5) / 0.3)


def test_rows_of_other_products_are_not_a_familys():
    tur = load_study("tur2025")
    assert [row.id for row in family_rows(find_family("rituximab"), tur)] == ["tur2025_node_antibody_count"]
    assert [row.id for row in family_rows(find_family("ex_vivo_car_t"), tur)] == ["tur2025_node_car_t_count"]


def test_a_familys_posterior_holds_its_own_parameters_and_says_how_it_was_made(patisiran, base, tmp_path):
    assert (
        set(patisiran.draws.typical) == {"lnp_loss", "lnp_exit", "lnp_return"} == set(patisiran.draws.spread)
    )
    assert patisiran.command == "vivocart calibrate patisiran --particles 40 --sweeps 1 --seed 2"
    assert patisiran.provenance.asked["base"] == base.command
    assert patisiran.provenance.asked["settings"]["n_first"] == 8 * 40, "as the fit of HN2301 starts"
    assert "zhang2020_auc_mean" in patisiran.fitted_ids and "zhang2020_second_peak" in patisiran.held_out
    assert patisiran.provenance.model_hash == MODEL.hash
    patisiran.write(tmp_path / "patisiran.nc")
    assert (tmp_path / "patisiran.nc").stat().st_size < 1_000_000
    back = Posterior.read(tmp_path / "patisiran.nc")
    assert np.array_equal(back.draws.typical["lnp_loss"], patisiran.draws.typical["lnp_loss"])


def test_a_fit_comes_nearer_to_its_data(patisiran):
    problem, _ = family_problem("patisiran", MODEL, NOBODY)
    start = np.median(first_particles(problem, 40, 2, 1).log_likelihood)
    assert np.median(patisiran.tree["sample_stats"].to_dataset()["lp"].values) > start + 10


def test_the_same_seed_gives_the_same_fit(patisiran, base):
    again = calibrate_family("patisiran", base=base, n_particles=40, sweeps=1, seed=2, threads=2)
    assert np.array_equal(again.draws.typical["lnp_exit"], patisiran.draws.typical["lnp_exit"])


@pytest.fixture
def shipped(monkeypatch, base, patisiran):
    """Two posteriors that ship: the base and patisiran."""
    files = {"hn2301": base, "patisiran": patisiran}
    monkeypatch.setattr(shipped_fits, "posterior_names", lambda: tuple(sorted(files)))
    monkeypatch.setattr(shipped_fits, "load_posterior", lambda name, model: files[name])
    return ShippedFits(model=MODEL)


def test_arms_take_shared_parameters_from_the_base_and_their_own_from_their_fit(shipped, base, patisiran):
    assert shipped.names == ("hn2301", "patisiran")
    assert shipped.draws(["HN2301"]) is base.draws
    assert shipped.draws(["rituximab"]) is base.draws, "its fit does not ship"
    draws = shipped.draws(["patisiran", "tocilizumab"])
    assert set(draws.typical["lnp_loss"]) <= set(patisiran.draws.typical["lnp_loss"])
    assert np.array_equal(draws.typical["car_loss"], base.draws.typical["car_loss"])


def test_a_trial_of_a_comparator_is_simulated_with_both_fits(shipped, base, patisiran):
    fitted, reason = fitted_population(load_study("zhang2020"), MODEL, interval_days=None)
    assert fitted is not None and reason == ""
    assert base.command in fitted.command and patisiran.command in fitted.command
    middle = middle_of(patisiran, MODEL)
    for name, value in middle.typical.items():
        assert fitted.center.typical[name] == value
    assert set(fitted.draws.typical["lnp_loss"]) <= set(patisiran.draws.typical["lnp_loss"])
    assert fitted.n_fitted == len(base.fitted_ids) + len(patisiran.fitted_ids)
    own, _ = fitted_population(load_study("hn2301"), MODEL, interval_days=3.0)
    assert own is not None and own.command == base.command
    assert own.draws is base.draws, "a comparator moves nothing of HN2301"
    assert (own.sources, fitted.sources) == ("this study", "HN2301 and of patisiran")


def test_rows_are_fitted_or_held_out_as_their_family_was(shipped, monkeypatch):
    chosen, notes = draws_source(MODEL, "posterior", n_draws=5, seed=1)
    plans = {plan.study_id: plan for plan in shipped_plans(MODEL, ("zhang2020", "hn2301"))}
    named = chosen(plans["Zhang2020"])
    assert named.label == "posterior hn2301 + patisiran"
    assert named.status("zhang2020_auc_mean", is_own=False) == "fitted"
    assert named.status("zhang2020_second_peak", is_own=False) == "held out"
    assert chosen(plans["HN2301"]).label == "posterior hn2301"
    assert any("vivocart calibrate patisiran" in note for note in notes)


def test_a_family_of_another_model_is_said_and_not_used(monkeypatch, base):
    def load(name: str, model: object) -> Posterior:
        if name != "hn2301":
            raise InputError("it was fitted to another version of the model", where=name)
        return base

    monkeypatch.setattr(shipped_fits, "posterior_names", lambda: ("hn2301", "rituximab"))
    monkeypatch.setattr(shipped_fits, "load_posterior", load)
    fitted, reason = fitted_population(load_study("lunar"), MODEL, interval_days=None)
    assert fitted is None and "another version" in reason
    _, notes = draws_source(MODEL, "posterior", n_draws=5, seed=1)
    assert any("another version" in note for note in notes)


def test_the_explorer_leaves_other_populations_alone():
    draws = PopulationDraws(typical={"car_loss": np.ones(3)})
    regimen = load_study("lunar").regimens()["rituximab"]
    assert draws_for("prior", draws, regimen) == ((), draws)
    assert draws_for("shipped", None, regimen) == ((), None)
    assert draws_for("hn2301", draws, None) == ((), draws)


def test_products_of_a_study():
    assert products_of(load_study("tur2025")) == {"rituximab", "ex_vivo_cd19_car_t"}


@pytest.mark.parametrize("name", families())
def test_every_family_ships_and_belongs_to_this_model(name):
    assert name in posterior_names(), "run make posterior"
    posterior = load_posterior(name)
    assert posterior.command.startswith(f"vivocart calibrate {name} ")
    assert set(posterior.draws.typical) <= set(own_parameters(find_family(name), MODEL))
