"""Alternative mechanisms: off by default, sound when on, and each does to the dose or the reset what it says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.mechanisms import load_mechanisms, with_mechanisms
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

OBSERVED = ["lnp_plasma", "car_percent_cd8", "b_cells_blood", "autoantibody"]
COMBINATIONS = list(
    itertools.product(
        *([m.id for m in load_mechanisms().values() if m.question == q] for q in ("dose", "reset"))
    )
)


def _runs(model, *names, doses=(2, 4), days=180):
    told = with_mechanisms(model, *(load_mechanisms()[name] for name in names))
    patients = VirtualPopulation.sample(told, n_patients=64, seed=3)
    return [
        simulate(
            told,
            Regimen("HN2301", dose_mg=dose, infusions=3, interval_days=3),
            patients,
            days=days,
            observables=OBSERVED,
        ).data
        for dose in doses
    ]


def _median(values) -> float:
    return float(np.median(np.asarray(values)))


def test_there_are_three_answers_for_the_dose_and_two_for_the_reset():
    assert list(load_mechanisms()) == [
        "steep_uptake",
        "carrier_sink",
        "car_density",
        "naive_return",
        "memory_depletion",
    ]
    assert len(COMBINATIONS) == 6


def test_the_model_as_it_ships_is_the_first(model):
    told = with_mechanisms(model, load_mechanisms()["steep_uptake"])
    assert {name: row.value for name, row in told.parameters.items()} == {
        name: row.value for name, row in model.parameters.items()
    }
    assert told.hash != model.hash
    assert with_mechanisms(model).hash == model.hash


@pytest.mark.parametrize("names", COMBINATIONS)
def test_every_combination_is_at_rest_without_a_drug(rates, model, names):
    told = with_mechanisms(model, *(load_mechanisms()[name] for name in names))
    values = {name: row.value for name, row in told.parameters.items()}
    start, _ = rates.start(values)
    found = np.array(list(rates.rates(values, start).values()))
    assert np.all(np.abs(found) <= 1e-12 * np.where(start == 0, 1.0, start))


@pytest.mark.parametrize("names", COMBINATIONS)
def test_every_combination_tells_a_course_like_the_published_one(model, names):
    low, high = _runs(model, *names)
    assert 30 <= _median(high["car_percent_cd8"].max("time")) <= 65
    assert _median(high["b_cells_blood"].min("time")) < 1
    assert _median(high["b_cells_blood"].min("time")) < _median(low["b_cells_blood"].min("time"))
    assert 0.3 < _median(high["autoantibody"].sel(time=90)) < 0.75


def test_a_sink_that_saturates_leaves_more_than_twice_the_exposure_after_twice_the_dose(model):
    def ratio(name):
        low, high = (run["lnp_plasma"].integrate("time").values for run in _runs(model, name, days=9))
        return high / low

    assert np.allclose(ratio("steep_uptake"), 2, atol=0.1)
    assert np.all(ratio("carrier_sink") > 2.2)


def test_by_density_the_same_cells_kill_more_after_the_higher_dose(model):
    steep, dense = (_runs(model, name, doses=(1, 4), days=9) for name in ("steep_uptake", "car_density"))

    def spread(runs, observable):
        low, high = (_median(run[observable].max("time")) for run in runs)
        return high / low

    assert spread(dense, "car_percent_cd8") < 0.6 * spread(steep, "car_percent_cd8")
    low, high = (_median(run["b_cells_blood"].min("time")) for run in dense)
    assert low > 3 * high


def test_what_tells_the_two_resets_apart_comes_after_the_letter_s_three_months(model):
    (naive,), (memory,) = (
        _runs(model, name, doses=(4,), days=365) for name in ("naive_return", "memory_depletion")
    )
    early = [_median(run["autoantibody"].sel(time=90)) for run in (naive, memory)]
    late = [_median(run["autoantibody"].sel(time=364, method="nearest")) for run in (naive, memory)]
    assert abs(early[0] - early[1]) < 0.1
    assert late[0] - late[1] > 0.15


def test_faults_are_named(model, tmp_path):
    sink, density = (load_mechanisms()[name] for name in ("carrier_sink", "car_density"))
    with pytest.raises(InputError, match="same question"):
        with_mechanisms(model, sink, density)
    text = """mechanisms:
  - id: mine
    question: dose
    label: Mine
    sentence: Mine.
    settings: {lnp_sink_los: {value: 1}}
    records: [wang2025]
"""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UnknownNameError, match="lnp_sink_loss"):
        load_mechanisms(path)
    path.write_text(text.replace("lnp_sink_los:", "transfection_hill:").replace("value: 1", "value: 9"))
    with pytest.raises(InputError, match="outside its limits"):
        load_mechanisms(path)
    path.write_text(
        text.replace("lnp_sink_los:", "lnp_sink_loss:").replace("value: 1", "value: 1, uncertainty: 3")
    )
    with pytest.raises(InputError, match="both or neither"):
        load_mechanisms(path)
