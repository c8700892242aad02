"""Searches that were made, by number: ``#1`` in a query means the first."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import final

from vivocart.evidence.store import Library, written

#: Searches that are kept; the oldest leaves when another comes (PubMed User Guide).
KEPT = 100


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PastSearch:
    """One search of the history: its number, words, translation, count at the time, and day."""

    number: int
    query: str
    translation: str
    count: int
    asked_on: datetime.date


def history(library: Library) -> tuple[PastSearch, ...]:
    """Searches of the history, the oldest first."""
    rows = library.connection.execute(
        "SELECT number, query, translation, count, asked_on FROM history ORDER BY number"
    )
    return tuple(
        PastSearch(
            number=number,
            query=query,
            translation=translation,
            count=count,
            asked_on=datetime.date.fromisoformat(day),
        )
        for number, query, translation, count, day in rows
    )


def past_query(library: Library, number: int) -> str | None:
    """Words of the search with a number; nothing when the history does not hold it."""
    row = library.connection.execute("SELECT query FROM history WHERE number = ?", (number,)).fetchone()
    return None if row is None else str(row[0])


def remember(library: Library, query: str, translation: str, count: int, asked_on: datetime.date) -> int:
    """Number under which a search is kept; the one asked last is not kept twice.

    Raises
    ------
    OutputError
        If the library cannot be written.
    """
    values = (query, translation, count, asked_on.isoformat())
    with written(library) as execute:
        last = execute("SELECT number, query FROM history ORDER BY number DESC LIMIT 1").fetchone()
        if last is not None and last[1] == query:
            execute(
                "UPDATE history SET translation = ?, count = ?, asked_on = ? WHERE number = ?",
                (*values[1:], last[0]),
            )
            return int(last[0])
        insert = "INSERT INTO history (query, translation, count, asked_on) VALUES (?, ?, ?, ?)"
        number = int(execute(insert, values).lastrowid or 0)
        execute(
            "DELETE FROM history WHERE number <= (SELECT number FROM history ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (KEPT,),
        )
    return number


def clear_history(library: Library) -> int:
    """Number of searches that were dropped; numbers begin with 1 again."""
    with written(library) as execute:
        count = execute("DELETE FROM history").rowcount
        execute("DELETE FROM sqlite_sequence WHERE name = 'history'")
    return count
