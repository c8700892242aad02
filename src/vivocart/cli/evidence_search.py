"""Find and take out: ``vivocart evidence search``, ``history``, ``save`` and ``changed``."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from vivocart.cli.evidence_library import (
    Selection,
    brief,
    counted,
    hand_out,
    library_option,
    moment,
    own_library,
    records_of,
    selected,
    selection_options,
    today_option,
)
from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json


@click.command(
    epilog=examples(
        "vivocart evidence search 'lupus[ti] AND car-t'",
        "vivocart evidence search '\"wang q\"[au] AND 2024:2026[dp]' --sort date",
        "vivocart evidence search '#1 NOT review[pt]' --json",
    )
)
@click.argument("words", metavar="QUERY", nargs=-1, required=True)
@click.option(
    "--sort",
    type=click.Choice(["match", "recent", "date", "author", "journal"]),
    default="recent",
    show_default=True,
    help="Best match, most recent in PubMed, publication date, first author, journal.",
)
@click.option("--reverse", is_flag=True, help="Turn the order around.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Records to print.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Records to pass over.")
@click.option("--no-history", is_flag=True, help="Give the search no number.")
@today_option
@library_option
@json_option
def search(
    *,
    words: tuple[str, ...],
    sort: Any,
    reverse: bool,
    limit: int,
    offset: int,
    no_history: bool,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Search your library in PubMed's language; the translation is always shown.

    Tags such as [ti] [tiab] [au] [dp] [ta] [pt] [mh] [ad], "phrases", trunc*, "near words"[tiab:~3], 2020:2025[dp],
    AND OR NOT from left to right, #1 for an earlier search, #0 for the clipboard.
    """
    from vivocart.evidence.search.history import remember
    from vivocart.evidence.search.run import search as found_by

    now, query = moment(today), " ".join(words)
    with own_library(library_path, now) as library:
        found = found_by(library, query, now=now, sort=sort, reverse=reverse, limit=limit, offset=offset)
        number = None if no_history else remember(library, query, found.translation, found.count, now.date())
        records = records_of(library, found.record_ids)
    if as_json:
        print_json(
            {
                "query": query,
                "translation": found.translation,
                "count": found.count,
                "number": number,
                "records": [brief(record) for record in records],
            }
        )
        return
    click.echo(f"Search details: {found.translation}")
    click.echo(f"{counted(found.count, 'record')}{'' if number is None else f' (#{number})'}")
    for place, record in enumerate(records, start=offset + 1):
        click.echo(f"{place}: {brief(record)['citation']}")


@click.command()
@click.option("--clear", is_flag=True, help="Forget every search.")
@library_option
@json_option
def history(*, clear: bool, library_path: Path | None, as_json: bool) -> None:
    """Print the searches of your library by number; use #1 in a query for the first."""
    from vivocart.evidence.search.history import clear_history
    from vivocart.evidence.search.history import history as past

    with own_library(library_path, moment(None)) as library:
        if clear:
            clear_history(library)
        kept = past(library)
    if as_json:
        print_json(
            {
                "searches": [
                    {
                        "number": one.number,
                        "query": one.query,
                        "translation": one.translation,
                        "count": one.count,
                        "asked_on": one.asked_on.isoformat(),
                    }
                    for one in kept
                ]
            }
        )
        return
    for one in kept:
        click.echo(f"#{one.number}  {one.asked_on}  {counted(one.count, 'record')}  {one.query}")


@click.command(
    epilog=examples(
        "vivocart evidence save 40961420 --format nbib --out letter.nbib",
        "vivocart evidence save --query 'lupus[ti]' --format csv --out lupus.csv",
    )
)
@selection_options
@click.option(
    "--format",
    "form",
    default="summary",
    show_default=True,
    help="summary, pubmed (or nbib), pmid, abstract, csv, ris, bibtex or csl.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="File; stdout if not given.",
)
@today_option
@library_option
@json_option
def save(
    *,
    selection: Selection,
    form: str,
    out: Path | None,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Write records of your library in a format of PubMed or of a citation manager."""
    from vivocart.evidence.save import as_file

    now = moment(today)
    with own_library(library_path, now) as library:
        records = records_of(library, selected(library, selection, now))
    hand_out(as_file(records, form), out, len(records), as_json=as_json)


@click.command(epilog=examples("vivocart evidence changed --since 2026-10-01"))
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    metavar="DATE",
    help="First day to look at.",
)
@library_option
@json_option
def changed(*, since: datetime.datetime, library_path: Path | None, as_json: bool) -> None:
    """Print what became of the records of your library: paged, corrected, doubted, retracted, deleted."""
    from vivocart.evidence.changes import all_changed_since

    with own_library(library_path, moment(None)) as library:
        changes = all_changed_since(library, since.date())
    if as_json:
        print_json(
            {
                "since": since.date().isoformat(),
                "changes": [
                    {
                        "record": change.record_id,
                        "kind": change.kind,
                        "seen_on": change.seen_on.isoformat(),
                        "before": change.before,
                        "after": change.after,
                    }
                    for change in changes
                ],
            }
        )
        return
    for change in changes:
        click.echo(str(change))
    click.echo(f"{counted(len(changes), 'change')} since {since.date()}")
