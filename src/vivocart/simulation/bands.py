"""Quantile bands over any number of patients in a fixed amount of memory.

Values are counted in logarithmic bins half a percent wide. Counts add up exactly, so the bands do not depend on how the
patients were cut into chunks; a quantile read from them is within one bin of the exact one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import xarray as xr
from numba import njit

_LOWEST = 1e-4  # every observable's unit is chosen so that smaller values read as zero
_HIGHEST = 1e6
_BIN = float(np.log(1.005))
_N_BINS = (
    int(np.ceil(np.log(_HIGHEST / _LOWEST) / _BIN)) + 2
)  # the first holds zeros, the last what is beyond

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""What a band shows: the median, the middle half and the middle nine tenths of patients."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BandCounts:
    """Counts of patients by observable, time and value bin."""

    times_days: np.ndarray  # (n_times,)
    counts: Mapping[str, np.ndarray]  # observable -> (n_times, n_bins)
    attributes: Mapping[str, Mapping[str, str]]  # observable -> units and long_name


def count_bands(
    data: xr.Dataset, observables: Sequence[str], *, before: BandCounts | None = None
) -> BandCounts:
    """Count one chunk of patients.

    Parameters
    ----------
    data
        Dimensions (patient, time); missing values are left out.
    observables
        Which variables to count.
    before
        Counts of earlier chunks at the same times; they are added to in place and returned.
    """
    times = np.asarray(data["time"].values)
    if before is None:
        before = BandCounts(
            times_days=times,
            counts={name: np.zeros((len(times), _N_BINS), np.int32) for name in observables},
            attributes={
                name: {str(key): str(value) for key, value in data[name].attrs.items()}
                for name in observables
            },
        )
    for name in observables:
        _count(np.asarray(data[name].values, dtype=np.float64), before.counts[name])
    return before


@njit(cache=True, nogil=True)
def _count(values: np.ndarray, counts: np.ndarray) -> None:
    """Add each value (n_patients, n_times) to its bin (n_times, n_bins)."""
    for patient in range(values.shape[0]):
        for time in range(values.shape[1]):
            value = values[patient, time]
            if np.isnan(value):
                continue
            place = 0
            if value > _LOWEST:
                place = min(int(math.log(value / _LOWEST) / _BIN) + 1, _N_BINS - 1)
            counts[time, place] += 1


def quantile_bands(bands: BandCounts, quantiles: Sequence[float] = QUANTILES) -> xr.Dataset:
    """Quantiles of each observable at each time, dimensions (quantile, time)."""
    edges = _LOWEST * np.exp(_BIN * np.arange(_N_BINS))
    edges[0] = 0.0
    variables: dict[str, tuple[tuple[str, str], np.ndarray, Mapping[str, str]]] = {}
    for name, counts in bands.counts.items():
        total = counts.sum(axis=1, keepdims=True)
        shares = np.cumsum(counts, axis=1) / np.maximum(total, 1)
        rows = [_read(shares, edges, quantile) for quantile in quantiles]
        table = np.where(total[:, 0] > 0, np.stack(rows), np.nan)
        variables[name] = (("quantile", "time"), table, bands.attributes[name])
    return xr.Dataset(
        variables,
        coords={"quantile": list(quantiles), "time": ("time", bands.times_days, {"units": "d"})},
    )


def _read(shares: np.ndarray, edges: np.ndarray, quantile: float) -> np.ndarray:
    """Value at ``quantile`` for each row of cumulative shares, interpolated within its bin on the log scale."""
    index = np.argmax(shares >= quantile - 1e-12, axis=1)
    rows = np.arange(len(shares))
    below = np.where(index > 0, shares[rows, np.maximum(index - 1, 0)], 0.0)
    inside = (quantile - below) / np.maximum(shares[rows, index] - below, 1e-300)
    lower = edges[np.maximum(index - 1, 0)]
    value = np.maximum(lower, _LOWEST) * np.exp(_BIN * np.clip(inside, 0.0, 1.0))
    return np.where(index == 0, 0.0, value)
