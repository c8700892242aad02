"""Citations of records: AMA, APA, MLA and NLM as PubMed prints them, and a short form for tables.

PubMed's own rules, not those of a style guide: titles keep their capitals, the journal's full title keeps NLM's,
and a record ahead of print puts its locator where pages would stand. Every function is pure: a record in, a string
out. A new style is one function and one entry in :data:`STYLES`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping

from vivocart.evidence.library import records
from vivocart.evidence.names import LANGUAGES, apa_name, full_name, inverted_name, nlm_name
from vivocart.evidence.records import MONTHS, Author, Record, date_text
from vivocart.ground.errors import UnknownNameError

_AMA_ALL = 6  # this many authors are printed in full, more become the first three
_AMA_FIRST = 3
_APA_ALL = 20
_NOTICES = {
    "ErratumIn": "Erratum in",
    "ExpressionOfConcernIn": "Expression of concern in",
    "RetractionIn": "Retraction in",
    "RetractedandRepublishedIn": "Retracted and republished in",
    "UpdateIn": "Update in",
}


def _title(record: Record) -> str:
    """Title without its last full stop; our own words stand in square brackets."""
    if record.title:
        return re.sub(r"(?<!\.)\.$", "", record.title.strip())
    return f"[{record.described_as}]" if record.described_as else ""


def _stopped(text: str) -> str:
    """``text`` with a full stop, unless it ends with a mark of its own."""
    return text if not text or text[-1] in ".?!" else f"{text}."


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _short_journal(record: Record) -> str:
    return record.journal_short or record.journal


def _full_journal(record: Record) -> str:
    return record.journal or record.journal_short


def _locator(record: Record) -> str:
    """What stands in the page slot: pages, publisher's item, or, ahead of print, the DOI."""
    return record.pages or record.pii or (record.doi if record.is_ahead_of_print else "")


def _issue(record: Record, separator: str = "") -> str:
    return f"{record.volume}{separator}({record.issue})" if record.issue else record.volume


def _electronic_day(record: Record) -> str:
    """Day of electronic publication as PubMed writes it; a full journal date serves where none is given."""
    if record.electronic_date:
        return date_text(record.electronic_date)
    return record.date if len(record.date.split()) == 3 else ""


def _where_found(record: Record) -> str:
    """Address for a record without DOI."""
    if record.url:
        return record.url
    return "" if record.doi or record.pmid or not record.read_at else f"Read at {record.read_at}"


# -- NLM ------------------------------------------------------------------------------------------------------------------


def source_line(record: Record) -> str:
    """The source (MEDLINE ``SO``): journal, date, volume, issue, pages, DOI, dates of electronic publication."""
    return _sentences(_nlm_head(record), _nlm_doi(record), _nlm_electronic(record))


def _nlm_head(record: Record) -> str:
    journal = _short_journal(record)
    if "Preprint" in record.publication_types:
        journal += " [Preprint]"
    date = (
        date_text(record.electronic_date)
        if record.is_electronic_only and record.electronic_date
        else record.date
    )
    pages = record.pages or record.pii
    place = f"{_issue(record)}:{pages}" if pages else _issue(record)
    if not date:
        return _sentences(_stopped(journal), _stopped(place.removeprefix(":")))
    colon_only = place.startswith(":")  # no volume: the locator follows the date itself
    return _sentences(_stopped(journal), f"{date}{'' if colon_only or not place else ';'}{place}.")


def _nlm_doi(record: Record) -> str:
    return f"doi: {record.doi}." if record.doi else ""


def _nlm_electronic(record: Record) -> str:
    day = record.electronic_date
    if record.status == "ppublish" and day:
        return f"Epub {date_text(day)}."
    if record.is_electronic_only and day and record.date and record.date != date_text(day):
        return f"eCollection {record.date}."
    return ""


def _nlm_authors(record: Record) -> str:
    text = ""
    for author in record.authors:
        joint = "; " if author.literal else ", "  # a group is parted from persons by a semicolon
        text += (joint if text else "") + nlm_name(author)
    return f"{text}, et al" if text and record.more_authors else text


def _nlm_language(record: Record) -> str:
    if set(record.languages) <= {"eng"}:
        return ""
    return f"{', '.join(LANGUAGES.get(code, code) for code in record.languages)}."


def _nlm_notices(record: Record) -> list[str]:
    return [
        f"{_NOTICES[correction.kind]}: {_stopped(re.sub('[;:]+$', '', correction.reference))}"
        for correction in record.corrections
        if correction.kind in _NOTICES and correction.reference
    ]


def nlm(record: Record) -> str:
    """NLM citation, as PubMed prints it under Cite and in Summary (text)."""
    ids = "; ".join(
        f"{name}: {value}" for name, value in (("PMID", record.pmid), ("PMCID", record.pmcid)) if value
    )
    return _sentences(
        _stopped(_nlm_authors(record)),
        _stopped(_title(record)),
        _nlm_head(record),
        _nlm_language(record),
        _nlm_doi(record),
        _nlm_electronic(record),
        "Epub ahead of print." if record.is_ahead_of_print else "",
        *_nlm_notices(record),
        _stopped(ids),
        _where_found(record),
    )


# -- AMA ------------------------------------------------------------------------------------------------------------------


def _ama_authors(record: Record) -> str:
    names = [nlm_name(author) for author in record.authors]
    if len(names) > _AMA_ALL:
        return f"{', '.join(names[:_AMA_FIRST])}, et al."
    if not names:
        return ""
    return f"{', '.join(names)}, et al." if record.more_authors else _stopped(", ".join(names))


def _ama_notes(record: Record) -> str:
    notes = [
        f"[published correction appears in {correction.reference.rstrip('.')}]"
        for correction in record.corrections
        if correction.kind == "ErratumIn" and correction.reference
    ]
    if record.is_retracted:
        notices = [
            correction.reference.rstrip(".")
            for correction in record.corrections
            if correction.kind == "RetractionIn"
        ]
        notes.insert(0, f"[retracted in: {notices[0]}]" if notices and notices[0] else "[retracted]")
    if record.is_ahead_of_print:
        day = _electronic_day(record)
        notes.append(
            f"[published online ahead of print, {day}]" if day else "[published online ahead of print]"
        )
    return " ".join(notes)


def ama(record: Record) -> str:
    """AMA citation, as PubMed prints it (for a record ahead of print: the bracketed form, seen until August 2022)."""
    place = (
        f"{_issue(record)}:{_locator(record)}"
        if _issue(record) and _locator(record)
        else _issue(record) + _locator(record)
    )
    published = _electronic_day(record) if record.is_electronic_only else ""
    return _sentences(
        _ama_authors(record),
        _stopped(_sentences(_title(record), _ama_notes(record))),
        _stopped(_short_journal(record)),
        _stopped(f"{record.year};{place}" if place and record.year else record.year or place),
        f"Published {published}." if published else "",
        f"doi:{record.doi}" if record.doi else _where_found(record),
    )


# -- APA ------------------------------------------------------------------------------------------------------------------


def _apa_authors(record: Record) -> str:
    names = [apa_name(author) for author in record.authors]
    if record.more_authors and names:
        return f"{', '.join(names)}, et al."
    if len(names) > _APA_ALL:
        return f"{', '.join(names[: _APA_ALL - 1])}, … {names[-1]}"
    if len(names) > 1:
        plain = (
            len(names) == 2 and ", " not in names[0]
        )  # a name without initials, or a group, takes no comma
        return f"{', '.join(names[:-1])}{'' if plain else ','} & {names[-1]}"
    return names[0] if names else ""


def apa(record: Record) -> str:
    """APA citation, as PubMed prints it: all authors to twenty, full journal title with NLM's capitals."""
    authors, title = _apa_authors(record), _stopped(_title(record))
    year = f"({record.year or 'n.d.'})."
    opening = _sentences(authors, year, title) if authors else _sentences(title, year)
    pages = re.sub(r"(?<=\w)-(?=\w)", "–", record.pages) if record.pages else _locator(record)
    source = ", ".join(part for part in (_full_journal(record), _issue(record), pages) if part)
    return _sentences(
        opening,
        _stopped(source),
        "Advance online publication." if record.is_ahead_of_print else "",
        f"https://doi.org/{record.doi}" if record.doi else _where_found(record),
    )


# -- MLA ------------------------------------------------------------------------------------------------------------------


def _mla_authors(record: Record) -> str:
    if not record.authors:
        return ""
    first = inverted_name(record.authors[0])
    if len(record.authors) > 2 or record.more_authors:
        return f"{first} et al."
    if len(record.authors) == 2:
        joint = ", and" if ", " in first else " and"
        return _stopped(f"{first}{joint} {full_name(record.authors[1])}")
    return _stopped(first)


def _mla_day(record: Record) -> str:
    day = record.electronic_date
    if day is None:
        return ""
    return f"{day.day} {_mla_month(day)} {day.year}"


def _mla_month(day: datetime.date) -> str:
    month = MONTHS[day.month - 1]
    return month if month == "May" else f"{month}."


def _mla_source(record: Record) -> str:
    journal, locator = _full_journal(record), _locator(record)
    volume = f"vol. {record.volume}" if record.volume else ""
    if record.issue:
        volume = f"{volume},{record.issue}" if volume else f"no. {record.issue}"
    if record.is_ahead_of_print or record.is_electronic_only:
        day = _mla_day(record)
        named = _sentences(journal, volume, "" if record.is_ahead_of_print and not volume else locator)
        if record.is_ahead_of_print and not volume and locator:
            named = ", ".join(part for part in (journal, locator) if part)
        return _sentences(_stopped(named), day) if day else named
    year = f"({record.year})" if record.year else ""
    return ": ".join(part for part in (_sentences(journal, volume, year), locator) if part)


def mla(record: Record) -> str:
    """MLA citation, as PubMed prints it: first author inverted, curly quotes, nothing after the DOI."""
    title = _title(record)
    source = _mla_source(record)
    dated = (record.is_ahead_of_print or record.is_electronic_only) and record.electronic_date is not None
    if record.doi:
        source = f"{source}, doi:{record.doi}" if dated else f"{_stopped(source)} doi:{record.doi}".strip()
    else:
        source = _sentences(_stopped(source), _where_found(record))
    return _sentences(_mla_authors(record), f"“{_stopped(title)}”" if title else "", source)


# -- short ----------------------------------------------------------------------------------------------------------------


def short(record: Record) -> str:
    """Short form for tables and figures: ``Wang 2025``; a registry entry by its number."""
    if record.kind == "registry":
        return record.id.upper()
    name = _first_name(record.authors[0]) if record.authors else ""
    if not name:
        name = record.described_as or _short_journal(record) or record.title or record.id
    return _sentences(name, record.year)


def _first_name(author: Author) -> str:
    return author.literal or author.family or author.given


STYLES: Mapping[str, Callable[[Record], str]] = {
    "ama": ama,
    "apa": apa,
    "mla": mla,
    "nlm": nlm,
    "short": short,
}


def cite(
    record_ids: Iterable[str], style: str = "ama", *, library: Mapping[str, Record] | None = None
) -> tuple[str, ...]:
    """Citations of ``record_ids``, each once, in the order of first mention.

    Parameters
    ----------
    record_ids
        Ids of records.
    style
        ``ama``, ``apa``, ``mla``, ``nlm`` or ``short``; case is free.
    library
        Records by id; the shipped ones when not given.

    Raises
    ------
    UnknownNameError
        If a record or the style is unknown; names the nearest three.
    """
    if style.lower() not in STYLES:
        raise UnknownNameError("citation style", style, STYLES)
    known = records() if library is None else library
    written: list[str] = []
    for record_id in dict.fromkeys(record_ids):
        if record_id not in known:
            raise UnknownNameError("record", record_id, known)
        written.append(STYLES[style.lower()](known[record_id]))
    return tuple(written)
