"""Global sensitivity of the shipped model: what is known of it in advance, and what is said where nothing can be known."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.decisions.sensitivity import GlobalSensitivity, global_sensitivity
from vivocart.decisions.uncertain import uncertain_parameters, values_at
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model, load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.therapies.regimen import Regimen

LETTER = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
CAR = ("car_loss", "car_display", "transfection_max", "transfection_half_concentration", "anti_cd20_kill")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def result(model: Model) -> GlobalSensitivity:
    return global_sensitivity(
        model,
        LETTER,
        parameters=CAR,
        endpoint_ids=[
            "car_percent_peak",
            "car_return_days",
            "b_cell_first_deeply_depleted_day",
            "sledai_baseline",
        ],
        n_base=64,
        days=30,
    )


def test_a_parameter_of_another_therapy_explains_nothing(result: GlobalSensitivity):
    for endpoint in result.outputs["endpoint"]:
        table = result.of_endpoint(str(endpoint)).set_index("parameter_id")
        assert table.loc["anti_cd20_kill", "total_order"] == pytest.approx(0.0, abs=1e-9)


def test_the_loss_of_the_car_decides_how_long_it_is_seen(result: GlobalSensitivity):
    assert result.of_endpoint("car_return_days").iloc[0]["parameter_id"] == "car_loss"
    peak = result.of_endpoint("car_percent_peak").set_index("parameter_id")
    assert peak.loc["transfection_max", "first_order"] > peak.loc["car_loss", "first_order"]


def test_shares_add_up_and_intervals_hold_the_estimate(result: GlobalSensitivity):
    table = result.indices
    assert (table["total_order_low"] <= table["total_order"]).all()
    for endpoint in ("car_percent_peak", "car_return_days"):
        one = result.of_endpoint(endpoint)
        assert one["first_order"].sum() == pytest.approx(1.0, abs=0.25)
        assert one["total_order"].is_monotonic_decreasing


def test_what_is_not_reached_counts_as_the_end_and_is_counted(result: GlobalSensitivity):
    row = result.outputs.set_index("endpoint").loc["b_cell_first_deeply_depleted_day"]
    assert 0 < row["n_capped"] < result.n_runs
    assert row["cap"] == 30.0
    assert row["q95"] <= 30.0


def test_what_does_not_vary_has_a_reason(result: GlobalSensitivity):
    assert "does not vary" in result.left_out["sledai_baseline"]
    with pytest.raises(InputError, match="does not vary"):
        result.of_endpoint("sledai_baseline")
    with pytest.raises(UnknownNameError, match="car_percent_peak"):
        result.of_endpoint("car_percent_pea")


def test_screening_keeps_what_moves_and_says_what_it_dropped(model: Model):
    found = global_sensitivity(
        model,
        LETTER,
        parameters=CAR,
        screen=4,
        endpoint_ids=["car_percent_peak", "car_return_days"],
        n_base=16,
        days=20,
    )
    assert found.parameter_ids == tuple(
        name for name in found.inputs["parameter_id"] if name != "anti_cd20_kill"
    )
    dropped = found.inputs.set_index("parameter_id").loc["anti_cd20_kill"]
    assert not dropped["is_kept"]
    assert dropped["score"] == pytest.approx(0.0, abs=1e-9)
    assert set(found.screening["endpoint"]) == {"car_percent_peak", "car_return_days"}
    assert found.n_runs == 16 * 6


def test_same_seed_same_numbers_whatever_the_threads(model: Model):
    def run(seed: int, threads: int) -> GlobalSensitivity:
        return global_sensitivity(
            model,
            LETTER,
            parameters=CAR[:2],
            endpoint_ids=["car_return_days"],
            n_base=16,
            days=20,
            seed=seed,
            threads=threads,
        )

    one, two, other = run(0, 1), run(0, 2), run(1, 1)
    assert one.indices.equals(two.indices)
    assert not one.indices.equals(other.indices)


def test_a_cohort_keeps_its_own_deviations(model: Model):
    patients = VirtualPopulation.sample(model, n_patients=4, seed=3)
    found = global_sensitivity(
        model,
        LETTER,
        patients=patients,
        parameters=CAR[:2],
        endpoint_ids=["car_return_days"],
        n_base=8,
        days=20,
    )
    assert found.n_patients == 4
    typical = global_sensitivity(
        model, LETTER, parameters=CAR[:2], endpoint_ids=["car_return_days"], n_base=8, days=20
    )
    assert found.outputs["mean"].iloc[0] != typical.outputs["mean"].iloc[0]


def test_inputs_are_drawn_from_their_own_uncertainty(model: Model):
    row = model.parameters["car_loss"]
    assert values_at(row, np.array([0.5]))[0] == pytest.approx(row.value, rel=0.02)
    low, high = values_at(row, np.array([0.0, 1.0]))
    assert (row.lower or 0.0) <= low < row.value < high <= (row.upper or np.inf)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("car_los", "car_loss"),
        ("b_cells_blood_baseline", "covariate"),
        ("lymphoid_volume", "no uncertainty"),
    ],
)
def test_parameters_that_cannot_be_varied_are_refused(model: Model, name: str, words: str):
    with pytest.raises(InputError, match=words):
        uncertain_parameters(model, LETTER, [name])


def test_what_a_product_sets_is_the_products(model: Model):
    with pytest.raises(InputError, match="product"):
        uncertain_parameters(model, Regimen.parse("obinutuzumab 1000 mg"), ["anti_cd20_half_kill"])


def test_an_endpoint_that_does_not_exist_is_refused_before_anything_runs(model: Model):
    with pytest.raises(UnknownNameError, match="sledai_d90"):
        global_sensitivity(model, LETTER, endpoint_ids=["sledai_e90"])
    with pytest.raises(InputError, match="power of two"):
        global_sensitivity(model, LETTER, n_base=100)


def test_nothing_that_moves_is_said(model: Model):
    with pytest.raises(InputError, match="sledai_baseline does not vary"):
        global_sensitivity(
            model, LETTER, parameters=CAR[:2], endpoint_ids=["sledai_baseline"], n_base=8, days=20
        )
