from __future__ import annotations

import math

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.patients.parameters import moved_values
from vivocart.patients.population import VirtualPopulation

from .fakes import MODEL, row

N = 50_000
POPULATION = VirtualPopulation.sample(MODEL, n_patients=N, seed=9)


def logit(values: np.ndarray | float) -> np.ndarray:
    return np.log(values / (1 - np.asarray(values)))


def test_variability_between_patients_is_that_of_the_row():
    rate = POPULATION.parameters["rate"]
    assert np.median(rate) == pytest.approx(2.0, rel=0.01)
    assert rate.std() / rate.mean() == pytest.approx(0.4, rel=0.02)
    assert logit(POPULATION.parameters["share"]).std() == pytest.approx(0.4, rel=0.02)
    level = POPULATION.parameters["level"]
    assert level.mean() == pytest.approx(-3.0, abs=0.02)
    assert -5 < level.min() < -4.9
    assert -1.1 < level.max() < -1


def test_only_what_varies_or_is_set_is_held():
    assert set(POPULATION.parameters) == {"rate", "share", "level", "body_weight", "upcr_baseline"}
    np.testing.assert_array_equal(POPULATION.parameters["body_weight"], POPULATION.covariates["body_weight"])


def test_the_matrix_has_the_order_of_the_system():
    matrix = POPULATION.parameter_matrix(MODEL)
    assert matrix.shape == (N, 8)
    columns = dict(zip(MODEL.system.parameter_ids, matrix.T, strict=True))
    np.testing.assert_array_equal(columns["rate"], POPULATION.parameters["rate"])
    np.testing.assert_array_equal(columns["fixed"], 7.0)
    np.testing.assert_array_equal(columns["only_in_file"], 0.0 + 11.0)
    assert np.isfinite(matrix).all()


def test_typical_values_can_be_given_for_all_or_each():
    every = VirtualPopulation.sample(MODEL, n_patients=100, seed=9, typical={"rate": 4.0, "fixed": 8.0})
    np.testing.assert_allclose(every.parameters["rate"], 2 * POPULATION.parameters["rate"][:100], rtol=1e-12)
    np.testing.assert_array_equal(every.parameters["fixed"], 8.0)
    each = np.linspace(1, 2, 100)
    single = VirtualPopulation.sample(MODEL, n_patients=100, seed=9, typical={"rate": each})
    np.testing.assert_allclose(
        single.parameters["rate"], each / 2 * POPULATION.parameters["rate"][:100], rtol=1e-12
    )


def test_patients_of_one_draw_share_typical_values():
    draws = np.repeat(np.arange(20_000), 5)
    cohorts = VirtualPopulation.sample(MODEL, n_patients=len(draws), seed=9, typical_draw=draws)
    unsure = cohorts.parameters["unsure"].reshape(-1, 5)
    assert (unsure == unsure[:, :1]).all()
    assert np.median(unsure) == pytest.approx(5.0, rel=0.02)
    assert np.log(unsure[:, 0]).std() == pytest.approx(math.sqrt(math.log(1.25)), rel=0.03)
    one = VirtualPopulation.sample(MODEL, n_patients=len(draws), seed=9)
    typical = np.log(cohorts.parameters["rate"] / one.parameters["rate"]).reshape(-1, 5)
    np.testing.assert_allclose(typical, typical[:, :1].repeat(5, axis=1), atol=1e-9)
    assert typical[:, 0].std() == pytest.approx(math.sqrt(math.log1p(0.09)), rel=0.03)
    np.testing.assert_array_equal(cohorts.covariates["upcr"], one.covariates["upcr"])


def test_a_draw_has_the_same_typical_values_in_any_company():
    few = VirtualPopulation.sample(MODEL, n_patients=3, seed=9, typical_draw=np.array([7, 3, 7]))
    many = VirtualPopulation.sample(MODEL, n_patients=10, seed=9, typical_draw=np.arange(10))
    np.testing.assert_array_equal(few.parameters["unsure"], many.parameters["unsure"][[7, 3, 7]])


@pytest.mark.parametrize(
    ("typical", "error", "part"),
    [
        ({"rat": 1.0}, UnknownNameError, "did you mean rate"),
        ({"body_weight": 70.0}, InputError, "set by a covariate"),
    ],
)
def test_typical_values_that_cannot_be_set_are_refused(
    typical: dict[str, float], error: type[InputError], part: str
):
    with pytest.raises(error, match=part):
        VirtualPopulation.sample(MODEL, n_patients=2, seed=1, typical=typical)


def test_a_product_moves_the_typical_value_and_keeps_the_patient():
    plain = POPULATION.parameter_matrix(MODEL)
    moved = POPULATION.parameter_matrix(MODEL, {"rate": 6.0, "fixed": 1.0, "share": 0.5})
    ids = MODEL.system.parameter_ids
    rate, fixed, share = ids.index("rate"), ids.index("fixed"), ids.index("share")
    np.testing.assert_allclose(moved[:, rate], 3 * plain[:, rate], rtol=1e-12)
    np.testing.assert_array_equal(moved[:, fixed], 1.0)
    np.testing.assert_allclose(logit(moved[:, share]), logit(plain[:, share]) - logit(0.12), atol=1e-9)
    with pytest.raises(UnknownNameError, match="did you mean rate"):
        POPULATION.parameter_matrix(MODEL, {"rates": 1.0})


def test_a_moved_value_keeps_its_limits():
    values = moved_values(row("x", 1.0, "lognormal", 50, upper=3.0), np.array([1.0, 2.0]), 1.0, 2.0)
    np.testing.assert_array_equal(values, [2.0, 3.0])
    np.testing.assert_array_equal(
        moved_values(row("x", 1.0, "lognormal", 50), np.array([1.0, 2.0]), 1.0, 0.0), 0.0
    )


def test_a_moved_value_can_be_wider_or_narrower_than_the_table():
    sampled = np.array([0.5, 1.0, 2.0])
    wide = moved_values(row("x", 1.0, "lognormal", 50), sampled, 1.0, 10.0, 2.0)
    np.testing.assert_allclose(wide, [2.5, 10.0, 40.0])
    narrow = moved_values(row("x", 1.0, "lognormal", 50), sampled, 1.0, 10.0, 0.5)
    np.testing.assert_allclose(narrow, 10.0 * np.sqrt(sampled))
    rate = MODEL.system.parameter_ids.index("rate")
    plain = POPULATION.parameter_matrix(MODEL)[:, rate]
    usual = float(MODEL.parameters["rate"].value)
    moved = POPULATION.parameter_matrix(MODEL, {"rate": 3 * usual}, {"rate": 2.0})[:, rate]
    np.testing.assert_allclose(moved, 3 * usual * (plain / usual) ** 2, rtol=1e-12)
