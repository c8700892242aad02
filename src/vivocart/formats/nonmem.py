"""Individual data in the table that NONMEM, Monolix and nlmixr2 read: a row for each dose and each measurement.

Columns, in any order and either case: ``ID``, ``TIME``, ``DV``, ``AMT`` and, where they are needed, ``EVID``, ``MDV``,
``CMT``, ``DVID`` (or ``YTYPE``), ``RATE``, ``TINF`` (or ``DUR``), ``ADDL``, ``II``, ``CENS`` (or ``BLQ``), ``LIMIT``,
``LLOQ``. Every other column is a covariate. ``.`` and an empty cell are missing; a line that starts with ``#`` is a comment,
and so is a row with ``C`` in a column named ``C``.

What a row means: ``EVID`` 0 is a measurement (left out if ``MDV`` is 1), 1 a dose, 2 nothing, 3 starts the patient anew with
empty compartments, 4 the same and a dose. Without ``EVID`` a row with an ``AMT`` is a dose. ``RATE`` above zero is an
infusion of that rate, ``TINF`` one of that length, neither a bolus. ``CENS`` 1 says that the truth lies below ``DV`` (or
below ``LLOQ``, and above ``LIMIT`` if there is one), -1 that it lies above ``DV`` (and below ``LIMIT``). At one time the
order of rows counts: a measurement before a dose is taken before it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vivocart.formats.individual_data import DoseRows, IndividualData, ObservationRows
from vivocart.ground.errors import InputError, UnsupportedError
from vivocart.ground.tables import read_text

MISSING = (".", "", "NA", "NAN")
_ALIASES = {"YTYPE": "DVID", "DUR": "TINF", "BLQ": "CENS"}
_ROLES = (
    *("ID", "TIME", "AMT", "RATE", "TINF", "EVID", "DV", "DVID", "CMT"),
    *("CENS", "LIMIT", "LLOQ", "MDV", "ADDL", "II", "SS", "C"),
)
_MOST_ROWS = 2_000_000
_MOST_DOSES = 5_000_000
_INSTANT = 1e-9  # by which a dose follows the measurement that stands before it at the same time


def read_nonmem(path: str | Path) -> IndividualData:
    """Individual data of a file; text and errors as in :func:`parse_nonmem`."""
    file = Path(path)
    return parse_nonmem(read_text(file), name=file.name)


def parse_nonmem(text: str, *, name: str) -> IndividualData:
    """Individual data of a table with a header line, its cells parted by commas, semicolons, tabs or blanks.

    Parameters
    ----------
    text
        The table.
    name
        File name for the errors.

    Raises
    ------
    InputError
        Naming file, row, column, value and mend of the first fault.
    UnsupportedError
        For steady state (``SS``) and modeled rates (``RATE`` -1 or -2).
    """
    header, lines = _cells(text, name)
    records = [_record(line, header, name) for line in lines if not _is_comment(line, header)]
    if not any(record.event == 0 and not record.skip for record in records):
        raise InputError("no measurement", where=name, mend="give rows with a DV and EVID 0")
    return _gathered(records, [column for column in header if column not in _ROLES], name)


class _Line(NamedTuple):
    """Cells of one row of the file, by column."""

    row: int
    cells: Mapping[str, str]


class _Record(NamedTuple):
    """One row of the file, read."""

    row: int
    subject: str
    time: float
    event: int
    skip: bool  # a measurement that does not count
    value: float
    lower: float
    upper: float
    censored: int
    kind: str
    amount: float
    duration: float
    compartment: str
    additional: int
    interval: float
    others: Mapping[str, str]


def _cells(text: str, name: str) -> tuple[tuple[str, ...], list[_Line]]:
    kept = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip(" \t,;") and not line.lstrip().startswith("#")
    ]
    if not kept:
        raise InputError("the file is empty", where=name, mend="write a header line and a row an event")
    if len(kept) > _MOST_ROWS:
        raise InputError(f"{len(kept)} rows", where=name, mend=f"at most {_MOST_ROWS} are read")
    delimiter = next((mark for mark in (",", ";", "\t") if mark in kept[0][1]), None)
    rows = [(number, _split(line, delimiter, name, number)) for number, line in kept]
    header = _header(rows[0][1], name)
    lines: list[_Line] = []
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            problem = f"{len(cells)} cells where the header has {len(header)}"
            raise InputError(
                problem, where=f"{name}, row {number}", mend="write one cell a column; . is missing"
            )
        lines.append(_Line(number, dict(zip(header, cells, strict=True))))
    return header, lines


def _split(line: str, delimiter: str | None, name: str, number: int) -> list[str]:
    if delimiter is None:
        return line.split()
    try:
        (cells,) = csv.reader(io.StringIO(line), delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise InputError(
            f"not CSV: {error}", where=f"{name}, row {number}", mend="check the quotes"
        ) from error
    return [cell.strip() for cell in cells]


def _header(cells: list[str], name: str) -> tuple[str, ...]:
    where = f"{name}, row 1"
    header = tuple(_ALIASES.get(cell.upper(), cell.upper()) for cell in cells)
    for column in header:
        if not column:
            raise InputError("a column has no name", where=where, mend="name it or take it out")
        if header.count(column) > 1:
            raise InputError(f"column {column} stands twice", where=where, mend="take one out")
        if column.startswith("DATE") or column in ("DAT1", "DAT2", "DAT3"):
            problem = f"column {column}: dates are not read"
            raise InputError(problem, where=where, mend="give TIME as hours or days since the first dose")
    for column in ("ID", "TIME", "DV"):
        if column not in header:
            raise InputError(f"column {column} is missing", where=where, mend=f"found: {', '.join(header)}")
    return header


def _is_comment(line: _Line, header: tuple[str, ...]) -> bool:
    return "C" in header and line.cells["C"].upper() == "C"


def _record(line: _Line, header: tuple[str, ...], name: str) -> _Record:
    _refuse_steady_state(line, name)
    subject = line.cells["ID"]
    if subject.upper() in MISSING:
        raise _fault(name, line, "ID", "is missing", "name the patient")
    amount = _number(line, "AMT", name)
    event = _event(line, amount, name)
    value = _number(line, "DV", name)
    left_out = event == 0 and _whole(line, "MDV", name, allowed=(0, 1), default=0) == 1
    if event == 0 and not left_out and value is None:
        raise _fault(name, line, "DV", "is missing in a measurement", "write the value, or 1 in MDV")
    lower, upper, censored = _limits(line, value, name) if event == 0 and not left_out else (0.0, 0.0, 0)
    is_dose = event in (1, 4)
    additional, interval = _repeats(line, name) if is_dose else (0, 0.0)
    return _Record(
        row=line.row,
        subject=subject,
        time=_time(line, name),
        event=event,
        skip=left_out,
        value=math.nan if value is None else value,
        lower=lower,
        upper=upper,
        censored=censored,
        kind=_text(line, "DVID") or _text(line, "CMT"),
        amount=_amount(line, amount, name) if is_dose else 0.0,
        duration=_duration(line, amount, name) if is_dose else 0.0,
        compartment=_text(line, "CMT"),
        additional=additional,
        interval=interval,
        others={column: line.cells[column] for column in header if column not in _ROLES},
    )


def _fault(name: str, line: _Line, column: str, problem: str, mend: str) -> InputError:
    found = line.cells.get(column, "")[:80]
    return InputError(
        f"{problem} (found '{found}')", where=f"{name}, row {line.row}, column {column}", mend=mend
    )


def _text(line: _Line, column: str) -> str:
    cell = line.cells.get(column, "")
    if cell.upper() in MISSING:
        return ""
    try:  # 1 and 1.0 are one compartment
        return (
            str(int(cell)) if "." not in cell else str(int(float(cell))) if float(cell).is_integer() else cell
        )
    except (ValueError, OverflowError):
        return cell


def _number(line: _Line, column: str, name: str) -> float | None:
    cell = line.cells.get(column, "")
    if cell.upper() in MISSING:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        mend = (
            "write a point for the decimal mark"
            if "," in cell
            else "write a number, or . where there is none"
        )
        if column == "TIME" and any(mark in cell for mark in ":/-"):
            mend = "dates and clock times are not read: give hours or days since the first dose"
        raise _fault(name, line, column, "is not a number", mend)
    return value


def _whole(line: _Line, column: str, name: str, *, allowed: tuple[int, ...], default: int) -> int:
    value = _number(line, column, name)
    if value is None:
        return default
    if value not in allowed:
        raise _fault(name, line, column, "is unknown", f"write one of {', '.join(map(str, allowed))}")
    return int(value)


def _refuse_steady_state(line: _Line, name: str) -> None:
    if _number(line, "SS", name):
        where = f"{name}, row {line.row}"
        raise UnsupportedError("SS", where, why="write out the doses before it, with ADDL and II")


def _event(line: _Line, amount: float | None, name: str) -> int:
    has_dose = amount is not None and amount != 0
    event = _whole(line, "EVID", name, allowed=(0, 1, 2, 3, 4), default=1 if has_dose else 0)
    if event == 0 and has_dose:
        raise _fault(name, line, "AMT", "is a dose in a row with EVID 0", "write EVID 1, or . in AMT")
    return event


def _time(line: _Line, name: str) -> float:
    time = _number(line, "TIME", name)
    if time is None:
        raise _fault(name, line, "TIME", "is missing", "write the time since the first dose")
    return time


def _amount(line: _Line, amount: float | None, name: str) -> float:
    if amount is None or amount <= 0:
        raise _fault(name, line, "AMT", "is no dose", "write a number above 0, or EVID 0 or 2")
    return amount


def _duration(line: _Line, amount: float | None, name: str) -> float:
    rate, length = _number(line, "RATE", name) or 0.0, _number(line, "TINF", name) or 0.0
    if rate in (-1.0, -2.0):
        where = f"{name}, row {line.row}"
        raise UnsupportedError(
            f"RATE {rate:g}", where, why="a modeled rate or duration; write the rate or TINF"
        )
    if rate < 0 or length < 0:
        column = "RATE" if rate < 0 else "TINF"
        raise _fault(name, line, column, "is negative", "write a number above 0, or 0 for a bolus")
    if rate > 0 and length > 0 and not math.isclose(rate * length, amount or 0.0, rel_tol=1e-3):
        raise _fault(name, line, "TINF", "does not agree with AMT over RATE", "keep one of RATE and TINF")
    return (amount or 0.0) / rate if rate > 0 else length


def _repeats(line: _Line, name: str) -> tuple[int, float]:
    additional, interval = _number(line, "ADDL", name) or 0.0, _number(line, "II", name) or 0.0
    if additional < 0 or not float(additional).is_integer():
        raise _fault(name, line, "ADDL", "is not a count", "write a whole number from 0")
    if additional > 0 and interval <= 0:
        raise _fault(name, line, "II", "is not an interval, and ADDL asks for one", "write a time above 0")
    return int(additional), interval


def _limits(line: _Line, value: float | None, name: str) -> tuple[float, float, int]:
    """Between what values the truth of a measurement lies."""
    assert value is not None
    censored = _whole(line, "CENS", name, allowed=(0, 1, -1), default=0)
    limit = _number(line, "LIMIT", name)
    if censored == 0:
        return value, value, 0
    bound = _number(line, "LLOQ", name) if censored == 1 else None
    end = value if bound is None else bound
    other = -censored * math.inf if limit is None else limit
    lower, upper = (other, end) if censored == 1 else (end, other)
    if not lower < upper:
        side = "below" if censored == 1 else "above"
        raise _fault(name, line, "LIMIT", f"is not {side} {end:g}", "write the far end of the interval")
    return lower, upper, censored


def _gathered(records: list[_Record], columns: list[str], name: str) -> IndividualData:
    runs = _runs(records, name)
    subjects = tuple(dict.fromkeys(record.subject for record in records))
    place = {subject: index for index, subject in enumerate(subjects)}
    doses: list[tuple[int, float, float, float, str, int]] = []
    seen: list[tuple[int, float, float, float, float, float, int, str, int]] = []
    for index, run in enumerate(runs):
        _read_run(index, run, doses, seen)
        if len(doses) > _MOST_DOSES:
            row = doses[-1][-1]
            raise InputError("too many doses", where=f"{name}, row {row}, column ADDL", mend="write fewer")
    covariates, varying = _covariates(records, columns, subjects)
    return IndividualData(
        name=name,
        subjects=subjects,
        run_subject=np.array([place[run[0].subject] for run in runs], dtype=np.int64),
        run_start=np.array([run[0].time for run in runs]),
        doses=DoseRows(
            run=np.array([dose[0] for dose in doses], dtype=np.int64),
            at=np.array([dose[1] for dose in doses]),
            duration=np.array([dose[2] for dose in doses]),
            amount=np.array([dose[3] for dose in doses]),
            compartment=tuple(dose[4] for dose in doses),
            row=np.array([dose[5] for dose in doses], dtype=np.int64),
        ),
        observations=ObservationRows(
            run=np.array([entry[0] for entry in seen], dtype=np.int64),
            time=np.array([entry[1] for entry in seen]),
            at=np.array([entry[2] for entry in seen]),
            value=np.array([entry[3] for entry in seen]),
            lower=np.array([entry[4] for entry in seen]),
            upper=np.array([entry[5] for entry in seen]),
            censored=np.array([entry[6] for entry in seen], dtype=np.int64),
            kind=tuple(entry[7] for entry in seen),
            row=np.array([entry[8] for entry in seen], dtype=np.int64),
        ),
        covariates=covariates,
        varying=varying,
        left_out=sum(record.skip or record.event in (2, 3) for record in records),
    )


def _runs(records: list[_Record], name: str) -> list[list[_Record]]:
    """Rows by patient and reset, in the file's order, with times that do not fall."""
    runs: list[list[_Record]] = []
    finished: set[str] = set()
    for record in records:
        last = runs[-1][-1] if runs else None
        if last is None or record.subject != last.subject:
            if last is not None:
                finished.add(last.subject)
            if record.subject in finished:
                where = f"{name}, row {record.row}, column ID"
                mend = "put the rows of a patient together"
                raise InputError(f"patient {record.subject} comes back after others", where=where, mend=mend)
            runs.append([record])
        elif record.event in (3, 4):
            runs.append([record])
        elif record.time < last.time:
            where = f"{name}, row {record.row}, column TIME"
            mend = "sort the rows of a patient by time, or reset with EVID 3 or 4"
            raise InputError(f"{record.time:g} comes after {last.time:g}", where=where, mend=mend)
        else:
            runs[-1].append(record)
    return runs


def _read_run(index: int, run: list[_Record], doses: list[tuple], seen: list[tuple]) -> None:
    start, end = run[0].time, run[-1].time
    delay, watched = (
        0.0,
        -math.inf,
    )  # a dose that follows a measurement at the same time comes an instant later
    for record in run:
        if record.time > watched:
            delay = 0.0
        at = record.time - start
        if record.event == 0 and not record.skip:
            watched = record.time
            row = (record.value, record.lower, record.upper, record.censored, record.kind, record.row)
            seen.append((index, record.time, at + delay, *row))
        elif record.event in (1, 4):
            if record.time == watched:
                delay = _INSTANT * (1.0 + abs(at))
            last = math.floor((end - record.time) / record.interval + 1e-9) if record.additional else 0
            for repeat in range(min(record.additional, max(last, 0)) + 1):
                when = at + delay + repeat * record.interval
                doses.append((index, when, record.duration, record.amount, record.compartment, record.row))


def _covariates(
    records: list[_Record], columns: list[str], subjects: tuple[str, ...]
) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    found: dict[str, dict[str, str]] = {column: {} for column in columns}
    varying: dict[str, int] = {}
    for record in records:
        for column, text in record.others.items():
            if text.upper() in MISSING:
                continue
            if found[column].setdefault(record.subject, text) != text:
                varying.setdefault(column, record.row)
    texts = {column: tuple(found[column].get(subject, "") for subject in subjects) for column in columns}
    return texts, varying
