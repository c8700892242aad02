"""The main job at a small size: whole, reproducible, and honest about what it compares."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.scenarios.result import TrialResult
from vivocart.scenarios.summary import summary, to_json
from vivocart.scenarios.trial import run_trial, trial_arms, trial_setting
from vivocart.trials.protocol import load_study

N_PATIENTS = 12


@pytest.fixture(scope="module")
def result() -> TrialResult:
    return run_trial("hn2301", n_patients=N_PATIENTS, seed=3, threads=1)


def test_both_arms_of_the_letter_are_there(result: TrialResult):
    assert [arm.label for arm in result.arms] == ["2 mg x 3", "4 mg x 3"]
    assert [arm.cohort_size for arm in result.arms] == [2, 3]
    for arm in result.arms:
        assert len(arm.endpoints) == N_PATIENTS
        assert arm.failures.empty
        assert np.isfinite(arm.bands["b_cells_blood"].values).all()
        scores = arm.sledai_visits[["q05", "q25", "median", "q75", "q95"]].to_numpy()
        assert (scores == scores.round()).all()


def test_what_grows_with_the_patients_is_the_same_alone(result: TrialResult):
    study, interval = load_study("hn2301"), result.interval_days
    setting, fitted, reason = trial_setting(study, load_model(), seed=3, interval_days=interval, threads=1)
    assert fitted is not None and reason == ""
    arms, _ = trial_arms(setting, study, study.regimens(interval), N_PATIENTS)
    for alone, arm in zip(arms, result.arms, strict=True):
        assert alone.endpoints.equals(arm.endpoints)
        assert alone.bands.identical(arm.bands)


def test_scores_add_up_from_items(result: TrialResult):
    example = result.example_patient
    assert example is not None
    arm = next(arm for arm in result.arms if arm.label == example.arm)
    present = example.items[example.items["present"]]
    baseline = present.loc[present["day"] == 0, "weight"].sum()
    assert baseline == arm.endpoints.loc[example.patient, "sledai_baseline"]


def test_every_published_observation_has_its_row(result: TrialResult):
    from vivocart.calibration.observations import observations

    assert [row.observation_id for row in result.comparison] == [row.id for row in observations("HN2301")]
    for row in result.comparison:
        assert row.citation, "every row says where it was read"
        if row.is_predicted:
            assert row.low90 <= row.predicted_median <= row.high90
        else:
            assert row.note, "what is not predicted says why"
            assert math.isnan(row.low90_uncertain)


def test_unknowns_widen_what_is_predicted(result: TrialResult):
    widths = [
        (row.high90_uncertain - row.low90_uncertain, row.high90 - row.low90)
        for row in result.comparison
        if row.is_predicted and math.isfinite(row.high90_uncertain) and row.n > 1 and row.statistic != "count"
    ]
    assert len(widths) >= 4
    assert sum(wide > narrow for wide, narrow in widths) >= len(widths) - 1


def test_interval_scenarios_are_all_shown(result: TrialResult):
    shown = result.intervals.groupby("arm")["interval_days"].unique()
    for intervals in shown:
        assert tuple(intervals) == result.study.interval_scenarios_days
    assert result.interval_days == result.study.default_interval_days


def test_weights_name_what_carries_the_prediction(result: TrialResult):
    table = result.assumptions
    assert {"measured", "estimated", "assumed"} <= set(table["kind"])
    top = table.sort_values("weight", ascending=False).iloc[0]
    assert top["weight"] > 0.1
    assert top["weight_endpoint"]


def test_same_command_same_bytes_with_one_or_two_threads(result: TrialResult):
    again = run_trial("hn2301", n_patients=N_PATIENTS, seed=3, threads=2)
    assert to_json(summary(again)) == to_json(summary(result))
    assert again.provenance.to_json() == result.provenance.to_json()


def test_the_coverage_of_the_evidence_counts_every_parameter_and_observation(result: TrialResult):
    rows = summary(result)["evidence_coverage"]
    assert sum(row["parameters"] for row in rows) == len(result.assumptions)
    assert sum(row["observations"] for row in rows) == len(result.comparison)
    assert rows[0] == {"state": "checked", "parameters": rows[0]["parameters"], "observations": 0}


def test_progress_ends_at_the_total():
    seen: list[tuple[int, int]] = []
    run_trial("mueller2024", n_patients=3, seed=1, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_unknown_study_and_bad_numbers_are_refused():
    with pytest.raises(UnknownNameError, match="hn2301"):
        run_trial("hn2310")
    with pytest.raises(InputError, match="n_patients"):
        run_trial("hn2301", n_patients=0)
    with pytest.raises(InputError, match="interval"):
        run_trial("hn2301", n_patients=5, interval_days=0.01)
