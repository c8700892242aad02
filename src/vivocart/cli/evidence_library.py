"""What the commands on the user's library share: which file, which day, which records."""

from __future__ import annotations

import contextlib
import datetime
import functools
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from vivocart.cli.printing import print_json

if TYPE_CHECKING:
    from vivocart.evidence.records import Record
    from vivocart.evidence.store import Library

library_option = click.option(
    "--library",
    "library_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="Library to use instead of your own (see VIVOCART_LIBRARY).",
)
today_option = click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    metavar="DATE",
    help="Day to take for today.",
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records a command is about, as asked."""

    names: tuple[str, ...]
    query: str | None
    clipboard: bool
    collection: str | None


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that select records: by name, by search, from the clipboard, from a collection; given as ``selection``."""

    @functools.wraps(command)
    def with_selection(
        *, names: tuple[str, ...], query: str | None, clipboard: bool, collection: str | None, **others: Any
    ) -> None:
        command(
            selection=Selection(names=names, query=query, clipboard=clipboard, collection=collection),
            **others,
        )

    result: Callable[..., None] = with_selection
    for option in (
        click.option("--collection", metavar="NAME", help="Records of a collection."),
        click.option("--clipboard", is_flag=True, help="Records on the clipboard."),
        click.option("--query", metavar="QUERY", help="Records that a search finds."),
        click.argument("names", metavar="[RECORD]...", nargs=-1),
    ):
        result = option(result)
    return result


def moment(today: datetime.datetime | None) -> datetime.datetime:
    """Now, or this time of day on the day that was asked for."""
    now = datetime.datetime.now().replace(microsecond=0)
    return now if today is None else datetime.datetime.combine(today.date(), now.time())


@contextlib.contextmanager
def own_library(path: Path | None, now: datetime.datetime) -> Generator[Library]:
    """The library that a command works on."""
    from vivocart.evidence.own_library import open_own_library

    with open_own_library(path, today=now.date()) as library:
        yield library


def selected(library: Library, selection: Selection, now: datetime.datetime) -> tuple[str, ...]:
    """Ids of the records that were asked for, in the order of the options, each once.

    Raises
    ------
    InputError
        If none was asked for.
    """
    from vivocart.evidence.collect.clipboard import clipboard_ids
    from vivocart.evidence.collect.collections import collected_ids
    from vivocart.evidence.own_library import known_ids
    from vivocart.evidence.search.run import search
    from vivocart.ground.errors import InputError

    found = list(known_ids(library, selection.names))
    if selection.query is not None:
        found += search(library, selection.query, now=now).record_ids
    if selection.clipboard:
        found += clipboard_ids(library, now=now)
    if selection.collection is not None:
        found += collected_ids(library, selection.collection)
    if not (selection.names or selection.clipboard) and selection.query is selection.collection is None:
        raise InputError(
            "no record is asked for", mend="name records, or give --query, --clipboard or --collection"
        )
    return tuple(dict.fromkeys(found))


def records_of(library: Library, record_ids: Sequence[str]) -> list[Record]:
    """Records of the library by id."""
    from vivocart.evidence.store import get

    return [get(library, record_id) for record_id in record_ids]


def counted(count: int, what: str) -> str:
    """``1 record``, ``2 records``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def brief(record: Record) -> dict[str, Any]:
    """What a list says of a record, for JSON."""
    from vivocart.evidence.citations import nlm

    return {
        "id": record.id,
        "pmid": record.pmid,
        "doi": record.doi,
        "title": record.title or record.described_as,
        "citation": nlm(record),
    }


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from vivocart.ground.errors import OutputError

    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: the file cannot be written ({error.strerror})") from error


def said(done: str, name: str, *, as_json: bool) -> None:
    """Print what was done to what is named, in words or as JSON."""
    if as_json:
        print_json({done: name})
    else:
        click.echo(f"{done}: {name}")


def hand_out(data: bytes, out: Path | None, count: int, *, as_json: bool) -> None:
    """Write records to a file and print its name, or print them; as JSON their text stands beside how many there are.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if out is not None:
        write_file(out, data)
    text = None if out is not None else data.decode("utf-8-sig")
    if as_json:
        print_json({"count": count, **({"file": str(out)} if text is None else {"text": text})})
    elif text is not None:
        sys.stdout.write(text)
    else:
        click.echo(f"{out}: {counted(count, 'record')}")
