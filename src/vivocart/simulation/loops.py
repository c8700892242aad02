"""Loops over all values of a simulation, compiled and without the interpreter's lock.

Loaded by those who need them: one patient's simulation does not wait for a compiler.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_SIGN = np.int64(-(2**63))
_INFINITE = int(np.float64(np.inf).view(np.int64))


@njit(cache=True, nogil=True)
def count(bits: np.ndarray, counts: np.ndarray, places: np.ndarray, first: int, dropped: int) -> None:
    """Add each value, as the bits of its double (n_times, n_patients), to its bin (n_times, n_bins).

    ``places`` holds the bin of each step, a step being the bits without the lowest ``dropped``, from step ``first`` on.
    """
    n_times, n_patients = bits.shape
    beyond = counts.shape[1] - 1
    for time in range(n_times):
        row = counts[time]
        for patient in range(n_patients):
            value = bits[time, patient]
            if value & ~_SIGN > _INFINITE:  # not a number
                continue
            step = (value >> dropped) - first
            if step < 0:  # also what is negative: its sign is the highest bit
                row[0] += 1
            elif step >= places.shape[0]:
                row[beyond] += 1
            else:
                row[places[step]] += 1
