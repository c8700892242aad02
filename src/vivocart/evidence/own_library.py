"""The user's library as the commands use it: made with the shipped records in it, records known by every name they have."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Generator, Iterable
from pathlib import Path

from vivocart.evidence import library as shipped_library
from vivocart.evidence.importers.csl_json import read_csl_batch
from vivocart.evidence.store import Added, Library, add, default_path, find_id, open_library, record_ids
from vivocart.ground.errors import UnknownNameError
from vivocart.ground.tables import read_text

#: What the library says of where the shipped records are from.
SOURCE = "shipped with vivocart"


@contextlib.contextmanager
def open_own_library(path: Path | None, *, today: datetime.date) -> Generator[Library]:
    """The user's library; one that is new begins with the records that the model's numbers rest on.

    Parameters
    ----------
    path
        File; the usual one when not given.
    today
        The day on which the shipped records are said to have come in.

    Raises
    ------
    OutputError, InputError
        As :func:`vivocart.evidence.store.open_library`.
    """
    is_new = not (path or default_path()).is_file()
    with open_library(path) as library:
        if is_new:
            add_shipped(library, today=today)
        yield library


def add_shipped(library: Library, *, today: datetime.date) -> Added:
    """Import the shipped records that the library does not have; one that it has, by whatever text, stays as it is."""
    text = read_text(shipped_library.shipped(shipped_library.RECORDS_FILE))
    batch = read_csl_batch(text, name=shipped_library.RECORDS_FILE, native=True)
    missing = tuple(
        item
        for item in batch.items
        if not any(
            find_id(library, name) for name in (item.record.id, item.record.pmid, item.record.doi) if name
        )
    )
    return add(library, dataclasses.replace(batch, items=missing), source=SOURCE, seen_on=today)


def known_ids(library: Library, names: Iterable[str]) -> tuple[str, ...]:
    """Ids of the records that ``names`` mean, each once: an id, PMID, DOI, or the id of a shipped record.

    Raises
    ------
    UnknownNameError
        For the first that the library does not have; names the nearest three.
    """
    return tuple(dict.fromkeys(_known_id(library, name) for name in names))


def _known_id(library: Library, name: str) -> str:
    found = find_id(library, name)
    shipped = shipped_library.records().get(name)
    if found is None and shipped is not None:
        other = next(filter(None, (shipped.pmid, shipped.doi)), "")
        found = find_id(library, other) if other else None
    if found is None:
        known = [*record_ids(library), *shipped_library.records()]
        raise UnknownNameError("record", name, known, where=str(library.path))
    return found
