"""Endpoints of any number of virtual patients: written to a Parquet file as they come, read a column at a time.

A million patients have a gigabyte of endpoints, of which a summary needs eight megabytes at once.
"""

from __future__ import annotations

import shutil
import threading
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import pandas as pd

from vivocart.endpoints.registry import Endpoint
from vivocart.endpoints.table import summary_row

if TYPE_CHECKING:
    import pyarrow as pa

ENDPOINTS_FILE = "endpoints.parquet"
ROWS_AT_ONCE = 16_384
"""Patients of an arm that stand together in the file: first those of the first arm, then those of the second, and so on."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTable:
    """Endpoints of the patients of an arm: a row a patient, a column an endpoint, in memory or in a file.

    Parameters
    ----------
    units, labels, families
        By endpoint, in the order of the columns.
    n_patients, n_failed
        Rows, and how many of them hold nothing because the patient could not be integrated.
    column
        Values of one endpoint, or of ``patient``, shape (n_patients,): missing where the endpoint does not apply,
        infinite where it is not reached.
    file
        File that holds these rows and those of the other arms; None if they are in memory.
    """

    units: Mapping[str, str]
    labels: Mapping[str, str]
    families: Mapping[str, str]
    n_patients: int
    n_failed: int
    column: Callable[[str], np.ndarray]
    file: Path | None = None
    _summary: list[pd.DataFrame] = field(
        default_factory=list[pd.DataFrame], init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, frame: pd.DataFrame) -> EndpointTable:
        """The table of a frame as :func:`vivocart.endpoints.table.endpoints` returns it."""
        columns = frame.to_numpy(dtype=np.float64)
        places = {str(name): place for place, name in enumerate(frame.columns)}
        patients = frame.index.to_numpy()
        return cls(
            units=frame.attrs["units"],
            labels=frame.attrs["labels"],
            families=frame.attrs["families"],
            n_patients=len(frame),
            n_failed=int(frame.attrs["n_failed"]),
            column=lambda name: patients if name == "patient" else columns[:, places[name]],
        )

    def __len__(self) -> int:
        """Number of patients."""
        return self.n_patients

    def __contains__(self, id: object) -> bool:
        """Whether there is such an endpoint."""
        return id in self.units

    def summary(self) -> pd.DataFrame:
        """A row for each endpoint as :func:`vivocart.endpoints.table.summarize` gives it, plus ``family`` and ``is_flag``.

        One column after the other is read and let go; asked again, the rows are there.
        """
        if not self._summary:
            with ThreadPoolExecutor(2) as pool:
                self._summary.append(pd.DataFrame(list(pool.map(self._row, self.units))))
        return self._summary[0]

    def to_frame(self) -> pd.DataFrame:
        """All columns in memory, as :func:`vivocart.endpoints.table.endpoints` returns them."""
        index = pd.Index(self.column("patient"), name="patient")
        frame = pd.DataFrame({name: self.column(name) for name in self.units}, index=index)
        rows = self.summary()
        frame.attrs |= {
            "units": dict(self.units),
            "labels": dict(self.labels),
            "families": dict(self.families),
            "n_failed": self.n_failed,
            "not_applicable": dict(zip(rows["endpoint"], rows["not_applicable"], strict=True)),
            "not_reached": dict(zip(rows["endpoint"], rows["not_reached"], strict=True)),
        }
        return frame

    def _row(self, id: str) -> dict[str, object]:
        values = self.column(id)
        row = summary_row(values, n_failed=self.n_failed)
        head = {"endpoint": id, "label": self.labels[id], "unit": self.units[id]}
        return head | row | {"family": self.families[id], "is_flag": is_flag(id, values, self.units[id])}


def is_flag(id: str, values: np.ndarray, unit: str) -> bool:
    """Whether an endpoint says yes or no: every value known is 0 or 1, and it is no grade."""
    if unit != "1" or "grade_max" in id:
        return False
    n_known = len(values) - np.count_nonzero(np.isnan(values))
    n_yes_or_no = np.count_nonzero(values == 0.0) + np.count_nonzero(values == 1.0)
    return bool(n_known > 0 and n_yes_or_no == n_known)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ArmEndpoints:
    """Endpoints of some patients of an arm: indices of the patients (n,) and values (n_endpoints, n)."""

    patients: np.ndarray
    ids: tuple[str, ...]
    values: np.ndarray


Append = Callable[[Sequence[ArmEndpoints]], None]
"""Takes the same patients of every arm."""


@contextmanager
def endpoint_file(path: Path, labels: Sequence[str]) -> Generator[Append]:
    """A function that appends patients to a Parquet file, which is whole when the context ends.

    Columns ``arm``, ``patient`` and the endpoints. Rows stand in groups of :data:`ROWS_AT_ONCE` patients, whatever was
    appended at once: a group of the first arm, the same patients of the second, and so on.

    Parameters
    ----------
    path, labels
        The file, and the labels of the arms in the order in which they are appended.
    """
    import pyarrow.parquet as pq  # late: half a second

    opened: list[pq.ParquetWriter] = []
    groups: list[ArmEndpoints] = []  # one an arm, filled up to `held` patients
    held = 0

    def write() -> None:
        for label, group in zip(labels, groups, strict=True):
            table = _arrow(label, group, held)
            if not opened:
                opened.append(pq.ParquetWriter(path, table.schema, use_dictionary=["arm"]))  # pyright: ignore[reportArgumentType]
            opened[0].write_table(table)

    def append(parts: Sequence[ArmEndpoints]) -> None:
        nonlocal held
        if not groups:
            groups.extend(_room(part) for part in parts)
        first, last = 0, len(parts[0].patients)
        while first < last:
            taken = _fill(groups, held, parts, first)
            first, held = first + taken, held + taken
            if held == ROWS_AT_ONCE:
                write()
                held = 0

    try:
        yield append
        if held:
            write()
    finally:
        for writer in opened:
            writer.close()


def read_endpoint_file(
    path: Path, entries: Sequence[Endpoint], *, n_failed: Sequence[int], is_temporary: bool = False
) -> list[EndpointTable]:
    """A table for each arm of a file that :func:`endpoint_file` wrote.

    The file stays open, so the tables can be read when it has been moved, as long as they live.

    Parameters
    ----------
    entries, n_failed
        The endpoints in the file, and for each arm how many patients could not be integrated.
    is_temporary
        Whether the folder of the file goes with the last of the tables.
    """
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(path)
    if is_temporary:
        weakref.finalize(opened, shutil.rmtree, path.parent, ignore_errors=True)
    lock = threading.Lock()  # a file has one position

    def reader(place: int) -> Callable[[str], np.ndarray]:
        groups = list(range(place, opened.num_row_groups, len(n_failed)))

        def column(name: str) -> np.ndarray:
            with lock:
                table = opened.read_row_groups(groups, columns=[name], use_threads=False)
            return table[name].to_numpy()

        return column

    return [
        EndpointTable(
            units={entry.id: entry.unit for entry in entries},
            labels={entry.id: entry.label for entry in entries},
            families={entry.id: entry.family for entry in entries},
            n_patients=opened.metadata.num_rows // len(n_failed),
            n_failed=failed,
            column=reader(place),
            file=path,
        )
        for place, failed in enumerate(n_failed)
    ]


def write_endpoint_file(path: Path, tables: Mapping[str, EndpointTable]) -> None:
    """Write tables by the label of their arm; tables of one file are copied as they stand there."""
    files = {table.file for table in tables.values()}
    source = files.pop() if len(files) == 1 else None
    if source is not None and source.is_file():
        if not (path.exists() and path.samefile(source)):
            shutil.copyfile(source, path)
        return
    parts = [
        ArmEndpoints(
            patients=table.column("patient"),
            ids=tuple(table.units),
            values=np.stack([table.column(id) for id in table.units]),
        )
        for table in tables.values()
    ]
    with endpoint_file(path, list(tables)) as append:
        append(parts)


def _room(like: ArmEndpoints) -> ArmEndpoints:
    """Room for a group of patients with the same endpoints."""
    return ArmEndpoints(
        patients=np.empty(ROWS_AT_ONCE, like.patients.dtype),
        ids=like.ids,
        values=np.empty((len(like.ids), ROWS_AT_ONCE)),
    )


def _fill(groups: Sequence[ArmEndpoints], held: int, parts: Sequence[ArmEndpoints], first: int) -> int:
    """Copy patients of parts from ``first`` on behind those that groups hold; how many there was room for."""
    taken = min(ROWS_AT_ONCE - held, len(parts[0].patients) - first)
    for group, part in zip(groups, parts, strict=True):
        group.patients[held : held + taken] = part.patients[first : first + taken]
        group.values[:, held : held + taken] = part.values[:, first : first + taken]
    return taken


def _arrow(label: str, arm: ArmEndpoints, n_patients: int) -> pa.Table:
    import pyarrow as pa

    columns = {"arm": pa.repeat(label, n_patients), "patient": pa.array(arm.patients[:n_patients])}
    columns |= {id: pa.array(row[:n_patients]) for id, row in zip(arm.ids, arm.values, strict=True)}
    return pa.table(columns)
