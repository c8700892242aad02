from __future__ import annotations

import numpy as np
import pytest

from vivocart.endpoints import time_to_event


def test_first_weekly_visit_after_the_window_has_emptied(read_fake):
    times = np.arange(0.0, 181.0, 0.5)
    quiet = {"anti_dsdna": 5.0, "c3": 1.2, "c4": 0.3, "upcr": 0.2}
    activity = np.stack([np.where(times < 40.0, 1.0, 0.1), np.ones_like(times)])
    readings = read_fake(2, times=times, present=("arthritis",), tissue_inflammation=activity, **quiet)
    # arthritis is last present before day 40, so the window of the visit on day 70 is the first without it
    assert time_to_event.days_to_sledai_fall_4(readings).tolist() == [70.0, np.inf]
    assert time_to_event.days_to_clinical_sledai_zero(readings).tolist() == [70.0, np.inf]


def test_kaplan_meier_by_hand():
    # events at 2, 4, 4, 9; censored at 3 and 4 (still at risk at 4): 6/7 -> 5/7... by hand below
    time = np.array([2.0, 3.0, 4.0, 4.0, 4.0, 9.0, 10.0])
    seen = np.array([True, False, True, True, False, True, False])
    days, share = time_to_event.kaplan_meier(time, seen)
    assert days.tolist() == [2.0, 4.0, 9.0]
    assert share == pytest.approx([6 / 7, 6 / 7 * 3 / 5, 6 / 7 * 3 / 5 * 1 / 2])


def test_kaplan_meier_without_censoring_is_the_empirical_share():
    time = np.random.default_rng(0).exponential(10.0, 50)
    days, share = time_to_event.kaplan_meier(time, np.ones(50, dtype=bool))
    assert share == pytest.approx([(time > day).mean() for day in days])
