from __future__ import annotations

import dataclasses

from vivocart.report.marks import marks_for
from vivocart.scenarios.result import TrialResult


def test_an_observation_of_all_arms_is_drawn_in_each(trial_result: TrialResult):
    for arm in trial_result.arms:
        (mark,) = marks_for(trial_result.comparison, "car", arm)
        assert (mark.kind, mark.x, mark.y) == ("value", 0.25, 60.0)
        assert mark.words == "published: up to 60 %"


def test_an_observation_of_one_arm_stays_there(trial_result: TrialResult):
    low, high = trial_result.arms
    assert not marks_for(trial_result.comparison, "b-blood", low)
    kinds = {mark.kind: mark for mark in marks_for(trial_result.comparison, "b-blood", high)}
    assert (kinds["duration"].low, kinds["duration"].high) == (7.0, 10.0)
    assert kinds["at most"].y == 1.0


def test_a_time_to_return_starts_at_the_last_infusion(trial_result: TrialResult):
    row = dataclasses.replace(
        trial_result.comparison[1], measure="car_return_days", observed_lower=2.0, observed_upper=3.0
    )
    (mark,) = marks_for((row,), "car", trial_result.arms[1])
    assert mark.start == 6.0


def test_a_bound_without_a_number_is_not_drawn(trial_result: TrialResult):
    row = dataclasses.replace(trial_result.comparison[2], observed_upper=None)
    assert not marks_for((row,), "b-blood", trial_result.arms[1])
