"""Saved searches and what their alerts send."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import sqlite3
from dataclasses import dataclass
from typing import Literal, final

from vivocart.evidence.alerts.calendar import Frequency, check_day, next_run
from vivocart.evidence.search.query import Earlier, Joined, Query, QueryError, chain
from vivocart.evidence.search.run import matching, translated
from vivocart.evidence.store import Library, written
from vivocart.ground.errors import InputError, UnknownNameError

ReportFormat = Literal["summary", "summary_text", "abstract", "abstract_text", "pubmed"]

#: Report formats, and what PubMed calls them.
FORMATS: dict[ReportFormat, str] = {
    "summary": "Summary",
    "summary_text": "Summary (text)",
    "abstract": "Abstract",
    "abstract_text": "Abstract (text)",
    "pubmed": "PubMed",
}
#: Choices for the most records that one e-mail holds.
AT_MOST = (1, 5, 10, 20, 50, 100, 200)

_LONGEST_NAME = 99
_LONGEST_TEXT = 2000
_ADDRESS = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """When a saved search writes to whom, and what: every choice of PubMed's own dialogue."""

    to: str
    frequency: Frequency = "monthly"
    day: str = "first sunday"
    format: ReportFormat = "summary"
    at_most: int = 5
    even_when_empty: bool = False
    text: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A saved search; one without ``alert`` only waits to be asked."""

    number: int
    name: str
    query: str
    alert: Alert | None
    last_run: datetime.date
    last_version: int

    @property
    def due_on(self) -> datetime.date | None:
        """The day of its next alert; nothing when it has none."""
        return None if self.alert is None else next_run(self.alert.frequency, self.alert.day, self.last_run)


def make_alert(
    to: str,
    *,
    frequency: str = "monthly",
    day: str = "",
    format: str = "summary",
    at_most: int = 5,
    even_when_empty: bool = False,
    text: str = "",
) -> Alert:
    """An alert whose every choice was checked.

    Raises
    ------
    InputError
        Naming the choice that does not exist, and those that do.
    """
    known, plain_day = check_day(frequency, day)
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    if at_most not in AT_MOST:
        choices = ", ".join(map(str, AT_MOST))
        raise InputError(f"at most {at_most} records is no choice", mend=f"one of: {choices}")
    if len(text) > _LONGEST_TEXT:
        raise InputError(f"the text has {len(text)} characters", mend=f"at most {_LONGEST_TEXT}")
    return Alert(
        to=check_address(to),
        frequency=known,
        day=plain_day,
        format=format,
        at_most=at_most,
        even_when_empty=even_when_empty,
        text=text,
    )


def check_address(address: str) -> str:
    """``address`` without blanks around it.

    Raises
    ------
    InputError
        If it is no e-mail address.
    """
    plain = address.strip()
    if not _ADDRESS.fullmatch(plain) or not plain.isprintable():
        raise InputError(f"not an e-mail address (found '{plain}')", mend="write name@host")
    return plain


def save_search(
    library: Library, name: str, query: str, alert: Alert | None, *, now: datetime.datetime
) -> SavedSearch:
    """Save a search; its alert tells of what comes after now.

    Raises
    ------
    InputError
        If the name is empty, too long or taken.
    QueryError
        If the query cannot be read, or names another search by its number, which would not last.
    """
    plain = " ".join(name.split())
    if not plain or len(plain) > _LONGEST_NAME:
        problem = f"the name of the search has {len(plain)} characters"
        raise InputError(problem, mend="write 1 to 99")
    _refuse_numbers(translated(library, query, now=now))
    settings = json.dumps(None if alert is None else dataclasses.asdict(alert), sort_keys=True)
    try:
        with written(library) as execute:
            number = execute(
                "INSERT INTO saved_search (name, folded, query, alert, last_run, last_version) "
                "VALUES (?, ?, ?, ?, ?, (SELECT COALESCE(MAX(number), 0) FROM version))",
                (plain, plain.casefold(), query, settings, now.date().isoformat()),
            ).lastrowid
            for record_id in sorted(matching(library, query, now=now)):
                execute("INSERT INTO search_hit VALUES (?, ?)", (number, record_id))
    except sqlite3.IntegrityError as error:
        raise InputError(f"a search '{plain}' is saved", mend="choose another name, or delete it") from error
    return saved_search(library, plain)


def _refuse_numbers(query: Query) -> None:
    first, parts = chain(query)
    for part in (first, *(joined.right for joined in parts)):
        if isinstance(part, Joined):
            _refuse_numbers(part)
        if isinstance(part, Earlier):
            problem = f"#{part.number} does not last as long as a saved search"
            raise QueryError(problem, part.position, mend="write the search in full")


def saved_searches(library: Library) -> tuple[SavedSearch, ...]:
    """Every saved search, by name."""
    query = "SELECT number, name, query, alert, last_run, last_version FROM saved_search ORDER BY folded"
    return tuple(_saved(row) for row in library.connection.execute(query).fetchall())


def _saved(row: tuple[int, str, str, str, str, int]) -> SavedSearch:
    number, name, query, settings, last_run, last_version = row
    alert = json.loads(settings)
    return SavedSearch(
        number=number,
        name=name,
        query=query,
        alert=None if alert is None else Alert(**alert),
        last_run=datetime.date.fromisoformat(last_run),
        last_version=last_version,
    )


def saved_search(library: Library, name: str) -> SavedSearch:
    """The saved search called ``name``.

    Raises
    ------
    UnknownNameError
        With the nearest three names.
    """
    folded = " ".join(name.split()).casefold()
    for found in saved_searches(library):
        if found.name.casefold() == folded:
            return found
    raise UnknownNameError("saved search", name, [found.name for found in saved_searches(library)])


def delete_search(library: Library, name: str) -> None:
    """Delete a saved search and its alert.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    number = saved_search(library, name).number
    with written(library) as execute:
        execute("DELETE FROM search_hit WHERE saved_search = ?", (number,))
        execute("DELETE FROM saved_search WHERE number = ?", (number,))
