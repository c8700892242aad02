"""Loading: the shipped model, files of others, and names that do not exist."""

from __future__ import annotations

import pickle

import pytest

from vivocart.formats.sbml import check_sbml
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.flatten import read_sources
from vivocart.model.load import build_model, load_model, parse_observable, sledai_items
from vivocart.model.rows import ObservableRow

OBSERVABLES = [
    "lnp_plasma",
    "cd8_blood",
    "car_t_blood",
    "car_percent_cd8",
    "car_percent_cd8_tissue",
    "b_cells_blood",
    "b_cells_tissue_fraction",
    "b_cells_marrow_fraction",
    "naive_b_blood",
    "memory_b_blood",
    "memory_b_tissue_fraction",
    "gc_b_fraction",
    "plasmablasts_blood",
    "plasma_cells_short_fraction",
    "plasma_cells_long_fraction",
    "autoantibody",
    "anti_dsdna",
    "igg",
    "c3",
    "c4",
    "il6",
    "ifng",
    "crp",
    "cytokine_signal",
    "tissue_inflammation",
    "renal_inflammation",
    "upcr",
    "prednisone",
    "tocilizumab",
    "lymphodepletion",
    "carrier_antibody",
]
INPUTS = [
    "lnp_plasma_amount",
    "ev_effector_blood",
    "lymphodepletion_drug",
    "engager_amount",
    "anti_cd20_amount",
    "tocilizumab_amount",
]
SET_BY_COVARIATES = [
    "b_cells_blood_baseline",
    "cd8_blood_baseline",
    "anti_dsdna_baseline",
    "c3_baseline",
    "c4_baseline",
    "igg_baseline",
    "upcr_baseline",
    "il6_baseline",
    "crp_baseline",
    "prednisone_baseline",
    "body_weight",
]


def test_libsbml_finds_nothing_units_included(model):
    assert check_sbml(model.sbml) == []
    assert 'level="3" version="2"' in model.sbml


def test_ids_that_other_rooms_rely_on(model):
    assert list(model.observables) == OBSERVABLES
    assert set(INPUTS) <= set(model.system.state_ids)
    assert set(SET_BY_COVARIATES) <= set(model.parameters)
    assert set(model.parameters) == set(model.system.parameter_ids)
    assert 42 <= len(model.system.states) <= 56


def test_every_block_is_a_fragment_that_says_what_it_is(model):
    for name, text in read_sources().fragments.items():
        assert text.startswith("// "), name
        assert "In words:" in text, name
        assert "Record" in text, name


def test_the_same_sources_give_the_same_hash_and_a_changed_number_another(model):
    sources = read_sources()
    assert build_model(sources).hash == model.hash
    changed = sources.tables["parameters.csv"].replace("\nlnp_loss,13,", "\nlnp_loss,14,")
    again = build_model(
        type(sources)(fragments=sources.fragments, tables={**sources.tables, "parameters.csv": changed})
    )
    assert again.hash != model.hash
    assert again.parameters["lnp_loss"].value == 14


def test_a_parameter_prints_as_a_colleague_reads_it(model):
    assert str(model.parameters["crp_loss"]) == "0.571 1/d, estimated, li2018_koutcrp"
    assert str(model.parameters["innate_rate"]).startswith("8 1/d, assumed, Hand-set")


def test_unknown_names_are_answered_with_the_nearest(model):
    with pytest.raises(UnknownNameError, match=r"unknown parameter 'lnp_los'; did you mean lnp_loss"):
        model.parameters["lnp_los"]
    with pytest.raises(
        UnknownNameError, match=r"unknown observable 'b_cell_blood'; did you mean b_cells_blood"
    ):
        model.observable_expression("b_cell_blood")
    assert "lnp_los" not in model.parameters


def test_a_model_travels_to_another_process(model):
    again = pickle.loads(pickle.dumps(model))
    assert again.hash == model.hash
    assert again.parameters["lnp_loss"] == model.parameters["lnp_loss"]


@pytest.mark.parametrize("form", ["sbml", "antimony"])
def test_exported_text_loads_as_the_same_system(model, tmp_path, form):
    path = tmp_path / f"model.{form}"
    path.write_text(getattr(model, form))
    again = load_model(path)
    assert again.system.state_ids == model.system.state_ids
    assert {key: row.value for key, row in again.parameters.items()} == {
        key: row.value for key, row in model.parameters.items()
    }
    assert {row.kind for row in again.parameters.values()} == {"assumed"}
    assert "b_cells_blood" not in again.observables
    assert "naive_b_blood" in again.observables


def test_files_that_are_no_model(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_model(tmp_path / "none.xml")
    bad = tmp_path / "bad.ant"
    bad.write_text("x = = 3;\n")
    with pytest.raises(InputError, match=r"bad\.ant, line 1"):
        load_model(bad)
    bad.write_text("x = 1; x' = -k * x;\n")
    with pytest.raises(InputError, match=r"bad\.ant: the parameter 'k' has no value"):
        load_model(bad)
    bad = tmp_path / "bad.xml"
    bad.write_text("<sbml><oops>")
    with pytest.raises(InputError, match=r"bad\.xml"):
        load_model(bad)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("il6 +", "is not an expression"),
        ("il7", "unknown id 'il7'; did you mean"),
        ("__import__('os').getcwd()", "not allowed"),
        ("il6 ** 2", "not allowed"),
        ("'il6'", "not allowed"),
    ],
)
def test_observables_are_arithmetic_over_ids_and_nothing_else(model, expression, message):
    row = ObservableRow(id="mine", unit="1", expression=expression, label="mine")
    with pytest.raises(InputError, match=message) as caught:
        parse_observable(row, model.system)
    assert "observables.csv, mine, column expression" in str(caught.value)


def test_items_are_those_of_the_published_score(suites):
    import csv

    with (suites / "endpoints" / "sledai2k_items.csv").open(newline="") as file:
        published = {row["item"]: row for row in csv.DictReader(file)}
    ours = {row.item: row for row in sledai_items()}
    assert set(ours) == set(published)
    for item, row in ours.items():
        assert row.weight == int(published[item]["weight"])
        assert row.serological == (published[item]["serological_item_excluded_from_clinical_SLEDAI"] == "1")
    assert sum(row.weight for row in ours.values()) == 105


def test_items_make_a_plausible_refractory_patient():
    expected = sum(row.weight * row.prevalence for row in sledai_items())
    assert 10 <= expected <= 18
