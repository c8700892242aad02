"""Quantile bands over any number of patients in a fixed amount of memory.

Values are counted in bins at most 0.4 percent wide, which the upper bits of a double number: a logarithm for each of some
billion values would cost more than the simulation. Counts add up exactly, so the bands do not depend on how patients were
cut into chunks or on which thread counted them; a quantile read from them is within one bin of the exact one.
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
_DROPPED = 44  # bits of a double's fraction that do not matter: 256 bins an octave are left
_FIRST_STEP, _LAST_STEP = (int(np.float64(limit).view(np.int64)) >> _DROPPED for limit in (_LOWEST, _HIGHEST))
_BEYOND = (
    _LAST_STEP - _FIRST_STEP + 2
)  # bin of what is above all; bin 0 holds zeros, the one after this what is missing
_EDGES = np.concatenate(
    [
        [0.0],
        (np.arange(_FIRST_STEP, _LAST_STEP + 1, dtype=np.int64) << _DROPPED).view(np.float64),
        [_HIGHEST],
    ]
)

BIN = np.uint16
"""Type of the number of a bin."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""What a band shows: the median, the middle half and the middle nine tenths of patients."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BandCounts:
    """Counts of patients by observable, time and value bin."""

    times_days: np.ndarray  # (n_times,)
    counts: Mapping[str, np.ndarray]  # observable -> (n_times, n_bins), the last bin what is missing
    ends: Mapping[
        str, np.ndarray
    ]  # observable -> (n_times, 2), the lowest and the highest bin that anybody is in
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
        counts={name: np.zeros((len(times_days), _BEYOND + 2), np.int32) for name in attributes},
        ends={name: np.tile(np.array([_BEYOND + 2, -1]), (len(times_days), 1)) for name in attributes},
        attributes=attributes,
        locks={name: threading.Lock() for name in attributes},
    )


def add_values(bands: BandCounts, observable: str, values: np.ndarray) -> None:
    """Count values (n_patients, n_times) of one observable; several threads may add at once."""
    by_time = np.ascontiguousarray(values.T, dtype=np.float64)[None]
    bins = np.empty(by_time.shape, BIN)
    place_values(by_time, bins)
    _add(bands, observable, bins[0], by_time.shape[2])


def place_values(values: np.ndarray, bins: np.ndarray, first: int = 0) -> np.ndarray:
    """Find the bin of each value, for :func:`add_bins` to count.

    Counts of different times lie far apart in memory, so the bins of some thousand patients are best counted at once.

    Parameters
    ----------
    values
        Shape (n_observables, n_times, n_patients), contiguous.
    bins
        Written to from patient ``first`` on; shape (n_observables, n_times, room), of type :data:`BIN`.

    Returns
    -------
    numpy.ndarray
        Who has no value that is missing or infinite, shape (n_patients,), Boolean.
    """
    from vivocart.simulation import loops  # late: it loads a compiler

    finite = np.ones(values.shape[2], dtype=bool)
    loops.place(values.view(np.int64), _DROPPED, _FIRST_STEP, _BEYOND, bins, first, finite)
    return finite


def add_bins(bands: BandCounts, bins: np.ndarray, n_patients: int) -> None:
    """Count the first patients of bins (n_observables, n_times, room), observables in the order of the bands.

    Several threads may add at once.
    """
    for observable, found in zip(bands.counts, bins, strict=True):
        _add(bands, observable, found, n_patients)


def _add(bands: BandCounts, observable: str, bins: np.ndarray, n_patients: int) -> None:
    from vivocart.simulation import loops

    with bands.locks[observable]:
        loops.count(bins, n_patients, bands.counts[observable], bands.ends[observable])


def quantile_bands(bands: BandCounts, quantiles: Sequence[float] = QUANTILES) -> xr.Dataset:
    """Quantiles of each observable at each time, dimensions (quantile, time)."""
    variables: dict[str, tuple[tuple[str, str], np.ndarray, Mapping[str, str]]] = {}
    for name, counts in bands.counts.items():
        table = _read(counts, bands.ends[name], quantiles)
        variables[name] = (("quantile", "time"), table, bands.attributes[name])
    return xr.Dataset(
        variables,
        coords={"quantile": list(quantiles), "time": ("time", bands.times_days, {"units": "d"})},
    )


def _read(counts: np.ndarray, ends: np.ndarray, quantiles: Sequence[float]) -> np.ndarray:
    """Values at quantiles for each row of counts, shape (n_quantiles, n_times).

    Interpolated within their bins on the log scale; who is missing counts for nothing, and where all are so is the value.
    """
    from vivocart.simulation import loops

    order = np.argsort(quantiles)
    ascending = np.asarray(quantiles, dtype=np.float64)[order]
    index = np.empty((len(order), len(counts)), np.int64)
    below, share = np.empty(index.shape), np.empty(index.shape)
    loops.find_shares(counts, np.minimum(ends, _BEYOND), ascending, index, below, share)
    inside = np.clip((ascending[:, None] - below) / np.maximum(share, 1e-300), 0.0, 1.0)
    lower = np.maximum(_EDGES[np.maximum(index, 0)], _LOWEST)
    upper = _EDGES[np.clip(index + 1, 1, _BEYOND)]
    values = lower * np.exp(inside * np.log(upper / lower))
    found = np.empty_like(values)
    found[order] = np.where(index < 0, np.nan, np.where(index == 0, 0.0, values))
    return found
