"""Tables of numbers with columns of any name, from CSV or Parquet: what a user gives of many patients."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vivocart.ground.errors import InputError

_PARQUET = frozenset({".parquet", ".pq"})


def read_columns(path: Path | str, *, words: tuple[str, ...] = ()) -> dict[str, NDArray[Any]]:
    """Columns of a table whose cells are finite numbers, in the file's order.

    Parameters
    ----------
    path
        CSV with a header line (lines that start with ``#`` are comments), or Parquet.
    words
        Columns, where the file has them, that hold text; a cell of them may not be empty either.

    Raises
    ------
    InputError
        Naming file, row (as a spreadsheet counts: the header is row 1), column and value, and how to mend it.
    """
    file = Path(path)
    try:
        table = pd.read_parquet(file) if file.suffix.lower() in _PARQUET else _read_csv(file, words)
    except FileNotFoundError:
        raise InputError("no such file", where=str(file), mend="check the path") from None
    except pd.errors.ParserWarning:
        raise InputError(
            "a row has more cells than the header", where=str(file), mend="quote cells that hold a comma"
        ) from None
    except (OSError, ValueError) as error:  # pandas and pyarrow say in it what is wrong
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot be read: {reason}", where=str(file), mend="give CSV or Parquet") from None
    if not len(table.columns) or not len(table):
        raise InputError("the table is empty", where=file.name, mend="add a header line and rows")
    found: dict[str, NDArray[Any]] = {}
    for name in map(str, table.columns):
        cells = np.asarray(table[name])
        found[name] = _words(cells, name, file.name) if name in words else _numbers(cells, name, file.name)
    return found


def _read_csv(file: Path, words: tuple[str, ...]) -> pd.DataFrame:
    text = file.read_bytes().decode("utf-8-sig")
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    header = [cell.strip() for cell in next(csv.reader([next(lines, "")]), [])]
    for place, name in enumerate(header):
        if not name or name in header[:place]:
            problem = f"column '{name}' is there twice" if name else f"column {place + 1} has no name"
            raise InputError(problem, where=f"{file.name}, row 1", mend="name every column once")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be dropped
        return pd.read_csv(
            io.StringIO(text),
            comment="#",
            skipinitialspace=True,
            names=header,
            header=0,
            index_col=False,
            dtype={name: str for name in words if name in header},
            na_values=[""],
            keep_default_na=False,
        )


def _numbers(cells: NDArray[Any], column: str, file: str) -> NDArray[np.float64]:
    values = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise _refusal(cells, int(wrong[0]), column, file)
    return values


def _words(cells: NDArray[Any], column: str, file: str) -> NDArray[Any]:
    empty = np.flatnonzero(pd.isna(cells))
    if empty.size:
        raise _refusal(cells, int(empty[0]), column, file)
    return np.array([str(cell).strip() for cell in cells], dtype=object)


def _refusal(cells: NDArray[Any], row: int, column: str, file: str) -> InputError:
    cell = cells[row]
    problem = "the cell is empty" if pd.isna(cell) else f"'{cell}' is not a finite number"
    return InputError(problem, where=f"{file}, row {row + 2}, column {column}", mend="write a number")
