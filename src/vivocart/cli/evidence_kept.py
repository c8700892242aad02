"""Set records aside: ``vivocart evidence clipboard``, ``collections`` and ``bibliography``."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.evidence_library import (
    Selection,
    brief,
    counted,
    library_option,
    moment,
    own_library,
    records_of,
    said,
    selected,
    selection_options,
    today_option,
)
from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json

if TYPE_CHECKING:
    from vivocart.evidence.store import Library

_NAME = click.argument("name", metavar="NAME")


def _print_records(library: Library, record_ids: Sequence[str], *, as_json: bool) -> None:
    records = records_of(library, record_ids)
    if as_json:
        print_json({"count": len(records), "records": [brief(record) for record in records]})
        return
    for place, record in enumerate(records, start=1):
        click.echo(f"{place}: {brief(record)['citation']}")


def _print_moved(what: str, record_ids: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"what": what, "count": len(record_ids), "records": list(record_ids)})
    else:
        click.echo(f"{what}: {counted(len(record_ids), 'record')}")


# -- clipboard ----------------------------------------------------------------------------------------------------------


@click.group(epilog=examples("vivocart evidence clipboard add 40961420", "vivocart evidence search '#0'"))
def clipboard() -> None:
    """Records set aside for eight hours, at most 500; #0 in a query."""


@clipboard.command(name="show")
@today_option
@library_option
@json_option
def clipboard_show(*, today: datetime.datetime | None, library_path: Path | None, as_json: bool) -> None:
    """Print the records on the clipboard."""
    from vivocart.evidence.collect.clipboard import clipboard_ids

    now = moment(today)
    with own_library(library_path, now) as library:
        _print_records(library, clipboard_ids(library, now=now), as_json=as_json)


@clipboard.command(name="add")
@click.argument("names", metavar="[RECORD]...", nargs=-1)
@click.option("--query", metavar="QUERY", help="Records that a search finds.")
@today_option
@library_option
@json_option
def clipboard_add(
    *,
    names: tuple[str, ...],
    query: str | None,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Add records to the clipboard."""
    from vivocart.evidence.collect.clipboard import add_to_clipboard

    now = moment(today)
    selection = Selection(names=names, query=query, clipboard=False, collection=None)
    with own_library(library_path, now) as library:
        added = add_to_clipboard(library, selected(library, selection, now), now=now)
    _print_moved("added to the clipboard", added, as_json=as_json)


@clipboard.command(name="remove")
@click.argument("names", metavar="RECORD...", nargs=-1, required=True)
@today_option
@library_option
@json_option
def clipboard_remove(
    *, names: tuple[str, ...], today: datetime.datetime | None, library_path: Path | None, as_json: bool
) -> None:
    """Take records off the clipboard."""
    from vivocart.evidence.collect.clipboard import remove_from_clipboard
    from vivocart.evidence.own_library import known_ids

    now = moment(today)
    with own_library(library_path, now) as library:
        gone = remove_from_clipboard(library, known_ids(library, names), now=now)
    _print_moved("taken off the clipboard", gone, as_json=as_json)


@clipboard.command(name="clear")
@today_option
@library_option
@json_option
def clipboard_clear(*, today: datetime.datetime | None, library_path: Path | None, as_json: bool) -> None:
    """Take every record off the clipboard."""
    from vivocart.evidence.collect.clipboard import remove_from_clipboard

    now = moment(today)
    with own_library(library_path, now) as library:
        gone = remove_from_clipboard(library, None, now=now)
    _print_moved("taken off the clipboard", gone, as_json=as_json)


# -- collections and My Bibliography ----------------------------------------------------------------------------------


@click.group(
    epilog=examples(
        "vivocart evidence collections create 'CAR-T in lupus'",
        "vivocart evidence collections add 'CAR-T in lupus' --query 'lupus AND car-t'",
    )
)
def collections() -> None:
    """Named collections of records."""


@collections.command(name="list")
@library_option
@json_option
def collections_list(*, library_path: Path | None, as_json: bool) -> None:
    """Print the collections and how many records each has."""
    from vivocart.evidence.collect.collections import collections as all_collections

    with own_library(library_path, moment(None)) as library:
        found = all_collections(library)
    if as_json:
        print_json({"collections": [{"name": name, "count": count} for name, count in found]})
        return
    for name, count in found:
        click.echo(f"{name}: {counted(count, 'record')}")


@collections.command(name="create")
@_NAME
@library_option
@json_option
def collections_create(*, name: str, library_path: Path | None, as_json: bool) -> None:
    """Make a collection; its NAME has less than 100 characters."""
    from vivocart.evidence.collect.collections import create_collection

    with own_library(library_path, moment(None)) as library:
        create_collection(library, name)
    said("made", name, as_json=as_json)


@collections.command(name="rename")
@_NAME
@click.argument("new_name", metavar="NEW_NAME")
@library_option
@json_option
def collections_rename(*, name: str, new_name: str, library_path: Path | None, as_json: bool) -> None:
    """Give a collection another name."""
    from vivocart.evidence.collect.collections import rename_collection

    with own_library(library_path, moment(None)) as library:
        rename_collection(library, name, new_name)
    said("renamed", new_name, as_json=as_json)


@collections.command(name="delete")
@_NAME
@library_option
@json_option
def collections_delete(*, name: str, library_path: Path | None, as_json: bool) -> None:
    """Delete a collection; its records stay in the library."""
    from vivocart.evidence.collect.collections import delete_collection

    with own_library(library_path, moment(None)) as library:
        delete_collection(library, name)
    said("deleted", name, as_json=as_json)


def _show(name: str, library_path: Path | None, *, as_json: bool) -> None:
    from vivocart.evidence.collect.collections import collected_ids

    with own_library(library_path, moment(None)) as library:
        _print_records(library, collected_ids(library, name), as_json=as_json)


def _add(name: str, selection: Selection, library_path: Path | None, *, as_json: bool) -> None:
    from vivocart.evidence.collect.collections import collect

    now = moment(None)
    with own_library(library_path, now) as library:
        added = collect(library, name, selected(library, selection, now))
    _print_moved(f"added to {name}", added, as_json=as_json)


def _remove(name: str, names: tuple[str, ...], library_path: Path | None, *, as_json: bool) -> None:
    from vivocart.evidence.collect.collections import uncollect
    from vivocart.evidence.own_library import known_ids

    with own_library(library_path, moment(None)) as library:
        gone = uncollect(library, name, known_ids(library, names))
    _print_moved(f"taken out of {name}", gone, as_json=as_json)


@collections.command(name="show")
@_NAME
@library_option
@json_option
def collections_show(*, name: str, library_path: Path | None, as_json: bool) -> None:
    """Print the records of a collection."""
    _show(name, library_path, as_json=as_json)


@collections.command(name="add")
@_NAME
@selection_options
@library_option
@json_option
def collections_add(
    *,
    name: str,
    selection: Selection,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Add records to a collection, at most 1000 at once."""
    _add(name, selection, library_path, as_json=as_json)


@collections.command(name="remove")
@_NAME
@click.argument("names", metavar="RECORD...", nargs=-1, required=True)
@library_option
@json_option
def collections_remove(
    *, name: str, names: tuple[str, ...], library_path: Path | None, as_json: bool
) -> None:
    """Take records out of a collection."""
    _remove(name, names, library_path, as_json=as_json)


@click.group(epilog=examples("vivocart evidence bibliography add 40961420"))
def bibliography() -> None:
    """My Bibliography: your own publications."""


@bibliography.command(name="show")
@library_option
@json_option
def bibliography_show(*, library_path: Path | None, as_json: bool) -> None:
    """Print the records of My Bibliography."""
    _show("My Bibliography", library_path, as_json=as_json)


@bibliography.command(name="add")
@selection_options
@library_option
@json_option
def bibliography_add(
    *,
    selection: Selection,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Add records to My Bibliography."""
    _add("My Bibliography", selection, library_path, as_json=as_json)


@bibliography.command(name="remove")
@click.argument("names", metavar="RECORD...", nargs=-1, required=True)
@library_option
@json_option
def bibliography_remove(*, names: tuple[str, ...], library_path: Path | None, as_json: bool) -> None:
    """Take records out of My Bibliography."""
    _remove("My Bibliography", names, library_path, as_json=as_json)
