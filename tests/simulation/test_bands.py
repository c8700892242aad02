"""Quantile bands: close to the exact quantiles and blind to chunks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

from vivocart.simulation.bands import (
    BIN,
    QUANTILES,
    add_bins,
    count_bands,
    empty_bands,
    place_values,
    quantile_bands,
)


def _dataset(values: np.ndarray) -> xr.Dataset:
    times = np.arange(values.shape[1], dtype=float)
    return xr.Dataset({"x": (("patient", "time"), values, {"units": "1/uL"})}, coords={"time": times})


def test_quantiles_are_within_a_bin_of_the_exact_ones():
    generator = np.random.default_rng(0)
    values = np.exp(2.0 * generator.normal(size=(5_000, 4))) * np.array([1.0, 10.0, 0.05, 300.0])
    bands = quantile_bands(count_bands(_dataset(values), ["x"]))["x"]
    exact = np.quantile(values, QUANTILES, axis=0)
    assert np.abs(np.log(bands.values / exact)).max() < 0.0051
    assert bands.attrs["units"] == "1/uL"


def test_zero_is_zero_and_missing_is_left_out():
    values = np.array([[0.0, np.nan], [0.0, np.nan], [0.0, 5.0]])
    bands = quantile_bands(count_bands(_dataset(values), ["x"]))["x"].values
    assert (bands[:, 0] == 0.0).all()
    assert bands[:, 1] == pytest.approx(5.0, rel=0.0051)


def test_no_patient_left_is_missing_not_zero():
    bands = quantile_bands(count_bands(_dataset(np.full((3, 1), np.nan)), ["x"]))["x"].values
    assert np.isnan(bands).all()


@pytest.mark.parametrize("cut", [1, 13, 250, 499])
def test_chunks_change_nothing(cut: int):
    values = np.exp(np.random.default_rng(1).normal(size=(500, 3)))
    whole = quantile_bands(count_bands(_dataset(values), ["x"]))
    parts = count_bands(_dataset(values[cut:]), ["x"], before=count_bands(_dataset(values[:cut]), ["x"]))
    assert quantile_bands(parts).identical(whole)


def test_what_is_beyond_the_bins_is_counted_at_their_ends():
    values = np.array([[-1.0], [1e-9], [0.0], [-0.0]])
    assert (quantile_bands(count_bands(_dataset(values), ["x"]))["x"].values == 0.0).all()
    values = np.array([[np.inf], [1e9], [-np.nan], [np.nan]])
    assert (quantile_bands(count_bands(_dataset(values), ["x"]))["x"].values >= 1e6).all()


def test_threads_that_add_at_once_lose_no_patient():
    values = np.exp(np.random.default_rng(2).normal(size=(300, 40)))
    bands = empty_bands(np.arange(40.0), {"x": {}})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: count_bands(_dataset(values), ["x"], before=bands), range(40)))
    assert (bands.counts["x"].sum(axis=1) == 40 * 300).all()


def test_bins_that_waited_are_counted_as_values_are():
    values = np.exp(np.random.default_rng(4).normal(size=(2, 3, 90)))  # observables, times, patients
    values[0, 1, 5], values[1, 2, 50], values[1, 0, 7] = np.nan, np.inf, -np.inf
    waiting = empty_bands(np.arange(3.0), {"x": {}, "y": {}})
    bins = np.empty((2, 3, 100), BIN)
    parts = [place_values(np.ascontiguousarray(values[:, :, cut]), bins, cut.start) for cut in _cuts(90, 40)]
    np.testing.assert_array_equal(np.concatenate(parts), np.isfinite(values).all(axis=(0, 1)))
    add_bins(waiting, bins, 90)
    direct = empty_bands(np.arange(3.0), {"x": {}, "y": {}})
    for name, of in zip("xy", values, strict=True):
        data = xr.Dataset({name: (("patient", "time"), of.T)}, coords={"time": np.arange(3.0)})
        count_bands(data, [name], before=direct)
        np.testing.assert_array_equal(waiting.counts[name], direct.counts[name])


def _cuts(n: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def test_every_bin_is_narrow():
    values = np.exp(np.random.default_rng(5).uniform(np.log(1.1e-4), np.log(9e5), 20_000))
    for value in values[:200]:
        band = quantile_bands(count_bands(_dataset(np.full((3, 1), value)), ["x"]), (1e-9, 1.0))["x"].values
        assert band[1, 0] / band[0, 0] <= 1.0040
        assert band[0, 0] <= value * (1 + 1e-12) and value <= band[1, 0] * (1 + 1e-12)


def test_quantiles_are_given_in_any_order():
    counts = count_bands(_dataset(np.random.default_rng(3).lognormal(0, 2, (500, 4))), ["x"])
    asked = (0.9, 0.1, 0.5)
    together = quantile_bands(counts, asked)["x"]
    for quantile in asked:
        alone = quantile_bands(counts, (quantile,))["x"]
        assert (together.sel(quantile=quantile).values == alone.values[0]).all()
