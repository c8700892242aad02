"""Loops over all values of a simulation, compiled and without the interpreter's lock.

Loaded by those who need them: one patient's simulation does not wait for a compiler.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_SIGN = np.int64(-(2**63))
_INFINITE = int(np.float64(np.inf).view(np.int64))


@njit(cache=True, nogil=True)
def place(
    bits: np.ndarray, dropped: int, first: int, beyond: int, bins: np.ndarray, start: int, finite: np.ndarray
) -> None:
    """Bin of each value, given as the bits of its double (n_observables, n_times, n_patients).

    A step is the bits without the lowest ``dropped``. Bin 0 takes what is below step ``first`` and what is negative, bin 1
    that step, bin ``beyond`` what is above all, and the one after it what is no number. Written to ``bins`` from patient
    ``start`` on; ``finite`` (n_patients,) loses those with a value that is not finite.
    """
    n_observables, n_times, n_patients = bits.shape
    for observable in range(n_observables):
        for time in range(n_times):
            row, found = bits[observable, time], bins[observable, time, start : start + n_patients]
            largest = np.int64(0)
            for patient in range(n_patients):
                largest = max(largest, row[patient] & ~_SIGN)
                found[patient] = min(max((row[patient] >> dropped) - (first - 1), 0), beyond)
            if largest < _INFINITE:  # nearly always
                continue
            for patient in range(n_patients):
                size = row[patient] & ~_SIGN
                finite[patient] &= size < _INFINITE
                if size > _INFINITE:
                    found[patient] = beyond + 1


@njit(cache=True, nogil=True)
def count(bins: np.ndarray, n_patients: int, counts: np.ndarray, ends: np.ndarray) -> None:
    """Add the first patients' bins (n_times, room) to counts (n_times, n_bins).

    ``ends`` (n_times, 2), the lowest bin that anybody is in and the highest, are moved apart.
    """
    for time in range(bins.shape[0]):
        row, found = counts[time], bins[time, :n_patients]
        for patient in range(n_patients):
            row[found[patient]] += 1
        if n_patients > 0:
            lowest, highest = found[0], found[0]  # of the type of a bin: a register holds many
            for patient in range(n_patients):
                lowest, highest = min(lowest, found[patient]), max(highest, found[patient])
            ends[time, 0] = min(ends[time, 0], np.int64(lowest))
            ends[time, 1] = max(ends[time, 1], np.int64(highest))


@njit(cache=True, nogil=True)
def find_shares(
    counts: np.ndarray,
    ends: np.ndarray,
    quantiles: np.ndarray,
    index: np.ndarray,
    below: np.ndarray,
    share: np.ndarray,
) -> None:
    """For each row of counts (n_times, n_bins) the first bin at which the cumulative share reaches each quantile.

    Only bins from the lower to the upper of ``ends`` (n_times, 2) are looked at. Quantiles ascend and are above zero.
    Written for each of them and each row, (n_quantiles, n_times): that bin, the share below it and the bin's own; a row of
    zeros has bin -1.
    """
    for time in range(counts.shape[0]):
        row, total = counts[time], np.int64(0)
        first, after = ends[time, 0], ends[time, 1] + 1
        for place in range(first, after):
            total += row[place]
        index[:, time], below[:, time], share[:, time] = -1, 0.0, 0.0
        passed, reached = 0, 0
        for place in range(first, after if total > 0 else first):
            here = row[place]
            if here == 0:  # the share is what it was
                continue
            while reached < len(quantiles) and (passed + here) / total >= quantiles[reached] - 1e-12:
                index[reached, time], below[reached, time] = place, passed / total
                share[reached, time] = here / total
                reached += 1
            if reached == len(quantiles):
                break
            passed += here
