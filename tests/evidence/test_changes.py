"""Changes between versions of a record: each kind by itself, and none where nothing changed."""

from __future__ import annotations

import datetime

import pytest

from vivocart.evidence.changes import all_changed_since, changed_after, changed_since, compare
from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.records import Correction, Record
from vivocart.evidence.store import add, get, open_library, versions

BASE = {"id": "a", "title": "A title.", "journal_short": "J", "date": "2025 Sep 17", "doi": "10.1000/x"}


def record(**fields):
    return Record(**{**BASE, **fields})


@pytest.mark.parametrize(
    ("correction", "kind"),
    [
        ("RetractionIn", "retraction"),
        ("RetractedandRepublishedIn", "retraction"),
        ("ExpressionOfConcernIn", "concern"),
        ("ErratumIn", "erratum"),
        ("UpdateIn", "update"),
    ],
)
def test_notices_are_told_apart(correction, kind):
    after = record(corrections=(Correction(kind=correction, reference="J. 2026;1:2"),))
    assert compare(record(), after) == ((kind, "", "J. 2026;1:2"),)
    assert compare(after, after) == ()


def test_comments_and_notices_of_others_are_no_change():
    after = record(
        corrections=(
            Correction(kind="CommentIn", reference="J. 2026;1:2"),
            Correction(kind="RetractionOf", pmid="2"),
        )
    )
    assert compare(record(), after) == ()


def test_a_publication_type_alone_tells_a_retraction():
    after = record(publication_types=("Journal Article", "Retracted Publication"))
    assert compare(record(), after) == (("retraction", "", "Retracted Publication"),)


def test_a_record_that_gets_its_pages():
    before = record(status="aheadofprint")
    after = record(status="ppublish", date="2025 Oct 16", volume="393", issue="15", pages="1542-1544")
    assert compare(before, after) == (
        ("paged", "J. 2025 Sep 17. doi: 10.1000/x.", "J. 2025 Oct 16;393(15):1542-1544. doi: 10.1000/x."),
    )


def test_a_new_title_and_a_new_source():
    assert compare(record(), record(title="A  title")) == ()
    assert compare(record(), record(title="RETRACTED: A title.")) == (
        ("title", "A title.", "RETRACTED: A title."),
    )
    assert [kind for kind, *_ in compare(record(), record(volume="2"))] == ["source"]


def test_no_real_record_differs_from_itself(suites):
    for found in read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records:
        assert compare(found, found) == ()


def test_the_history_of_a_record_is_told_from_a_day_on(tmp_path):
    texts = (
        ("PMID- 1\nTI  - T.\nPST - aheadofprint\nTA  - J\nDP  - 2025 Sep 17\n", datetime.date(2025, 9, 20)),
        ("PMID- 1\nTI  - T.\nPST - ppublish\nTA  - J\nDP  - 2025 Oct 16\nVI  - 393\n", datetime.date(2025, 11, 1)),
        ("PMID- 1\nTI  - T.\nPST - ppublish\nTA  - J\nDP  - 2025 Oct 16\nVI  - 393\nEIN - J. 2026;1:2. PMID: 7\n",
         datetime.date(2026, 2, 1)),
    )  # fmt: skip
    with open_library(tmp_path / "library.sqlite") as library:
        for text, day in texts:
            add(library, read_records(text), source="x", seen_on=day)
        assert [change.kind for change in changed_since(library, "pmid1", datetime.date(2025, 1, 1))] == [
            "paged",
            "erratum",
        ]
        assert [change.kind for change in changed_since(library, "pmid1", datetime.date(2026, 1, 1))] == [
            "erratum"
        ]
        assert changed_since(library, "pmid1", datetime.date(2026, 3, 1)) == ()
        assert str(changed_since(library, "pmid1", datetime.date(2025, 1, 1))[0]) == (
            "2025-11-01 pmid1: paged: J. 2025 Oct 16;393. (was: J. 2025 Sep 17.)"
        )


def test_a_poorer_copy_of_another_program_is_no_change(tmp_path):
    day = datetime.date(2026, 11, 24)
    full = "PMID- 1\nTI  - T.\nTA  - J\nDP  - 2025\nVI  - 3\nLID - 10.1000/x [doi]\n"
    with open_library(tmp_path / "library.sqlite") as library:
        for text in (full, "TY  - JOUR\nTI  - T\nDO  - 10.1000/x\nER  - \n", full):
            add(library, read_records(text), source="x", seen_on=day)
        assert changed_since(library, "pmid1", day) == ()


def test_changes_of_all_records_by_day(library_of_changes):
    library = library_of_changes
    found = all_changed_since(library, datetime.date(2025, 10, 1))
    assert [(str(change.seen_on), change.record_id, change.kind) for change in found] == [
        ("2025-10-02", "pmid2", "erratum"),
        ("2025-10-03", "pmid1", "deleted"),
    ]
    assert all_changed_since(library, datetime.date(2025, 10, 4)) == ()


def test_changes_after_a_text_of_the_library(library_of_changes):
    library = library_of_changes
    last = max(version.number for version in versions(library, "pmid2"))
    assert [change.kind for change in changed_after(library, "pmid2", last - 1)] == ["erratum"]
    assert changed_after(library, "pmid2", last) == ()
    assert [change.kind for change in changed_after(library, "pmid1", last)] == ["deleted"]


def test_a_copy_with_a_pmid_by_another_program_does_not_stand_before_pubmed(library_of_changes):
    library = library_of_changes
    ris = "TY  - JOUR\nTI  - Poorer\nDO  - 10.1000/x\nAN  - 2\nDB  - PubMed\nER  - \n"
    add(library, read_records(ris), source="x", seen_on=datetime.date(2025, 10, 9))
    assert all_changed_since(library, datetime.date(2025, 10, 5)) == ()
    assert get(library, "pmid2").title == "B."


@pytest.fixture
def library_of_changes(tmp_path):
    days = [datetime.date(2025, 10, day) for day in (1, 2, 3)]
    texts = (
        "PMID- 1\nTI  - A.\n\nPMID- 2\nTI  - B.\nLID - 10.1000/x [doi]\n",
        "PMID- 2\nTI  - B.\nLID - 10.1000/x [doi]\nEIN - J. 2025;1:1. PMID: 9\n",
        "<PubmedArticleSet><DeleteCitation><PMID>1</PMID></DeleteCitation></PubmedArticleSet>",
    )
    with open_library(tmp_path / "l.sqlite") as library:
        for text, day in zip(texts, days, strict=True):
            add(library, read_records(text), source="x", seen_on=day)
        yield library


def test_a_retraction_in_the_first_text_of_pubmed_is_told_and_what_the_copy_lacked_is_not(tmp_path):
    ris = "TY  - JOUR\nTI  - Poorer\nDO  - 10.1000/x\nER  - \n"
    full = "PMID- 1\nTI  - Full.\nTA  - J\nDP  - 2025\nLID - 10.1000/x [doi]\nRIN - J. 2026;1:1. PMID: 9\n"
    with open_library(tmp_path / "l.sqlite") as library:
        add(library, read_records(ris), source="x", seen_on=datetime.date(2025, 10, 1))
        add(library, read_records(full), source="x", seen_on=datetime.date(2025, 10, 2))
        found = all_changed_since(library, datetime.date(2025, 10, 2))
    assert [(change.record_id, change.kind) for change in found] == [("pmid1", "retraction")]
