"""RIS to records and back."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from vivocart.evidence.importers.batch import Batch, Imported, decode, identify
from vivocart.evidence.importers.csl_json import date_parts, initials_of
from vivocart.evidence.records import (
    MONTHS,
    AbstractSection,
    Author,
    Record,
    RecordKind,
    is_doi,
    is_pmcid,
    is_pmid,
)
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue

Fields = list[tuple[str, str]]

_LINE = re.compile(r"([A-Z][A-Z0-9])  -(?: (.*))?$")
_KINDS: Mapping[str, str] = {
    "JOUR": "article",
    "ELEC": "web",
    "WEB": "web",
    "NEWS": "press",
    "DATA": "registry",
}
_TYPES: Mapping[str, str] = {
    "article": "JOUR",
    "preprint": "JOUR",
    "web": "ELEC",
    "press": "NEWS",
    "registry": "DATA",
}


def read_ris(data: bytes | str, *, name: str = "RIS") -> Batch:
    """Records of a RIS text, each with its raw text.

    A record without ``ER`` at the end of the file was cut and is refused.

    Raises
    ------
    InputError
        If no record begins in the text, or the bytes are not UTF-8.
    """
    text = decode(data, name=name)
    items: list[Imported] = []
    issues: list[Issue] = []
    for row, raw, is_whole in _blocks(text):
        if not is_whole:
            message = "record refused: it has no ER line"
            issues.append(
                Issue(level="error", check="ris", file=name, row=row, message=message, mend="export it again")
            )
            continue
        record = _record(_fields(raw))
        record_id = identify(record) or f"{name}-{row}"
        items.append(Imported(record=dataclasses.replace(record, id=record_id), raw=raw))
    if not items and not issues:
        raise InputError("no RIS record in the file", where=name, mend="a record begins with 'TY  - JOUR'")
    return Batch(format="ris", items=tuple(items), issues=tuple(issues))


def _blocks(text: str) -> Iterator[tuple[int, str, bool]]:
    """Line number, text and whether it is whole, of each record; lines between records are no part of any."""
    start, lines = 0, list[str]()
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        tagged = _LINE.match(line.rstrip())
        if tagged and tagged[1] == "TY":
            if lines:
                yield start, "".join(lines), False
            start, lines = number, [line]
        elif lines:
            lines.append(line)
            if tagged and tagged[1] == "ER":
                yield start, "".join(lines), True
                lines = []
    if lines:
        yield start, "".join(lines), False


def _fields(raw: str) -> Fields:
    fields: Fields = []
    for line in raw.splitlines():
        tagged = _LINE.match(line.rstrip())
        if tagged:
            fields.append((tagged[1], (tagged[2] or "").strip()))
        elif line.strip() and fields:
            tag, value = fields[-1]
            fields[-1] = (tag, f"{value} {line.strip()}".strip())
    return fields


def _record(fields: Fields) -> Record:
    def first(*tags: str) -> str:
        return next((value for tag in tags for found, value in fields if found == tag and value), "")

    def every(*tags: str) -> tuple[str, ...]:
        return tuple(value for found, value in fields if found in tags and value)

    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", first("DO"), flags=re.IGNORECASE)
    number = first("AN", "ID")
    journal = first("JF", "T2", "JO", "BT")
    abstract = first("AB", "N2")
    return Record(
        id="",
        kind=cast("RecordKind", _KINDS.get(first("TY"), "article")),
        held="abstract" if abstract else "none",
        title=first("TI", "T1", "CT"),
        authors=tuple(_author(name) for name in every("AU", "A1")),
        journal=journal,
        journal_short=first("J2", "JA") or (first("JO") if first("JO") != journal else ""),
        issn=every("SN"),
        date=_date(first("DA", "PY", "Y1")),
        volume=first("VL"),
        issue=first("IS"),
        pages=_pages(first("SP"), first("EP")),
        doi=doi if is_doi(doi) else "",
        pmid=number if is_pmid(number) and first("DB").lower() in ("pubmed", "medline") else "",
        pmcid=first("C2") if is_pmcid(first("C2")) else "",
        url=first("UR"),
        languages=every("LA"),
        keywords=every("KW"),
        abstract=(AbstractSection(text=abstract),) if abstract else (),
    )


def _author(name: str) -> Author:
    family, *rest = [part.strip() for part in name.split(",")]
    if not rest:
        return Author(literal=family)
    given = rest[0]
    suffix = rest[1] if len(rest) > 1 else ""
    is_initials = given.isupper() and given.isalpha() and len(given) <= 3
    return Author(
        family=family,
        given="" if is_initials else given,
        suffix=suffix,
        initials=given if is_initials else initials_of(given),
    )


def _date(text: str) -> str:
    """``2012/01//`` as PubMed writes it, ``2012 Jan``; other forms as they stand."""
    slashed = re.fullmatch(r"(\d{4})/?(\d{1,2})?/?(\d{1,2})?/?(.*)", text)
    if slashed is None:
        return text
    year, month, day, other = slashed.groups()
    if not month or not 1 <= int(month) <= len(MONTHS):
        return f"{year} {other}".strip()
    return " ".join([year, MONTHS[int(month) - 1], *([str(int(day))] if day else [])])


def _pages(first: str, last: str) -> str:
    return f"{first}-{last}" if first and last and last != first else first or last


def write_ris(records: Sequence[Record]) -> str:
    """RIS text of ``records``, one empty line between them; the DOI is bare, the PMID stands in ``AN``."""
    return "\n".join(
        "".join(f"{tag}  - {_folded(value)}\n" for tag, value in _written(record)) for record in records
    )


def _folded(value: str) -> str:
    return " ".join(value.split())


def _written(record: Record) -> Iterator[tuple[str, str]]:
    yield "TY", _TYPES[record.kind]
    for tag, value in _optional(record):
        if value:
            yield tag, value
    yield "ER", ""


def _optional(record: Record) -> Iterator[tuple[str, str]]:
    yield "TI", record.title or record.described_as
    for author in record.authors:
        person = ", ".join(
            part for part in (author.family, author.given or author.initials, author.suffix) if part
        )
        yield "AU", author.literal or person
    yield "PY", record.year
    parts = date_parts(record.date)
    yield "DA", "/".join([str(parts[0]), *(f"{part:02d}" for part in parts[1:])]) if len(parts) > 1 else ""
    yield from (("T2", record.journal or record.journal_short), ("J2", record.journal_short))
    yield from (("VL", record.volume), ("IS", record.issue))
    span = re.fullmatch(r"(\w+)-(\w+)", record.pages)
    yield "SP", span[1] if span else record.pages or record.pii
    yield "EP", span[2] if span else ""
    yield "DO", record.doi
    yield from (("AN", record.pmid), ("DB", "PubMed")) if record.pmid else ()
    yield "C2", record.pmcid
    yield from (("SN", number) for number in record.issn)
    yield from (("LA", language) for language in record.languages)
    yield from (("KW", keyword) for keyword in record.keywords)
    yield (
        "AB",
        " ".join(f"{part.label}: {part.text}" if part.label else part.text for part in record.abstract),
    )
    yield "UR", record.url or (f"https://doi.org/{record.doi}" if record.doi else "")
