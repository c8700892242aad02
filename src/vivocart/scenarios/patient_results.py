"""Results of a table of patients on disk, written part after part: CSV, or Parquet that carries where it comes from."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from vivocart.ground.errors import InputError
from vivocart.ground.provenance import current_versions
from vivocart.simulation.run_patients import PatientFailure, PatientPart

_BODY = pc.WriteOptions(include_header=False, quoting_style="needed")
_CSV, _PARQUET = ".csv", ".parquet"
_OWN = ("patient", "time")  # columns of every result


def check_format(path: Path) -> None:
    """Refuse a file name of another format than CSV or Parquet.

    Raises
    ------
    InputError
        Naming the ending and those that are known.
    """
    if path.suffix.lower() not in (_CSV, _PARQUET):
        raise InputError(
            f"'{path.suffix}' is not known", where=str(path), mend=f"name it {path.stem}.parquet or .csv"
        )


def file_provenance(files: Iterable[Path], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data on what results rest on: files by their contents, what was asked, versions.

    Files are called by their names, those of one name in several folders by their paths.
    """
    given = list(files)
    names = [file.name for file in given]
    told = {
        str(file) if names.count(file.name) > 1 else file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in given
    }
    return {
        "software": "vivocart",
        "purpose": "for research, not for treatment decisions",
        "files": told,
        "asked": dict(asked),
        "versions": current_versions(),
    }


def write_patients(
    parts: Iterable[PatientPart],
    path: Path,
    *,
    times: Sequence[float],
    observables: Sequence[str],
    provenance: Mapping[str, Any],
) -> tuple[int, list[PatientFailure]]:
    """A row for each patient and time, with a column for each observable; gives the number of patients, and who failed.

    Parameters
    ----------
    path
        File to write, CSV or Parquet by its ending.
    provenance
        Plain data; a Parquet file carries it as JSON under ``vivocart``.

    Raises
    ------
    InputError
        An observable has the name of one of the other columns.
    """
    for name in observables:
        if name in _OWN:
            raise InputError(
                f"'{name}' is a column of every result", where="observables", mend="name others to write"
            )
    schema = pa.schema(
        [("patient", pa.string()), ("time", pa.float64()), *((name, pa.float64()) for name in observables)],
        metadata={"vivocart": json.dumps(provenance, sort_keys=True)},
    )
    failures, count = list[PatientFailure](), 0
    with _opened(path, schema) as writer:
        for part in parts:
            n = len(part.patients)
            columns = [
                pa.array(np.repeat(np.array(part.patients, dtype=object), len(times)), pa.string()),
                pa.array(np.tile(np.asarray(times, dtype=np.float64), n)),
                *(pa.array(part.values[:, :, place].ravel()) for place in range(len(observables))),
            ]
            writer.write_table(pa.table(columns, schema=schema))
            failures += part.failures
            count += n
    return count, failures


@contextmanager
def _opened(path: Path, schema: pa.Schema) -> Generator[pc.CSVWriter | pq.ParquetWriter]:
    if path.suffix.lower() != _CSV:
        with pq.ParquetWriter(path, schema) as writer:
            yield writer
        return
    with path.open("w", encoding="utf-8", newline="") as header:  # Arrow would quote every name
        csv.writer(header, lineterminator="\n").writerow(schema.names)
    with path.open("ab") as sink, pc.CSVWriter(sink, schema, write_options=_BODY) as writer:
        yield writer
