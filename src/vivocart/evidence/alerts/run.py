"""One run of the alerts: what is new, what changed, an e-mail for each search that has something to say."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import final

from vivocart.evidence.alerts.message import SENDER, alert_message
from vivocart.evidence.alerts.outbox import put_in_outbox
from vivocart.evidence.alerts.saved import Alert, SavedSearch, saved_search, saved_searches
from vivocart.evidence.changes import Change, changed_after
from vivocart.evidence.search.run import Found, search
from vivocart.evidence.store import Library, get, written


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one saved search has to say: new records in order, and what became of those found before."""

    translation: str
    new: tuple[str, ...]
    changes: tuple[Change, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRun:
    """What one alert did: its news, and the e-mail's file; no file when there was nothing to say."""

    name: str
    news: News
    path: Path | None


def news(library: Library, saved: SavedSearch, *, now: datetime.datetime) -> News:
    """What a saved search would say now; nothing is marked as told."""
    return _news(library, saved, search(library, saved.query, now=now))


def _news(library: Library, saved: SavedSearch, found: Found) -> News:
    known = _known(library, saved)
    return News(
        translation=found.translation,
        new=tuple(record_id for record_id in found.record_ids if record_id not in known),
        changes=tuple(_changes(library, saved)),
    )


def _known(library: Library, saved: SavedSearch) -> frozenset[str]:
    query = "SELECT record_id FROM search_hit WHERE saved_search = ?"
    return frozenset(row[0] for row in library.connection.execute(query, (saved.number,)))


def _changes(library: Library, saved: SavedSearch) -> Iterator[Change]:
    """Changes of records that the search found before: those with a later text, and those that PubMed deleted."""
    query = (
        "SELECT DISTINCT hit.record_id FROM search_hit hit JOIN version ON version.record_id = hit.record_id "
        "WHERE saved_search = ? AND number > ? "
        "UNION SELECT id FROM record JOIN search_hit ON record_id = id "
        "WHERE saved_search = ? AND deleted_on IS NOT NULL ORDER BY 1"
    )
    values = (saved.number, saved.last_version, saved.number)
    for (record_id,) in library.connection.execute(query, values).fetchall():
        yield from changed_after(library, record_id, saved.last_version)


def run_alerts(
    library: Library, outbox: Path, *, now: datetime.datetime, sender: str = SENDER, name: str | None = None
) -> tuple[AlertRun, ...]:
    """Runs of every alert that is due; each e-mail lies in the outbox before its news count as told.

    An alert is due on the day that its frequency names, or on the first run after it. A search that is named is run whether
    it is due or not.

    Parameters
    ----------
    library
        An open library.
    outbox
        Folder for the ``.eml`` files, made when it does not exist.
    now
        The time of the run.
    sender
        Address that the e-mails are from.
    name
        Run this search alone.

    Raises
    ------
    OutputError
        If an e-mail cannot be written; the news of that search then count as not told.
    """
    wanted = saved_searches(library) if name is None else (saved_search(library, name),)
    runs: list[AlertRun] = []
    for saved in wanted:
        is_due = saved.due_on is not None and saved.due_on <= now.date()
        if saved.alert is not None and (is_due or name is not None):
            runs.append(_run(library, saved, saved.alert, outbox, (now, sender)))
    return tuple(runs)


def _run(
    library: Library, saved: SavedSearch, alert: Alert, outbox: Path, when: tuple[datetime.datetime, str]
) -> AlertRun:
    now, sender = when
    with written(library) as execute:  # nobody imports between the look and the mark
        found = search(library, saved.query, now=now)
        told = _news(library, saved, found)
        path: Path | None = None
        if told.new or told.changes or alert.even_when_empty:
            message = _message(library, saved, alert, told, when=(now, sender))
            path = put_in_outbox(outbox, message, name=f"{now:%Y-%m-%d}-{saved.name}")
        gone = [change.record_id for change in told.changes if change.kind == "deleted"]
        _mark(execute, saved, (found.record_ids, gone), now)
    return AlertRun(name=saved.name, news=told, path=path)


def _message(
    library: Library, saved: SavedSearch, alert: Alert, told: News, *, when: tuple[datetime.datetime, str]
) -> EmailMessage:
    shown = [get(library, record_id) for record_id in told.new[: alert.at_most]]
    return alert_message(
        saved.name,
        alert,
        told.translation,
        shown,
        told.changes,
        count=len(told.new),
        now=when[0],
        sender=when[1],
    )


def _mark(
    execute: Callable[..., object],
    saved: SavedSearch,
    hits: tuple[tuple[str, ...], list[str]],
    now: datetime.datetime,
) -> None:
    found, gone = hits
    for record_id in found:
        execute("INSERT OR IGNORE INTO search_hit VALUES (?, ?)", (saved.number, record_id))
    for record_id in gone:
        execute("DELETE FROM search_hit WHERE saved_search = ? AND record_id = ?", (saved.number, record_id))
    execute(
        "UPDATE saved_search SET last_run = ?, last_version = (SELECT COALESCE(MAX(number), 0) FROM version) "
        "WHERE number = ?",
        (now.date().isoformat(), saved.number),
    )
