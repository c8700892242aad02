"""Rearranged trajectories are the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.simulation.layout import by_observable


@pytest.mark.parametrize("n_patients", [0, 1, 7, 8, 9, 16, 33])
def test_every_number_is_where_it_belongs(n_patients: int):
    values = np.random.default_rng(0).normal(size=(n_patients, 5, 3))
    assert np.array_equal(by_observable(values), values.transpose(2, 1, 0))


def test_patients_of_one_time_lie_side_by_side():
    assert by_observable(np.zeros((20, 5, 3))).flags.c_contiguous
