"""Tables of numbers with columns of any name, from CSV or Parquet: what a user gives of many patients."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vivocart.ground.errors import InputError

_PARQUET = frozenset({".parquet", ".pq"})


def read_columns(
    path: Path | str, *, words: tuple[str, ...] = (), blank_as_zero: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Columns of a table whose cells are finite numbers, in the file's order.

    Parameters
    ----------
    path
        CSV with a header line (lines that start with ``#`` are comments), or Parquet.
    words
        Columns, where the file has them, that hold text; a cell of them may not be empty either.
    blank_as_zero
        Columns in which an empty cell is 0.

    Raises
    ------
    InputError
        Naming file, row (as a spreadsheet counts: the header is row 1), column and value, and how to mend it.
    """
    file = Path(path)
    try:
        if file.suffix.lower() in _PARQUET:
            table = pd.read_parquet(file)
            rows: Sequence[int] = range(2, len(table) + 2)
        else:
            table, rows = _read_csv(file, words)
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
        wrong = pd.isna(cells)
        if name in words:
            found[name] = np.array([_word(cell) for cell in cells], dtype=object)
        else:
            found[name] = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)
            if name in blank_as_zero:
                found[name] = np.where(wrong, 0.0, found[name])
            wrong = ~np.isfinite(found[name])
        if wrong.any():
            place = int(np.argmax(wrong))
            where = f"{file.name}, row {rows[place]}, column {name}"
            raise _refusal(cells[place], where, "name" if name in words else "number")
    return found


def _read_csv(file: Path, words: tuple[str, ...]) -> tuple[pd.DataFrame, Sequence[int]]:
    """The table, and the line of the file at which each row stands."""
    lines = io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=None).readlines()
    # not left to pandas, for which a cell ends at any "#"
    kept = [n for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    header = [cell.strip() for cell in next(csv.reader(lines[n - 1] for n in kept), [])]
    for place, name in enumerate(header):
        if not name or name in header[:place]:
            problem = f"column '{name}' is there twice" if name else f"column {place + 1} has no name"
            raise InputError(problem, where=f"{file.name}, row 1", mend="name every column once")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be dropped
        table = pd.read_csv(
            io.StringIO("".join(lines[n - 1] for n in kept)),
            skipinitialspace=True,
            names=header,
            header=0,
            index_col=False,
            dtype={name: str for name in words if name in header},
            na_values=[""],
            keep_default_na=False,
        )
    is_a_line_a_row = len(table) == len(kept) - 1  # else a cell goes over several lines
    return table, kept[1:] if is_a_line_a_row else range(2, len(table) + 2)


def _word(cell: Any) -> str:
    """A cell as text; Parquet may hold whole numbers, such as those of patients, as floating-point numbers."""
    is_whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell)) if is_whole else str(cell).strip()


def _refusal(cell: Any, where: str, wanted: str) -> InputError:
    problem = "the cell is empty" if pd.isna(cell) else f"'{cell}' is not a finite number"
    return InputError(problem, where=where, mend=f"write a {wanted}")
