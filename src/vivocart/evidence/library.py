"""The shipped library: records and quantities, read once and never changed.

Both mappings keep the order of their files; keys are ids.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

from vivocart.evidence.importers.csl_json import read_csl_json
from vivocart.evidence.quantities import Quantity
from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import read_table, read_text

RECORDS_FILE = "records.json"
QUANTITIES_FILE = "quantities.csv"


def shipped(file: str) -> Traversable:
    """A data file of this room, as the package carries it."""
    return resources.files("vivocart.evidence").joinpath(file)


@functools.cache
def records() -> Mapping[str, Record]:
    """Every shipped record by id.

    Raises
    ------
    InputError
        If two records share an id, or a field cannot be read.
    """
    found: dict[str, Record] = {}
    for record in read_csl_json(read_text(shipped(RECORDS_FILE)), name=RECORDS_FILE, native=True):
        if record.id in found:
            raise InputError(
                f"two records have the id '{record.id}'", where=RECORDS_FILE, mend="rename one of them"
            )
        found[record.id] = record
    return MappingProxyType(found)


@functools.cache
def quantities() -> Mapping[str, Quantity]:
    """Every shipped quantity by id.

    Raises
    ------
    InputError
        If two rows share an id, or a cell cannot be read.
    """
    found: dict[str, Quantity] = {}
    for quantity in read_table(shipped(QUANTITIES_FILE), Quantity):
        if quantity.id in found:
            raise InputError(
                f"two rows have the id '{quantity.id}'", where=QUANTITIES_FILE, mend="rename one of them"
            )
        found[quantity.id] = quantity
    return MappingProxyType(found)


def record(record_id: str) -> Record:
    """The shipped record ``record_id``.

    Raises
    ------
    UnknownNameError
        With the nearest three ids.
    """
    try:
        return records()[record_id]
    except KeyError:
        raise UnknownNameError("record", record_id, records()) from None


def quantity(quantity_id: str) -> Quantity:
    """The shipped quantity ``quantity_id``.

    Raises
    ------
    UnknownNameError
        With the nearest three ids.
    """
    try:
        return quantities()[quantity_id]
    except KeyError:
        raise UnknownNameError("quantity", quantity_id, quantities()) from None


def find_record(name: str) -> Record:
    """The shipped record with this id, PMID (``40961420`` or ``PMID 40961420``), PMCID or DOI.

    Raises
    ------
    UnknownNameError
        With the nearest three ids.
    """
    wanted = name.strip().casefold().removeprefix("pmid").removeprefix("doi").strip(" :")
    wanted = (
        wanted.removeprefix("https://doi.org/").removeprefix("https://pubmed.ncbi.nlm.nih.gov/").rstrip("/")
    )
    for entry in records().values():
        if wanted and wanted in (entry.id, entry.pmid, entry.pmcid.casefold(), entry.doi.casefold()):
            return entry
    raise UnknownNameError("record", name, records())
