"""Retraction, concern, erratum and reinstatement are four things, whoever says them."""

from __future__ import annotations

import csv
import dataclasses
import datetime

import pytest

from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.library import records
from vivocart.evidence.records import Correction, Record
from vivocart.evidence.retractions import (
    Names,
    by_record,
    is_gone,
    names_in,
    names_of,
    own_notices,
    read_retraction_watch,
)
from vivocart.evidence.store import add, open_library
from vivocart.ground.errors import InputError

COLUMNS = (
    "Record ID", "Title", "Subject", "Institution", "Journal", "Publisher", "Country", "Author", "URLS", "ArticleType",
    "RetractionDate", "RetractionDOI", "RetractionPubMedID", "OriginalPaperDate", "OriginalPaperDOI",
    "OriginalPaperPubMedID", "RetractionNature", "Reason", "Paywalled", "Notes",
)  # fmt: skip
KNOWN = (Names(id="a", pmid="11", doi="10.1000/a"), Names(id="b", doi="10.1000/b"), Names(id="c", pmid="33"))


@pytest.fixture
def table(tmp_path):
    def write(*rows):
        path = tmp_path / "rw.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(
                {
                    "OriginalPaperPubMedID": pmid,
                    "OriginalPaperDOI": doi,
                    "RetractionNature": nature,
                    "RetractionDate": day,
                }
                | {"Reason": "+Error in Data;+Concerns/Issues;", "RetractionDOI": "10.1000/notice"}
                for pmid, doi, nature, day in rows
            )
        return path

    return write


@pytest.mark.parametrize(
    ("nature", "kind"),
    [
        ("Retraction", "retraction"),
        ("Expression of concern", "concern"),
        ("Correction", "erratum"),
        ("Reinstatement", "reinstatement"),
    ],
)
def test_kinds_are_kept_apart(table, nature, kind):
    notices, issues, read = read_retraction_watch(table(("11", "10.1000/A", nature, "9/17/2025 0:00")), KNOWN)
    (notice,) = notices
    assert (notice.record_id, notice.kind, notice.on) == ("a", kind, datetime.date(2025, 9, 17))
    assert notice.reason == "Error in Data; Concerns/Issues"
    assert (issues, read) == ((), 1)
    assert is_gone(notices) == (kind == "retraction")


def test_a_record_is_met_by_pmid_or_by_doi_and_others_are_passed_over(table):
    path = table(
        ("0", "10.1000/B", "Retraction", "1/2/2024 0:00"),
        ("33", "unavailable", "Retraction", "1/3/2024 0:00"),
        ("44", "10.1000/d", "Retraction", "1/4/2024 0:00"),
        ("0", "Unavailable", "Retraction", "1/4/2024 0:00"),
        ("", "", "Retraction", ""),
    )
    notices, issues, read = read_retraction_watch(path, KNOWN)
    assert [notice.record_id for notice in notices] == ["b", "c"]
    assert (issues, read) == ((), 5)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("11", "10.1000/b", "Retraction", "1/2/2024"), "DOI 10.1000/b is not that of a"),
        (("12", "10.1000/a", "Retraction", "1/2/2024"), "PMID 12 is not that of a"),
        (("11", "10.1000/a", "Withdrawn", "1/2/2024"), "unknown kind of notice 'Withdrawn'"),
    ],
)
def test_what_does_not_agree_is_told_and_not_believed(table, row, words):
    notices, issues, _ = read_retraction_watch(table(row), KNOWN)
    assert notices == ()
    assert words in str(issues[0])


@pytest.mark.parametrize(
    ("history", "gone"),
    [
        ((("Retraction", "1/1/2023"), ("Reinstatement", "1/1/2024")), False),
        ((("Reinstatement", "1/1/2023"), ("Retraction", "1/1/2024")), True),
        ((("Retraction", "1/1/2023"), ("Reinstatement", "1/1/2024"), ("Retraction", "1/1/2025")), True),
        ((("Correction", "1/1/2023"), ("Expression of concern", "1/1/2024")), False),
        ((("Retraction", "no day"), ("Reinstatement", "1/1/2024")), True),
    ],
)
def test_a_later_reinstatement_takes_a_retraction_back(table, history, gone):
    path = table(*(("11", "10.1000/a", nature, day) for nature, day in history))
    notices, _, _ = read_retraction_watch(path, KNOWN)
    ((record_id, found),) = by_record(notices)
    assert record_id == "a"
    assert is_gone(found) == gone


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "column OriginalPaperPubMedID is missing"),
        (b"PMID,DOI\n1,2\n", "column OriginalPaperPubMedID is missing"),
        ("\ufeffa,b\n".encode("utf-16"), "missing|not a table"),
        (b"\x00\x01\x02", "missing|not a table"),
    ],
)
def test_another_file_is_refused_in_a_line(tmp_path, content, words):
    path = tmp_path / "rw.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_retraction_watch(path, KNOWN)


def test_no_file_and_letters_of_another_encoding(tmp_path, table):
    with pytest.raises(InputError, match="cannot be read"):
        read_retraction_watch(tmp_path / "none.csv", KNOWN)
    path = table(("11", "10.1000/a", "Retraction", "2024-02-03"))
    path.write_bytes(path.read_bytes().replace(b"Error in Data", b"Donn\xe9es"))
    (notice,), _, _ = read_retraction_watch(path, KNOWN)
    assert notice.on == datetime.date(2024, 2, 3)


def test_what_a_record_says_of_itself():
    record = Record(
        id="x",
        corrections=(
            Correction(kind="ErratumIn", reference="J. 2025;1:2"),
            Correction(kind="ExpressionOfConcernIn", pmid="5"),
            Correction(kind="CommentIn", reference="J. 2025;1:3"),
        ),
    )
    assert [notice.kind for notice in own_notices(record)] == ["erratum", "concern"]
    assert not is_gone(own_notices(record))
    retracted = dataclasses.replace(record, publication_types=("Retracted Publication",))
    assert is_gone(own_notices(retracted))


def test_kinds_of_real_records(suites):
    batch = read_pubmed_xml((suites / "pubmed/xml/cases.xml").read_text(encoding="utf-8"))
    for record in batch.records:
        kinds = {notice.kind for notice in own_notices(record)}
        of_record = {correction.kind for correction in record.corrections}
        assert ("erratum" in kinds) == bool(of_record & {"ErratumIn", "CorrectedandRepublishedIn"})
        assert is_gone(own_notices(record)) == record.is_retracted
    assert any(record.is_retracted for record in batch.records)


def test_names_come_from_the_shipped_records_and_from_a_library(tmp_path, suites):
    assert Names(id="wang2025", pmid="40961420", doi="10.1056/nejmc2509522") in names_of(records().values())
    batch = read_pubmed_xml((suites / "pubmed/xml/cases.xml").read_text(encoding="utf-8"))
    with open_library(tmp_path / "library.sqlite") as library:
        add(library, batch, source="cases.xml", seen_on=datetime.date(2026, 11, 24))
        assert len(names_in(library)) == len({record.pmid for record in batch.records})
