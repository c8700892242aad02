"""A search: from the words of a query to records in order, with the translation that says what was asked."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, final

from vivocart.evidence.collect.clipboard import clipboard_ids
from vivocart.evidence.search.details import details
from vivocart.evidence.search.evaluate import evaluate, rank_expression
from vivocart.evidence.search.history import history, past_query
from vivocart.evidence.search.mapping import map_plain, translate_journal
from vivocart.evidence.search.parser import parse
from vivocart.evidence.search.query import Earlier, Plain, Query, QueryError, Term, chain
from vivocart.evidence.search.tokens import value_token
from vivocart.evidence.store import Library
from vivocart.ground.errors import InputError, UnknownNameError

Sort = Literal["match", "recent", "date", "author", "journal"]

#: Orders of a result, and what each goes by.
SORTS: dict[Sort, str] = {
    "match": "best match",
    "recent": "most recent in PubMed",
    "date": "publication date",
    "author": "first author",
    "journal": "journal",
}
_ORDER = {
    "recent": "newest {down}, pmid {down}, record_id {up}",
    "date": "published {down}, pmid {down}, record_id {up}",
    "author": "first_author = '', first_author {up}, published DESC, record_id",
    "journal": "journal = '', journal {up}, published DESC, record_id",
}
_CHUNK = 30_000  # parameters of one statement
_FEW = 4000  # records that are looked up one by one; with more, walking the whole order is quicker


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found: ids in order (as many as were asked for), how many there are in all, and the translation."""

    query: str
    translation: str
    count: int
    record_ids: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryVocabulary:
    """Headings, journals and authors of the library's own records."""

    connection: sqlite3.Connection

    def is_subject(self, phrase: str) -> bool:
        """Whether a record has the heading ``phrase``."""
        return self._first("mh", phrase) is not None

    def journal(self, phrase: str) -> str:
        """Abbreviation of the journal that a record calls ``phrase``; empty when none does."""
        number = self._first("ta", phrase)
        if number is None:
            return ""
        row = self.connection.execute(
            "SELECT journal_short FROM entry WHERE number = ?", (number,)
        ).fetchone()
        return str(row[0])

    def is_author(self, name: str) -> bool:
        """Whether a record has an author of that family name and first initials."""
        return self._first("au", name, star="*") is not None

    def is_full_name(self, name: str) -> bool:
        """Whether a record has an author or investigator of that full name."""
        return self._first("fau", name) is not None

    def _first(self, key: str, text: str, *, star: str = "") -> int | None:
        question = f'exact : "{value_token(key, text)}"{star}'
        row = self.connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? LIMIT 1", (question,)
        ).fetchone()
        return None if row is None else int(row[0])


def search(
    library: Library,
    query: str,
    *,
    now: datetime.datetime,
    sort: Sort = "recent",
    reverse: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> Found:
    """Records of the library that ``query`` asks for.

    Parameters
    ----------
    library
        An open library; it is not written.
    query
        In PubMed's language.
    now
        The time of the search: relative dates count from its day, and the clipboard may have lapsed.
    sort
        Key of ``SORTS``.
    reverse
        Turn the order around; best match cannot be.
    limit, offset
        Which part of the result to give the ids of; all unless given.

    Raises
    ------
    QueryError
        Naming the character at which the query cannot be read, and the mend.
    """
    if sort not in SORTS:
        raise UnknownNameError("sort", sort, SORTS)
    if reverse and sort == "match":
        raise InputError("best match has no reverse", mend="take another sort")
    tree = translated(library, query, now=now)
    numbers = _evaluate(library, tree, now)
    ids = _in_order(library.connection, tree, numbers, (sort, reverse), (limit, offset))
    return Found(query=query, translation=details(tree), count=len(numbers), record_ids=ids)


def matching(library: Library, query: str, *, now: datetime.datetime) -> frozenset[str]:
    """Ids of every record that ``query`` asks for, in no order."""
    numbers = _evaluate(library, translated(library, query, now=now), now)
    return frozenset(_ids(library.connection, numbers))


def translated(library: Library, query: str, *, now: datetime.datetime) -> Query:
    """Tree of ``query`` with every word translated; searches of the history stay numbers.

    Raises
    ------
    QueryError
        As :func:`search`.
    """
    vocabulary = LibraryVocabulary(connection=library.connection)

    def translate(part: Query) -> Query:
        if isinstance(part, Plain):
            return map_plain(part, vocabulary)
        if isinstance(part, Term) and part.field.tag == "ta":
            return translate_journal(part)
        return part

    return _each(parse(query, today=now.date()), translate)


def _each(query: Query, change: Callable[[Query], Query]) -> Query:
    """``query`` with every leaf changed."""
    start, parts = chain(query)
    result = change(start)
    for joined in parts:
        result = replace(joined, left=result, right=_each(joined.right, change))
    return result


def _evaluate(library: Library, tree: Query, now: datetime.datetime) -> frozenset[int]:
    def earlier(asked: Earlier) -> frozenset[int]:
        if asked.number == 0:
            return _numbers(library.connection, clipboard_ids(library, now=now))
        words_of_it = past_query(library, asked.number)
        if words_of_it is None:
            kept = [past.number for past in history(library)]
            mend = f"the history holds #{kept[0]} to #{kept[-1]}" if kept else "the history is empty"
            raise QueryError(f"no search #{asked.number}", asked.position, mend=mend)
        return _evaluate(library, translated(library, words_of_it, now=now), now)

    return evaluate(library.connection, tree, earlier)


def _numbers(connection: sqlite3.Connection, record_ids: tuple[str, ...]) -> frozenset[int]:
    query = "SELECT number FROM entry WHERE record_id = ?"
    rows = (connection.execute(query, (record_id,)).fetchone() for record_id in record_ids)
    return frozenset(row[0] for row in rows if row is not None)


def _ids(connection: sqlite3.Connection, numbers: frozenset[int]) -> list[str]:
    ordered, found = sorted(numbers), list[str]()
    for start in range(0, len(ordered), _CHUNK):
        part = ordered[start : start + _CHUNK]
        query = f"SELECT record_id FROM entry WHERE number IN ({', '.join('?' * len(part))})"
        found.extend(row[0] for row in connection.execute(query, part))
    return found


def _in_order(
    connection: sqlite3.Connection,
    tree: Query,
    numbers: frozenset[int],
    sort: tuple[Sort, bool],
    part: tuple[int | None, int],
) -> tuple[str, ...]:
    (key, reverse), (limit, offset) = sort, part
    if not numbers or limit == 0:
        return ()
    question = rank_expression(tree) if key == "match" else ""
    down, up = ("ASC", "DESC") if reverse else ("DESC", "ASC")
    order = _ORDER["recent" if key == "match" else key].format(down=down, up=up)
    wanted = None if limit is None else offset + limit
    found: list[str] = []
    if question:
        ranked = "SELECT entry.number, record_id FROM words JOIN entry ON entry.number = words.rowid WHERE words MATCH ?"
        rows = connection.execute(f"{ranked} ORDER BY bm25(words), {order}", (question,))
    else:
        rows = _walk(connection, numbers, order)
    for number, record_id in rows:
        if number in numbers:
            found.append(record_id)
            if len(found) == wanted:
                break
    if question and (wanted is None or len(found) < wanted):
        found.extend(_rest(connection, numbers, found, order))
    return tuple(found[offset:wanted])


def _rest(connection: sqlite3.Connection, numbers: frozenset[int], found: list[str], order: str) -> list[str]:
    """Records that were found by something else than words, after those that words rank."""
    known = set(found)
    rows = _walk(connection, numbers, order)
    return [record_id for number, record_id in rows if number in numbers and record_id not in known]


def _walk(connection: sqlite3.Connection, numbers: frozenset[int], order: str) -> Iterator[tuple[int, str]]:
    """Number and id of at least the records of ``numbers``, in order."""
    if len(numbers) > _FEW:
        return connection.execute(f"SELECT number, record_id FROM entry ORDER BY {order}")
    part = ", ".join("?" * len(numbers))
    query = f"SELECT number, record_id FROM entry WHERE number IN ({part}) ORDER BY {order}"
    return connection.execute(query, tuple(numbers))
