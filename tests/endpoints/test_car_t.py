from __future__ import annotations

import numpy as np
import pytest

from vivocart.endpoints import car_t
from vivocart.endpoints.readings import Readings
from vivocart.therapies.regimen import Regimen


def _pulses(times: np.ndarray, days: tuple[float, ...], height: float, decay: float) -> np.ndarray:
    """Each infusion raises the share linearly for 6 h to ``height``, from where it decays exponentially."""
    curve = np.full(times.shape, 1e-6)
    for day in days:
        since = times - day
        rise = np.where((since >= 0) & (since <= 0.25), height * since / 0.25, 0.0)
        fall = np.where(since > 0.25, height * np.exp(-decay * (since - 0.25)), 0.0)
        curve = np.maximum(curve, rise + fall)
    return curve


@pytest.fixture
def pulses(fakes, read_fake) -> Readings:
    times = fakes.default_times()
    curve = np.stack([_pulses(times, (0.0, 3.0, 6.0), height, 2.0) for height in (60.0, 10.0, 0.5)])
    return read_fake(3, times=times, car_percent_cd8=curve, car_t_blood=3 * curve)


def test_peak_and_its_hour(pulses):
    assert car_t.car_percent_peak(pulses).tolist() == [60.0, 10.0, 0.5]
    assert car_t.car_peak_hour_first(pulses) == pytest.approx([6.0] * 3)
    assert car_t.car_peak_hour(pulses) == pytest.approx([6.0] * 3)
    assert car_t.car_t_peak(pulses) == pytest.approx([180.0, 30.0, 1.5])
    assert car_t.car_t_peak_day(pulses) == pytest.approx([0.25] * 3)


def test_return_is_five_percent_of_the_peak_or_one_percent_of_cells(pulses):
    # 60 %: 3 % at ln(20)/2 after the peak; 10 %: 1 % at ln(10)/2 after it; 0.5 %: never left baseline
    expected = [0.25 + np.log(20) / 2, 0.25 + np.log(10) / 2, 0.0]
    assert car_t.car_return_days(pulses) == pytest.approx(expected, rel=1e-6)
    assert car_t.car_return_days_first(pulses) == pytest.approx(expected, rel=1e-6)


def test_not_back_before_the_next_infusion(fakes, read_fake):
    times = fakes.default_times()
    readings = read_fake(1, times=times, car_percent_cd8=_pulses(times, (0.0, 3.0, 6.0), 60.0, 0.2))
    assert np.isinf(car_t.car_return_days_first(readings)[0])
    assert car_t.car_return_days(readings)[0] == pytest.approx(0.25 + np.log(20) / 0.2, rel=1e-6)


def test_detection_needs_more_than_one_percent(pulses):
    hours = car_t.car_detected_hour(pulses)
    assert 0.0 < hours[0] < 1.0  # 1 % of a linear rise to 60 % is crossed in the first hour
    assert hours[0] < hours[1] < 6.0
    assert np.isinf(hours[2])


def test_a_regimen_without_car_cells_does_not_apply(fakes, read_fake):
    readings = read_fake(2, regimen=Regimen("rituximab", dose_mg=1000, infusions=2, interval_days=14))
    for function in (
        car_t.car_detected_hour,
        car_t.car_peak_hour_first,
        car_t.car_peak_hour,
        car_t.car_return_days_first,
        car_t.car_return_days,
        car_t.car_t_peak_day,
    ):
        assert np.isnan(function(readings)).all()
    assert car_t.car_percent_peak(readings).tolist() == [0.0, 0.0]


def test_days_count_from_the_infusion_after_preparation(fakes, read_fake):
    regimen = Regimen("ex_vivo_cd19_car_t", dose=1e6)
    start = regimen.first_infusion_day
    assert start > 0
    times = np.arange(0.0, 181.0, 0.5)
    peak = start + 9.0
    readings = read_fake(1, times=times, regimen=regimen, car_t_blood=100.0 * np.exp(-((times - peak) ** 2)))
    assert car_t.car_t_peak_day(readings)[0] == pytest.approx(9.0, abs=0.3)
    assert readings.times[0] == -start
    assert readings.car_dose_days().tolist() == [0.0]
