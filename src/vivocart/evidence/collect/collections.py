"""Named collections of records, and My Bibliography, which is one with a fixed name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from vivocart.evidence.store import Library, get, written
from vivocart.ground.errors import InputError, UnknownNameError

#: The collection of the user's own publications; it always exists and keeps its name.
MY_BIBLIOGRAPHY = "My Bibliography"

_LONGEST_NAME = 99  # "Name must be less than 100 characters"
_AT_ONCE = 1000


def collections(library: Library) -> tuple[tuple[str, int], ...]:
    """Name and number of records of each collection by name, My Bibliography first."""
    rows = library.connection.execute(
        "SELECT name, COUNT(record_id) FROM collection LEFT JOIN collected ON collection = number "
        "GROUP BY number ORDER BY folded"
    ).fetchall()
    mine = next((count for name, count in rows if name == MY_BIBLIOGRAPHY), 0)
    return ((MY_BIBLIOGRAPHY, mine), *((name, count) for name, count in rows if name != MY_BIBLIOGRAPHY))


def create_collection(library: Library, name: str) -> None:
    """Make a collection.

    Raises
    ------
    InputError
        If the name is empty, has 100 characters or more, or is taken (upper and lower case are one).
    """
    _insert(library, _checked(name))


def _insert(library: Library, name: str) -> None:
    try:
        with written(library) as execute:
            execute("INSERT INTO collection (name, folded) VALUES (?, ?)", (name, _folded(name)))
    except sqlite3.IntegrityError as error:
        raise InputError(f"a collection '{name}' exists", mend="choose another name") from error


def rename_collection(library: Library, name: str, new_name: str) -> None:
    """Give a collection another name.

    Raises
    ------
    InputError
        As :func:`create_collection`, or if it is My Bibliography.
    """
    number, checked = _owned(library, name), _checked(new_name)
    try:
        with written(library) as execute:
            execute(
                "UPDATE collection SET name = ?, folded = ? WHERE number = ?",
                (checked, _folded(checked), number),
            )
    except sqlite3.IntegrityError as error:
        raise InputError(f"a collection '{checked}' exists", mend="choose another name") from error


def delete_collection(library: Library, name: str) -> None:
    """Delete a collection; its records stay in the library.

    Raises
    ------
    InputError
        If it is My Bibliography, or does not exist.
    """
    number = _owned(library, name)
    with written(library) as execute:
        execute("DELETE FROM collected WHERE collection = ?", (number,))
        execute("DELETE FROM collection WHERE number = ?", (number,))


def collected_ids(library: Library, name: str) -> tuple[str, ...]:
    """Ids of the records of a collection in the order in which they came.

    Raises
    ------
    UnknownNameError
        If there is no such collection; names the nearest three.
    """
    number = _number(library, name)
    query = "SELECT record_id FROM collected WHERE collection = ? ORDER BY position"
    return tuple(row[0] for row in library.connection.execute(query, (number,)))


def collect(library: Library, name: str, record_ids: Iterable[str]) -> tuple[str, ...]:
    """Ids that came into a collection; those that were in it are left out.

    Raises
    ------
    InputError
        If more than 1000 are added at once; nothing is added then.
    UnknownNameError
        If the collection or a record does not exist; nothing is added then.
    """
    asked = list(dict.fromkeys(record_ids))
    if len(asked) > _AT_ONCE:
        raise InputError(f"{len(asked)} records at once", mend=f"add at most {_AT_ONCE} at once")
    number = _number(library, name)
    known = [get(library, record_id).id for record_id in asked]
    with written(library) as execute:
        query = "INSERT OR IGNORE INTO collected (collection, record_id) VALUES (?, ?)"
        return tuple(record_id for record_id in known if execute(query, (number, record_id)).rowcount)


def uncollect(library: Library, name: str, record_ids: Iterable[str]) -> tuple[str, ...]:
    """Ids that left a collection; those that were not in it are passed over."""
    number = _number(library, name)
    with written(library) as execute:
        query = "DELETE FROM collected WHERE collection = ? AND record_id = ?"
        return tuple(name for name in dict.fromkeys(record_ids) if execute(query, (number, name)).rowcount)


def _folded(name: str) -> str:
    return name.casefold()


def _checked(name: str) -> str:
    plain = " ".join(name.split())
    if not plain:
        raise InputError("the name of the collection is empty", mend="write a name")
    if len(plain) > _LONGEST_NAME:
        problem = f"the name of the collection has {len(plain)} characters"
        raise InputError(problem, mend="a name must be less than 100 characters")
    if _folded(plain) == _folded(MY_BIBLIOGRAPHY):
        raise InputError(f"a collection '{MY_BIBLIOGRAPHY}' exists", mend="choose another name")
    return plain


def _number(library: Library, name: str) -> int:
    """Number of a collection; My Bibliography is made when it is asked for first."""
    query = "SELECT number FROM collection WHERE folded = ?"
    folded = _folded(" ".join(name.split()))
    row = library.connection.execute(query, (folded,)).fetchone()
    if row is None and folded == _folded(MY_BIBLIOGRAPHY):
        with written(library) as execute:
            execute(
                "INSERT OR IGNORE INTO collection (name, folded) VALUES (?, ?)", (MY_BIBLIOGRAPHY, folded)
            )
        row = library.connection.execute(query, (folded,)).fetchone()
    if row is None:
        raise UnknownNameError("collection", name, [known for known, _ in collections(library)])
    return int(row[0])


def _owned(library: Library, name: str) -> int:
    if _folded(" ".join(name.split())) == _folded(MY_BIBLIOGRAPHY):
        raise InputError(f"{MY_BIBLIOGRAPHY} keeps its name and cannot be deleted", mend="take records out")
    return _number(library, name)
