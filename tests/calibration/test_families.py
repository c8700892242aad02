"""Families of comparators: what fits.yaml may say, and what is theirs."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.fits import BASE, Fits, families, families_of, find_family, own_parameters, parted
from vivocart.calibration.observations import observations
from vivocart.ground.errors import UnknownNameError
from vivocart.ground.tables import read_document
from vivocart.model.load import load_model
from vivocart.patients.draws import PopulationDraws, is_uncertain, merged_draws, varies
from vivocart.therapies.product import find_product
from vivocart.trials.protocol import load_study, study_ids

MODEL = load_model()
ROWS = {row.id: row for row in observations()}


@pytest.mark.parametrize("name", families())
def test_a_family_names_what_exists(name):
    family = families()[name]
    assert name == name.lower() and name != BASE
    for product in family.products:
        assert find_product(product).id == product
    modules = {row.module for row in MODEL.parameters.values()}
    assert set(family.modules) <= modules
    assert all(parameter in MODEL.parameters for parameter in family.parameters)
    for study in family.studies:
        assert load_study(study).id == study
    for row, reason in family.held_out.items():
        assert ROWS[row].study_id in family.studies and reason
    assert own_parameters(family, MODEL)


@pytest.mark.parametrize("name", families())
def test_something_is_left_to_test_each_family(name):
    family = families()[name]
    others = {row.study_id for row in ROWS.values() if row.measure}
    assert family.held_out or family.tested_on
    assert set(family.tested_on) <= others and not set(family.tested_on) & set(family.studies)


def test_a_product_belongs_to_one_family():
    products = [product for family in families().values() for product in family.products]
    assert len(products) == len(set(products))
    assert "HN2301" not in products, "its parameters are those of the base fit"
    assert families_of(["rituximab"]) == ("rituximab",)
    assert families_of(["HN2301", "tocilizumab"]) == ()
    assert families_of(["teclistamab", "ex_vivo_cd19_car_t", "HN2301"]) == ("ex_vivo_car_t", "teclistamab")


def test_a_familys_own_parameters_are_those_of_its_mechanism():
    own = own_parameters(find_family("Rituximab"), MODEL)
    assert "anti_cd20_kill" in own and "anti_cd20_urine_loss" in own
    assert all(MODEL.parameters[name].module == "anti_cd20" for name in own)
    assert all(is_uncertain(MODEL.parameters[name]) or varies(MODEL.parameters[name]) for name in own)
    assert own_parameters(find_family("patisiran"), MODEL) == ("lnp_loss", "lnp_exit", "lnp_return")


def test_an_unknown_family_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="rituximab"):
        find_family("rituximub")


def test_a_family_holds_out_its_own_rows_only():
    family = find_family("rituximab")
    fitted, held_out = parted("LUNAR", observations(), family.held_out)
    assert {row.id for row in held_out} == set(family.held_out)
    assert not {row.id for row in fitted} & set(family.held_out)


def test_a_new_family_is_an_entry_of_the_file(tmp_path):
    file = tmp_path / "fits.yaml"
    file.write_text(
        "studies: {}\n"
        "families:\n"
        "  mine: {label: Mine, products: [tocilizumab], modules: [cytokines], studies: [HN2301]}\n"
    )
    found = read_document(file, Fits).families["mine"]
    assert found.particles == 400 and "tocilizumab_volume" in own_parameters(found, MODEL)
    assert set(study_ids())  # studies are files too


def test_merged_draws_take_each_parameter_from_its_fit():
    n = 50
    base = PopulationDraws(
        typical={
            "car_loss": np.arange(n) + 1.0,
            "anti_cd20_kill": np.full(n, 15.0),
            "lnp_loss": np.full(n, 13.0),
        },
        spread={"car_loss": np.full(n, 1.0), "anti_cd20_kill": np.full(n, 1.0)},
        scenario={"interval_days": np.full(n, 3.0)},
    )
    first = PopulationDraws(
        typical={"anti_cd20_kill": np.arange(20) + 100.0}, spread={"anti_cd20_kill": np.full(20, 0.5)}
    )
    second = PopulationDraws(typical={"anti_cd20_kill": np.full(30, 7.0), "lnp_loss": np.full(30, 2.0)})
    merged = merged_draws(base, {"first": first, "second": second})
    assert len(merged) == n
    assert np.array_equal(merged.typical["car_loss"], base.typical["car_loss"])
    assert set(merged.typical["anti_cd20_kill"]) == set(first.typical["anti_cd20_kill"])
    assert (merged.spread["anti_cd20_kill"] == 0.5).all() and (merged.typical["lnp_loss"] == 2.0).all()
    assert np.array_equal(merged.scenario["interval_days"], base.scenario["interval_days"])
    assert np.array_equal(base.typical["anti_cd20_kill"], np.full(n, 15.0)), "the base is left alone"
    order = np.corrcoef(merged.typical["anti_cd20_kill"], merged.typical["car_loss"])[0, 1]
    assert abs(order) < 0.5, "neighbors of one fit do not go with neighbors of the other"
    again = merged_draws(base, {"first": first, "second": second})
    assert np.array_equal(again.typical["anti_cd20_kill"], merged.typical["anti_cd20_kill"])
