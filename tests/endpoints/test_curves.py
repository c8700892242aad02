from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vivocart.endpoints import curves

TIMES = np.array([0.0, 1.0, 2.0, 4.0, 8.0])


def test_value_at_interpolates_and_holds_at_the_ends():
    values = np.array([[0.0, 2.0, 4.0, 0.0, 8.0]])
    read = [curves.value_at(TIMES, values, day)[0] for day in (-1.0, 0.0, 0.5, 2.0, 3.0, 8.0, 9.0)]
    assert read == [0.0, 0.0, 1.0, 4.0, 2.0, 8.0, 8.0]


def test_value_at_an_output_time_reads_nothing_beyond_it():
    values = np.array([[0.0, 2.0, 4.0, np.nan, np.nan]])
    assert curves.value_at(TIMES, values, 2.0)[0] == 4.0


def test_window_extremes_include_the_interpolated_ends():
    values = np.array([[0.0, 10.0, 4.0, 4.0, 0.0]])
    low, high = curves.window_extremes(TIMES, values, 1.5, 6.0)
    assert (low[0], high[0]) == (2.0, 7.0)


def test_exponential_decline_and_rise_spend_the_closed_form_time_below():
    # falls from 100 as exp(-t), rises from the trough at day 10 as exp(t - 10): below 5 from ln 20 to the mirror image
    times = np.linspace(0.0, 20.0, 41)
    values = 100.0 * np.exp(-np.where(times <= 10, times, 20.0 - times))[None, :]
    start, end = np.log(20.0), 20.0 - np.log(20.0)
    assert curves.days_below(times, values, 5.0)[0] == pytest.approx(end - start, rel=1e-12)
    assert curves.longest_days_below(times, values, 5.0)[0] == pytest.approx(end - start, rel=1e-12)
    assert curves.first_below(times, values, 5.0)[0] == pytest.approx(start, rel=1e-12)
    assert curves.last_return(times, values, 5.0)[0] == pytest.approx(end, rel=1e-12)


def test_the_longest_spell_is_not_the_sum_of_spells():
    values = np.array([[10.0, 1.0, 10.0, 1.0, 1.0]])
    # crossing 3.1623 of 10 -> 1 is half way on the logarithm
    limit = np.sqrt(10.0)
    assert curves.days_below(TIMES, values, limit)[0] == pytest.approx(0.5 + 0.5 + 1.0 + 4.0)
    assert curves.longest_days_below(TIMES, values, limit)[0] == pytest.approx(5.0)
    assert np.isinf(curves.last_return(TIMES, values, limit)[0])


def test_never_below():
    values = np.full((2, 5), 7.0)
    assert curves.days_below(TIMES, values, 5.0).tolist() == [0.0, 0.0]
    assert curves.longest_days_below(TIMES, values, 5.0).tolist() == [0.0, 0.0]
    assert np.isinf(curves.first_below(TIMES, values, 5.0)).all()
    assert curves.last_return(TIMES, values, 5.0).tolist() == [0.0, 0.0]


def test_always_below_and_zero_counts():
    values = np.zeros((1, 5))
    assert curves.days_below(TIMES, values, 5.0)[0] == 8.0
    assert curves.longest_days_below(TIMES, values, 5.0)[0] == 8.0
    assert curves.first_below(TIMES, values, 5.0)[0] == 0.0


def test_first_below_starts_where_each_patient_is_told_to():
    values = np.array([[1.0, 10.0, 10.0, 1.0, 1.0], [10.0, 1.0, 1.0, 1.0, 1.0]])
    day = curves.first_below(TIMES, values, np.array([np.sqrt(10.0), 5.0]), from_index=np.array([1, 2]))
    assert day == pytest.approx([3.0, 2.0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.01, 200.0), min_size=3, max_size=25),
    st.floats(0.5, 50.0),
    st.integers(0, 1000),
)
def test_against_a_fine_grid(levels, limit, seed):
    # a curve that only touches the limit is below it on a grid or not, by rounding
    assume(min(abs(level / limit - 1.0) for level in levels) > 1e-3)
    steps = np.random.default_rng(seed).uniform(0.1, 3.0, len(levels))
    times = np.concatenate([[0.0], np.cumsum(steps[1:])])
    values = np.array([levels])
    fine = np.linspace(0.0, times[-1], 40_001)
    curve = np.exp(np.interp(fine, times, np.log(levels)))
    below = curve < limit
    spacing = fine[1] - fine[0]
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], below.astype(int), [0]]))))[::2]
    longest = runs.max() * spacing if runs.size else 0.0
    slack = 2 * spacing * (len(levels) + 1)
    assert curves.days_below(times, values, limit)[0] == pytest.approx(below.sum() * spacing, abs=slack)
    assert curves.longest_days_below(times, values, limit)[0] == pytest.approx(longest, abs=slack)
    total, spell = (
        curves.days_below(times, values, limit)[0],
        curves.longest_days_below(times, values, limit)[0],
    )
    assert 0.0 <= spell <= total + 1e-9 <= times[-1] + 2e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_loops_over_times_are_the_plain_formulas(seed, n_patients):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.1, 3.0, 12))
    values = np.maximum(rng.normal(1.0, 2.0, (n_patients, 12)), 0.0)
    day = np.where(rng.random(n_patients) < 0.3, np.inf, rng.uniform(0.0, 20.0, n_patients))
    before, after = curves.highest_apart(times, values, day)
    early = times < day[:, None]
    np.testing.assert_array_equal(before, np.where(early, values, -np.inf).max(axis=1))
    np.testing.assert_array_equal(after, np.where(early, -np.inf, values).max(axis=1))
    np.testing.assert_allclose(curves.area_under(times, values), np.trapezoid(values, times, axis=1))
    start = int(rng.integers(0, 12))
    reciprocal = 1.0 / np.maximum(values, 1e-9)
    np.testing.assert_array_equal(
        curves.first_above(times, values, 1.5, from_index=start),
        curves.first_below(times, reciprocal, 1.0 / 1.5, from_index=start),
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_windows_that_overlap_are_each_read_whole(seed, n_patients):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.1, 3.0, 12))
    values = rng.normal(1.0, 2.0, (n_patients, 12))
    starts = np.append(rng.uniform(times[0], times[-1], 6), times[3])
    ends = np.minimum(starts + np.append(rng.uniform(0.0, 9.0, 6), 0.0), times[-1])
    among = curves.windows(times, starts, ends)
    for window, (start, end) in enumerate(zip(starts, ends, strict=True)):
        seen = [values[:, place] for place in np.flatnonzero((times >= start) & (times <= end))]
        seen += [curves.value_at(times, values, day) for day in (start, end)]
        np.testing.assert_array_equal(curves.windows_highest(values, among)[window], np.max(seen, axis=0))
        np.testing.assert_array_equal(curves.windows_lowest(values, among)[window], np.min(seen, axis=0))


def test_the_first_of_equal_extremes_counts():
    values = np.array([[2.0, 1.0, 3.0, 1.0, 3.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(curves.highest_index(values), [2, 0])
    np.testing.assert_array_equal(curves.lowest_index(values), [1, 0])
