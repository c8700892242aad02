from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.calibration.observations import Observation
from vivocart.calibration.statistics import cohort_statistics, published_parts, quantile_of
from vivocart.ground.errors import InputError


def _row(statistic: str, n: int = 5, **fields: object) -> Observation:
    numbers = {"value": 1.0} | fields
    return Observation.model_validate(
        {"id": "x", "study_id": "S", "arm": "all", "n": n, "measure": "m", "label": "L", "unit": "d"}
        | {"statistic": statistic, "trust": "primary"}
        | numbers
    )


VALUES = np.random.default_rng(2).lognormal(size=(40, 5))
FLAGS = (np.random.default_rng(3).uniform(size=(40, 5)) < 0.6).astype(float)


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("maximum", VALUES.max(axis=1)),
        ("minimum", VALUES.min(axis=1)),
        ("median", np.median(VALUES, axis=1)),
        ("median_time", np.median(VALUES, axis=1)),
        ("mean", VALUES.mean(axis=1)),
        ("sd", VALUES.std(axis=1, ddof=1)),
    ],
)
def test_statistics_are_those_of_numpy(statistic, expected):
    np.testing.assert_allclose(cohort_statistics(_row(statistic), VALUES)[0].values, expected)


@pytest.mark.parametrize("level", [0.05, 0.25, 0.5, 0.8])
def test_quantiles_are_those_of_numpy(level):
    row = _row("quantile", level=level)
    np.testing.assert_allclose(
        cohort_statistics(row, VALUES)[0].values, np.quantile(VALUES, level, axis=1), rtol=1e-12
    )


@pytest.mark.parametrize("statistic", ["maximum", "minimum", "median", "mean", "sd"])
def test_a_condition_leaves_only_those_who_meet_it(statistic):
    found = cohort_statistics(_row(statistic, given="flag"), VALUES, FLAGS)[0].values
    functions = {
        "maximum": np.max,
        "minimum": np.min,
        "median": np.median,
        "mean": np.mean,
        "sd": lambda part: np.std(part, ddof=1),
    }
    for cohort in range(len(VALUES)):
        part = VALUES[cohort][FLAGS[cohort] > 0.5]
        if part.size > (statistic == "sd"):
            assert found[cohort] == pytest.approx(functions[statistic](part))
        else:
            assert np.isnan(found[cohort])


def test_counts_and_fractions():
    assert cohort_statistics(_row("count"), FLAGS)[0].values.tolist() == FLAGS.sum(axis=1).tolist()
    percent = _row("fraction", unit="%")
    np.testing.assert_allclose(cohort_statistics(percent, FLAGS)[0].values, 20.0 * FLAGS.sum(axis=1))
    np.testing.assert_allclose(cohort_statistics(_row("fraction"), FLAGS)[0].values, FLAGS.mean(axis=1))


def test_what_is_not_reached_stays_so():
    values = np.array([[1.0, 2.0, np.inf], [1.0, np.inf, np.inf], [1.0, 2.0, 3.0]])
    assert cohort_statistics(_row("median_time", n=3), values)[0].values.tolist() == [2.0, np.inf, 2.0]
    assert cohort_statistics(_row("mean", n=3), values)[0].values.tolist() == [np.inf, np.inf, 2.0]
    assert cohort_statistics(_row("sd", n=3), values)[0].values.tolist() == [np.inf, np.inf, 1.0]
    assert quantile_of(np.array([[1.0, np.inf]]), 0.5).tolist() == [np.inf]


def test_what_a_row_is_set_against():
    assert published_parts(_row("range", lower=2, upper=3)) == (
        ("minimum", 2.0, 2.0),
        ("maximum", 3.0, 3.0),
    )
    assert published_parts(_row("upper_bound", value=4)) == (("maximum", -np.inf, 4.0),)
    assert published_parts(_row("lower_bound", value=4)) == (("minimum", 4.0, np.inf),)
    assert published_parts(_row("count", value=None, lower=1, upper=5)) == (("count", 1.0, 5.0),)
    assert published_parts(_row("median_time", value=None, lower=180)) == (("median", 180.0, np.inf),)


def test_a_condition_has_to_be_there_and_fit():
    with pytest.raises(InputError, match="condition is missing"):
        cohort_statistics(_row("median", given="flag"), VALUES)
    with pytest.raises(InputError, match="too much"):
        cohort_statistics(_row("median"), VALUES, FLAGS)
    with pytest.raises(InputError, match="shape"):
        cohort_statistics(_row("median", given="flag"), VALUES, FLAGS[:, :4])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.floats(0.01, 0.99))
def test_a_quantile_lies_between_the_smallest_and_the_largest(numbers, level):
    values = np.array([numbers])
    assert values.min() <= quantile_of(values, level)[0] <= values.max()
