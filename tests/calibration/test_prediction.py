from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from vivocart.calibration.observations import Observation, observations
from vivocart.calibration.prediction import READINGS, arms_of, arrange_cohorts, predict, predict_study
from vivocart.ground.errors import InputError


def _observation(statistic: str, n: int, **numbers: float) -> Observation:
    return Observation(
        id="x",
        study_id="S",
        arm="all",
        n=n,
        measure="m",
        label="L",
        unit="1",
        statistic=statistic,
        trust="primary",
        **numbers,
    )


def _uniform(n_cohorts: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(n_cohorts, n))


def test_count_follows_the_binomial():
    flags = (_uniform(200_000, 5) < 0.3).astype(float)
    found = predict(_observation("count", 5, value=2), flags).parts[0]
    exact = binom(5, 0.3)
    assert (found.low90, found.median, found.high90) == (exact.ppf(0.05), exact.ppf(0.5), exact.ppf(0.95))
    assert found.p == pytest.approx(exact.cdf(1) + 0.5 * exact.pmf(2), abs=0.005)
    assert found.is_inside


@pytest.mark.parametrize(("p", "inside"), [(0.02, True), (0.44, True), (0.47, False), (0.9, False)])
def test_none_of_five_is_inside_as_long_as_five_percent_of_cohorts_show_it(p, inside):
    # P(0 of 5) = (1 - p)^5: 5.5 % at 0.44, 4.2 % at 0.47
    flags = (_uniform(200_000, 5) < p).astype(float)
    assert predict(_observation("count", 5, value=0), flags).is_inside is inside


def test_a_count_known_only_within_bounds():
    flags = (_uniform(100_000, 5) < 0.1).astype(float)
    found = predict(_observation("count", 5, lower=1, upper=5), flags).parts[0]
    assert found.p == pytest.approx(1 - 0.9**5, abs=0.005)
    assert found.is_inside
    never = predict(_observation("count", 5, lower=1, upper=5), np.zeros((100, 5)))
    assert (never.is_inside, never.p) == (False, 0.0)


@pytest.mark.parametrize("n", [1, 3, 5])
def test_extremes_of_n_follow_the_beta_distribution(n):
    values = _uniform(200_000, n)
    largest = predict(_observation("maximum", n, value=0.9), values).parts[0]
    smallest = predict(_observation("minimum", n, value=0.1), values).parts[0]
    for found, exact in ((largest, beta(n, 1)), (smallest, beta(1, n))):
        assert (found.low90, found.median, found.high90) == pytest.approx(
            exact.ppf([0.05, 0.5, 0.95]), abs=0.01
        )
    assert largest.p == pytest.approx(0.9**n, abs=0.005)


def test_zero_cells_is_less_than_half_a_cell():
    values = _uniform(4000, 9) * 0.2
    cells = _observation("median", 9, value=0.0).model_copy(update={"unit": "1/uL"})
    found = predict(cells, values).parts[0]
    assert found.p == 0.5
    assert found.is_inside and found.is_inside_half
    assert predict(cells, values + 0.45).parts[0].p < 0.5
    assert not predict(cells, values + 0.55).is_inside
    share = predict(_observation("median", 9, value=0.0), values).parts[0]
    assert share.p == 0.0
    assert not share.is_inside


def test_median_of_an_even_number():
    values = np.array([[4.0, 1.0, 3.0, 2.0], [8.0, 5.0, 7.0, 6.0]])
    found = predict(_observation("median", 4, value=2.5), values).parts[0]
    assert (found.low90, found.high90) == (2.5, 6.5)


def test_bounds_say_how_many_cohorts_keep_them():
    values = _uniform(100_000, 3)
    within = predict(_observation("upper_bound", 3, value=0.5), values).parts[0]
    assert within.p == pytest.approx(0.125, abs=0.005)
    assert within.is_inside
    assert (within.observed_low, within.observed_high) == (-np.inf, 0.5)
    tight = predict(_observation("upper_bound", 3, value=0.3), values)
    assert tight.p == pytest.approx(0.027, abs=0.003)
    assert not tight.is_inside
    above = predict(_observation("lower_bound", 3, value=0.5), values)
    assert above.p == pytest.approx(0.125, abs=0.005)
    assert above.is_inside


def test_a_range_predicts_both_its_ends():
    values = 5.0 + 10.0 * _uniform(50_000, 3)
    found = predict(_observation("range", 3, lower=7.0, upper=10.0), values)
    assert [part.name for part in found.parts] == ["minimum", "maximum"]
    assert found.low90 == found.parts[0].low90
    assert found.high90 == found.parts[1].high90
    assert found.is_inside
    assert not predict(_observation("range", 3, lower=7.0, upper=30.0), values).is_inside


def test_predictions_in_words():
    values = np.tile([2.0, 3.0, 12.0], (50, 1))
    texts = {
        "maximum": ({"value": 5.0}, "12 (12 to 12)"),
        "range": ({"lower": 1.0, "upper": 9.0}, "from 2 (2 to 2) to 12 (12 to 12)"),
        "count": ({"value": 3.0}, "3 (3 to 3) of 3"),
        "upper_bound": ({"value": 12.0}, "maximum 12 (12 to 12); 100 % of cohorts keep the bound"),
    }
    for statistic, (numbers, text) in texts.items():
        assert predict(_observation(statistic, 3, **numbers), values).predicted_text == text
    never = predict(_observation("median", 3, value=1.0), np.full((5, 3), np.inf))
    assert never.predicted_text == "not reached (not reached to not reached)"


def test_not_reached_stays_infinite():
    values = np.where(_uniform(10_000, 4) < 0.5, 3.0, np.inf)
    found = predict(_observation("maximum", 4, value=10.0), values).parts[0]
    assert (found.low90, found.median, found.high90) == (3.0, np.inf, np.inf)
    assert predict(_observation("mean", 4, value=3.0), values).parts[0].high90 == np.inf


def test_cohorts_with_a_missing_value_are_left_out_and_counted():
    values = _uniform(100, 3)
    values[:10, 1] = np.nan
    found = predict(_observation("maximum", 3, value=0.5), values)
    assert (found.n_cohorts, found.n_left_out) == (90, 10)
    assert found.median == predict(_observation("maximum", 3, value=0.5), values[10:]).median
    with pytest.raises(InputError, match="no cohort without a missing value"):
        predict(_observation("maximum", 3, value=0.5), np.full((4, 3), np.nan))


def test_the_wrong_cohort_size_is_refused():
    with pytest.raises(InputError, match=r"shape \(10, 4\).*\(n_cohorts, 5\)"):
        predict(_observation("maximum", 5, value=0.5), _uniform(10, 4))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(READINGS)),
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(0, 100),
)
def test_against_one_cohort_at_a_time(statistic, n, n_cohorts, seed):
    values = np.round(_uniform(n_cohorts, n, seed) * 4)  # ties on purpose
    n = 1 if statistic == "point" else n
    values = values[:, :n]
    number = 0.0 if statistic == "count" else 2.0
    numbers = {"lower": 1.0, "upper": 3.0} if statistic == "range" else {"value": number}
    if statistic == "sd" and n == 1:
        return  # one patient has no spread
    if statistic == "quantile":
        numbers |= {"level": 0.3}
    found = predict(_observation(statistic, n, **numbers), values)
    plain = {
        "maximum": [max],
        "minimum": [min],
        "median": [np.median],
        "mean": [np.mean],
        "median_time": [np.median],
        "sd": [lambda row: np.std(row, ddof=1)],
        "quantile": [lambda row: np.quantile(row, 0.3)],
        "fraction": [lambda row: sum(value > 0.5 for value in row) / len(row)],
        "range": [min, max],
        "count": [lambda row: sum(value > 0.5 for value in row)],
        "upper_bound": [max],
        "lower_bound": [min],
        "point": [lambda row: row[0]],
    }[statistic]
    for part, function in zip(found.parts, plain, strict=True):
        each = sorted(round(float(function(list(row))), 9) for row in values)
        assert part.low90 == next(v for v in each if sum(e <= v for e in each) >= 0.05 * n_cohorts - 1e-9)
        assert part.median == next(v for v in each if sum(e <= v for e in each) >= 0.5 * n_cohorts - 1e-9)
        assert part.high90 == next(v for v in each if sum(e <= v for e in each) >= 0.95 * n_cohorts - 1e-9)
        if part.observed_low == part.observed_high:
            assert part.is_inside is (part.low90 <= part.observed_low <= part.high90)
            below, equal = sum(e < part.observed_low for e in each), sum(e == part.observed_low for e in each)
            assert part.p == pytest.approx((below + 0.5 * equal) / n_cohorts)
        else:
            kept = sum(part.observed_low <= e <= part.observed_high for e in each) / n_cohorts
            assert part.p == pytest.approx(kept)
    assert found.is_inside is all(part.is_inside for part in found.parts)
    assert found.reading


def test_central_ninety_percent_holds_what_the_model_itself_makes():
    """A statistic drawn from the model falls outside its own interval in a tenth of cases."""
    values = _uniform(20_000, 5)
    truths = _uniform(2_000, 5, seed=1).max(axis=1)
    part = predict(_observation("maximum", 5, value=0.5), values).parts[0]
    assert np.mean((truths >= part.low90) & (truths <= part.high90)) == pytest.approx(0.9, abs=0.02)


def test_cohorts_mix_arms_and_use_a_patient_once_a_pass():
    patients = np.arange(23.0)
    cohorts = arrange_cohorts(
        {"low": patients, "high": 100 + patients}, {"low": 2, "high": 3}, n_cohorts=4, seed=1
    )
    assert cohorts.shape == (4, 5)
    assert (cohorts[:, :2] < 100).all()
    assert (cohorts[:, 2:] >= 100).all()
    assert len(set((cohorts % 100).ravel().tolist())) == 20
    again = arrange_cohorts(
        {"low": patients, "high": 100 + patients}, {"low": 2, "high": 3}, n_cohorts=9, seed=1
    )
    assert (again[:4] == cohorts).all()
    assert (again[4:8] != cohorts).any()
    other = arrange_cohorts(
        {"low": patients, "high": 100 + patients}, {"low": 2, "high": 3}, n_cohorts=4, seed=2
    )
    assert (other != cohorts).any()


def test_too_few_patients_or_arms_that_differ():
    with pytest.raises(InputError, match="cohorts of 5"):
        arrange_cohorts({"all": np.zeros(4)}, {"all": 5}, n_cohorts=1, seed=0)
    with pytest.raises(InputError, match="the same patients in every arm"):
        arrange_cohorts({"a": np.zeros(9), "b": np.zeros(8)}, {"a": 1, "b": 1}, n_cohorts=1, seed=0)
    with pytest.raises(InputError, match="no values for the arm 'b'"):
        arrange_cohorts({"a": np.zeros(9)}, {"a": 1, "b": 1}, n_cohorts=1, seed=0)


SIZES = {"2 mg x 3": 2, "4 mg x 3": 3}


def test_arms_of_an_observation():
    letter = {row.id: row for row in observations("HN2301")}
    assert arms_of(letter["hn2301_car_percent_peak"], SIZES) == SIZES
    assert arms_of(letter["hn2301_b_cell_depletion_days"], SIZES) == {"4 mg x 3": 3}
    assert arms_of(letter["hn2301_sledai_before"], SIZES) == {"4 mg x 3": 1}
    with pytest.raises(InputError, match="add up to 4"):
        arms_of(letter["hn2301_car_percent_peak"], {"2 mg x 3": 2, "4 mg x 3": 2})
    with pytest.raises(InputError, match="no arm '4 mg x 3'"):
        arms_of(letter["hn2301_b_cell_depletion_days"], {"6 mg x 3": 3})


def test_a_whole_study():
    rng = np.random.default_rng(3)
    measures = {row.measure for row in observations("HN2301") if row.measure}
    arms = {arm: {name: rng.uniform(size=400) for name in measures} for arm in SIZES}
    del arms["2 mg x 3"]["car_detected_hour"]
    predictions, left = predict_study(observations("HN2301"), arms, SIZES, seed=4, n_cohorts=300)
    assert {row.id for row in observations("HN2301")} == {p.observation.id for p in predictions} | set(left)
    assert left["hn2301_car_detected_hour"] == "the simulation does not give 'car_detected_hour'"
    assert left["hn2301_neurotoxicity_count"].startswith("Not modelled")
    assert {p.n_cohorts for p in predictions} == {300}
    again, _ = predict_study(observations("HN2301"), arms, SIZES, seed=4, n_cohorts=300)
    assert [p.parts for p in again] == [p.parts for p in predictions]
