"""The clipboard: records set aside for a while, in a query ``#0``.

It holds 500 records, none twice, and lapses when it was not used for eight hours (PubMed User Guide, 16 April 2024). Nothing
runs in the background: whether it has lapsed is computed from the time that is handed in.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from vivocart.evidence.store import Library, get, written
from vivocart.ground.errors import InputError

CAPACITY = 500
IDLE_HOURS = 8


def clipboard_ids(library: Library, *, now: datetime.datetime) -> tuple[str, ...]:
    """Ids of the records on the clipboard in the order in which they came; none when it has lapsed."""
    last = library.connection.execute("SELECT MAX(used_at) FROM clipboard").fetchone()[0]
    if last is None or now - datetime.datetime.fromisoformat(last) >= datetime.timedelta(hours=IDLE_HOURS):
        return ()
    return tuple(
        row[0] for row in library.connection.execute("SELECT record_id FROM clipboard ORDER BY position")
    )


def add_to_clipboard(
    library: Library, record_ids: Iterable[str], *, now: datetime.datetime
) -> tuple[str, ...]:
    """Ids that came onto the clipboard; those that were on it are left out.

    Raises
    ------
    InputError
        If more than 500 would be on it; nothing is added then.
    UnknownNameError
        If a record is not in the library; nothing is added then.
    """
    asked = [get(library, record_id).id for record_id in dict.fromkeys(record_ids)]
    with written(library) as execute:
        held = clipboard_ids(library, now=now)
        if not held:
            execute("DELETE FROM clipboard")
        new = [record_id for record_id in asked if record_id not in set(held)]
        if len(held) + len(new) > CAPACITY:
            problem = f"the clipboard would hold {len(held) + len(new)} records, it takes {CAPACITY}"
            raise InputError(problem, mend="clear it, or use a collection")
        execute("UPDATE clipboard SET used_at = ?", (now.isoformat(),))
        for record_id in new:
            execute("INSERT INTO clipboard (record_id, used_at) VALUES (?, ?)", (record_id, now.isoformat()))
    return tuple(new)


def remove_from_clipboard(
    library: Library, record_ids: Iterable[str] | None, *, now: datetime.datetime
) -> tuple[str, ...]:
    """Ids that left the clipboard; all of it when ``record_ids`` is nothing."""
    with written(library) as execute:
        held = clipboard_ids(library, now=now)
        gone = held if record_ids is None else tuple(name for name in held if name in set(record_ids))
        for record_id in gone:
            execute("DELETE FROM clipboard WHERE record_id = ?", (record_id,))
        execute("UPDATE clipboard SET used_at = ?", (now.isoformat(),))
        if record_ids is None:
            execute("DELETE FROM clipboard")
    return gone
