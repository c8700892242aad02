from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.insight import contraction
from vivocart.calibration.posterior import Posterior
from vivocart.calibration.value import hypothetical_observations
from vivocart.model.load import load_model
from vivocart.scenarios import explore_draws
from vivocart.scenarios.calibrate import calibrate
from vivocart.scenarios.fitted import fitted_population, with_fitted
from vivocart.scenarios.insight import PREDICTIONS, drawn_predictions, fit_mechanisms, values_of_observations
from vivocart.scenarios.shipped_fits import ShippedFits
from vivocart.scenarios.trial import run_trial
from vivocart.trials.protocol import load_study

MODEL = load_model()
STUDY = load_study("hn2301")


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return calibrate("hn2301", n_particles=80, sweeps=1, seed=3)


def test_what_the_data_do_not_inform_keeps_its_value(posterior):
    fitted, reason = fitted_population(STUDY, MODEL, interval_days=3.0, posterior=posterior)
    assert fitted is not None and reason == ""
    names = {row["parameter"] for row in fitted.informed.to_dict("records") if row["part"] == "typical"}
    assert set(fitted.center.typical) == names == fitted.parameter_ids
    assert len(fitted.center) in (0, 1)
    assert len(fitted.cohorts(300)) == 300
    assert fitted.n_unknowns > 150


def test_a_trial_uses_the_fit_and_says_so(posterior):
    fitted = run_trial("hn2301", n_patients=10, seed=3, posterior=posterior, threads=1)
    assert fitted.fitted is not None
    assert fitted.provenance.parameter_set.startswith("posterior of HN2301 (vivocart calibrate hn2301")
    kinds = fitted.assumptions.set_index("parameter_id")["kind"]
    for name in fitted.fitted.parameter_ids:
        assert kinds[name] == "fitted"
        note = fitted.assumptions.set_index("parameter_id")["note"][name]
        assert "by hand before" in note
    others = [name for name in kinds.index if name not in fitted.fitted.parameter_ids]
    assert all(kinds[name] == MODEL.parameters[name].kind for name in others)


def test_the_explorer_tells_how_much_of_a_fitted_value_the_data_told(posterior, monkeypatch):
    fits = ShippedFits(model=MODEL, read={"hn2301": posterior})
    monkeypatch.setattr(explore_draws, "_shipped_fits", lambda: fits)
    found = explore_draws.fitted_values.__wrapped__()
    table = contraction(posterior, MODEL)
    table = table[table["part"] == "typical"].set_index("parameter")
    of_this = {name: entry for name, entry in found.items() if entry["command"] == posterior.command}
    assert of_this
    for name, entry in of_this.items():
        assert entry["contraction"] == table.loc[name, "contraction"] <= 1
        assert entry["is_informed"] == table.loc[name, "informed"]


def test_a_posterior_of_another_model_is_not_used_and_that_is_said(posterior, monkeypatch):
    import dataclasses

    other = dataclasses.replace(MODEL, hash="0" * 64)
    fitted, reason = fitted_population(STUDY, other, interval_days=3.0)
    assert fitted is None
    assert "values are hand-set" in reason and "vivocart calibrate" in reason


def test_a_study_without_a_posterior_is_hand_set():
    assert fitted_population(load_study("hn2301_taper"), MODEL, interval_days=None) == (None, "")
    table = with_fitted(run_trial_assumptions(), None)
    assert "fitted" not in set(table["kind"])


def run_trial_assumptions():
    import pandas as pd

    return pd.DataFrame({"parameter_id": ["car_loss"], "kind": ["assumed"], "value": [1.5], "note": [""]})


def test_observations_are_valued_for_every_prediction(posterior):
    table = values_of_observations(posterior, seed=2)
    assert set(table["prediction"]) <= set(PREDICTIONS)
    assert ((table["reduction"] >= 0) & (table["reduction"] <= 1)).all()
    for _, part in table.groupby("prediction"):
        assert part["reduction"].is_monotonic_decreasing
    # the highest IL-6 of new patients tells of the highest IL-6
    il6 = table[table["prediction"] == "il6_peak"].iloc[0]
    assert il6["observation"] == "il6_peak"


def test_predictions_do_not_depend_on_how_many_observations_are_asked(posterior):
    rows = hypothetical_observations()
    few = drawn_predictions(posterior.draws, STUDY, model=MODEL, seed=2, n_draws=12, rows=rows[:3])
    more = drawn_predictions(posterior.draws, STUDY, model=MODEL, seed=2, n_draws=12, rows=rows)
    np.testing.assert_array_equal(few.predictions.to_numpy(), more.predictions.to_numpy())


def test_mechanisms_are_fitted_to_the_same_rows():
    fits = fit_mechanisms("hn2301", ids=["steep_uptake", "carrier_sink"], n_particles=20, sweeps=1)
    assert [fit.id for fit in fits] == ["steep_uptake", "carrier_sink"]
    assert fits[0].posterior.fitted_ids == fits[1].posterior.fitted_ids
    assert fits[0].posterior.provenance.model_hash != fits[1].posterior.provenance.model_hash
    for fit in fits:
        assert np.isfinite(fit.log_evidence)
        assert set(fit.predictions["prediction"]) == set(PREDICTIONS)
        assert (fit.predictions["q05"] <= fit.predictions["q95"]).all()
