"""What an import gives: records with their raw text, and a line for everything that was refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One record as read, and the very text it was read from."""

    record: Record
    raw: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Everything one file gave.

    ``format`` names the reader. ``issues`` of level ``error`` name records that were refused; ``warning`` means that
    the record stands among ``items`` and deserves a look. ``deleted`` are PMIDs that the file declares deleted.
    """

    format: str
    items: tuple[Imported, ...] = ()
    issues: tuple[Issue, ...] = ()
    deleted: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[Record, ...]:
        """The records alone, in the order of the file."""
        return tuple(item.record for item in self.items)


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """Of records that share an id, the one with the highest version, the later one among equals; by id."""
    found: dict[str, Record] = {}
    for record in records:
        known = found.get(record.id)
        if known is None or _version(record) >= _version(known):
            found[record.id] = record
    return found


def _version(record: Record) -> int:
    return int(record.version) if record.version.isdigit() else 1


def identify(record: Record) -> str:
    """An id for a record that brings none: by PMID, else DOI, else first author and year, else nothing."""
    if record.pmid:
        return f"pmid{record.pmid}"
    if record.doi:
        return f"doi:{record.doi.lower()}"
    name = (record.authors[0].family or record.authors[0].literal) if record.authors else ""
    return "".join(letter for letter in name.lower() if letter.isalnum()) + record.year


def decode(data: bytes | str, *, name: str) -> str:
    """``data`` as text: by its byte-order mark, by the encoding an XML declaration names, else UTF-8.

    Raises
    ------
    InputError
        If the bytes are not in that encoding, or the encoding is unknown; names the file and the byte.
    """
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    encoding = _encoding(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError as error:
        raise InputError(
            f"unknown encoding '{encoding}'", where=name, mend="save the file as UTF-8"
        ) from error
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not {encoding}"
        raise InputError(problem, where=name, mend="save the file as UTF-8") from error


def _encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    declared = re.match(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']", data[:200])
    return declared[1].decode("ascii") if declared else "utf-8"
