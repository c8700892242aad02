"""The user's own library: one SQLite file that keeps every version of every record ever seen.

What is stored is the text a record came from, word for word; the record itself is read from that text when it is asked
for. An import is one transaction: a file is imported whole or not at all, also when the process is killed, and two
processes that write wait for each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import os
import sqlite3
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from vivocart.evidence.importers.batch import Batch, Imported
from vivocart.evidence.importers.detect import READERS
from vivocart.evidence.records import Record
from vivocart.evidence.schema import FORMAT, REFERRING, STEPS
from vivocart.evidence.search import index
from vivocart.ground.errors import InputError, OutputError, UnknownNameError
from vivocart.ground.tables import Issue

#: Formats that PubMed itself writes; what other programs write says less.
FORMATS_OF_PUBMED = ("pubmed_xml", "medline")

_WAIT_SECONDS = 60.0
_CACHE_KB = 65536


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An open library; what the functions of this module work on."""

    path: Path
    connection: sqlite3.Connection


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """One version of a record: its number in the file, its text, where it came from and when it was seen."""

    number: int
    record: Record
    format: str
    raw: str
    source: str
    seen_on: datetime.date


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What an import did: ids of new, changed, unchanged and deleted records, and a line for each that was refused."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    deleted: tuple[str, ...]
    issues: tuple[Issue, ...]


def default_path() -> Path:
    """Path of the user's library: ``$VIVOCART_LIBRARY``, else a file among the user's data."""
    named = os.environ.get("VIVOCART_LIBRARY")
    if named:
        return Path(named)
    import platformdirs  # only where no path is given

    return Path(platformdirs.user_data_dir("vivocart")) / "library.sqlite"


@contextlib.contextmanager
def open_library(path: Path | None = None) -> Generator[Library]:
    """The library at ``path``, made when it does not exist, closed at the end of the block.

    Raises
    ------
    OutputError
        If the file cannot be made or opened.
    InputError
        If the file is no library, or one of a newer release.
    """
    where = path or default_path()
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(where, timeout=_WAIT_SECONDS, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise OutputError(f"{where}: the library cannot be opened ({error})") from error
    with contextlib.closing(connection):
        _prepare(connection, where)
        yield Library(path=where, connection=connection)


def _prepare(connection: sqlite3.Connection, where: Path) -> None:
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found < FORMAT:
            with writing(connection):
                found = _bring_up(connection)
    except sqlite3.DatabaseError as error:
        if "readonly" in str(error) or "locked" in str(error) or "open" in str(error):
            raise OutputError(f"{where}: the library cannot be written ({error})") from error
        raise InputError(f"not a library ({error})", where=str(where), mend="name another file") from error
    if found > FORMAT:
        problem = f"the library was written by a newer release (format {found}, we know {FORMAT})"
        raise InputError(problem, where=str(where), mend="upgrade vivocart")


def _bring_up(connection: sqlite3.Connection) -> int:
    """Make the tables that are missing and index what is there; the format found, as another process may be ahead."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    for step in range(found + 1, FORMAT + 1):
        for statement in STEPS[step]:
            connection.execute(statement)
    if found == 1:
        query = "SELECT id, format, raw, source, seen_on, number FROM record JOIN version ON number = current"
        for record_id, *row in connection.execute(f"{query} WHERE deleted_on IS NULL").fetchall():
            index.put(connection, _stored(record_id, tuple(row)).record)
    if found < FORMAT:
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    return max(found, FORMAT)


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Generator[None]:
    """One transaction that other writers wait for."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def written(library: Library) -> Generator[Callable[..., sqlite3.Cursor]]:
    """One change of the library, whole or not at all; gives what executes a statement.

    Raises
    ------
    OutputError
        If the library cannot be written; nothing is changed then.
    """
    try:
        with writing(library.connection):
            yield library.connection.execute
    except sqlite3.OperationalError as error:
        raise OutputError(f"{library.path}: the library cannot be written ({error})") from error


def add(library: Library, batch: Batch, *, source: str, seen_on: datetime.date) -> Added:
    """Import ``batch``: all of it or, on an error, nothing.

    A record is known by its PMID, else its DOI, else its id. A text that was seen last is not stored again. A record
    without PMID whose DOI is known joins the record that has it, and does not replace it. A record whose PMID and DOI
    belong to two different records is refused with a line.

    Parameters
    ----------
    library
        An open library.
    batch
        Records with their raw texts.
    source
        Where the batch is from, for the user: a file name, an address.
    seen_on
        The day of the import.

    Raises
    ------
    OutputError
        If the library cannot be written; nothing of the batch is kept then.
    """
    found: dict[str, list[str]] = {"new": [], "changed": [], "unchanged": []}
    issues = list(batch.issues)
    with written(library):
        for item in batch.items:
            conflict = _conflict(library, item.record)
            if conflict:
                message = f"{item.record.id} refused: {conflict}"
                issues.append(Issue(level="error", check="identifiers_agree", file=source, message=message))
                continue
            record_id, what = _add_one(library, item, batch.format, source, seen_on)
            found[what].append(record_id)
        deleted = tuple(_delete(library, batch.deleted, seen_on))
    return Added(
        new=tuple(dict.fromkeys(found["new"])),
        changed=tuple(dict.fromkeys(found["changed"])),
        unchanged=tuple(dict.fromkeys(found["unchanged"])),
        deleted=deleted,
        issues=tuple(issues),
    )


def _owner(library: Library, column: str, value: str) -> str | None:
    """Id of the record that has ``value`` as its PMID, DOI or id."""
    if not value:
        return None
    row = library.connection.execute(f"SELECT id FROM record WHERE {column} = ?", (value,)).fetchone()
    return None if row is None else str(row[0])


def _conflict(library: Library, record: Record) -> str:
    """Why a record cannot be stored: its DOI belongs to another PMID; nothing when it can."""
    by_doi = _owner(library, "doi", record.doi.lower())
    if by_doi is None or not record.pmid:
        return ""
    (other,) = library.connection.execute("SELECT pmid FROM record WHERE id = ?", (by_doi,)).fetchone()
    return f"its DOI {record.doi} belongs to PMID {other}" if other and other != record.pmid else ""


def _add_one(
    library: Library, item: Imported, form: str, source: str, seen_on: datetime.date
) -> tuple[str, str]:
    """Store one text; id of its record, and whether that is ``new``, ``changed`` or ``unchanged``."""
    record, execute = item.record, library.connection.execute
    record_id, is_known = _known_as(library, record)
    digest = hashlib.sha256(item.raw.encode()).hexdigest()
    if is_known and _is_last(library, record_id, digest):
        return record_id, "unchanged"
    current_rank = _current_rank(library, record_id) if is_known else 0
    rank = _rank(record, form, current_rank)
    number = execute(
        "INSERT INTO version (record_id, format, raw, sha256, rank, source, seen_on) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (record_id, form, item.raw, digest, rank, source, seen_on.isoformat()),
    ).lastrowid
    names = (record.pmid or None, record.doi.lower() or None)
    if not is_known:
        execute(
            "INSERT INTO record (id, pmid, doi, added_on, current) VALUES (?, ?, ?, ?, ?)",
            (record_id, *names, seen_on.isoformat(), number),
        )
        index.put(library.connection, _named(record, record_id))
        return record_id, "new"
    if rank >= current_rank:
        execute(
            "UPDATE record SET current = ?, deleted_on = NULL, pmid = COALESCE(?, pmid), doi = COALESCE(?, doi) "
            "WHERE id = ?",
            (number, *names, record_id),
        )
        index.put(library.connection, _named(record, record_id))
    return record_id, "changed"


def _named(record: Record, record_id: str) -> Record:
    return record if record.id == record_id else dataclasses.replace(record, id=record_id)


def _known_as(library: Library, record: Record) -> tuple[str, bool]:
    """Id for ``record``, and whether we have it; one that we had by its DOI alone takes the name of its PMID."""
    by_pmid = _owner(library, "pmid", record.pmid)
    by_doi = _owner(library, "doi", record.doi.lower())
    if record.pmid and by_doi not in (None, by_pmid, record.id):
        _join(library, by_doi, by_pmid or record.id, is_known=by_pmid is not None)
        return by_pmid or record.id, True
    if record.pmid or record.doi:
        known = by_pmid or by_doi
        return known or record.id, known is not None
    return _known_by_title(library, record)


def _join(library: Library, old_id: str | None, new_id: str, *, is_known: bool) -> None:
    """Give the texts of ``old_id`` to ``new_id``, and its places in lists; the caller indexes ``new_id``."""
    execute = library.connection.execute
    index.remove(library.connection, old_id or "")
    for table in REFERRING:
        execute(f"UPDATE OR IGNORE {table} SET record_id = ? WHERE record_id = ?", (new_id, old_id))
        execute(f"DELETE FROM {table} WHERE record_id = ?", (old_id,))
    execute("UPDATE version SET record_id = ? WHERE record_id = ?", (new_id, old_id))
    if is_known:
        execute("DELETE FROM record WHERE id = ?", (old_id,))
    else:
        execute("UPDATE record SET id = ? WHERE id = ?", (new_id, old_id))


def _known_by_title(library: Library, record: Record) -> tuple[str, bool]:
    """A record without PMID and DOI is the one with its id and title; the same id with another title gets a number."""
    candidate, number = record.id, 1
    while _owner(library, "id", candidate):
        if get(library, candidate).title.casefold() == record.title.casefold():
            return candidate, True
        number += 1
        candidate = f"{record.id}-{number}"
    return candidate, False


def _rank(record: Record, form: str, current: int) -> int:
    """What makes one text stand before another: PubMed's own formats before others, and among them PubMed's version.

    A text of PubMed that names no version is as new as what we have.
    """
    if not record.pmid or form not in FORMATS_OF_PUBMED:
        return 0
    return int(record.version) if record.version.isdigit() else max(1, current)


def _is_last(library: Library, record_id: str, digest: str) -> bool:
    query = "SELECT sha256 FROM version WHERE record_id = ? ORDER BY number DESC LIMIT 1"
    row = library.connection.execute(query, (record_id,)).fetchone()
    return row is not None and row[0] == digest


def _current_rank(library: Library, record_id: str) -> int:
    query = "SELECT rank FROM version JOIN record ON number = current WHERE id = ?"
    return int(library.connection.execute(query, (record_id,)).fetchone()[0])


def _delete(library: Library, pmids: tuple[str, ...], seen_on: datetime.date) -> Iterator[str]:
    """Mark records that PubMed deleted; their texts stay."""
    for pmid in pmids:
        record_id = _owner(library, "pmid", pmid)
        if record_id is not None:
            library.connection.execute(
                "UPDATE record SET deleted_on = COALESCE(deleted_on, ?) WHERE id = ?",
                (seen_on.isoformat(), record_id),
            )
            index.remove(library.connection, record_id)
            yield record_id


def record_ids(library: Library) -> tuple[str, ...]:
    """Ids of every record, in order of id; records that PubMed deleted are left out."""
    rows = library.connection.execute("SELECT id FROM record WHERE deleted_on IS NULL ORDER BY id")
    return tuple(str(row[0]) for row in rows)


def find_id(library: Library, name: str) -> str | None:
    """Id of the record that ``name`` means: its id, PMID or DOI; nothing when the library has no such record."""
    plain = name.strip()
    for column, value in (
        ("id", plain),
        ("pmid", plain.lower().removeprefix("pmid")),
        ("doi", plain.lower()),
    ):
        found = _owner(library, column, value.strip(" :"))
        if found is not None:
            return found
    return _owner(library, "doi", plain.lower().removeprefix("https://doi.org/").removeprefix("doi:").strip())


def get(library: Library, record_id: str) -> Record:
    """The record as it stands now.

    Raises
    ------
    UnknownNameError
        If no record has the id; names the nearest three.
    """
    query = "SELECT format, raw, source, seen_on, number FROM version JOIN record ON number = current WHERE id = ?"
    row = library.connection.execute(query, (record_id,)).fetchone()
    if row is None:
        raise UnknownNameError("record", record_id, record_ids(library), where=str(library.path))
    return _stored(record_id, row).record


def versions(library: Library, record_id: str) -> tuple[StoredVersion, ...]:
    """Every text of a record that was ever seen, the oldest first; empty when the record is unknown."""
    query = "SELECT format, raw, source, seen_on, number FROM version WHERE record_id = ? ORDER BY number"
    return tuple(_stored(record_id, row) for row in library.connection.execute(query, (record_id,)))


def deleted_on(library: Library, record_id: str) -> datetime.date | None:
    """The day on which PubMed's deletion of a record was seen; nothing when it stands."""
    row = library.connection.execute("SELECT deleted_on FROM record WHERE id = ?", (record_id,)).fetchone()
    return None if row is None or row[0] is None else datetime.date.fromisoformat(row[0])


def _stored(record_id: str, row: tuple[Any, ...]) -> StoredVersion:
    form, raw, source, seen_on, number = row
    (record,) = READERS[form](raw, name=record_id).records
    return StoredVersion(
        number=number,
        record=_named(record, record_id),
        format=form,
        raw=raw,
        source=source,
        seen_on=datetime.date.fromisoformat(seen_on),
    )
