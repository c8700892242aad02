"""MEDLINE format (``.nbib``) to records and back; tags we do not know are kept in the raw text."""

from __future__ import annotations

import datetime
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from vivocart.evidence.citations import source_line
from vivocart.evidence.importers.batch import Batch, Imported, decode
from vivocart.evidence.records import AbstractSection, Author, Correction, Grant, Record, is_pmcid, is_pmid
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue

Fields = list[tuple[str, str]]

#: MEDLINE tags of links between records, and the kind each means.
CORRECTION_TAGS = {
    "CIN": "CommentIn", "CON": "CommentOn", "EIN": "ErratumIn", "EFR": "ErratumFor", "RIN": "RetractionIn",
    "ROF": "RetractionOf", "ECI": "ExpressionOfConcernIn", "ECF": "ExpressionOfConcernFor", "UIN": "UpdateIn",
    "UOF": "UpdateOf", "CRI": "CorrectedandRepublishedIn", "CRF": "CorrectedandRepublishedFrom",
    "RRI": "RetractedandRepublishedIn", "RRF": "RetractedandRepublishedFrom", "RPI": "RepublishedIn",
    "RPF": "RepublishedFrom", "SPIN": "SummaryForPatientsIn", "ORI": "OriginalReportIn", "DDIN": "AssociatedDataset",
}  # fmt: skip
_TAG_OF_KIND = {kind: tag for tag, kind in CORRECTION_TAGS.items()}
_LINE = re.compile(r"([A-Z][A-Z0-9]{1,3}) {0,2}- ?(.*)")
_INVESTIGATOR_TAGS = {"FIR": "FAU", "IR": "AU", "IRAD": "AD"}
_WIDTH = 88
_DAYS = {"CRDT": "created", "EDAT": "entered", "MHDA": "indexed_on", "LR": "revised", "DCOM": "completed"}
_SHORT_NAME = re.compile(r"(.+?) ([A-Z]{1,3})(?: (Jr|Sr|[1-9](?:st|nd|rd|th)|I{2,3}|IV))?")


def read_medline(data: bytes | str, *, name: str = "nbib") -> Batch:
    """Records of a MEDLINE (``.nbib``) text, each with its raw text.

    Raises
    ------
    InputError
        If no line of the text has a tag, or the bytes are not UTF-8.
    """
    text = decode(data, name=name)
    items: list[Imported] = []
    issues: list[Issue] = []
    for row, raw in _blocks(text):
        try:
            items.append(Imported(record=_record(fields_of(raw)), raw=raw))
        except InputError as error:
            issues.append(
                Issue(level="error", check="medline", file=name, row=row, message=f"record refused: {error}")
            )
    if not items and not issues:
        raise InputError(
            "no MEDLINE record in the file", where=name, mend="export from PubMed as 'PubMed' or .nbib"
        )
    return Batch(format="medline", items=tuple(items), issues=tuple(issues))


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Line number and text of each record: an empty line ends a record, and so does the next PMID."""
    start, lines = 1, list[str]()
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        ends = not line.strip() or (
            line.startswith("PMID-") and any(kept.startswith("PMID-") for kept in lines)
        )
        if ends and lines:
            yield start, "".join(lines)
            lines = []
        if line.strip():
            start = start if lines else number
            lines.append(line)
    if lines:
        yield start, "".join(lines)


def fields_of(raw: str) -> Fields:
    """Tag and value of each field of one record, in order; wrapped lines are joined by one blank."""
    fields: Fields = []
    for line in raw.splitlines():
        tagged = _LINE.match(line)
        if tagged and not line.startswith("      "):
            fields.append((tagged[1], tagged[2].rstrip()))
        elif line.strip() and fields:
            tag, value = fields[-1]
            fields[-1] = (tag, f"{value} {line.strip()}")
        elif line.strip():
            raise InputError(
                f"a line without a tag (found '{line.strip()[:40]}')", mend="a field begins like 'TI  - '"
            )
    return fields


def _record(fields: Fields) -> Record:
    first: dict[str, str] = {}
    for tag, value in fields:
        first.setdefault(tag, value)
    pmid, pmcid = first.get("PMID", ""), first.get("PMC", "")
    if not is_pmid(pmid) and (pmid or not is_pmcid(pmcid)):
        raise InputError(f"not a PMID (found '{pmid}')", mend="a record begins with 'PMID- '")
    types = _values(fields, "PT")
    days: dict[str, Any] = {
        field: _day(first.get(tag, "")[:10].replace("/", "")) for tag, field in _DAYS.items()
    }
    return Record(
        id=f"pmid{pmid}" if pmid else pmcid.lower(),
        kind="preprint" if "Preprint" in types else "article",
        held="abstract" if "AB" in first else "none",
        title=first.get("TI", ""),
        vernacular_title=first.get("TT", ""),
        authors=_authors(fields),
        journal=first.get("JT", ""),
        journal_short=first.get("TA", ""),
        issn=tuple(dict.fromkeys(value.split(" ")[0] for value in _values(fields, "IS"))),
        nlm_id=first.get("JID", ""),
        date=first.get("DP", ""),
        electronic_date=_day(first.get("DEP", "")),
        **days,
        status=first.get("PST", ""),
        indexing=first.get("STAT", ""),
        volume=first.get("VI", ""),
        issue=first.get("IP", ""),
        pages=first.get("PG", ""),
        pii=_identifier(fields, "LID", "pii"),
        doi=_identifier(fields, "LID", "doi") or _identifier(fields, "AID", "doi"),
        pmid=pmid,
        pmcid=pmcid,
        nihms_id=first.get("MID", ""),
        languages=_values(fields, "LA"),
        publication_types=types,
        keywords=tuple(value.removeprefix("*") for value in _values(fields, "OT")),
        mesh=_values(fields, "MH"),
        substances=_values(fields, "RN"),
        subjects=_values(fields, "PS"),
        subsets=_values(fields, "SB"),
        country=first.get("PL", ""),
        investigators=_investigators(fields),
        grants=tuple(_grant(value) for value in _values(fields, "GR")),
        corrections=tuple(_correction(tag, value) for tag, value in fields if tag in CORRECTION_TAGS),
        registrations=_values(fields, "SI"),
        abstract=(AbstractSection(text=first["AB"]),) if "AB" in first else (),
        copyright=first.get("CI", ""),
        conflict=first.get("COIS", ""),
    )


def _values(fields: Fields, tag: str) -> tuple[str, ...]:
    return tuple(value for found, value in fields if found == tag and value)


def _identifier(fields: Fields, tag: str, kind: str) -> str:
    for value in _values(fields, tag):
        if value.endswith(f" [{kind}]"):
            return value.removesuffix(f" [{kind}]")
    return ""


def _day(text: str) -> datetime.date | None:
    if not text:
        return None
    try:
        return datetime.datetime.strptime(text, "%Y%m%d").date()
    except ValueError as error:
        raise InputError(f"not a day (found '{text}')", mend="write DEP as YYYYMMDD") from error


def _authors(fields: Fields) -> tuple[Author, ...]:
    """Authors in order; AUID and AD lines belong to the author before them."""
    blocks: list[dict[str, list[str]]] = []
    for tag, value in fields:
        begins = tag in ("FAU", "CN") or (
            tag == "AU" and (not blocks or "AU" in blocks[-1] or "CN" in blocks[-1])
        )
        if begins:
            blocks.append({tag: [value]})
        elif tag in ("AU", "AUID", "AD") and blocks:
            blocks[-1].setdefault(tag, []).append(value)
    return tuple(_author(block) for block in blocks)


def _author(block: dict[str, list[str]]) -> Author:
    affiliations = tuple(block.get("AD", ()))
    if "CN" in block:
        return Author(literal=block["CN"][0], affiliations=affiliations)
    short = block.get("AU", [""])[0]
    family, _, given = block.get("FAU", [""])[0].partition(", ")
    if family:
        initials, _, suffix = short.removeprefix(family).strip().partition(" ")
    else:
        plain = _SHORT_NAME.fullmatch(short)
        family, initials, suffix = plain.groups("") if plain else (short, "", "")
    given = given.removesuffix(suffix).strip() if suffix else given
    orcid = next(
        (value.removeprefix("ORCID: ") for value in block.get("AUID", ()) if value.startswith("ORCID: ")), ""
    )
    return Author(
        family=family, given=given, initials=initials, suffix=suffix, orcid=orcid.removeprefix("https://orcid.org/"),
        affiliations=affiliations,
    )  # fmt: skip


def _investigators(fields: Fields) -> tuple[Author, ...]:
    """Investigators in order; a full name and the short name after it are one person, IRAD lines are their places."""
    blocks: list[dict[str, list[str]]] = []
    for tag, value in fields:
        if tag == "FIR" or (tag == "IR" and (not blocks or "AU" in blocks[-1])):
            blocks.append({})
        if tag in _INVESTIGATOR_TAGS and blocks:
            blocks[-1].setdefault(_INVESTIGATOR_TAGS[tag], []).append(value)
    return tuple(_author(block) for block in blocks)


def _grant(text: str) -> Grant:
    parts = text.split("/")
    if len(parts) < 3:
        return Grant(number=parts[0], agency=parts[1] if len(parts) == 2 else "")
    acronym = parts[-3] if len(parts) >= 4 else ""
    number = "/".join(parts[: -3 if len(parts) >= 4 else -2])
    return Grant(number=number, acronym=acronym, agency=parts[-2], country=parts[-1])


def _correction(tag: str, value: str) -> Correction:
    linked = re.search(r"\s*PMID: (\d+)$", value)
    reference = value[: linked.start()] if linked else value
    return Correction(kind=CORRECTION_TAGS[tag], reference=reference, pmid=linked[1] if linked else "")


# -- writing --------------------------------------------------------------------------------------------------------------


def write_medline(records: Sequence[Record]) -> str:
    """MEDLINE text of ``records``, one empty line between them; what :func:`read_medline` reads back equal."""
    return "\n".join(
        "".join(_line(tag, value) for tag, value in _fields(record) if value) for record in records
    )


def _line(tag: str, value: str) -> str:
    head = f"{tag:<4}- "
    lines = textwrap.wrap(value, _WIDTH - len(head), break_long_words=False, break_on_hyphens=False) or [""]
    return "".join(
        f"{head if position == 0 else ' ' * len(head)}{line}\n" for position, line in enumerate(lines)
    )


def _fields(record: Record) -> Iterator[tuple[str, str]]:
    yield from (("PMID", record.pmid), ("STAT", record.indexing))
    for tag, day in (("DCOM", record.completed), ("LR", record.revised)):
        yield tag, day.strftime("%Y%m%d") if day else ""
    for number in record.issn:
        yield "IS", number
    yield from (
        ("VI", record.volume),
        ("IP", record.issue),
        ("DP", record.date),
        ("TI", record.title),
        ("PG", record.pages),
    )
    yield "LID", f"{record.pii} [pii]" if record.pii else ""
    yield "LID", f"{record.doi} [doi]" if record.doi else ""
    yield (
        "AB",
        " ".join(f"{part.label}: {part.text}" if part.label else part.text for part in record.abstract),
    )
    yield "CI", record.copyright
    for author in record.authors:
        yield from _author_fields(author)
    yield from (("LA", language) for language in record.languages)
    yield from (("SI", registration) for registration in record.registrations)
    yield from (("GR", _grant_text(grant)) for grant in record.grants)
    yield from (("PT", kind) for kind in record.publication_types)
    yield "TT", record.vernacular_title
    yield "PL", record.country
    yield "DEP", record.electronic_date.isoformat().replace("-", "") if record.electronic_date else ""
    yield from (("TA", record.journal_short), ("JT", record.journal), ("JID", record.nlm_id))
    for correction in record.corrections:
        linked = f" PMID: {correction.pmid}" if correction.pmid else ""
        yield _TAG_OF_KIND.get(correction.kind, "CIN"), f"{correction.reference}{linked}"
    yield from (("RN", substance) for substance in record.substances)
    yield from (("SB", subset) for subset in record.subsets)
    yield from (("MH", heading) for heading in record.mesh)
    yield from (("PS", person) for person in record.subjects)
    for person in record.investigators:
        tags = {"FAU": "FIR", "AU": "IR", "AD": "IRAD"}
        yield from ((tags.get(tag, tag), value) for tag, value in _author_fields(person) if tag in tags)
    yield from (("PMC", record.pmcid), ("MID", record.nihms_id))
    yield from (("OT", keyword) for keyword in record.keywords)
    yield "COIS", record.conflict
    for tag, day in (("EDAT", record.entered), ("MHDA", record.indexed_on), ("CRDT", record.created)):
        yield tag, day.strftime("%Y/%m/%d 00:00") if day else ""
    yield "AID", f"{record.doi} [doi]" if record.doi else ""
    yield "PST", record.status
    yield "SO", source_line(record)


def _author_fields(author: Author) -> Iterator[tuple[str, str]]:
    if author.literal:
        yield "CN", author.literal
    else:
        given = " ".join(part for part in (author.given, author.suffix) if part)
        yield "FAU", f"{author.family}, {given}" if given else author.family
        yield "AU", " ".join(part for part in (author.family, author.initials, author.suffix) if part)
    yield "AUID", f"ORCID: {author.orcid}" if author.orcid else ""
    yield from (("AD", affiliation) for affiliation in author.affiliations)


def _grant_text(grant: Grant) -> str:
    parts = [grant.number, grant.acronym, grant.agency, grant.country]
    return "/".join(part for position, part in enumerate(parts) if part or position != 1)
