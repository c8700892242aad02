"""A taper of prednisone: reviews fall on their moments, follow the patient's own course, and change nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model, load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.simulation.taper import Taper
from vivocart.therapies.regimen import Regimen

LETTER = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
WEEKLY = Taper(drug="prednisone", from_day=28, step_mg_per_day=2.5, every_days=7, to_mg_per_day=5)
A_MOMENT = 1e-7  # days: nine milliseconds


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def patients(model: Model) -> VirtualPopulation:
    return VirtualPopulation.sample(model, n_patients=24, seed=5)


def _around(days: np.ndarray) -> np.ndarray:
    return np.sort(np.concatenate([days - A_MOMENT, days + A_MOMENT]))


@pytest.mark.parametrize("from_day", [0.0, 28.0])
def test_steps_fall_on_their_moments_and_end_at_the_target(model, patients, from_day):
    rule = Taper(drug="prednisone", from_day=from_day, step_mg_per_day=2.5, every_days=7, to_mg_per_day=5)
    reviews = from_day + 7.0 * np.arange(12)
    times = np.unique(np.concatenate([[0.0], _around(reviews[reviews > 0])]))
    dose = simulate(model, LETTER, patients, days=120, taper=rule, times_days=times)["prednisone"].values
    start = patients.covariates["prednisone"][:, None]
    done = (times[None, :] > reviews[:, None]).sum(axis=0) + (from_day == 0) * (times == 0)
    expected = np.minimum(start, np.maximum(start - 2.5 * done, 5.0))
    assert np.allclose(dose, expected, rtol=0, atol=1e-9)
    assert (start < 5).any() and (start > 10).any()


def test_without_a_rule_the_dose_stays_and_with_one_nothing_else_moves(model, patients):
    times = np.arange(0.0, 121.0)
    without = simulate(model, LETTER, patients, days=120, times_days=times).data
    tapered = simulate(model, LETTER, patients, days=120, times_days=times, taper=WEEKLY).data
    assert np.array_equal(
        without["prednisone"].values, np.repeat(patients.covariates["prednisone"], 121).reshape(24, -1)
    )
    for name in model.observables:
        if name != "prednisone":
            assert np.allclose(tapered[name], without[name], rtol=1e-4, atol=1e-9), name


def test_a_flare_holds_the_dose_or_steps_it_up(model, patients):
    times = np.arange(0.0, 181.0)
    holds = Taper(
        drug="prednisone", from_day=0, step_mg_per_day=2.5, every_days=7, to_mg_per_day=5,
        observable="tissue_inflammation", below=0.8,
    )  # fmt: skip
    sim = simulate(model, LETTER, patients, days=180, taper=holds, times_days=times)
    dose, inflamed = sim["prednisone"].values, sim["tissue_inflammation"].values
    fell = np.diff(dose, axis=1) < -1e-9
    who, day = np.nonzero(fell)
    assert len(who) and set(day + 1) <= {*range(1, 181)}
    # a review on day d shows on day d or, read before it by rounding, on the next
    reviewed = np.where((day + 1) % 7 == 0, day + 1, day)
    assert np.all(reviewed % 7 == 0)
    assert np.all(inflamed[who, reviewed] < 0.8 + 1e-6)
    waits = (inflamed[:, 7] > 0.8) & (dose[:, 0] > 5)
    assert waits.any() and np.all(dose[waits, 8] == dose[waits, 0])
    up = Taper(
        drug="prednisone", from_day=0, step_mg_per_day=2.5, every_days=7, to_mg_per_day=5,
        observable="autoantibody", below=0.5, step_up_mg_per_day=10,
    )  # fmt: skip
    dose = simulate(model, LETTER, patients, days=180, taper=up, times_days=times)["prednisone"].values
    assert np.all(dose <= dose[:, :1] + 1e-9), "never above the dose at the start"
    assert (np.diff(dose, axis=1) > 1e-9).any(), "the antibody returns in some, and the dose with it"


def test_inflammation_follows_withdrawal_only_in_the_scenario(model, patients):
    relieved = VirtualPopulation.sample(model, n_patients=24, seed=5, typical={"prednisone_relief": 0.05})
    plain = simulate(model, LETTER, patients, days=180, taper=WEEKLY).data
    rising = simulate(model, LETTER, relieved, days=180, taper=WEEKLY).data
    at_rest = simulate(model, LETTER, relieved, days=180).data
    last = rising["tissue_inflammation"].isel(time=-1) / plain["tissue_inflammation"].isel(time=-1)
    # inflammation follows the dose with a delay, and feeds back on activated cells: at least the factor itself, in the end
    withdrawn = plain["prednisone"].isel(time=0) - plain["prednisone"].isel(time=-1)
    assert np.all(last >= 1 + 0.05 * 0.9 * withdrawn - 1e-3)
    unmoved = (
        at_rest["tissue_inflammation"].values
        / simulate(model, LETTER, patients, days=180).data["tissue_inflammation"].values
    )
    assert np.allclose(unmoved, 1, rtol=1e-4), "who is not tapered is not touched"


def test_the_rule_counts_from_the_first_infusion_and_is_no_rescue(model, patients):
    cells = Regimen("ex_vivo_cd19_car_t", dose=1e6, infusions=1)
    begin = 28.0 + cells.first_infusion_day
    times = np.array([0.0, begin - A_MOMENT, begin + A_MOMENT])
    sim = simulate(model, cells, patients, days=60, taper=WEEKLY, times_days=times)
    dose = sim["prednisone"].values
    assert np.array_equal(dose[:, 0], dose[:, 1])
    tall = dose[:, 0] > 7.5
    assert np.allclose(dose[tall, 1] - dose[tall, 2], 2.5)
    assert sim.rescues.empty


def test_a_drug_or_observable_that_is_not_in_the_model_is_refused(model, patients):
    with pytest.raises(InputError, match="prednisone"):
        rule = Taper(drug="aspirin", from_day=0, step_mg_per_day=1, every_days=7, to_mg_per_day=0)
        simulate(model, LETTER, patients, days=30, taper=rule)
    with pytest.raises(UnknownNameError, match="tissue_inflammation"):
        rule = Taper(
            drug="prednisone", from_day=0, step_mg_per_day=1, every_days=7, to_mg_per_day=0,
            observable="tissue_inflamation", below=1,
        )  # fmt: skip
        simulate(model, LETTER, patients, days=30, taper=rule)
