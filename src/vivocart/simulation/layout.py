"""Trajectories in the order in which they are read: one observable at a time, all patients of one time side by side.

The solver writes a patient after the other. Whoever reads an observable of many patients (a maximum, a quantile, a crossing)
would touch one number in thirty of the memory that passes by; after one pass that rearranges it every later one is short.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_FEW = 8  # patients: a cache line; for fewer the rearrangement gains nothing


def by_observable(values: np.ndarray) -> np.ndarray:
    """Values (n_patients, n_times, n_observables) as (n_observables, n_times, n_patients).

    For a few patients a view, otherwise a copy with the patients of one time side by side in memory.
    """
    if values.shape[0] < _FEW:
        return values.transpose(2, 1, 0)
    arranged = np.empty(values.shape[::-1])
    _arrange(values, arranged)
    return arranged


@njit(cache=True, nogil=True)
def _arrange(values: np.ndarray, arranged: np.ndarray) -> None:
    """Copy in groups of sixteen patients, so that what is written comes in whole cache lines."""
    n_patients, n_times, n_observables = values.shape
    for first in range(0, n_patients, 16):
        last = min(first + 16, n_patients)
        for time in range(n_times):
            for observable in range(n_observables):
                for patient in range(first, last):
                    arranged[observable, time, patient] = values[patient, time, observable]
