"""A table of the user's own observations: the columns of ``observations.csv``, and how each arm was treated.

Reading is forgiving and tells everything: a missing column is named, a row that cannot be read keeps its place with the
reason, units are converted, and what was added or not used is said.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final, get_args

from pydantic import ValidationError

from vivocart.calibration.measures import Measure, find_measure, plain_unit
from vivocart.calibration.observations import Observation, Statistic
from vivocart.evidence.quantities import Trust
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import read_text
from vivocart.ground.units import convert
from vivocart.model.load import Model

REQUIRED = ("study_id", "arm", "n", "measure", "unit", "statistic", "value")
"""Columns that a table must have."""

TREATMENT = ("regimen", "population", "rescue", "follow_up_days")
"""Columns beside those of ``observations.csv`` that say how an arm was treated."""

_OPTIONAL = (
    "id",
    "label",
    "time_days",
    "level",
    "given",
    "lower",
    "upper",
    "trust",
    "record_id",
    "quantity_id",
    "visits_days",
    "counted_ul",
    "note",
)
_ALIASES = {
    "study": "study_id",
    "n_patients": "n",
    "endpoint": "measure",
    "observable": "measure",
    "time": "time_days",
    "day": "time_days",
    "stat": "statistic",
    "low": "lower",
    "high": "upper",
    "quantile": "level",
    "criteria": "population",
    "entry_criteria": "population",
    "course": "regimen",
    "comment": "note",
    "visits": "visits_days",
    "visit_days": "visits_days",
    "counted_volume_ul": "counted_ul",
}
_STATISTICS = {
    "max": "maximum",
    "largest": "maximum",
    "min": "minimum",
    "smallest": "minimum",
    "average": "mean",
    "std": "sd",
    "standard_deviation": "sd",
    "percent": "fraction",
    "percentage": "fraction",
    "proportion": "fraction",
    "share": "fraction",
    "rate": "fraction",
    "number": "count",
    "n": "count",
    "patients": "count",
    "at_most": "upper_bound",
    "within": "upper_bound",
    "at_least": "lower_bound",
    "value": "point",
    "median_time_to_event": "median_time",
    "time_to_event_median": "median_time",
}
_MOST_ROWS = 10_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRow:
    """One row as it was read.

    ``observation`` and ``measure`` are None where the row cannot be predicted, and ``reason`` then says why. ``cells`` are
    the cells as written.
    """

    line: int
    cells: Mapping[str, str]
    observation: Observation | None
    measure: Measure | None
    reason: str

    @property
    def study_id(self) -> str:
        """Study as written; ``own`` where the cell is empty."""
        return self.cells.get("study_id", "") or "own"

    @property
    def arm(self) -> str:
        """Arm as written; ``all`` where the cell is empty."""
        return self.cells.get("arm", "") or "all"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTable:
    """Rows of the user's table and what to know about its reading."""

    file: str
    rows: tuple[OwnRow, ...]
    notes: tuple[str, ...]


def read_own_observations(path: Path, model: Model) -> OwnTable:
    """Rows of a CSV of the user's own observations.

    Parameters
    ----------
    path
        CSV with a header; columns :data:`REQUIRED`, those of ``observations.csv``, and :data:`TREATMENT`. Lines that begin
        with ``#`` are comments; a header may be in capitals and with blanks.
    model
        Whose endpoints and observables are measured.

    Raises
    ------
    InputError
        If the file cannot be read, has no rows, or lacks columns (all are named).
    """
    header, records = _records(path)
    known = (*REQUIRED, *_OPTIONAL, *TREATMENT)
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise InputError(
            f"missing: {', '.join(missing)}",
            where=f"{path.name}, header",
            mend=f"the header needs {', '.join(REQUIRED)}; it may have {', '.join((*_OPTIONAL, *TREATMENT))}",
        )
    unused = [name for name in header if name and name not in known]
    notes = [f"Not used: the column{'s' if len(unused) > 1 else ''} {', '.join(unused)}."] if unused else []
    rows: list[OwnRow] = []
    for line, cells in records:
        rows.extend(_rows(line, cells, model))
    if not rows:
        raise InputError("no row below the header", where=path.name, mend="write one observation a line")
    return OwnTable(file=path.name, rows=tuple(_distinct(rows)), notes=tuple(notes))


def _records(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    text = read_text(path)
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise InputError("the table is empty", where=path.name, mend="add a header and rows")
    if len(lines) > _MOST_ROWS:
        raise InputError(f"{len(lines)} lines", where=path.name, mend=f"at most {_MOST_ROWS} are read")
    delimiter = max(",;\t", key=lines[0][1].count)
    try:
        table = list(
            csv.reader(io.StringIO("\n".join(line for _, line in lines)), delimiter=delimiter, strict=True)
        )
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", where=path.name, mend="check the quotes") from error
    header = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in table[0]]
    header = [_ALIASES.get(name, name) if _ALIASES.get(name) not in header else name for name in header]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InputError(
            f"the column '{twice[0]}' stands twice", where=f"{path.name}, header", mend="keep one"
        )
    aligned = len(table) == len(lines)
    records = []
    for place, cells in enumerate(table[1:], start=1):
        number = lines[place][0] if aligned else place + 1
        if len(cells) > len(header):
            raise InputError(
                f"{len(cells)} cells where the header has {len(header)}",
                where=f"{path.name}, row {number}",
                mend="quote cells that hold a comma",
            )
        padded = [*cells, *[""] * (len(header) - len(cells))]
        plain = [_decimal_point(cell.strip()) if delimiter == ";" else cell.strip() for cell in padded]
        records.append((number, dict(zip(header, plain, strict=True))))
    return header, records


def _decimal_point(cell: str) -> str:
    """A number of a table whose cells are parted by semicolons, where the comma is the decimal point."""
    return re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", cell)


def _rows(line: int, cells: dict[str, str], model: Model) -> list[OwnRow]:
    """The row; two for an interquartile range, three for a median with one."""
    cells = _plain_value(cells)
    written = re.sub(r"[\s-]+", "_", cells.get("statistic", "").lower())
    if written in ("median_iqr", "median_(iqr)"):
        return [
            *_rows(line, cells | {"statistic": "median"}, model),
            *_rows(line, cells | {"statistic": "iqr"}, model),
        ]
    if written == "iqr":
        quartiles = (("0.25", "lower"), ("0.75", "upper"))
        return [
            _row(line, cells | {"statistic": "quantile", "level": level, "value": cells.get(end, "")}, model)
            for level, end in quartiles
        ]
    level = re.fullmatch(r"(?:q|p|percentile_)(\d{1,2}(?:\.\d+)?)", written)
    if level is not None:
        return [_row(line, cells | {"statistic": "quantile", "level": f"{float(level[1]) / 100:g}"}, model)]
    return [_row(line, cells | {"statistic": _STATISTICS.get(written, written)}, model)]


def _plain_value(cells: dict[str, str]) -> dict[str, str]:
    """The cells with ``5/12`` or ``5 of 12`` as the count 5 and ``60 %`` as 60 in percent."""
    text = cells.get("value", "")
    if (share := re.fullmatch(r"(\d+)\s*(?:/|of)\s*(\d+)", text)) is not None:
        return cells | {"value": share[1]} | ({} if cells.get("n") else {"n": share[2]})
    if (percent := re.fullmatch(r"([\d.]+)\s*%", text)) is not None and cells.get("unit", "") in ("", "%"):
        return cells | {"value": percent[1], "unit": "%"}
    return cells


def _row(line: int, cells: dict[str, str], model: Model) -> OwnRow:
    try:
        measure = _measure(cells, model)
        observation = _observation(line, cells, measure)
    except InputError as error:
        return OwnRow(line=line, cells=cells, observation=None, measure=None, reason=str(error))
    return OwnRow(line=line, cells=cells, observation=observation, measure=measure, reason="")


def _measure(cells: Mapping[str, str], model: Model) -> Measure:
    known = get_args(Statistic)
    if cells.get("statistic", "") not in known:
        raise UnknownNameError("statistic", cells.get("statistic", ""), known)
    if not cells.get("measure"):
        raise InputError("no measure", where="measure", mend="name an endpoint or an observable")
    if cells.get("given"):
        find_measure(cells["given"], _number(cells, "time_days"), model)
    return find_measure(cells["measure"], _number(cells, "time_days"), model)


def _observation(line: int, cells: Mapping[str, str], measure: Measure) -> Observation:
    statistic = cells["statistic"]
    numbers = {name: _number(cells, name) for name in ("value", "lower", "upper")}
    written = plain_unit(cells.get("unit", ""), measure.unit)
    if statistic == "count" and written == "%":
        statistic = "fraction"
    unit = measure.unit
    if statistic == "fraction":
        unit = written if written in ("%", "1") else "1"
        if unit == "1" and any(number is not None and number > 1 for number in numbers.values()):
            if cells.get("unit"):
                raise InputError(
                    "a share above 1", where="unit", mend="write the unit %, or a share from 0 to 1"
                )
            unit = "%"  # nothing is written, and a share above 1 can only be percent
    elif statistic != "count":
        scale = _scale(written, measure)
        numbers = {name: None if number is None else number * scale for name, number in numbers.items()}
    trust = cells.get("trust", "") or "primary"
    fields: dict[str, object] = {
        "id": _identifier(line, cells),
        "study_id": cells.get("study_id", "") or "own",
        "arm": cells.get("arm", "") or "all",
        "n": _whole(cells, "n"),
        "measure": measure.name if not measure.comparison else cells["measure"],
        "label": cells.get("label", "") or measure.label,
        "unit": unit,
        "time_days": _number(cells, "time_days"),
        "statistic": statistic,
        "level": _number(cells, "level"),
        "given": cells.get("given", ""),
        "trust": trust if trust in get_args(Trust) else "primary",
        "record_id": cells.get("record_id", ""),
        "visits_days": cells.get("visits_days", ""),
        "counted_ul": _number(cells, "counted_ul"),
        "note": cells.get("note", ""),
    }
    try:
        return Observation.model_validate(fields | numbers)
    except ValidationError as error:
        fault = error.errors()[0]
        column = str(fault["loc"][0]) if fault["loc"] else "row"
        raise InputError(fault["msg"].removeprefix("Value error, "), where=column) from error


def _scale(written: str, measure: Measure) -> float:
    try:
        return convert(1.0, written, measure.unit)
    except InputError as error:
        raise InputError(
            f"'{written}' is no unit of {measure.name}", where="unit", mend=f"write it in {measure.unit}"
        ) from error


def _identifier(line: int, cells: Mapping[str, str]) -> str:
    text = cells.get("id", "") or f"{cells.get('study_id', '') or 'own'}_row_{line}"
    if cells.get("level") and not cells.get("id"):
        text += f"_q{100 * float(cells['level']):g}"
    plain = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"row_{plain}"


def _distinct(rows: list[OwnRow]) -> list[OwnRow]:
    """The same rows with ids that stand once."""
    seen: set[str] = set()
    distinct: list[OwnRow] = []
    for row in rows:
        observation = row.observation
        if observation is not None:
            name, number = observation.id, 2
            while name in seen:
                name, number = f"{observation.id}_{number}", number + 1
            seen.add(name)
            observation = observation.model_copy(update={"id": name})
        distinct.append(
            OwnRow(
                line=row.line,
                cells=row.cells,
                observation=observation,
                measure=row.measure,
                reason=row.reason,
            )
        )
    return distinct


def _number(cells: Mapping[str, str], column: str) -> float | None:
    text = cells.get(column, "").replace("−", "-").replace(" ", "")
    if not text or text.lower() in ("na", "nan", "nr", "-", "not_reached", "notreached"):
        return None
    try:
        return float(text)
    except ValueError as error:
        mend = "write it with a point, such as 1.5"
        if (limit := re.fullmatch(r"([<≤>≥])=?([\d.]+)", text)) is not None:
            bound = "upper_bound" if limit[1] in "<≤" else "lower_bound"
            mend = f"write {limit[2]} and the statistic {bound}, if it holds for every patient"
        raise InputError(f"'{text}' is not a number", where=column, mend=mend) from error


def _whole(cells: Mapping[str, str], column: str) -> int:
    number = _number(cells, column)
    if number is None or number != int(number) or number < 1:
        raise InputError(f"'{cells.get(column, '')}'", where=column, mend="give a whole number, 1 or more")
    return int(number)
