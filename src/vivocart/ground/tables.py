"""Typed rows read from CSV and typed documents read from YAML, with every fault named by file, place and value.

A table's row type is a pydantic model; one fault does not hide the next: :func:`read_table` collects all of them and raises
one :class:`~vivocart.ground.errors.InputError` whose text lists the first and counts the rest.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, final

import yaml
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


_MAXIMUM_DOCUMENT_BYTES = (
    1_000_000  # a study or product is a few kB; this keeps a wrong file from filling memory
)
_MAXIMUM_DEPTH = 20


class Document(BaseModel):
    """Base of what we read from YAML: frozen, no unknown key, no infinite number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


DocumentT = TypeVar("DocumentT", bound=Document)


@final
class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without anchors, repeated keys or deep nesting: none is needed here, and each can hide a mistake."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node, refused when it is an alias or lies too deep."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases are not read", problem_mark=self.peek_event().start_mark
            )
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """One mapping, refused when a key stands in it twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key '{key.value}' stands twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def parse_document(text: str, document_type: type[DocumentT], *, name: str) -> DocumentT:
    """Typed document of a YAML text.

    Parameters
    ----------
    text
        YAML without anchors.
    document_type
        The pydantic document.
    name
        File name for the error.

    Raises
    ------
    InputError
        Naming file, place (``arms[1].dose_mg``), value and mend of the first fault and the count of the others.
    """
    if len(text) > _MAXIMUM_DOCUMENT_BYTES:
        raise InputError(
            f"{len(text)} characters", where=name, mend=f"at most {_MAXIMUM_DOCUMENT_BYTES} are read"
        )
    try:
        data = yaml.load(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(
            f"not YAML: {error.problem}", where=f"{name}{line}", mend="check indents, colons and quotes"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(
            f"not YAML: {error}".replace("\n", " "), where=name, mend="check indents, colons and quotes"
        ) from error
    if not isinstance(data, dict):
        raise InputError(
            "the file holds no keys", where=name, mend=f"it needs: {', '.join(document_type.model_fields)}"
        )
    try:
        return document_type.model_validate(data)
    except ValidationError as error:
        raise _document_error(error, document_type, name) from error


def _document_error(error: ValidationError, document_type: type[Document], name: str) -> InputError:
    # a misspelled key makes two faults, unknown and missing: the unknown one says more
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    fault = faults[0]
    place = ""
    for part in fault["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    if fault["type"] == "extra_forbidden":
        beside = [
            f["loc"][-1] for f in faults if f["type"] == "missing" and f["loc"][:-1] == fault["loc"][:-1]
        ]
        known = document_type.model_fields if len(fault["loc"]) == 1 else ()
        problem, mend = "unknown key", "check the spelling or take it out"
        if beside:
            mend = f"missing here: {', '.join(str(key) for key in beside)}"
        elif known:
            mend = f"known keys: {', '.join(known)}"
    elif fault["type"] == "missing":
        problem, mend = "missing", "add it"
    else:
        problem, mend = fault["msg"].removeprefix("Value error, "), ""
        if not isinstance(fault["input"], dict | list):
            problem += f" (found {str(fault['input'])[:80]!r})"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InputError(f"{problem}{more}", where=f"{name}, {place}" if place else name, mend=mend)


def read_document(source: Path | Traversable, document_type: type[DocumentT]) -> DocumentT:
    """Typed document of a YAML file; errors as in :func:`parse_document` and :func:`read_text`."""
    return parse_document(read_text(source), document_type, name=source.name)
