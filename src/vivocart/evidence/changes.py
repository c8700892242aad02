"""What became of records since a day: paged, corrected, doubted, retracted, updated, renamed, deleted.

The kinds are kept apart: an erratum or an expression of concern asks for a second look, only a retraction takes a record
away.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, final

from vivocart.evidence.citations import source_line
from vivocart.evidence.records import Record
from vivocart.evidence.store import FORMATS_OF_PUBMED, Library, StoredVersion, deleted_on, versions

ChangeKind = Literal["retraction", "concern", "erratum", "update", "paged", "title", "source", "deleted"]

_NOTICES = ("retraction", "concern", "erratum", "update")
_KIND_OF_CORRECTION: dict[str, ChangeKind] = {
    "RetractionIn": "retraction",
    "RetractedandRepublishedIn": "retraction",
    "ExpressionOfConcernIn": "concern",
    "ErratumIn": "erratum",
    "CorrectedandRepublishedIn": "erratum",
    "UpdateIn": "update",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that changed in a record, and the day on which it was seen."""

    record_id: str
    kind: ChangeKind
    seen_on: datetime.date
    before: str
    after: str

    def __str__(self) -> str:
        was = f" (was: {self.before})" if self.before else ""
        return f"{self.seen_on} {self.record_id}: {self.kind}: {self.after}{was}"


def compare(before: Record, after: Record) -> tuple[tuple[ChangeKind, str, str], ...]:
    """What differs between two versions of a record: kind, what stood before, what stands now."""
    return tuple(_differences(before, after))


def _differences(before: Record, after: Record) -> Iterator[tuple[ChangeKind, str, str]]:
    known = {(correction.kind, correction.reference) for correction in before.corrections}
    for correction in after.corrections:
        kind = _KIND_OF_CORRECTION.get(correction.kind)
        if kind and (correction.kind, correction.reference) not in known:
            yield kind, "", correction.reference or f"PMID {correction.pmid}"
    named = {_KIND_OF_CORRECTION.get(correction.kind) for correction in after.corrections}
    if after.is_retracted and not before.is_retracted and "retraction" not in named:
        yield "retraction", "", "Retracted Publication"
    if _title(before) != _title(after):
        yield "title", before.title, after.title
    if before.is_ahead_of_print and not after.is_ahead_of_print:
        yield "paged", source_line(before), source_line(after)
    elif source_line(before) != source_line(after):
        yield "source", source_line(before), source_line(after)


def _title(record: Record) -> str:
    return " ".join(record.title.split()).removesuffix(".")


def changed_since(library: Library, record_id: str, since: datetime.date) -> tuple[Change, ...]:
    """Changes of one record that were seen on ``since`` or later, in the order in which they were seen."""
    gone = deleted_on(library, record_id)
    told = _changes(library, record_id, lambda version: version.seen_on >= since)
    return (*told, *([_deletion(record_id, gone)] if gone is not None and gone >= since else []))


def changed_after(library: Library, record_id: str, version: int) -> tuple[Change, ...]:
    """Changes of one record that came with a text later than number ``version`` of the library, and its deletion."""
    gone = deleted_on(library, record_id)
    told = _changes(library, record_id, lambda found: found.number > version)
    return (*told, *([] if gone is None else [_deletion(record_id, gone)]))


def all_changed_since(library: Library, since: datetime.date) -> tuple[Change, ...]:
    """Changes of every record of the library that were seen on ``since`` or later, by day and record."""
    query = (
        "SELECT record_id FROM version WHERE seen_on >= ? "
        "UNION SELECT id FROM record WHERE deleted_on >= ? ORDER BY 1"
    )
    rows = library.connection.execute(query, (since.isoformat(), since.isoformat())).fetchall()
    found = [change for (record_id,) in rows for change in changed_since(library, record_id, since)]
    return tuple(sorted(found, key=lambda change: change.seen_on))


def _changes(library: Library, record_id: str, is_late: Callable[[StoredVersion], bool]) -> Iterator[Change]:
    """Changes between texts that can be compared.

    What another program wrote says less than PubMed: after a text of PubMed it is passed over, and before one it can only
    lack a notice, so that notices alone are told then.
    """
    before: StoredVersion | None = None
    for after in versions(library, record_id):
        if before is None:
            before = after
            continue
        was_of_pubmed, is_of_pubmed = (found.format in FORMATS_OF_PUBMED for found in (before, after))
        if was_of_pubmed and not is_of_pubmed:
            continue
        told = compare(before.record, after.record) if is_late(after) else ()
        before = after
        for kind, was, now in told:
            if was_of_pubmed == is_of_pubmed or kind in _NOTICES:
                yield Change(record_id=record_id, kind=kind, seen_on=after.seen_on, before=was, after=now)


def _deletion(record_id: str, gone: datetime.date) -> Change:
    return Change(
        record_id=record_id, kind="deleted", seen_on=gone, before="", after="PubMed deleted the record"
    )
