"""A library with every record of the public suite, made once."""

from __future__ import annotations

import datetime

import pytest

from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.store import add, get, open_library, record_ids

FILES = (
    "xml/cases.xml",
    "xml/versions_and_deletes.xml",
    "nbib/pubmed-balloongui-set.noabstracts.nbib",
    "nbib/single.nbib",
    "nbib/biopython_pubmed_result1.txt",
    "nbib/biopython_pubmed_result2.txt",
    "nbib/biopython_pubmed_result3.txt",
    "eutils/pubmed4.xml",
    "eutils/pubmed6.xml",
    "ncbi_exporter/PMC3352855.ris",
)


class Suite(tuple):
    """Library and records; named shortly, for messages."""

    def __repr__(self):
        return "suite"


class Records(dict):
    """Records by id; named shortly, for messages."""

    def __repr__(self):
        return "records"


@pytest.fixture(scope="session")
def suite_library(suites, tmp_path_factory):
    """The library and its records by id."""
    path = tmp_path_factory.mktemp("suite") / "library.sqlite"
    with open_library(path) as library:
        for name in FILES:
            batch = read_records((suites / "pubmed" / name).read_bytes(), name=name)
            add(library, batch, source=name, seen_on=datetime.date(2026, 11, 24))
        yield Suite((library, Records((name, get(library, name)) for name in record_ids(library))))
