"""What we write is read back by programs that we did not write."""

from __future__ import annotations

import csv
import io
import re

import bibtexparser
import pytest
import rispy

from vivocart.evidence.exports import CSV_COLUMNS, write_bibtex, write_csv
from vivocart.evidence.importers.medline import read_medline
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.importers.ris import write_ris


@pytest.fixture(scope="module")
def records(suites):
    folder = suites / "pubmed"
    return (
        *read_pubmed_xml((folder / "xml" / "cases.xml").read_bytes()).records,
        *read_medline((folder / "nbib" / "pubmed-balloongui-set.noabstracts.nbib").read_bytes()).records,
    )


def test_ris_by_rispy(records):
    entries = rispy.loads(write_ris(records))
    assert len(entries) == len(records) == 116
    for entry, record in zip(entries, records, strict=True):
        assert entry["primary_title" if "primary_title" in entry else "title"] == record.title
        assert entry.get("doi", "") == record.doi
        assert entry.get("accession_number", "") == record.pmid
        assert entry.get("year", "") == record.year
        assert len(entry.get("authors", [])) == len(record.authors)
        assert entry.get("volume", "") == record.volume
        assert [name.split(",")[0] for name in entry.get("authors", [])] == [
            author.literal.split(",")[0] or author.family for author in record.authors
        ]


def plain(text):
    """Without braces and escapes, which belong to BibTeX."""
    return (
        re.sub(r"\\text(backslash|asciitilde|asciicircum)\{\}", "?", text)
        .replace("\\", "")
        .replace("{", "")
        .replace("}", "")
    )


def test_bibtex_by_bibtexparser(records):
    library = bibtexparser.parse_string(write_bibtex(records))
    assert library.failed_blocks == []
    assert len(library.entries) == len({entry.key for entry in library.entries}) == 116
    for entry, record in zip(library.entries, records, strict=True):
        fields = {field.key: field.value for field in entry.fields}
        assert plain(fields["title"]).strip(". ") == plain(record.title).strip(". ")
        assert fields.get("doi", "") == record.doi
        assert (fields["pmid"], fields.get("year", "")) == (record.pmid, record.year)
        assert len(fields.get("author", "").split(" and ")) >= max(len(record.authors), 1)


def test_csv_by_the_standard_reader(records):
    rows = list(csv.DictReader(io.StringIO(write_csv(records), newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(row["PMID"], row["Title"], row["DOI"]) for row in rows] == [
        (record.pmid, record.title, record.doi) for record in records
    ]
