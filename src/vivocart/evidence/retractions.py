"""Notices on records: retracted, doubted, corrected, reinstated; each kind kept apart.

They come from the records themselves and from a Retraction Watch table that the user supplies. Only a retraction that was
not taken back takes a record away; a concern or an erratum asks that the record be read again.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from vivocart.evidence.records import Record
from vivocart.evidence.store import Library, get
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue

NoticeKind = Literal["retraction", "reinstatement", "concern", "erratum", "update"]

_COLUMNS = ("OriginalPaperPubMedID", "OriginalPaperDOI", "RetractionNature", "RetractionDate")
_NATURES: Mapping[str, NoticeKind] = {
    "retraction": "retraction",
    "expression of concern": "concern",
    "correction": "erratum",
    "reinstatement": "reinstatement",
}
_OF_RECORDS: Mapping[str, NoticeKind] = {
    "RetractionIn": "retraction",
    "RetractedandRepublishedIn": "retraction",
    "ExpressionOfConcernIn": "concern",
    "ErratumIn": "erratum",
    "CorrectedandRepublishedIn": "erratum",
    "UpdateIn": "update",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """By what a record is known."""

    id: str
    pmid: str = ""
    doi: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice on one record: what it is, when it came (nothing where that is not said), where it stands, and why."""

    record_id: str
    kind: NoticeKind
    on: datetime.date | None = None
    where: str = ""
    reason: str = ""
    source: str

    def __str__(self) -> str:
        day = f"{self.on} " if self.on else ""
        reason = f" ({self.reason})" if self.reason else ""
        where = f": {self.where}" if self.where else ""
        return f"{day}{self.record_id}: {self.kind}{where}{reason}; from {self.source}"


def names_of(records: Iterable[Record]) -> tuple[Names, ...]:
    """Names of records, for :func:`read_retraction_watch`."""
    return tuple(Names(id=record.id, pmid=record.pmid, doi=record.doi.lower()) for record in records)


def names_in(library: Library) -> tuple[Names, ...]:
    """Names of every record of the user's library."""
    rows = library.connection.execute("SELECT id, pmid, doi FROM record ORDER BY id")
    return tuple(Names(id=str(row[0]), pmid=row[1] or "", doi=row[2] or "") for row in rows)


def others(names: Iterable[Names], known: Iterable[Names]) -> tuple[Names, ...]:
    """Those of ``names`` that are none of ``known``, by id, PMID or DOI."""
    had = list(known)
    ids, pmids, dois = ({getattr(entry, key) for entry in had} - {""} for key in ("id", "pmid", "doi"))
    return tuple(
        entry for entry in names if entry.id not in ids and entry.pmid not in pmids and entry.doi not in dois
    )


def own_notices(record: Record) -> tuple[Notice, ...]:
    """What the record itself says of errata, concerns, updates and retraction."""
    found = [
        Notice(
            record_id=record.id,
            kind=_OF_RECORDS[correction.kind],
            where=correction.reference or f"PMID {correction.pmid}",
            source="the record itself",
        )
        for correction in record.corrections
        if correction.kind in _OF_RECORDS
    ]
    if record.is_retracted and not any(notice.kind == "retraction" for notice in found):
        found.append(Notice(record_id=record.id, kind="retraction", source="the record itself"))
    return tuple(found)


def notices_in(library: Library, known: Iterable[Record]) -> tuple[Notice, ...]:
    """What the library's newer texts of ``known`` records say of themselves; a library may have seen what we have not."""
    found: list[Notice] = []
    names = names_in(library)
    by_pmid = {entry.pmid: entry.id for entry in names if entry.pmid}
    by_doi = {entry.doi: entry.id for entry in names if entry.doi}
    for record in known:
        there = by_pmid.get(record.pmid) or by_doi.get(record.doi.lower())
        if there:
            said = own_notices(get(library, there))
            found += [
                dataclasses.replace(notice, record_id=record.id, source="your library") for notice in said
            ]
    return tuple(found)


def is_gone(notices: Iterable[Notice]) -> bool:
    """Whether the notices on one record amount to a retraction that was not taken back later."""
    retracted = [notice.on for notice in notices if notice.kind == "retraction"]
    reinstated = [notice.on for notice in notices if notice.kind == "reinstatement" and notice.on]
    if not retracted:
        return False
    if not reinstated:
        return True
    return any(day is None or day > max(reinstated) for day in retracted)


# -- Retraction Watch -------------------------------------------------------------------------------------------------


def read_retraction_watch(
    path: Path, known: Sequence[Names]
) -> tuple[tuple[Notice, ...], tuple[Issue, ...], int]:
    """Notices on ``known`` records in a Retraction Watch CSV file, lines that were not believed, and rows read.

    A row whose PMID is one record's and whose DOI is another's, or whose kind is not known, is told and not believed.

    Raises
    ------
    InputError
        If the file cannot be read, or is no such table.
    """
    text = _text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    by_pmid = {names.pmid: names for names in known if names.pmid}
    by_doi = {names.doi: names for names in known if names.doi}
    notices: list[Notice] = []
    issues: list[Issue] = []
    count = 0
    try:
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            mend = "give the CSV file of Retraction Watch as Crossref publishes it"
            raise InputError(f"column {missing[0]} is missing", where=path.name, mend=mend)
        for row in reader:
            count += 1
            pmid, doi = _identifiers(row)
            found = by_pmid.get(pmid) or by_doi.get(doi)
            if found is not None:
                _judge(row, (pmid, doi), found, f"{path.name}, row {reader.line_num}", (notices, issues))
    except csv.Error as error:
        where = f"{path.name}, line {reader.line_num}"
        raise InputError(f"not a table ({error})", where=where, mend="give a CSV file") from error
    return tuple(notices), tuple(issues), count


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(
            "utf-8-sig", errors="replace"
        )  # names only may lose letters, not identifiers
    except OSError as error:
        mend = "check the path"
        raise InputError(f"cannot be read ({error.strerror})", where=str(path), mend=mend) from error


def _identifiers(row: Mapping[str, str | None]) -> tuple[str, str]:
    """PMID and DOI of the paper; what stands for none is empty."""
    pmid = (row.get("OriginalPaperPubMedID") or "").strip()
    doi = (row.get("OriginalPaperDOI") or "").strip().lower().removeprefix("https://doi.org/")
    return ("" if pmid == "0" else pmid), (doi if doi.startswith("10.") else "")


def _judge(
    row: Mapping[str, str | None],
    identifiers: tuple[str, str],
    names: Names,
    where: str,
    into: tuple[list[Notice], list[Issue]],
) -> None:
    notices, issues = into
    nature = (row.get("RetractionNature") or "").strip()
    kind = _NATURES.get(nature.lower())
    for column, given, ours in zip(("PMID", "DOI"), identifiers, (names.pmid, names.doi), strict=True):
        if given and ours and given != ours:
            message = f"{column} {given} is not that of {names.id} ({ours}), though the other name is"
            issues.append(_doubt(where, message, "look the paper up; the row was not believed"))
            return
    if kind is None:
        issues.append(_doubt(where, f"{names.id}: unknown kind of notice '{nature}'", "look the notice up"))
        return
    notice_doi = (row.get("RetractionDOI") or "").strip()
    notices.append(
        Notice(
            record_id=names.id,
            kind=kind,
            on=_day(row.get("RetractionDate") or ""),
            where=f"doi:{notice_doi}" if notice_doi.startswith("10.") else "",
            reason="; ".join(
                part.strip(" +") for part in (row.get("Reason") or "").split(";") if part.strip(" +")
            ),
            source=where,
        )
    )


def _day(text: str) -> datetime.date | None:
    """Day of ``9/17/2025 0:00`` or ``2025-09-17``."""
    american = re.match(r"\s*(\d{1,2})/(\d{1,2})/(\d{4})", text)
    iso = re.match(r"\s*(\d{4})-(\d{2})-(\d{2})", text)
    try:
        if american:
            return datetime.date(int(american[3]), int(american[1]), int(american[2]))
        return datetime.date(int(iso[1]), int(iso[2]), int(iso[3])) if iso else None
    except ValueError:
        return None


def _doubt(where: str, message: str, mend: str) -> Issue:
    return Issue(level="warning", check="retractions", file=where, message=message, mend=mend)


def by_record(notices: Iterable[Notice]) -> Iterator[tuple[str, tuple[Notice, ...]]]:
    """Notices of each record, the oldest first, records in order of first mention; without a day first of all."""
    groups: dict[str, list[Notice]] = {}
    for notice in notices:
        groups.setdefault(notice.record_id, []).append(notice)
    for record_id, found in groups.items():
        yield record_id, tuple(sorted(found, key=lambda notice: notice.on or datetime.date.min))
