"""Endpoints in a file are those that were appended, whatever was appended at once."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from vivocart.endpoints.registry import find_endpoint
from vivocart.endpoints.table import summarize
from vivocart.scenarios import endpoint_table
from vivocart.scenarios.endpoint_table import (
    ArmEndpoints,
    EndpointTable,
    endpoint_file,
    read_endpoint_file,
    write_endpoint_file,
)

ENTRIES = tuple(find_endpoint(name) for name in ("b_cells_nadir", "b_cell_return_day", "crs_any"))
IDS = tuple(entry.id for entry in ENTRIES)
LABELS = ("low", "high")


def _values(n: int, arm: int) -> np.ndarray:
    rng = np.random.default_rng(arm)
    values = np.stack([rng.lognormal(size=n), rng.lognormal(size=n), (rng.random(n) < 0.3).astype(float)])
    values[1, ::5] = np.inf
    values[0, ::7] = np.nan
    values[:, 3::11] = np.nan  # failed
    return values


def _write(path: Path, n: int, size: int) -> None:
    with endpoint_file(path, LABELS) as append:
        for first in range(0, n, size):
            patients = np.arange(first, min(first + size, n))
            append(
                [
                    ArmEndpoints(patients=patients, ids=IDS, values=_values(n, arm)[:, patients])
                    for arm in range(2)
                ]
            )


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_table, "ROWS_AT_ONCE", 16)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 100])
def test_what_comes_back_is_what_was_appended(tmp_path: Path, n: int):
    failed = int(np.isnan(_values(n, 0)).all(axis=0).sum())
    for size in (1, 7, 16, 1000):
        path = tmp_path / f"{size}.parquet"
        _write(path, n, size)
        assert path.read_bytes() == (tmp_path / "1.parquet").read_bytes(), size
    for arm, table in enumerate(read_endpoint_file(path, ENTRIES, n_failed=[failed, failed])):
        assert len(table) == n
        np.testing.assert_array_equal(table.column("patient"), np.arange(n))
        for id, wanted in zip(IDS, _values(n, arm), strict=True):
            np.testing.assert_array_equal(table.column(id), wanted)


def test_a_summary_from_a_file_is_that_of_the_table_in_memory(tmp_path: Path):
    _write(tmp_path / "x.parquet", 200, 33)
    failed = int(np.isnan(_values(200, 1)).all(axis=0).sum())
    table = read_endpoint_file(tmp_path / "x.parquet", ENTRIES, n_failed=[failed, failed])[1]
    frame = table.to_frame()
    pd.testing.assert_frame_equal(EndpointTable.of(frame).summary(), table.summary())
    columns = list(summarize(frame).columns)
    pd.testing.assert_frame_equal(summarize(frame), table.summary()[columns])
    assert table.summary()["is_flag"].tolist() == [False, False, True]
    assert frame.attrs["not_reached"]["b_cell_return_day"] == int(np.isinf(_values(200, 1)[1]).sum())


def test_groups_hold_the_same_patients_of_each_arm(tmp_path: Path):
    _write(tmp_path / "x.parquet", 20, 6)
    frame = pq.read_table(tmp_path / "x.parquet").to_pandas()
    assert frame["arm"].tolist() == ["low"] * 16 + ["high"] * 16 + ["low"] * 4 + ["high"] * 4
    assert frame["patient"].tolist() == [*range(16), *range(16), *range(16, 20), *range(16, 20)]


def test_tables_are_written_again_as_they_stand(tmp_path: Path):
    _write(tmp_path / "x.parquet", 20, 6)
    tables = dict(
        zip(LABELS, read_endpoint_file(tmp_path / "x.parquet", ENTRIES, n_failed=[0, 0]), strict=True)
    )
    write_endpoint_file(tmp_path / "copy.parquet", tables)
    in_memory = {label: EndpointTable.of(table.to_frame()) for label, table in tables.items()}
    write_endpoint_file(tmp_path / "anew.parquet", in_memory)
    for name in ("copy", "anew"):
        assert (tmp_path / f"{name}.parquet").read_bytes() == (tmp_path / "x.parquet").read_bytes()


def test_a_temporary_folder_goes_with_the_last_table(tmp_path: Path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    _write(folder / "x.parquet", 20, 6)
    low, high = read_endpoint_file(folder / "x.parquet", ENTRIES, n_failed=[0, 0], is_temporary=True)
    del low
    gc.collect()
    assert folder.exists()
    del high
    gc.collect()
    assert not folder.exists()


def test_an_error_closes_the_file(tmp_path: Path):
    def fail() -> None:
        with endpoint_file(tmp_path / "x.parquet", LABELS):
            raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        fail()
