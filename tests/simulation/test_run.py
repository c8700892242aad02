"""Simulations: reproducible whatever the chunks and threads, exact at infusions, honest about failures."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model, load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

LETTER = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def patients(model: Model) -> VirtualPopulation:
    return VirtualPopulation.sample(model, n_patients=24, seed=5)


def test_threads_chunks_and_order_change_no_bit(model: Model, patients: VirtualPopulation):
    whole = simulate(model, LETTER, patients, days=60, threads=1).data
    again = simulate(model, LETTER, patients, days=60, threads=2).data
    assert whole.identical(again)
    order = np.array([17, 3, 22, 0, 9])
    part = simulate(model, LETTER, patients.take(order), days=60, threads=2).data
    assert part.identical(whole.isel(patient=order))


def test_single_precision_is_as_accurate_as_asked_and_the_same_bits(
    model: Model, patients: VirtualPopulation
):
    asked = {"days": 60, "relative_tolerance": 1e-3}
    whole = simulate(model, LETTER, patients, **asked, precision="single", threads=1)
    assert whole.provenance.asked["precision"] == "single"
    order = np.array([17, 3, 22, 0, 9])
    part = simulate(model, LETTER, patients.take(order), **asked, precision="single", threads=2).data
    assert part.identical(whole.data.isel(patient=order))
    double = simulate(model, LETTER, patients, **asked).data
    for name in ("b_cells_blood", "car_t_blood", "il6", "igg"):
        size = np.abs(double[name]).max("time")
        assert (np.abs(whole.data[name] - double[name]) < 1e-4 * size).all()
    with pytest.raises(InputError, match="in single precision"):
        simulate(model, LETTER, patients, precision="single")


def test_an_absolute_tolerance_is_kept_and_noted(model: Model, patients: VirtualPopulation):
    usual = simulate(model, LETTER, patients, days=30)
    looser = simulate(model, LETTER, patients, days=30, absolute_tolerance=1e-7)
    assert looser.provenance.asked["absolute_tolerance"] == 1e-7
    assert np.abs(looser.data["il6"] / usual.data["il6"] - 1).max() < 1e-4
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="absolute tolerance"):
            simulate(model, LETTER, patients, absolute_tolerance=wrong)


def test_output_times_change_no_value(model: Model, patients: VirtualPopulation):
    few = simulate(model, LETTER, patients, days=30, times_days=[7.0, 30.0])
    many = simulate(model, LETTER, patients, days=30, times_days=np.linspace(0, 30, 481))
    assert np.array_equal(few["b_cells_blood"].values, many["b_cells_blood"].sel(time=[7.0, 30.0]).values)


def test_no_infusion_is_stepped_over(model: Model, patients: VirtualPopulation):
    late = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=200, start_day=130)
    sim = simulate(model, late, patients, days=600)
    for day in (130.0, 330.0, 530.0):
        assert (sim["lnp_plasma"].sel(time=day + 1 / 24, method="nearest") > 0.1).all()
        assert (sim["lnp_plasma"].sel(time=day, method="nearest") < 1e-6).all()


def test_every_observable_has_its_unit_and_name(model: Model, patients: VirtualPopulation):
    sim = simulate(model, LETTER, patients, days=10)
    for name, row in model.observables.items():
        assert sim[name].attrs == {"units": row.unit, "long_name": row.label}
    assert list(sim.to_frame().columns[:2]) == ["patient", "time"]


def test_one_observable_is_the_same_alone_and_from_the_data_set(model: Model, patients: VirtualPopulation):
    sim = simulate(model, LETTER, patients, days=10)
    alone = sim["b_cells_blood"]
    assert alone.identical(sim.data["b_cells_blood"])
    assert sim["b_cells_blood"].identical(alone)
    assert sim.data is sim.data


def test_rescue_is_given_when_the_patient_asks_for_it(model: Model, patients: VirtualPopulation):
    rule = Rescue(
        product="tocilizumab",
        observable="cytokine_signal",
        threshold="crs_fever_threshold",
        dose=8,
        delay_hours=4,
        maximum_count=1,
    )
    without = simulate(model, LETTER, patients, days=20)
    with_rule = simulate(model, LETTER, patients, days=20, rescue=[rule])
    threshold = patients.parameters["crs_fever_threshold"]
    crossed = patients.ids[(without["cytokine_signal"].max("time") > threshold).values]
    assert 0 < len(crossed) < len(patients)
    assert set(crossed) == set(with_rule.rescues["patient"])
    assert (with_rule["tocilizumab"].max("time").values > 1).sum() == len(crossed)
    spared = np.isin(patients.ids, crossed, invert=True)
    assert np.allclose(with_rule["il6"].values[spared], without["il6"].values[spared], rtol=1e-6), (
        "who is not rescued is not touched"
    )


def test_reinfusion_when_b_cells_are_back(model: Model, patients: VirtualPopulation):
    rule = Rescue(
        product="HN2301",
        observable="b_cells_blood",
        threshold=10.0,
        dose=4,
        minimum_spacing_hours=48,
        maximum_count=2,
    )
    sim = simulate(
        model, LETTER, patients, days=60, rescue=[rule], times_days=np.linspace(0, 60, 60 * 48 + 1)
    )
    given = sim.rescues.groupby("patient")["time_days"]
    assert given.count().max() == 2
    assert (given.diff().dropna() >= 2.0 - 1e-9).all()
    counts = sim["b_cells_blood"]
    for row in sim.rescues.itertuples():
        count = counts.sel(patient=row.patient)
        assert count.interp(time=row.time_days).item() == pytest.approx(10.0, rel=0.05)
        assert count.sel(time=slice(row.time_days + 0.3, row.time_days + 1)).min() < 10.0


def test_a_failed_patient_stands_alone(model: Model, patients: VirtualPopulation):
    sick = {name: values.copy() for name, values in patients.parameters.items()}
    sick["lnp_loss"][7] = np.nan
    spoiled = VirtualPopulation(
        ids=patients.ids,
        covariates=patients.covariates,
        parameters=sick,
        weights=patients.weights,
        seed=patients.seed,
        attempts=patients.attempts,
    )
    whole = simulate(model, LETTER, patients, days=30)
    sim = simulate(model, LETTER, spoiled, days=30)
    assert sim.failures["patient"].tolist() == [7]
    assert sim.failures.iloc[0]["reason"] and sim.failures.iloc[0]["advice"]
    assert np.isnan(sim["b_cells_blood"].values[7, 1:]).all()
    others = np.arange(len(patients)) != 7
    assert np.array_equal(sim["b_cells_blood"].values[others], whole["b_cells_blood"].values[others])


@pytest.mark.parametrize("days", [0, -1, float("nan"), 1e9])
def test_days_out_of_range_are_refused(model: Model, patients: VirtualPopulation, days: float):
    with pytest.raises(InputError, match="days"):
        simulate(model, LETTER, patients, days=days)


@pytest.mark.parametrize("tolerance", [0.0, -1e-6, 1e-13, 0.1, float("nan"), float("inf")])
def test_a_tolerance_out_of_range_is_refused(model: Model, patients: VirtualPopulation, tolerance: float):
    with pytest.raises(InputError, match="relative tolerance"):
        simulate(model, LETTER, patients, days=10, relative_tolerance=tolerance)


def test_a_looser_tolerance_is_told_and_stays_near(model: Model, patients: VirtualPopulation):
    exact = simulate(model, LETTER, patients, days=30, relative_tolerance=1e-9)
    loose = simulate(model, LETTER, patients, days=30, relative_tolerance=1e-5)
    assert loose.provenance.asked["relative_tolerance"] == 1e-5
    a, b = exact["b_cells_blood"].values, loose["b_cells_blood"].values
    error = np.abs(a - b) / np.maximum(np.abs(a), 1e-3 * a.max(axis=1, keepdims=True))
    assert 0.0 < error.max() < 1e-3


def test_an_infusion_after_the_end_is_refused(model: Model, patients: VirtualPopulation):
    with pytest.raises(InputError, match=r"at least 6\.04"):
        simulate(model, LETTER, patients, days=6)


def test_an_unknown_observable_is_answered_with_the_nearest(model: Model, patients: VirtualPopulation):
    with pytest.raises(UnknownNameError, match="b_cells_blood"):
        simulate(model, LETTER, patients, days=10, observables=["b_cell_blood"])
