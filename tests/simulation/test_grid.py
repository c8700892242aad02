"""Output times of a trial: few, and where its endpoints look."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vivocart.simulation.grid import output_times, trial_output_times

ANY_DAYS = st.lists(st.floats(0.0, 40.0), max_size=4)


@given(infusions=ANY_DAYS, first=st.floats(0.0, 6.0), visits=st.lists(st.floats(0.0, 90.0), max_size=4))
def test_every_visit_is_an_output_time(infusions: list[float], first: float, visits: list[float]):
    times = trial_output_times(infusions, days=100.0, first_infusion_day=first, visits_days=visits)
    assert (np.diff(times) > 0).all()
    assert (times[0], times[-1]) == (0.0, 100.0)
    weekly = first + np.arange(0.0, 90.0, 7.0)
    for day in (*(first + np.array(visits)), *weekly, *infusions):
        assert np.abs(times - day).min() < 1e-8


def test_a_trial_of_the_letter_is_read_at_fewer_than_half_the_times():
    few = trial_output_times([0, 3, 6], days=180.0, first_infusion_day=0.0, visits_days=[28, 90, 180])
    assert len(few) < 0.5 * len(output_times([0, 3, 6], days=180.0))
