"""RIS: NCBI's own exports, files of other programs, round trips, files that are none."""

from __future__ import annotations

import pytest

from vivocart.evidence import library
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.importers.ris import read_ris, write_ris
from vivocart.evidence.records import Author, Record
from vivocart.ground.errors import InputError


@pytest.fixture(scope="module")
def folder(suites):
    return suites / "pubmed" / "ncbi_exporter"


def test_an_export_of_ncbi_is_read(folder):
    (record,) = read_ris((folder / "PMC3352855.ris").read_bytes()).records
    assert record.id == "doi:10.1371/journal.pmed.1001218"
    assert record.title.startswith("Innovation and access to medicines for neglected populations")
    assert [author.family for author in record.authors] == ["Moon", "Bermudez", "'t Hoen"]
    assert (record.journal, record.volume, record.issue, record.pages) == (
        "PLoS medicine",
        "9",
        "5",
        "e1001218",
    )
    assert record.date == "2012 Jan"
    assert len(record.keywords) == 10


def test_lines_between_records_belong_to_none(folder):
    batch = read_ris((folder / "rispy_example_full.ris").read_bytes())
    assert [record.id for record in batch.records] == ["marx2014", "marxus2006"]
    assert batch.records[0].abstract[0].text.startswith("BACKGROUND: Lorem ipsum")
    assert all(item.raw.startswith("TY  - JOUR") for item in batch.items)


def test_wrapped_lines_are_joined(folder):
    records = read_ris((folder / "rispy_example_multiline.ris").read_bytes()).records
    assert len(records) == 3
    assert len({record.id for record in records}) == 3
    assert all("\n" not in record.abstract[0].text for record in records)


def test_a_byte_order_mark_and_other_scripts_are_read(folder):
    (record,) = read_ris((folder / "rispy_example_utf_chars.ris").read_bytes()).records
    assert record.authors[0].family == "Dobrokhotova"


FIELDS = ("title", "volume", "issue", "doi", "pmid", "pmcid", "languages", "issn", "keywords")


def test_what_is_written_is_read_back_equal(suites):
    before = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records
    after = read_ris(write_ris(before)).records
    for old, new in zip(before, after, strict=True):
        assert new.id == old.id
        for field in FIELDS:
            assert getattr(new, field) == getattr(old, field), field
        assert new.journal == old.journal
        assert new.pages == (old.pages or old.pii)
        assert new.year == old.year
        names = [
            (author.family, author.initials[:1], author.suffix, author.literal) for author in new.authors
        ]
        assert names == [
            (author.family, author.initials[:1], author.suffix, author.literal) for author in old.authors
        ]


def test_the_shipped_library_can_be_written():
    text = write_ris(list(library.records().values()))
    assert text.count("TY  - ") == text.count("ER  - ") == len(library.records())
    assert "DO  - 10.1056/NEJMc2509522\nAN  - 40961420\nDB  - PubMed\n" in text


def test_a_line_end_in_a_field_cannot_open_another_field():
    text = write_ris(
        [
            Record(
                id="a", title="One\nER  - \nTY  - JOUR", authors=(Author(family="Li\nAU  - X", initials="B"),)
            )
        ]
    )
    assert text.count("\nER  - ") == 1
    assert len(read_ris(text).items) == 1


@pytest.mark.parametrize("doi", ["10.1000/x", "doi:10.1000/x", "DOI: 10.1000/x", "https://doi.org/10.1000/x"])
def test_a_doi_is_read_in_each_of_its_forms(doi):
    assert read_ris(f"TY  - JOUR\nDO  - {doi}\nER  - \n").records[0].doi == "10.1000/x"


@pytest.mark.parametrize(
    ("written", "date"),
    [("2012/05/15/", "2012 May 15"), ("2012/05//", "2012 May"), ("2012", "2012"), ("2012///Spring", "2012 Spring"),
     ("2012/05/15", "2012 May 15"), ("in press", "in press")],
)  # fmt: skip
def test_dates_in_each_of_their_forms(written, date):
    assert read_ris(f"TY  - JOUR\nPY  - {written}\nER  - \n").records[0].date == date


def test_a_cut_record_is_refused_and_the_others_stand():
    batch = read_ris("TY  - JOUR\nTI  - One\nDO  - 10.1000/x\nER  - \nTY  - JOUR\nTI  - Tw", name="x.ris")
    assert [record.title for record in batch.records] == ["One"]
    assert [str(issue) for issue in batch.issues] == [
        "x.ris, row 5: record refused: it has no ER line; export it again"
    ]


def test_a_record_that_never_ends_is_refused_where_the_next_begins():
    batch = read_ris("TY  - JOUR\nTI  - One\nTY  - JOUR\nTI  - Two\nER  - \n")
    assert [record.title for record in batch.records] == ["Two"]
    assert [issue.row for issue in batch.issues] == [1]


@pytest.mark.parametrize("text", ["", "PMID- 1\n", "<html></html>"])
def test_a_file_that_is_no_ris_is_refused(text):
    with pytest.raises(InputError, match=r"x\.ris: no RIS record in the file"):
        read_ris(text, name="x.ris")
