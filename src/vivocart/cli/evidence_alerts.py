"""Watch: ``vivocart evidence searches`` and ``alerts``."""

from __future__ import annotations

import dataclasses
import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivocart.cli.evidence_library import counted, library_option, moment, own_library, said, today_option
from vivocart.cli.evidence_send import delivered, outbox_folder, outbox_option, send_option
from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json

if TYPE_CHECKING:
    from vivocart.evidence.alerts.run import AlertRun
    from vivocart.evidence.alerts.saved import SavedSearch

_NAME = click.argument("name", metavar="NAME")
# -- saved searches -----------------------------------------------------------------------------------------------------


@click.group(
    epilog=examples(
        "vivocart evidence searches save 'CAR-T' 'lupus AND car-t' --to you@example.org --frequency weekly --day monday",
        "vivocart evidence searches test 'lupus AND car-t'",
    )
)
def searches() -> None:
    """Saved searches, each with or without an alert."""


@searches.command(name="save")
@_NAME
@click.argument("query", metavar="QUERY")
@click.option(
    "--to", default=None, metavar="ADDRESS", help="Send an alert to this address; none unless given."
)
@click.option("--frequency", default="monthly", show_default=True, help="monthly, weekly or daily.")
@click.option("--day", default="", help="first sunday ... first day, first weekday; sunday ... saturday.")
@click.option(
    "--format",
    "form",
    default="summary",
    show_default=True,
    help="summary, summary_text, abstract, abstract_text or pubmed.",
)
@click.option(
    "--at-most", type=int, default=5, show_default=True, help="1, 5, 10, 20, 50, 100 or 200 records."
)
@click.option("--even-when-empty", is_flag=True, help="Send also when there is nothing new.")
@click.option("--text", default="", help="Text at the head of each e-mail.")
@today_option
@library_option
@json_option
def searches_save(
    *,
    name: str,
    query: str,
    to: str | None,
    frequency: str,
    day: str,
    form: str,
    at_most: int,
    even_when_empty: bool,
    text: str,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Save a search; with --to, an alert tells of what comes and what changes from now on."""
    from vivocart.evidence.alerts.saved import make_alert, save_search

    alert = None
    if to is not None:
        alert = make_alert(
            to,
            frequency=frequency,
            day=day,
            format=form,
            at_most=at_most,
            even_when_empty=even_when_empty,
            text=text,
        )
    now = moment(today)
    with own_library(library_path, now) as library:
        saved = save_search(library, name, query, alert, now=now)
    _print_saved([saved], as_json=as_json)


def _print_saved(found: list[SavedSearch], *, as_json: bool) -> None:
    if as_json:
        print_json({"searches": [_saved_json(saved) for saved in found]})
        return
    for saved in found:
        due = (
            f"{saved.alert.frequency}, {saved.alert.day}, next {saved.due_on}" if saved.alert else "no alert"
        )
        click.echo(f"{saved.name}: {saved.query} ({due})")


def _saved_json(saved: SavedSearch) -> dict[str, Any]:
    return {
        "name": saved.name,
        "query": saved.query,
        "alert": None if saved.alert is None else dataclasses.asdict(saved.alert),
        "due_on": None if saved.due_on is None else saved.due_on.isoformat(),
        "last_run": saved.last_run.isoformat(),
    }


@searches.command(name="list")
@library_option
@json_option
def searches_list(*, library_path: Path | None, as_json: bool) -> None:
    """Print the saved searches and when each is due."""
    from vivocart.evidence.alerts.saved import saved_searches

    with own_library(library_path, moment(None)) as library:
        found = list(saved_searches(library))
    _print_saved(found, as_json=as_json)


@searches.command(name="test")
@click.argument("query", metavar="QUERY")
@today_option
@library_option
@json_option
def searches_test(
    *, query: str, today: datetime.datetime | None, library_path: Path | None, as_json: bool
) -> None:
    """Test search terms: print the translation and how many records it finds."""
    from vivocart.evidence.search.run import search

    now = moment(today)
    with own_library(library_path, now) as library:
        found = search(library, query, now=now, limit=0)
    if as_json:
        print_json({"query": query, "translation": found.translation, "count": found.count})
    else:
        click.echo(f"Search details: {found.translation}\n{counted(found.count, 'record')}")


@searches.command(name="delete")
@_NAME
@library_option
@json_option
def searches_delete(*, name: str, library_path: Path | None, as_json: bool) -> None:
    """Delete a saved search and its alert."""
    from vivocart.evidence.alerts.saved import delete_search

    with own_library(library_path, moment(None)) as library:
        delete_search(library, name)
    said("deleted", name, as_json=as_json)


# -- alerts -------------------------------------------------------------------------------------------------------------


@click.group(
    epilog=examples("vivocart evidence alerts run", "vivocart evidence alerts run --today 2026-12-06")
)
def alerts() -> None:
    """E-mails of saved searches: what is new, and what changed."""


@alerts.command(name="run")
@click.option("--name", default=None, help="Run this saved search, due or not.")
@outbox_option
@send_option
@today_option
@library_option
@json_option
def alerts_run(
    *,
    name: str | None,
    outbox: Path | None,
    send: bool,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Write the e-mails that are due into the outbox; call it daily, by cron or by hand."""
    from vivocart.evidence.alerts.outbox import sender
    from vivocart.evidence.alerts.run import run_alerts

    now = moment(today)
    with own_library(library_path, now) as library:
        folder = outbox_folder(outbox, library)
        runs = run_alerts(library, folder, now=now, sender=sender(os.environ), name=name)
    sent = delivered(folder) if send else []
    if as_json:
        print_json({"alerts": [_run_json(run) for run in runs], "sent": sent})
        return
    for run in runs:
        where = run.path or "nothing to tell"
        click.echo(f"{run.name}: {len(run.news.new)} new, {len(run.news.changes)} changed: {where}")
    told = f", {counted(len(sent), 'e-mail')} sent" if send else ""
    click.echo(f"{counted(len(runs), 'alert')} run{told}")


def _run_json(run: AlertRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "new": list(run.news.new),
        "changes": [str(change) for change in run.news.changes],
        "file": None if run.path is None else str(run.path),
    }


@alerts.command(name="send")
@outbox_option
@library_option
@json_option
def alerts_send(*, outbox: Path | None, library_path: Path | None, as_json: bool) -> None:
    """Hand every e-mail of the outbox to the mail server VIVOCART_SMTP_HOST."""
    with own_library(library_path, moment(None)) as library:
        folder = outbox_folder(outbox, library)
    sent = delivered(folder)
    if as_json:
        print_json({"sent": sent})
    else:
        click.echo(f"{counted(len(sent), 'e-mail')} sent")
