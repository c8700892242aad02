"""The search index: one row of words and one row of days for every record that stands.

Words of a text are found by phrase in their column. A field whose values are asked for as a whole (a heading, a journal, an
author) has one token for each value in the column ``exact``. Both are written here, in folded form, so that SQLite's own
reading of words plays no part.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator

from vivocart.evidence.names import LANGUAGES, nlm_name
from vivocart.evidence.records import Author, Record
from vivocart.evidence.search.days import number_of, printed_day
from vivocart.evidence.search.tokens import BREAK, fold, folded, value_token, words

#: Text columns; a search in all fields looks at each.
TEXT_COLUMNS = (
    "title", "abstract", "keywords", "affiliation", "authors", "groups", "journal", "mesh", "types", "substances",
    "subjects", "investigators", "grants", "sources", "vernacular", "conflict", "other",
)  # fmt: skip
DAY_COLUMNS = ("printed", "electronic", "created", "entered", "indexed_on", "revised", "completed")

SCHEMA = (
    f"""CREATE TABLE entry (
        number INTEGER PRIMARY KEY,
        record_id TEXT NOT NULL UNIQUE,
        pmid INTEGER NOT NULL,
        first_author TEXT NOT NULL,
        journal TEXT NOT NULL,
        journal_short TEXT NOT NULL,
        newest INTEGER NOT NULL,
        published INTEGER NOT NULL,
        {", ".join(f"{column} INTEGER" for column in DAY_COLUMNS)}
    )""",
    "CREATE INDEX entry_newest ON entry (newest)",
    f"""CREATE VIRTUAL TABLE words USING fts5 (
        {", ".join(TEXT_COLUMNS)}, exact, tokenize = "ascii tokenchars '_:/'"
    )""",
    "INSERT INTO words (words, rank) VALUES ('hashsize', 33554432)",  # fewer merges while a large file comes in
)
_PUT_ENTRY = (
    "INSERT INTO entry (record_id, pmid, first_author, journal, journal_short, newest, published, "
    f"{', '.join(DAY_COLUMNS)}) VALUES ({', '.join('?' * (7 + len(DAY_COLUMNS)))})"
)
_PUT_WORDS = (
    f"INSERT INTO words (rowid, {', '.join(TEXT_COLUMNS)}, exact) "
    f"VALUES ({', '.join('?' * (2 + len(TEXT_COLUMNS)))})"
)


def put(connection: sqlite3.Connection, record: Record) -> None:
    """Index ``record`` in place of what its id had before."""
    remove(connection, record.id)
    printed, electronic = printed_day(record.date), number_of(record.electronic_date)
    days = (printed, electronic, *(number_of(getattr(record, column)) for column in DAY_COLUMNS[2:]))
    number = connection.execute(
        _PUT_ENTRY,
        (
            record.id,
            int(record.pmid or 0),
            fold(nlm_name(record.authors[0])) if record.authors else "",
            fold(record.journal_short or record.journal),
            record.journal_short or record.journal,
            number_of(record.created) or number_of(record.entered) or 0,
            printed or electronic or 0,
            *days,
        ),
    ).lastrowid
    texts = text_values(record)
    columns = (f" {BREAK} ".join(folded(value) for value in texts[name]) for name in TEXT_COLUMNS)
    exact = " ".join(dict.fromkeys(_exact(record)))
    connection.execute(_PUT_WORDS, (number, *columns, exact))


def remove(connection: sqlite3.Connection, record_id: str) -> None:
    """Take a record out of the index; nothing happens when it is not in it."""
    row = connection.execute("SELECT number FROM entry WHERE record_id = ?", (record_id,)).fetchone()
    if row is not None:
        connection.execute("DELETE FROM words WHERE rowid = ?", row)
        connection.execute("DELETE FROM entry WHERE number = ?", row)


def text_values(record: Record) -> dict[str, tuple[str, ...]]:
    """Texts of a record by column; no phrase runs from one value into the next."""
    abstract = " ".join(f"{part.label} {part.text}" if part.label else part.text for part in record.abstract)
    people = [author for author in record.authors if not author.literal]
    other = (
        record.pmid, record.doi, record.pii, record.pmcid, record.nihms_id, record.nlm_id, *record.issn,
        record.volume, record.issue, record.pages, record.country, *_languages(record), *flags(record),
    )  # fmt: skip
    return {
        "title": (record.title or record.described_as,),
        "abstract": (abstract,),
        "keywords": record.keywords,
        "affiliation": tuple(
            dict.fromkeys(place for author in record.authors for place in author.affiliations)
        ),
        "authors": (*map(nlm_name, people), *(name for author in people for name in _full_names(author))),
        "groups": tuple(author.literal for author in record.authors if author.literal),
        "journal": _journals(record),
        "mesh": record.mesh,
        "types": record.publication_types,
        "substances": record.substances,
        "subjects": record.subjects,
        "investigators": tuple(name for person in record.investigators for name in _full_names(person)),
        "grants": tuple(
            " ".join((grant.number, grant.acronym, grant.agency, grant.country)) for grant in record.grants
        ),
        "sources": record.registrations,
        "vernacular": (record.vernacular_title,),
        "conflict": (record.conflict,),
        "other": tuple(value for value in other if value),
    }


def flags(record: Record) -> Iterator[str]:
    """Words that a filter may ask for: ``hasabstract``, ``haserratumin``, ``pubstatusaheadofprint``, ``medline``."""
    if record.abstract:
        yield "hasabstract"
    yield from dict.fromkeys(f"has{correction.kind.lower()}" for correction in record.corrections)
    if record.status:
        yield f"pubstatus{record.status.lower()}"
    if record.indexing:
        yield "".join(words(record.indexing))
    if record.kind == "preprint":
        yield "preprint"
    if record.pmcid:
        yield "pubmedpmc"
    yield from (subset.lower() for subset in record.subsets)


def _full_names(author: Author) -> tuple[str, ...]:
    """A person's full name as it is filed and as it is read."""
    given = author.given or author.initials
    return (f"{author.family} {given}".strip(), f"{given} {author.family}".strip())


def _journals(record: Record) -> tuple[str, ...]:
    """What a journal may be called: abbreviation, title, title without its article and without what stands in brackets."""
    title = record.journal
    plain = title.split(" (")[0].split(" : ")[0]
    names = (record.journal_short, title, plain, plain.removeprefix("The "))
    return tuple(dict.fromkeys(name for name in names if name))


def _languages(record: Record) -> Iterator[str]:
    for language in record.languages:
        yield language
        if language in LANGUAGES:
            yield LANGUAGES[language]


def _exact(record: Record) -> Iterator[str]:
    for key, values in _exact_values(record):
        yield from (
            token for token in (value_token(key, value) for value in values if value) if token[-1] != ":"
        )
    for heading in record.mesh:
        yield from _heading(heading)


def _exact_values(record: Record) -> Iterator[tuple[str, Iterable[str]]]:
    people = [nlm_name(author) for author in record.authors if not author.literal]
    yield "au", people
    yield "1au", people[:1] if record.authors and not record.authors[0].literal else ()
    yield "lastau", people[-1:] if record.authors and not record.authors[-1].literal else ()
    yield "fau", (name for author in record.authors if not author.literal for name in _full_names(author))
    yield "ir", map(nlm_name, record.investigators)
    yield "fir", (name for person in record.investigators for name in _full_names(person))
    yield "auid", (author.orcid for author in record.authors)
    yield "ps", record.subjects
    yield "ta", (*_journals(record), *record.issn)
    yield "jid", (record.nlm_id,)
    yield "la", _languages(record)
    yield "pt", record.publication_types
    yield "rn", (part for substance in record.substances for part in _substance(substance))
    yield "pl", (record.country,)
    yield "vi", (record.volume,)
    yield "ip", (record.issue,)
    yield "pg", (record.pages.split("-")[0], record.pii)
    yield "pmid", (record.pmid,)
    yield "pmcid", (record.pmcid,)
    yield "aid", (record.doi, record.pii, record.pmcid, record.nihms_id)
    yield "lid", (record.doi, record.pii)
    yield "sb", flags(record)


@functools.lru_cache(maxsize=65536)
def _heading(heading: str) -> tuple[str, ...]:
    """Tokens of ``Stroke/*diagnostic imaging``: the heading, its subheading and both; those with a star are major."""
    descriptor, *qualifiers = heading.split("/")
    pairs = [f"{descriptor}/{qualifier}" for qualifier in qualifiers]
    major = [pair for pair in pairs if descriptor[:1] == "*" or "/*" in pair]
    return (
        *(value_token("mh", value) for value in (descriptor, *pairs)),
        *(value_token("sh", qualifier) for qualifier in qualifiers),
        *(value_token("majr", value) for value in (descriptor, *major) if "*" in heading),
    )


def _substance(substance: str) -> tuple[str, str]:
    """Number and name of ``9001-31-4 (Fibrin)``."""
    number, _, name = substance.partition(" (")
    return number.removeprefix("EC "), name.removesuffix(")")
