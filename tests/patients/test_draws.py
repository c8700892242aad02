from __future__ import annotations

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.patients.draws import (
    SPREAD_LOG_SD,
    PopulationDraws,
    chosen_scenarios,
    patient_values,
    prior_draws,
    spread_multipliers,
    spread_numbers,
    typical_numbers,
    typical_values,
    uncertain_parameters,
    varying_parameters,
)
from vivocart.patients.population import VirtualPopulation
from vivocart.patients.sampling import to_normal, transformed_sd

MODEL = load_model()


def test_prior_draws_are_the_typical_values_that_cohorts_share():
    draws = prior_draws(MODEL, 20, seed=9)
    cohorts = VirtualPopulation.sample(MODEL, n_patients=20, seed=9, typical_draw=np.arange(20))
    fitted = VirtualPopulation.sample(
        MODEL,
        n_patients=20,
        seed=9,
        draws=PopulationDraws(typical=draws.typical),
        draw=np.arange(20),
    )
    assert set(draws.typical) == set(uncertain_parameters(MODEL))
    assert set(draws.spread) == set(varying_parameters(MODEL))
    for name, values in cohorts.parameters.items():
        np.testing.assert_array_equal(fitted.parameters[name], values)


def test_spreads_multiply_the_deviation_on_the_scale_that_is_normal():
    base = VirtualPopulation.sample(MODEL, n_patients=50, seed=3)
    wide = VirtualPopulation.sample(
        MODEL,
        n_patients=50,
        seed=3,
        draws=PopulationDraws(typical={}, spread={"lnp_exit": np.array([1.0, 2.0])}),
        draw=np.repeat([0, 1], 25),
    )
    typical = np.log(MODEL.parameters["lnp_exit"].value)
    before, after = (np.log(p.parameters["lnp_exit"]) - typical for p in (base, wide))
    np.testing.assert_allclose(after[:25], before[:25], rtol=1e-12)
    np.testing.assert_allclose(after[25:], 2.0 * before[25:], rtol=1e-9)


def test_a_patient_depends_on_its_own_draw_only():
    draws = prior_draws(MODEL, 8, seed=2)
    alone = VirtualPopulation.sample(MODEL, n_patients=1, first=5, seed=1, draws=draws, draw=np.array([6]))
    among = VirtualPopulation.sample(MODEL, n_patients=8, seed=1, draws=draws, draw=np.arange(8)[::-1])
    among_six = VirtualPopulation.sample(
        MODEL, n_patients=8, seed=1, draws=draws, draw=np.array([0, 0, 0, 0, 0, 6, 1, 2])
    )
    for name, values in alone.parameters.items():
        assert among_six.parameters[name][5] == values[0]
    assert any(among.parameters[name][5] != values[0] for name, values in alone.parameters.items())


def test_a_population_that_stands_alone_is_the_same_among_others():
    draws = prior_draws(MODEL, 8, seed=2)
    few = {"n_patients": 30, "seed": 1}
    alone = VirtualPopulation.sample(MODEL, draws=draws.take(np.array([6])), draw=np.zeros(30, int), **few)
    among = VirtualPopulation.sample(MODEL, draws=draws, draw=np.full(30, 6), **few)
    assert alone.parameters.keys() == among.parameters.keys()
    for name, values in among.parameters.items():
        np.testing.assert_array_equal(alone.parameters[name], values)


def test_prior_spreads_have_the_stated_width():
    draws = prior_draws(MODEL, 4000, seed=1)
    logs = np.log(draws.spread["car_loss"])
    assert abs(logs.mean()) < 0.02
    assert abs(logs.std() - SPREAD_LOG_SD) < 0.01


def test_intervals_are_equally_likely():
    draws = prior_draws(MODEL, 6000, seed=1, intervals_days=(1.0, 2.0, 7.0))
    values, counts = np.unique(draws.scenario["interval_days"], return_counts=True)
    assert values.tolist() == [1.0, 2.0, 7.0]
    assert np.all(np.abs(counts - 2000) < 4 * np.sqrt(6000 * 2 / 9))
    assert chosen_scenarios(np.array([-50.0, 0.0, 50.0]), (1.0, 2.0, 7.0)).tolist() == [1.0, 2.0, 7.0]


def test_patient_values_broadcast_over_cohorts():
    row = MODEL.parameters["car_loss"]
    z = np.random.default_rng(1).standard_normal((3, 5))
    typical, spread = np.array([1.0, 1.5, 2.0])[:, None], np.array([1.0, 0.5, 2.0])[:, None]
    values = patient_values(row, z, typical, spread)
    assert values.shape == (3, 5)
    assert np.all((values >= row.lower) & (values <= row.upper))
    sd = transformed_sd(row.distribution, row.value, row.spread, row.spread_kind)
    free = typical * np.exp(sd * spread * z)  # the limits are far away: they hardly move a value
    assert np.max(np.abs(to_normal("lognormal", values) - np.log(free))) < 0.05


def test_wrong_draws_are_refused():
    draws = prior_draws(MODEL, 3, seed=1)
    with pytest.raises(InputError, match="there are 3 draws"):
        VirtualPopulation.sample(MODEL, n_patients=2, seed=1, draws=draws, draw=np.array([0, 3]))
    with pytest.raises(InputError, match="one draw a patient"):
        VirtualPopulation.sample(MODEL, n_patients=2, seed=1, draws=draws)
    with pytest.raises(InputError, match="draws are missing"):
        VirtualPopulation.sample(MODEL, n_patients=2, seed=1, draw=np.array([0, 1]))
    with pytest.raises(InputError, match="besides draws"):
        VirtualPopulation.sample(
            MODEL, n_patients=2, seed=1, draws=draws, draw=np.zeros(2, int), typical_draw=np.zeros(2, int)
        )
    with pytest.raises(UnknownNameError, match="lnp_los"):
        wrong = PopulationDraws(typical={"lnp_los": np.ones(1)})
        VirtualPopulation.sample(MODEL, n_patients=1, seed=1, draws=wrong, draw=np.zeros(1, int))
    with pytest.raises(InputError, match="shapes"):
        PopulationDraws(typical={"a": np.ones(2), "b": np.ones(3)})


def test_taking_draws_keeps_them_together():
    draws = prior_draws(MODEL, 5, seed=1, intervals_days=(1.0, 2.0))
    taken = draws.take(np.array([4, 0]))
    assert len(taken) == 2
    assert taken.typical["car_loss"][0] == draws.typical["car_loss"][4]
    assert taken.scenario["interval_days"][1] == draws.scenario["interval_days"][0]


def test_numbers_and_values_go_both_ways():
    z = np.linspace(-3.0, 3.0, 25)
    for name in uncertain_parameters(MODEL):
        row = MODEL.parameters[name]
        np.testing.assert_allclose(typical_numbers(row, typical_values(row, z)), z, atol=1e-5)
    np.testing.assert_allclose(spread_numbers(spread_multipliers(z)), z, rtol=1e-12, atol=1e-12)
