"""Records as files for other programs: PubMed's own save formats, and BibTeX.

MEDLINE, RIS and CSL-JSON are written by the modules that read them, in ``importers``.
"""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Iterator, Sequence

from vivocart.evidence.citations import nlm, source_line
from vivocart.evidence.names import nlm_name
from vivocart.evidence.records import Record

CSV_COLUMNS = (
    "PMID", "Title", "Authors", "Citation", "First Author", "Journal/Book", "Publication Year", "Create Date", "PMCID",
    "NIHMS ID", "DOI",
)  # fmt: skip
_WIDTH = 80


def write_pmids(records: Sequence[Record]) -> str:
    """One PMID a line; records without one are left out."""
    return "".join(f"{record.pmid}\n" for record in records if record.pmid)


def write_summary(records: Sequence[Record]) -> str:
    """Summary (text): numbered NLM citations, one empty line between them."""
    return "\n".join(f"{number}: {nlm(record)}\n" for number, record in enumerate(records, start=1))


def write_csv(records: Sequence[Record]) -> str:
    """CSV with the columns of PubMed's own export; save it as UTF-8 with a byte-order mark for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for record in records:
        names = [nlm_name(author) for author in record.authors]
        writer.writerow(
            (
                record.pmid,
                record.title or record.described_as,
                f"{', '.join(names)}." if names else "",
                source_line(record),
                names[0] if names else "",
                record.journal_short or record.journal,
                record.year,
                record.created.strftime("%Y/%m/%d") if record.created else "",
                record.pmcid,
                record.nihms_id,
                record.doi,
            )
        )
    return text.getvalue()


# -- Abstract (text) --------------------------------------------------------------------------------------------------


def write_abstract(records: Sequence[Record]) -> str:
    """Abstract (text): source, title, authors with numbered affiliations, abstract, identifiers, conflicts of interest."""
    return "\n\n".join(
        "\n".join(_abstract_blocks(number, record)) for number, record in enumerate(records, start=1)
    )


def _abstract_blocks(number: int, record: Record) -> Iterator[str]:
    ahead = " Online ahead of print." if record.is_ahead_of_print else ""
    yield _wrapped(f"{number}. {source_line(record)}{ahead}")
    yield _wrapped(record.title or record.described_as)
    affiliations = list(dict.fromkeys(place for author in record.authors for place in author.affiliations))
    if record.authors:
        names = (
            nlm_name(author) + "".join(f"({affiliations.index(place) + 1})" for place in author.affiliations)
            for author in record.authors
        )
        yield _wrapped(f"{', '.join(names)}.")
    if affiliations:
        places = (_wrapped(f"({position}){place}") for position, place in enumerate(affiliations, start=1))
        yield "Author information:\n" + "".join(places)
    if record.abstract:
        parts = (f"{part.label}: {part.text}" if part.label else part.text for part in record.abstract)
        yield "".join(_wrapped(part) for part in parts)
    if record.copyright:
        yield _wrapped(record.copyright)
    yield "".join(_identifiers(record))
    if record.conflict:
        yield _wrapped(f"Conflict of interest statement: {record.conflict}")


def _identifiers(record: Record) -> Iterator[str]:
    indexed = " [Indexed for MEDLINE]" if record.indexing == "MEDLINE" else ""
    for name, value in (
        ("DOI", record.doi),
        ("PMCID", record.pmcid),
        ("PMID", record.pmid and record.pmid + indexed),
    ):
        if value:
            yield f"{name}: {value}\n"


def _wrapped(text: str) -> str:
    """Lines of 80 characters as PubMed wraps them: the blank stays at the end of a line."""
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "".join(
        f"{line}{' ' if position < len(lines) else ''}\n" for position, line in enumerate(lines, start=1)
    )


# -- BibTeX -----------------------------------------------------------------------------------------------------------

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_SMALL_WORDS = frozenset(
    {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
)
_ENTRIES = {"article": "article"}


def write_bibtex(records: Sequence[Record]) -> str:
    """BibTeX entries; keys are author, year and the first words of the title, made unique by number."""
    taken: set[str] = set()
    return "\n".join(_bibtex(record, _key(record, taken)) for record in records)


def _key(record: Record, taken: set[str]) -> str:
    name = (record.authors[0].family or record.authors[0].literal) if record.authors else record.id
    words = [word for word in re.findall(r"\w+", record.title.lower()) if word not in _SMALL_WORDS][:1]
    stem = re.sub(r"[^a-z0-9]", "", f"{name.lower()}{record.year}{''.join(words)}") or "record"
    key, number = stem, 2
    while key in taken:
        key, number = f"{stem}{number}", number + 1
    taken.add(key)
    return key


def _bibtex(record: Record, key: str) -> str:
    fields = [(name, value) for name, value in _bibtex_fields(record) if value]
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields)
    return f"@{_ENTRIES.get(record.kind, 'misc')}{{{key},\n{lines}\n}}\n"


def _bibtex_fields(record: Record) -> Iterator[tuple[str, str]]:
    yield "author", " and ".join(_bibtex_names(record))
    yield "title", _kept_capitals(record.title or record.described_as)
    yield "journal", _escaped(record.journal or record.journal_short)
    yield "year", record.year
    yield "volume", _escaped(record.volume)
    yield "number", _escaped(record.issue)
    yield "pages", re.sub(r"(?<=\w)-(?=\w)", "--", _escaped(record.pages or record.pii))
    yield "doi", record.doi
    yield "pmid", record.pmid
    yield "pmcid", record.pmcid
    yield "url", record.url


def _bibtex_names(record: Record) -> Iterator[str]:
    for author in record.authors:
        if author.literal:
            yield f"{{{_escaped(author.literal)}}}"
        else:
            parts = (author.family, author.suffix, author.given or author.initials)
            yield ", ".join(_escaped(part) for part in parts if part)
    if record.more_authors and record.authors:
        yield "others"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _kept_capitals(title: str) -> str:
    """Title without its full stop, with braces around words whose capitals a style would lower."""
    words = re.sub(r"(?<!\.)\.$", "", title).split()
    kept = (
        f"{{{_escaped(word)}}}"
        if any(letter.isupper() for letter in (word if position else word[1:]))
        else _escaped(word)
        for position, word in enumerate(words)
    )
    return " ".join(kept)
