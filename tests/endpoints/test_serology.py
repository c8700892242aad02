from __future__ import annotations

import numpy as np
import pytest

from vivocart.endpoints import antibodies, complement


def test_seroconversion_is_for_the_positive_only(read_fake):
    times = np.array([0.0, 90.0, 180.0])
    curves = np.array([[200.0, 20.0, 20.0], [200.0, 30.0, 40.0], [20.0, 5.0, 5.0]])
    readings = read_fake(3, times=times, anti_dsdna=curves)
    assert antibodies.seroconversion(readings, 90)[:2].tolist() == [1.0, 0.0]
    assert np.isnan(antibodies.seroconversion(readings, 90)[2])
    assert antibodies.anti_dsdna(readings, 45)[0] == 110.0


@pytest.mark.parametrize(
    ("antibody", "c3", "c4", "expected"),
    [(0.5, 0.72, 0.1, 1.0), (0.5, 0.6, 0.12, 1.0), (0.51, 0.9, 0.2, 0.0), (0.2, 0.71, 0.11, 0.0)],
)
def test_substantial_serological_response(read_fake, antibody, c3, c4, expected):
    times = np.array([0.0, 90.0, 180.0])
    readings = read_fake(
        1,
        times=times,
        autoantibody=np.array([1.0, antibody, antibody]),
        c3=np.array([0.6, c3, c3]),
        c4=np.array([0.1, c4, c4]),
    )
    assert antibodies.serological_response(readings, 90)[0] == expected


def test_igg(read_fake):
    times = np.array([0.0, 10.0, 20.0, 180.0])
    readings = read_fake(1, times=times, igg=np.array([14.0, 3.5, 14.0, 14.0]))
    assert antibodies.igg_nadir(readings)[0] == 3.5
    assert antibodies.igg_days_below_7(readings)[0] == pytest.approx(
        10.0
    )  # half way down, half way up on the logarithm
    assert antibodies.igg(readings, 90)[0] == 14.0


def test_complement_turns_normal_only_if_both_do(read_fake):
    times = np.array([0.0, 90.0, 180.0])
    c3 = np.array([[0.6, 1.0, 1.0], [0.6, 1.0, 1.0], [0.6, 0.8, 1.0], [1.2, 1.2, 1.2]])
    c4 = np.array([[0.1, 0.2, 0.2], [0.1, 0.1, 0.2], [0.3, 0.3, 0.3], [0.3, 0.3, 0.3]])
    readings = read_fake(4, times=times, c3=c3, c4=c4)
    assert complement.complement_normalized(readings, 90)[:3].tolist() == [1.0, 0.0, 0.0]
    assert np.isnan(complement.complement_normalized(readings, 90)[3])
    assert complement.c3(readings, 90).tolist() == [1.0, 1.0, 0.8, 1.2]
    assert complement.c4(readings, 180).tolist() == [0.2, 0.2, 0.3, 0.3]
