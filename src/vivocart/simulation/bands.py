"""Quantile bands over any number of patients in a fixed amount of memory.

Values are counted in logarithmic bins half a percent wide. Counts add up exactly, so the bands do not depend on how the
patients were cut into chunks; a quantile read from them is within one bin of the exact one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import xarray as xr

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
    """Counts of patients by observable, time and value bin; ``missing`` counts failed patients by time."""

    times_days: np.ndarray  # (n_times,)
    counts: Mapping[str, np.ndarray]  # observable -> (n_times, n_bins)
    attributes: Mapping[str, Mapping[str, str]]  # observable -> units and long_name

    def plus(self, other: BandCounts) -> BandCounts:
        """Counts of both groups of patients together."""
        united = {name: self.counts[name] + other.counts[name] for name in self.counts}
        return BandCounts(times_days=self.times_days, counts=united, attributes=self.attributes)


def count_bands(data: xr.Dataset, observables: Sequence[str]) -> BandCounts:
    """Count one chunk of patients.

    Parameters
    ----------
    data
        Dimensions (patient, time); missing values are left out.
    observables
        Which variables to count.
    """
    counts: dict[str, np.ndarray] = {}
    attributes: dict[str, Mapping[str, str]] = {}
    for name in observables:
        values = np.asarray(data[name].values, dtype=np.float64)
        n_times = values.shape[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            bins = np.floor(np.log(np.maximum(values, 0.0) / _LOWEST) / _BIN) + 1.0
        bins = np.clip(bins, 0, _N_BINS - 1)
        kept = np.isfinite(values)
        flat = (np.arange(n_times)[None, :] * _N_BINS + np.where(kept, bins, 0)).astype(np.int64)
        counted = np.bincount(flat[kept], minlength=n_times * _N_BINS)
        counts[name] = counted.reshape(n_times, _N_BINS).astype(np.int64)
        attributes[name] = {str(key): str(value) for key, value in data[name].attrs.items()}
    return BandCounts(times_days=np.asarray(data["time"].values), counts=counts, attributes=attributes)


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
