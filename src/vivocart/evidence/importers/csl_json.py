"""CSL-JSON to records and back; the shipped ``records.json`` is CSL-JSON with a few keys of our own.

Keys beyond CSL: ``held``, ``described-as`` (our words where the title is not known), ``more-authors``, ``read-at``,
``epub-date``, ``status``, ``pii``, ``affiliations``, ``grants``, ``publication-types``, ``corrections``.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from vivocart.evidence.importers.batch import Batch, Imported, decode, identify
from vivocart.evidence.records import HELD, KINDS, MONTHS, Author, Correction, Grant, Held, Record, RecordKind
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue

_SEPARATOR = re.compile(r"[\s,]*")
_FROM_CSL = {"article-journal": "article", "article": "preprint", "webpage": "web", "dataset": "registry"}
_TO_CSL = {
    "article": "article-journal",
    "preprint": "article",
    "registry": "dataset",
    "press": "article-newspaper",
    "web": "webpage",
}
_TEXT_KEYS = {
    "title": "title",
    "described-as": "described_as",
    "original-title": "vernacular_title",
    "container-title": "journal",
    "container-title-short": "journal_short",
    "volume": "volume",
    "issue": "issue",
    "page": "pages",
    "pii": "pii",
    "DOI": "doi",
    "PMID": "pmid",
    "PMCID": "pmcid",
    "URL": "url",
    "read-at": "read_at",
    "status": "status",
    "note": "note",
}


def read_csl_json(text: str, *, name: str = "CSL-JSON", native: bool = False) -> tuple[Record, ...]:
    """Records of a CSL-JSON text (one item or a list of items).

    Parameters
    ----------
    text
        JSON.
    name
        File name for messages.
    native
        Whether ``type`` is one of our own words (``article``, ``preprint``, ``registry``, ``press``, ``web``).

    Raises
    ------
    InputError
        Naming file, item, key and value of the first fault.
    """
    try:
        loaded: Any = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            f"not JSON: {error}", where=name, mend="export the records again as CSL-JSON"
        ) from error
    items: list[Any] = cast("list[Any]", loaded) if isinstance(loaded, list) else [loaded]
    return tuple(_record(item, position, name, native) for position, item in enumerate(items, start=1))


def read_csl_batch(data: bytes | str, *, name: str = "CSL-JSON", native: bool = False) -> Batch:
    """Records of a CSL-JSON file, each with the very text of its item; an item with a fault is refused by itself.

    Parameters
    ----------
    data, name, native
        As in :func:`read_csl_json`; a batch of native records has the format ``shipped``.

    Raises
    ------
    InputError
        If the file as a whole is not JSON, or the bytes are not UTF-8.
    """
    text = decode(data, name=name)
    items: list[Imported] = []
    issues: list[Issue] = []
    for position, raw in enumerate(_raw_items(text, name), start=1):
        try:
            record = _record(json.loads(raw), position, name, native)
        except InputError as error:
            issues.append(
                Issue(level="error", check="csl_json", file=name, message=f"item {position} refused: {error}")
            )
            continue
        if not native or record.pmid or record.doi:
            record = dataclasses.replace(record, id=identify(record) or record.id)
        items.append(Imported(record=record, raw=raw))
    form = "shipped" if native else "csl_json"
    return Batch(format=form, items=tuple(items), issues=tuple(issues))


def _raw_items(text: str, name: str) -> list[str]:
    """Text of each item of a list, or of the one item."""
    decoder = json.JSONDecoder()
    body = text.strip()
    try:
        decoder.decode(body)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            f"not JSON: {error}", where=name, mend="export the records again as CSL-JSON"
        ) from error
    if not body.startswith("["):
        return [body]
    raws: list[str] = []
    position = 1
    while True:
        position = _SEPARATOR.match(body, position).end()  # pyright: ignore[reportOptionalMemberAccess] - matches nothing
        if body[position] == "]":
            return raws
        _, end = decoder.raw_decode(body, position)
        raws.append(body[position:end])
        position = end


def _record(item: Any, position: int, name: str, native: bool) -> Record:
    where = f"{name}, item {position}"
    if not isinstance(item, dict):
        raise InputError(
            f"not a record (found {type(item).__name__})", where=where, mend='write {"id": ..., "title": ...}'
        )
    data = cast("Mapping[str, Any]", item)
    record_id = str(data.get("id", "")).strip()
    if not record_id:
        raise InputError("the record has no id", where=where, mend='add "id"')
    where = f"{name}, {record_id}"
    held = str(data.get("held", "none"))
    if held not in HELD:
        raise InputError(f"unknown held '{held}'", where=where, mend=f"one of {', '.join(HELD)}")
    texts: dict[str, Any] = {field: _text(data, key, where) for key, field in _TEXT_KEYS.items()}
    affiliations = tuple(_list(data, "affiliations", where))
    return Record(
        id=record_id,
        kind=_kind(str(data.get("type", "article-journal")), native, where),
        held=cast("Held", held),
        authors=tuple(_author(entry, affiliations, where) for entry in _list(data, "author", where)),
        more_authors=data.get("more-authors") is True,
        issn=tuple(str(entry) for entry in _list_or_one(data, "ISSN")),
        date=_date(data.get("issued"), where),
        electronic_date=_day(data.get("epub-date"), where),
        publication_types=tuple(str(entry) for entry in _list(data, "publication-types", where)),
        keywords=tuple(part.strip() for part in str(data.get("keyword", "")).split(",") if part.strip()),
        grants=tuple(_grant(entry, where) for entry in _list(data, "grants", where)),
        corrections=tuple(_correction(entry, where) for entry in _list(data, "corrections", where)),
        **texts,
    )


def _grant(entry: Any, where: str) -> Grant:
    if not isinstance(entry, dict):
        raise InputError(
            f"a grant is not an object (found '{entry}')",
            where=where,
            mend='write {"id": ..., "agency": ...}',
        )
    data = cast("Mapping[str, Any]", entry)
    return Grant(
        number=str(data.get("id", "")),
        agency=str(data.get("agency", "")),
        country=str(data.get("country", "")),
    )


def _correction(entry: Any, where: str) -> Correction:
    kind = str(entry.get("kind", "")) if isinstance(entry, dict) else ""
    if not kind:
        raise InputError(
            f"a correction has no kind (found '{entry}')",
            where=where,
            mend='write {"kind": "ErratumIn", ...}',
        )
    data = cast("Mapping[str, Any]", entry)
    return Correction(kind=kind, reference=str(data.get("reference", "")), pmid=str(data.get("pmid", "")))


def _kind(written: str, native: bool, where: str) -> RecordKind:
    if native:
        if written not in KINDS:
            raise InputError(f"unknown type '{written}'", where=where, mend=f"one of {', '.join(KINDS)}")
        return cast("RecordKind", written)
    return cast("RecordKind", _FROM_CSL.get(written, "press" if "newspaper" in written else "article"))


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key, "")
    if isinstance(value, (dict, list)):
        raise InputError(
            f"{key} is not a text (found {type(value).__name__})",
            where=where,
            mend=f"write {key} as one string",
        )
    return "" if value is None else str(value).strip()


def _list(data: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = data.get(key, [])
    if not isinstance(value, list):
        raise InputError(f"{key} is not a list (found '{value}')", where=where, mend=f"write {key} as [...]")
    return cast("list[Any]", value)


def _list_or_one(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key, [])
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _author(entry: Any, affiliations: Sequence[str], where: str) -> Author:
    if not isinstance(entry, dict):
        raise InputError(
            f"an author is not an object (found '{entry}')",
            where=where,
            mend='write {"family": ..., "given": ...}',
        )
    data = cast("Mapping[str, Any]", entry)
    particle = str(data.get("non-dropping-particle", "")).strip()
    family = str(data.get("family", "")).strip()
    given = str(data.get("given", "")).strip()
    return Author(
        family=f"{particle} {family}".strip(),
        given=given,
        initials=str(data.get("initials", "")).strip() or initials_of(given),
        suffix=str(data.get("suffix", "")).strip(),
        literal=str(data.get("literal", "")).strip(),
        affiliations=tuple(
            _affiliation(number, affiliations, where) for number in _list(data, "affiliations", where)
        ),
    )


def _affiliation(number: Any, affiliations: Sequence[str], where: str) -> str:
    if isinstance(number, str):
        return number
    if not isinstance(number, int) or not 1 <= number <= len(affiliations):
        raise InputError(
            f"affiliation {number} is not on the list of {len(affiliations)}",
            where=where,
            mend="count from 1",
        )
    return affiliations[number - 1]


def initials_of(given: str) -> str:
    """Initials as NLM writes them: ``Gao-Feng`` gives ``GF``, ``Ze Xiu`` gives ``ZX``, ``Chris Ka-Pun`` gives ``CK``."""
    words = given.replace(".", " ").split()
    if len(words) == 1:
        words = words[0].split("-")
    return "".join(word[0].upper() for word in words if word and word[0].isalpha())


def _parts(value: Any, where: str) -> list[int]:
    if value is None or value == {}:
        return []
    try:
        parts = [int(part) for part in value["date-parts"][0]]
        if not 1 <= len(parts) <= 3:
            raise ValueError(f"{len(parts)} parts")
        datetime.date(*[*parts, 1, 1][:3])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"not a date (found '{value}')", where=where, mend='write {"date-parts": [[2025, 9, 17]]}'
        ) from error
    return parts


def _date(value: Any, where: str) -> str:
    if isinstance(value, dict) and ("raw" in value or "literal" in value):
        given = cast("Mapping[str, Any]", value)
        return str(given.get("raw", given.get("literal")))
    return " ".join(_words(_parts(value, where)))


def _day(value: Any, where: str) -> datetime.date | None:
    parts = _parts(value, where)
    return datetime.date(parts[0], parts[1], parts[2]) if len(parts) == 3 else None


def to_csl(record: Record) -> dict[str, Any]:
    """``record`` as a CSL-JSON item; what CSL has no word for is left out, except PMID and PMCID, which are usual."""
    item: dict[str, Any] = {"id": record.id, "type": _TO_CSL[record.kind]}
    for key, field in _TEXT_KEYS.items():
        if key not in ("described-as", "read-at", "note", "status", "pii") and getattr(record, field):
            item[key] = getattr(record, field)
    if record.authors:
        item["author"] = [_csl_author(author) for author in record.authors]
    if record.issn:
        item["ISSN"] = record.issn[0]
    issued = date_parts(record.date) or date_parts(
        record.electronic_date.isoformat() if record.electronic_date else ""
    )
    if issued:
        item["issued"] = {"date-parts": [issued]}
    if record.date and " ".join(_words(issued)) != record.date:
        item.setdefault("issued", {})["raw"] = (
            record.date
        )  # a season or a span of months, which parts cannot say
    return item


def _words(parts: Sequence[int]) -> list[str]:
    return [MONTHS[part - 1] if position == 1 else str(part) for position, part in enumerate(parts)]


def _csl_author(author: Author) -> dict[str, str]:
    if author.literal:
        return {"literal": author.literal}
    person = {"family": author.family, "given": author.given or author.initials, "suffix": author.suffix}
    return {key: value for key, value in person.items() if value}


def date_parts(text: str) -> list[int]:
    """Year, month and day of a date as PubMed (``2025 Sep 17``) or ISO writes it; a season or a span gives the year."""
    iso = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    if iso:
        return [int(part) for part in iso.groups()]
    plain = re.fullmatch(rf"(\d{{4}})(?: ({'|'.join(MONTHS)})(?: (\d{{1,2}}))?)?", text)
    if plain is None:
        return [int(text[:4])] if re.match(r"\d{4}\b", text) else []
    parts = [int(plain[1])]
    if plain[2]:
        parts.append(MONTHS.index(plain[2]) + 1)
    if plain[3]:
        parts.append(int(plain[3]))
    return parts


def write_csl_json(records: Sequence[Record]) -> str:
    """CSL-JSON text of ``records``: UTF-8, two blanks of indent, ends with a line end."""
    return json.dumps([to_csl(record) for record in records], ensure_ascii=False, indent=2) + "\n"
