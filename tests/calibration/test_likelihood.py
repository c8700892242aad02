from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr

from vivocart.calibration.likelihood import (
    MISREAD,
    READING_SHARE,
    WIDER,
    Reading,
    count_probabilities,
    log_likelihood,
    log_mean_over_cohorts,
    printed_again,
    printed_unit,
    readings_of,
)
from vivocart.calibration.observations import Observation, observations


def _row(statistic: str = "median", **fields: object) -> Observation:
    given = {"id": "x", "study_id": "S", "arm": "all", "n": 5, "measure": "m", "label": "L", "unit": "d"}
    return Observation.model_validate(
        given | {"statistic": statistic, "trust": "secondary", "value": 7.0} | fields
    )


def _reading(**fields: object) -> Reading:
    usual: dict[str, object] = {"observation_id": "x", "name": "median", "kind": "number", "low": 7.0}
    return Reading(**({"high": 7.0, "logarithmic": True, "sd": 0.2, "misread": 0.05} | usual | fields))


def _density(reading: Reading, statistic: float) -> float:
    return float(np.exp(log_likelihood(reading, np.array([statistic]))[0]))


@pytest.mark.parametrize("logarithmic", [True, False])
def test_the_density_of_a_number_adds_up_to_one(logarithmic):
    def density(place: float) -> float:
        number = math.exp(place) if logarithmic else place
        return _density(_reading(low=number, high=number, logarithmic=logarithmic), 3.0)

    center = math.log(3.0) if logarithmic else 3.0
    total, _ = quad(density, center - 12, center + 12, points=[center], limit=200)
    assert total == pytest.approx(1.0, abs=1e-6)


def test_a_number_is_normal_with_a_wide_part_for_misreadings():
    reading, statistic = _reading(low=7.0, high=7.0), 5.0
    z = math.log(7.0 / 5.0)
    expected = sum(
        share * math.exp(-0.5 * (z / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
        for share, sd in ((0.95, 0.2), (0.05, 0.2 * WIDER))
    )
    assert _density(reading, statistic) == pytest.approx(expected)


def test_a_bound_is_the_chance_to_be_read_within_it():
    reading = _reading(kind="interval", low=-math.inf, high=6.0)
    z = math.log(6.0 / 5.0) / 0.2
    assert _density(reading, 5.0) == pytest.approx(0.95 * ndtr(z) + 0.05 * ndtr(z / WIDER))
    other = Reading(
        **{name: getattr(reading, name) for name in reading.__slots__ if name != "holds"}, holds=False
    )
    assert _density(reading, 5.0) + _density(other, 5.0) == pytest.approx(1.0)


def test_a_score_bound_gives_way_by_half_a_point():
    reading = _reading(
        kind="interval", low=-math.inf, high=0.0, logarithmic=False, half_unit=0.5, misread=0.0, sd=0.3
    )
    assert _density(reading, 0.0) == pytest.approx(ndtr(0.5 / 0.3))
    assert _density(reading, 4.0) < 1e-20


@given(st.integers(1, 12), st.floats(0.001, 0.4))
def test_counts_are_the_sum_of_two_binomials(n, misread):
    table = count_probabilities(n, misread)
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    true = np.arange(n + 1)
    np.testing.assert_allclose(table @ true, true * (1 - misread) + (n - true) * misread, rtol=1e-9)
    # every patient apart: the generating function of wrongly counted flags
    apart = np.array([1.0])
    for flag in [1] * (n // 2) + [0] * (n - n // 2):
        chance = 1 - misread if flag else misread
        apart = np.convolve(apart, [1 - chance, chance])
    np.testing.assert_allclose(table[n // 2], apart, atol=1e-12)


def test_a_count_without_a_number_allows_all_between_its_bounds():
    reading = _reading(name="count", kind="count", low=1.0, high=5.0, n=5, misread=0.05)
    assert _density(reading, 0.0) == pytest.approx(1.0 - 0.95**5)
    assert _density(reading, 5.0) == pytest.approx(1.0 - 0.05**5)


@pytest.mark.parametrize(
    ("reading", "statistic"),
    [
        (_reading(), 5.0),
        (_reading(logarithmic=False, sd=2.0), 5.0),
        (_reading(kind="interval", low=-math.inf, high=6.0), 5.0),
        (_reading(kind="interval", low=4.0, high=math.inf, logarithmic=False, sd=1.0, half_unit=0.5), 4.2),
        (_reading(name="count", kind="count", low=2.0, high=2.0, n=5, misread=0.2), 3.0),
        (_reading(name="count", kind="count", low=1.0, high=5.0, n=5, misread=0.3), 1.0),
    ],
)
def test_what_is_printed_again_has_the_likelihood_that_is_said(reading, statistic):
    rng = np.random.default_rng(5)
    printed = [
        printed_again(reading, statistic, *draw)
        for draw in zip(rng.standard_normal(4000).tolist(), rng.uniform(size=4000).tolist(), strict=True)
    ]
    if reading.kind == "number":
        seen = np.array([one.low for one in printed])
        place, center = (np.log(seen), math.log(statistic)) if reading.logarithmic else (seen, statistic)
        z = (place - center) / reading.sd
        for limit in (-1.0, 0.0, 0.5, 1.5):
            expected = 0.95 * ndtr(limit) + 0.05 * ndtr(limit / WIDER)
            assert np.mean(z < limit) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 4000))
        return
    shown = {(one.low, one.high, one.holds) for one in printed}
    for kind in shown:
        share = np.mean([(one.low, one.high, one.holds) == kind for one in printed])
        example = next(one for one in printed if (one.low, one.high, one.holds) == kind)
        assert share == pytest.approx(_density(example, statistic), abs=4 * math.sqrt(0.25 / 4000))


def test_missing_and_infinite_statistics():
    reading = _reading(ceiling=90.0)
    found = log_likelihood(reading, np.array([np.nan, np.inf, 90.0, 0.0]))
    assert found[0] == -np.inf
    assert found[1] == found[2]
    assert np.isfinite(log_likelihood(_reading(floor=0.07), np.array([0.0]))[0])


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (60.0, "%", 10.0),
        (7.0, "d", 1.0),
        (2.5, "d", 0.1),
        (112.0, "d", 1.0),
        (20.0, "score", 1.0),
        (0.0, "d", 1.0),
    ],
)
def test_the_last_printed_digit(value, unit, expected):
    assert printed_unit(value, unit) == pytest.approx(expected)


def test_less_trust_is_more_error():
    sds = [readings_of(_row(trust=trust), days=90)[0].sd for trust in READING_SHARE]
    assert sds == sorted(sds)
    assert sorted(MISREAD.values()) == list(MISREAD.values())
    rounding = 1.0 / math.sqrt(12)
    assert sds[0] == pytest.approx(math.hypot(0.03 * 7, rounding) / 7)


def test_a_spread_beside_the_number_bounds_the_error():
    wide = readings_of(_row("mean", value=112.0, lower=65.0, upper=159.0, trust="tertiary"), days=300)[0]
    narrow = readings_of(_row("mean", value=112.0, lower=110.0, upper=114.0, trust="tertiary"), days=300)[0]
    assert wide.sd == pytest.approx(math.hypot(28.0, 1 / math.sqrt(12)) / 112)
    assert narrow.sd == pytest.approx(math.hypot(2.0, 1 / math.sqrt(12)) / 112)


def test_every_shipped_row_has_its_readings():
    for row in observations():
        if row.measure:
            readings = readings_of(row, days=600.0)
            assert len(readings) == (2 if row.statistic == "range" else 1)
            for reading in readings:
                assert reading.sd > 0
                assert reading.kind == "count" or reading.low <= reading.high


def test_cohorts_are_averaged_not_summed():
    values = np.log(np.array([[0.1, 0.3], [0.2, 0.0 + 1e-300]]))
    np.testing.assert_allclose(np.exp(log_mean_over_cohorts(values)), [0.2, 0.1])
    np.testing.assert_allclose(log_mean_over_cohorts(values[:, :1]), values[:, 0])
    assert log_mean_over_cohorts(np.full((1, 2), -np.inf))[0] == -np.inf
