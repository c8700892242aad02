"""Saved files: read back by other readers, and laid out as PubMed lays them out."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivocart.evidence import library
from vivocart.evidence.citations import nlm, source_line
from vivocart.evidence.exports import (
    CSV_COLUMNS,
    write_abstract,
    write_bibtex,
    write_csv,
    write_pmids,
    write_summary,
)
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.importers.ris import write_ris
from vivocart.evidence.records import AbstractSection, Author, Record


@pytest.fixture(scope="module")
def cases(suites):
    return read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records


def test_pmids_come_one_a_line(cases):
    assert write_pmids(cases).splitlines() == [record.pmid for record in cases]
    assert write_pmids([Record(id="a")]) == ""


def test_a_summary_numbers_nlm_citations(cases):
    blocks = write_summary(cases).split("\n\n")
    assert [block.strip() for block in blocks] == [
        f"{number}: {nlm(record)}" for number, record in enumerate(cases, 1)
    ]


def test_the_csv_has_the_columns_of_pubmed(suites):
    facts = json.loads((suites / "pubmed" / "help" / "pubmed_help_facts.json").read_text(encoding="utf-8"))
    assert ",".join(CSV_COLUMNS) == facts["csv_header"]


def test_the_csv_is_read_back_equal(cases):
    rows = list(csv.DictReader(io.StringIO(write_csv(cases))))
    assert len(rows) == len(cases)
    for row, record in zip(rows, cases, strict=True):
        assert (row["PMID"], row["DOI"], row["PMCID"]) == (record.pmid, record.doi, record.pmcid)
        assert row["Title"] == record.title
        assert row["Citation"] == source_line(record)
        assert row["Authors"].endswith(".") or not record.authors
        assert re.fullmatch(r"\d{4}/\d\d/\d\d", row["Create Date"])


def test_an_abstract_is_laid_out_as_pubmed_does(suites):
    """Whole blocks of the real page; its abstract and most of its affiliations were cut from the sample."""
    sample = (
        (suites / "pubmed" / "text" / "abstract_text_41978925.txt").read_text(encoding="utf-8").split("\n\n")
    )
    names = [name.strip().rstrip(".") for name in " ".join(sample[2].split()).split(",")]
    places = {
        1: "Department of Physical and Rehabilitation Medicine, Center for Prevention and Rehabilitation, Heart Vascular "
        "Stroke Institute, Samsung Medical Center, Sungkyunkwan University School of Medicine, Seoul, Korea.",
        2: "Department of Rehabilitation Medicine, College of Medicine, Chungnam National University, Daejeon, Korea.",
        3: "Department of Rehabilitation Medicine, Konkuk University School of Medicine, Seoul, Korea.",
    }
    authors = []
    for name in names:
        family, initials = name.split("(")[0].split(" ")
        numbers = [int(number) for number in re.findall(r"\((\d+)\)", name)]
        affiliations = tuple(places.get(number, f"Place {number}.") for number in numbers)
        authors.append(Author(family=family, initials=initials, affiliations=affiliations))
    record = Record(
        id="kim2026",
        pmid="41978925",
        doi="10.3346/jkms.2026.41.e113",
        title=" ".join(sample[1].split()),
        authors=tuple(authors),
        journal_short="J Korean Med Sci",
        date="2026 Apr 13",
        volume="41",
        issue="14",
        pages="e113",
        status="epublish",
        indexing="MEDLINE",
        copyright=sample[5],
        conflict="The authors have no potential conflicts of interest to disclose.",
        abstract=(
            AbstractSection(label="METHODS", text="[...]"),
            AbstractSection(label="RESULTS", text="[...]"),
        ),
    )
    blocks = write_abstract([record]).split("\n\n")
    for number in (0, 1, 2, 5, 6):
        assert blocks[number].rstrip("\n") == sample[number].rstrip("\n")
    assert blocks[3].splitlines()[:8] == sample[3].splitlines()[:8]
    assert blocks[4] == "METHODS: [...]\nRESULTS: [...]"
    assert blocks[7].rstrip("\n") == sample[7].rstrip("\n")


def test_a_record_ahead_of_print_says_so_in_its_first_line():
    record = Record(
        id="a",
        title="T.",
        journal_short="J",
        date="2025 Sep 17",
        status="aheadofprint",
        doi="10.1000/x",
        pmid="1",
    )
    assert write_abstract([record]) == (
        "1. J. 2025 Sep 17. doi: 10.1000/x. Online ahead of print.\n\nT.\n\nDOI: 10.1000/x\nPMID: 1\n"
    )


def test_ris_is_read_by_another_reader(cases):
    rispy = pytest.importorskip("rispy", reason="rispy, the independent RIS reader, is not installed")
    entries = rispy.loads(write_ris(cases))
    assert len(entries) == len(cases)
    for entry, record in zip(entries, cases, strict=True):
        assert entry["title"] == record.title
        assert entry.get("doi", "") == record.doi
        assert entry["accession_number"] == record.pmid
        assert len(entry.get("authors", [])) == len(record.authors)
        assert entry["secondary_title"] == record.journal


def test_bibtex_is_read_by_another_reader(cases):
    bibtexparser = pytest.importorskip(
        "bibtexparser", reason="bibtexparser, the independent BibTeX reader, is not installed"
    )
    parsed = bibtexparser.parse_string(write_bibtex(cases))
    assert not parsed.failed_blocks
    assert len(parsed.entries) == len(cases)
    for entry, record in zip(parsed.entries, cases, strict=True):
        fields = entry.fields_dict
        assert fields["pmid"].value == record.pmid
        assert (fields["doi"].value if "doi" in fields else "") == record.doi
        title = re.sub(r"\\([&%$#_{}])", r"\1", re.sub(r"(?<!\\)[{}]", "", fields["title"].value))
        assert title == record.title.removesuffix(".")
        if record.authors:
            assert len(fields["author"].value.split(" and ")) >= len(record.authors)


def test_keys_of_bibtex_are_told_apart():
    record = Record(
        id="a", title="In vivo CAR T cells", authors=(Author(family="Wang", given="Qian"),), date="2025"
    )
    text = write_bibtex([record, record, record])
    assert re.findall(r"@article{(\w+),", text) == ["wang2025vivo", "wang2025vivo2", "wang2025vivo3"]


def test_capitals_and_special_signs_survive_bibtex():
    record = Record(
        id="a",
        title="CAR T cells & 50% of T_H cells in SLE.",
        more_authors=True,
        authors=(Author(family="Li"),),
    )
    text = write_bibtex([record])
    assert r"title = {{CAR} {T} cells \& 50\% of {T\_H} cells in {SLE}}" in text
    assert "author = {Li and others}" in text


def test_the_shipped_library_can_be_saved_in_every_form():
    records = list(library.records().values())
    assert len(list(csv.reader(io.StringIO(write_csv(records))))) == len(records) + 1
    assert write_bibtex(records).count("\n}\n") == len(records)
    assert write_summary(records).startswith("1: ")
    assert "PMID: 40961420" in write_abstract(records)


anything = st.text(max_size=30)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.builds(Record, id=st.just("a"), title=anything, journal=anything, volume=anything, issue=anything))
def test_braces_of_bibtex_always_balance(record):
    text = re.sub(r"\\[{}]", "", write_bibtex([record]).replace(r"\textbackslash{}", ""))
    depth = 0
    for letter in text:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
