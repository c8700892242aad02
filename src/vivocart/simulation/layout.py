"""Trajectories in the order in which they are read: one observable at a time, all patients of one time side by side.

The solver writes a patient after the other. Whoever reads an observable of many patients (a maximum, a quantile, a crossing)
would touch one number in thirty of the memory that passes by; after one pass that rearranges it every later one is short.
"""

from __future__ import annotations

import numpy as np

from vivocart.engine import driver

_FEW = 8  # patients: a cache line; for fewer the rearrangement gains nothing


def by_observable(values: np.ndarray) -> np.ndarray:
    """Values (n_patients, n_times, n_observables) as (n_observables, n_times, n_patients).

    For a few patients a view, otherwise a copy with the patients of one time side by side in memory.
    """
    if values.shape[0] < _FEW:
        return values.transpose(2, 1, 0)
    return driver.by_observable(values)
