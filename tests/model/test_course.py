"""The story that the hand-set constants were set to, in coarse form: a change that breaks it should be on purpose.

None of this validates the model: the same published courses guided the constants.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen


@pytest.fixture(scope="module")
def patients(model):
    return VirtualPopulation.sample(model, n_patients=200, seed=3)


@pytest.fixture(scope="module")
def hn2301(model, patients):
    """Runs by dose: three infusions, three days apart."""
    return {
        dose: simulate(
            model, Regimen("HN2301", dose_mg=dose, infusions=3, interval_days=3), patients, days=180
        ).data
        for dose in (1, 2, 4)
    }


@pytest.fixture(scope="module")
def ex_vivo(model, patients):
    regimen = Regimen("ex_vivo_cd19_car_t", dose=1e6, infusions=1)
    return simulate(model, regimen, patients, days=200)


def _median(values) -> float:
    return float(np.median(np.asarray(values)))


def _longest_below(times: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Longest unbroken stretch below a limit, in days, for each patient."""
    longest = np.zeros(len(values))
    for patient, row in enumerate(values < limit):
        start = None
        for time, below in zip(times, row, strict=True):
            start = (time if start is None else start) if below else None
            longest[patient] = max(longest[patient], time - start if below else 0.0)
    return longest


def test_nothing_happens_without_a_drug(model, patients):
    one = Regimen("HN2301", dose_mg=0.01, infusions=1, interval_days=1, start_day=366)
    data = simulate(model, one, patients, days=367).data.sel(time=slice(0, 365))
    for name, series in data.data_vars.items():
        values = series.values
        first = values[:, :1]
        drift = np.abs(values - first) / np.where(first == 0, 1.0, np.abs(first))
        assert drift.max() < 1e-6, name


def test_car_cells_peak_in_hours_and_are_gone_in_days(hn2301):
    car = hn2301[4]["car_percent_cd8"]
    early = car.sel(time=slice(0, 2))
    hours = early.time.values[np.argmax(early.values, axis=1)] * 24
    assert 4 <= _median(hours) <= 9
    assert 35 <= _median(car.max("time")) <= 60
    peak = early.max("time")
    before_second = car.sel(time=2.9, method="nearest")
    assert _median(before_second / peak) < 0.05


def test_b_cells_of_blood_are_nearly_gone_for_a_week_at_the_higher_dose(hn2301):
    b = hn2301[4]["b_cells_blood"]
    assert _median(b.min("time")) < 1.0
    longest = _longest_below(b.time.values, b.values, 5.0)
    assert 5 <= _median(longest) <= 13
    less = hn2301[2]["b_cells_blood"]
    assert _median(_longest_below(less.time.values, less.values, 5.0)) < _median(longest)


@pytest.mark.parametrize(
    ("observable", "reading", "sign"),
    [
        ("car_percent_cd8", "max", 1),
        ("b_cells_blood", "min", -1),
        ("b_cells_tissue_fraction", "min", -1),
        ("autoantibody", "min", -1),
        ("c3", "max", 1),
        ("il6", "max", 1),
        ("tissue_inflammation", "min", -1),
    ],
)
def test_more_drug_more_effect_in_every_patient(hn2301, observable, reading, sign):
    values = [getattr(hn2301[dose][observable], reading)("time").values for dose in (1, 2, 4)]
    for low, high in pairwise(values):
        assert np.all(sign * (high - low) >= -1e-6 * np.abs(low))


def test_serology_and_organs_follow_over_three_months(hn2301):
    data = hn2301[4].sel(time=90)
    assert 0.3 <= _median(data["autoantibody"]) <= 0.7
    assert _median(data["c3"] / hn2301[4]["c3"].isel(time=0)) > 1.1
    assert 0.15 <= _median(data["tissue_inflammation"]) <= 0.6
    assert _median(data["renal_inflammation"]) > _median(data["tissue_inflammation"])


def test_cytokines_rise_mildly(hn2301, patients):
    signal = hn2301[4]["cytokine_signal"].max("time").values
    severe = patients.parameters["crs_grade3_threshold"]
    assert np.mean(signal > severe) < 0.01
    assert 15 <= _median(signal) <= 100
    assert 1.5 <= _median(hn2301[4]["crp"].max("time") / hn2301[4]["crp"].isel(time=0)) <= 10


def test_ex_vivo_cells_peak_after_a_week_and_empty_blood_for_months(ex_vivo):
    data = ex_vivo.data
    from_infusion = data["car_t_blood"]
    infused = float(from_infusion.time.values[(from_infusion.values > 0).any(axis=0)][0])
    late = from_infusion.sel(time=slice(infused + 2, None))
    day = late.time.values[np.argmax(late.values, axis=1)] - infused
    assert 7 <= _median(day) <= 12
    b = data["b_cells_blood"]
    aplasia = _longest_below(b.time.values, b.values, 5.0)
    assert 80 <= float(np.mean(aplasia)) <= 145
    assert np.mean(data["b_cells_tissue_fraction"].min("time") < 0.1) > 0.85
    assert _median(data["autoantibody"].sel(time=180, method="nearest")) < 0.15


def test_ex_vivo_cells_hardly_grow_without_lymphodepletion(model, patients):
    regimen = Regimen("ex_vivo_cd19_car_t", dose=1e6, infusions=1)
    bare = VirtualPopulation.sample(model, n_patients=200, seed=3, typical={"lymphodepletion_onset": 1e-6})
    few, none = (simulate(model, regimen, group, days=20) for group in (patients, bare))
    with_space = few.data["car_t_blood"].max("time").values
    without = none.data["car_t_blood"].max("time").values
    assert np.median(without) < 0.3 * np.median(with_space)


def test_rituximab_empties_blood_slowly_and_hardly_lowers_the_antibody(model, patients, hn2301):
    regimen = Regimen("rituximab", dose_mg=1000, infusions=2, interval_days=14)
    data = simulate(model, regimen, patients, days=180).data
    assert _median(data["b_cells_blood"].min("time")) < 3
    assert _median(data["b_cells_tissue_fraction"].min("time")) > 0.5
    assert _median(data["autoantibody"].sel(time=90)) > _median(hn2301[4]["autoantibody"].sel(time=90))
    assert _median(data["autoantibody"].sel(time=90)) > 0.7


def test_blinatumomab_empties_blood_at_once_and_cd8_cells_come_back_above_baseline(model, patients):
    regimen = Regimen("blinatumomab", dose=28, infusions=28, interval_days=1)
    data = simulate(model, regimen, patients, days=40).data
    cd8 = data["cd8_blood"] / data["cd8_blood"].isel(time=0)
    assert _median(data["b_cells_blood"].sel(time=1.5 / 24, method="nearest")) < 3
    assert 0.03 <= _median(cd8.sel(time=0.5, method="nearest")) <= 0.15
    assert _median(cd8.sel(time=7, method="nearest")) > 1.1


def test_tocilizumab_raises_il6_and_lowers_its_signal(model, patients):
    regimen = Regimen("tocilizumab", dose=8, infusions=1)
    data = simulate(model, regimen, patients, days=7).data
    first, day = data.isel(time=0), data.sel(time=2, method="nearest")
    assert np.all(day["il6"] > first["il6"])
    assert np.all(day["cytokine_signal"] < first["cytokine_signal"])
    assert np.all(day["crp"] < first["crp"])
