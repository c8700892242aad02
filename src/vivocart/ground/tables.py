"""Tables of typed rows read from CSV, with every fault named by file, row and column.

A table's row type is a pydantic model; one fault does not hide the next: :func:`read_table` collects all of them and raises
one :class:`~vivocart.ground.errors.InputError` whose text lists the first and counts the rest.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar, final

from pydantic import BaseModel, ConfigDict, ValidationError

from vivocart.ground.errors import InputError


class Row(BaseModel):
    """Base of the rows of our tables: frozen, no unknown column, no infinite or missing number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


RowT = TypeVar("RowT", bound=Row)


@final
class Issue(BaseModel):
    """One finding of a check: where, what, and how to mend it."""

    model_config = ConfigDict(frozen=True)

    level: str  # "error" or "warning"
    check: str
    file: str
    row: int | None = None  # as a spreadsheet counts: the header is row 1
    column: str | None = None
    value: str | None = None
    message: str
    mend: str = ""

    def __str__(self) -> str:
        place = [self.file]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column:
            place.append(f"column {self.column}")
        found = f" (found '{self.value}')" if self.value is not None else ""
        mend = f"; {self.mend}" if self.mend else ""
        return f"{', '.join(place)}: {self.message}{found}{mend}"


def read_text(source: Path | Traversable) -> str:
    """Text of a file as UTF-8; a missing or undecodable file is an :class:`InputError` that names it."""
    try:
        return source.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(source), mend="check the path") from error
    except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"cannot be read as UTF-8 text ({error})", where=str(source)) from error


def parse_rows(text: str, row_type: type[RowT], *, name: str) -> tuple[list[RowT], list[Issue]]:
    """Rows of a CSV text and the issues found; empty cells count as not given.

    Parameters
    ----------
    text
        CSV with a header line; lines that start with ``#`` are comments.
    row_type
        The pydantic row.
    name
        File name for the issues.
    """
    lines = text.splitlines()
    kept = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    issues: list[Issue] = []
    rows: list[RowT] = []
    if not kept:
        issues.append(
            Issue(
                level="error",
                check="table",
                file=name,
                message="the table is empty",
                mend="add a header line",
            )
        )
        return rows, issues
    reader = csv.reader(io.StringIO("\n".join(line for _, line in kept)), strict=True)
    try:
        records = list(reader)
    except csv.Error as error:
        issues.append(
            Issue(level="error", check="table", file=name, row=reader.line_num, message=f"not CSV: {error}")
        )
        return rows, issues
    header = [cell.strip() for cell in records[0]]
    issues.extend(_header_issues(header, row_type, name))
    if issues:
        return rows, issues
    for position, record in enumerate(records[1:], start=1):
        number = kept[position][0] if len(records) == len(kept) else position + 1
        if len(record) != len(header):
            message = f"{len(record)} cells where the header has {len(header)}"
            issues.append(
                Issue(
                    level="error",
                    check="table",
                    file=name,
                    row=number,
                    message=message,
                    mend="quote cells that hold a comma",
                )
            )
            continue
        cells = {key: cell for key, cell in zip(header, record, strict=True) if cell.strip() != ""}
        try:
            rows.append(row_type.model_validate(cells))
        except ValidationError as error:
            issues.extend(_row_issues(error, cells, name, number))
    return rows, issues


def _header_issues(header: Sequence[str], row_type: type[Row], name: str) -> list[Issue]:
    issues: list[Issue] = []
    fields = row_type.model_fields
    for column in fields:
        if fields[column].is_required() and column not in header:
            issues.append(
                Issue(
                    level="error",
                    check="columns",
                    file=name,
                    row=1,
                    column=column,
                    message="column is missing",
                    mend=f"the header needs: {', '.join(fields)}",
                )
            )
    for column in header:
        if column not in fields:
            issues.append(
                Issue(
                    level="error",
                    check="columns",
                    file=name,
                    row=1,
                    column=column,
                    message="unknown column",
                    mend=f"known columns: {', '.join(fields)}",
                )
            )
    return issues


def _row_issues(error: ValidationError, cells: dict[str, str], name: str, number: int) -> list[Issue]:
    issues: list[Issue] = []
    for fault in error.errors():
        column = str(fault["loc"][0]) if fault["loc"] else None
        value = cells.get(column) if column else None
        message = (
            "the cell is empty" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        )
        issues.append(
            Issue(
                level="error", check="row", file=name, row=number, column=column, value=value, message=message
            )
        )
    return issues


def raise_on_errors(issues: Sequence[Issue]) -> None:
    """Raise one :class:`InputError` for the errors among ``issues``: the first in full, the others counted."""
    errors = [issue for issue in issues if issue.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"{errors[0]}{more}")


def read_table(source: Path | Traversable, row_type: type[RowT]) -> list[RowT]:
    """Rows of a CSV file.

    Raises
    ------
    InputError
        Naming file, row, column, value and mend of the first fault and the count of the others.
    """
    rows, issues = parse_rows(read_text(source), row_type, name=source.name)
    raise_on_errors(issues)
    return rows
