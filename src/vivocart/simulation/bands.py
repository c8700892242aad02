"""Quantile bands over any number of patients in a fixed amount of memory.

Values are counted in logarithmic bins half a percent wide. Counts add up exactly, so the bands do not depend on how the
patients were cut into chunks or on which thread counted them; a quantile read from them is within one bin of the exact one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import xarray as xr

_LOWEST = 1e-4  # every observable's unit is chosen so that smaller values read as zero
_HIGHEST = 1e6
_BIN = float(np.log(1.0045))  # with the steps below no bin is wider than half a percent
_DROPPED = (
    41  # bits of a double's fraction that do not matter: what is left tells steps of 0.05 percent apart
)

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""What a band shows: the median, the middle half and the middle nine tenths of patients."""


def _bins() -> tuple[int, np.ndarray, np.ndarray]:
    """First step, bin of each step from there on, and lower edges of the bins.

    The upper bits of a positive double grow with its value, so a shift and a look into a table find the bin; a logarithm
    for each of some billion values would cost more than the simulation.
    """
    first = int(np.float64(_LOWEST).view(np.int64)) >> _DROPPED
    last = int(np.float64(_HIGHEST).view(np.int64)) >> _DROPPED
    values = (np.arange(first, last + 1, dtype=np.int64) << _DROPPED).view(np.float64)
    raw = np.floor(np.log(np.maximum(values, _LOWEST) / _LOWEST) / _BIN).astype(np.int64)
    bins, places = np.unique(raw, return_inverse=True)
    edges = np.concatenate([[0.0], values[np.searchsorted(raw, bins)], [_HIGHEST]])
    return first, (places + 1).astype(np.int16), edges


_FIRST_STEP, _PLACES, _EDGES = _bins()
_N_BINS = len(_EDGES)  # the first holds zeros, the last what is beyond


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BandCounts:
    """Counts of patients by observable, time and value bin."""

    times_days: np.ndarray  # (n_times,)
    counts: Mapping[str, np.ndarray]  # observable -> (n_times, n_bins)
    attributes: Mapping[str, Mapping[str, str]]  # observable -> units and long_name
    locks: Mapping[str, threading.Lock]  # one an observable: threads seldom wait for each other


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
        Counts of other chunks at the same times; they are added to in place and returned. Several threads may add at once.
    """
    counted = before
    if counted is None:
        attributes = {
            name: {str(key): str(value) for key, value in data[name].attrs.items()} for name in observables
        }
        counted = empty_bands(np.asarray(data["time"].values), attributes)
    for name in observables:
        add_values(counted, name, data[name].values)
    return counted


def empty_bands(times_days: np.ndarray, attributes: Mapping[str, Mapping[str, str]]) -> BandCounts:
    """Counts of no patient yet, for the observables that ``attributes`` (units and long_name) names."""
    return BandCounts(
        times_days=times_days,
        counts={name: np.zeros((len(times_days), _N_BINS), np.int32) for name in attributes},
        attributes=attributes,
        locks={name: threading.Lock() for name in attributes},
    )


def add_values(bands: BandCounts, observable: str, values: np.ndarray) -> None:
    """Count values (n_patients, n_times) of one observable; several threads may add at once."""
    from vivocart.simulation import loops  # late: it loads a compiler

    by_time = np.ascontiguousarray(values.T, dtype=np.float64)
    with bands.locks[observable]:
        loops.count(by_time.view(np.int64), bands.counts[observable], _PLACES, _FIRST_STEP, _DROPPED)


def quantile_bands(bands: BandCounts, quantiles: Sequence[float] = QUANTILES) -> xr.Dataset:
    """Quantiles of each observable at each time, dimensions (quantile, time)."""
    variables: dict[str, tuple[tuple[str, str], np.ndarray, Mapping[str, str]]] = {}
    for name, counts in bands.counts.items():
        total = counts.sum(axis=1, keepdims=True)
        shares = np.cumsum(counts, axis=1) / np.maximum(total, 1)
        rows = [_read(shares, quantile) for quantile in quantiles]
        table = np.where(total[:, 0] > 0, np.stack(rows), np.nan)
        variables[name] = (("quantile", "time"), table, bands.attributes[name])
    return xr.Dataset(
        variables,
        coords={"quantile": list(quantiles), "time": ("time", bands.times_days, {"units": "d"})},
    )


def _read(shares: np.ndarray, quantile: float) -> np.ndarray:
    """Value at ``quantile`` for each row of cumulative shares, interpolated within its bin on the log scale."""
    index = np.argmax(shares >= quantile - 1e-12, axis=1)
    rows = np.arange(len(shares))
    below = np.where(index > 0, shares[rows, np.maximum(index - 1, 0)], 0.0)
    inside = np.clip((quantile - below) / np.maximum(shares[rows, index] - below, 1e-300), 0.0, 1.0)
    lower = np.maximum(_EDGES[index], _LOWEST)
    upper = _EDGES[np.minimum(index + 1, _N_BINS - 1)]
    return np.where(index == 0, 0.0, lower * np.exp(inside * np.log(upper / lower)))
