"""Tables of the user's library, and the steps that bring an older file up to date."""

from __future__ import annotations

from vivocart.evidence.search.index import SCHEMA as INDEX

#: Format of the file; a newer one is refused, not guessed at.
FORMAT = 2

_RECORDS = (
    """CREATE TABLE record (
        id TEXT PRIMARY KEY,
        pmid TEXT UNIQUE,
        doi TEXT,
        added_on TEXT NOT NULL,
        deleted_on TEXT,
        current INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX record_doi ON record (doi)",
    """CREATE TABLE version (
        number INTEGER PRIMARY KEY,
        record_id TEXT NOT NULL,
        format TEXT NOT NULL,
        raw TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        rank INTEGER NOT NULL,
        source TEXT NOT NULL,
        seen_on TEXT NOT NULL
    )""",
    "CREATE INDEX version_record ON version (record_id, number)",
)
_SEARCHES = (
    *INDEX,
    """CREATE TABLE history (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        query TEXT NOT NULL,
        translation TEXT NOT NULL,
        count INTEGER NOT NULL,
        asked_on TEXT NOT NULL
    )""",
)
_KEPT = (
    """CREATE TABLE clipboard (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        record_id TEXT NOT NULL UNIQUE,
        used_at TEXT NOT NULL
    )""",
    """CREATE TABLE collection (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        folded TEXT NOT NULL UNIQUE
    )""",
    """CREATE TABLE collected (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL,
        record_id TEXT NOT NULL,
        UNIQUE (collection, record_id)
    )""",
    """CREATE TABLE saved_search (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        folded TEXT NOT NULL UNIQUE,
        query TEXT NOT NULL,
        alert TEXT NOT NULL,
        last_run TEXT NOT NULL,
        last_version INTEGER NOT NULL
    )""",
    """CREATE TABLE search_hit (
        saved_search INTEGER NOT NULL,
        record_id TEXT NOT NULL,
        PRIMARY KEY (saved_search, record_id)
    ) WITHOUT ROWID""",
)

#: Statements by the format that they bring a file to.
STEPS = {1: _RECORDS, 2: (*_SEARCHES, *_KEPT)}

#: Tables beside ``version`` that name records, and must follow one that takes another id.
REFERRING = ("clipboard", "collected", "search_hit")
