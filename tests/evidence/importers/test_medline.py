"""MEDLINE format: 82 real records, the source line rebuilt for all 75, and what is written read back equal."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivocart.evidence.citations import source_line
from vivocart.evidence.importers.medline import fields_of, read_medline, write_medline
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.records import Author, Correction, Grant, Record
from vivocart.ground.errors import InputError


@pytest.fixture(scope="module")
def folder(suites):
    return suites / "pubmed" / "nbib"


@pytest.fixture(scope="module")
def batch(folder):
    return read_medline((folder / "pubmed-balloongui-set.noabstracts.nbib").read_bytes())


def test_all_records_are_read(batch):
    assert len(batch.items) == 75
    assert batch.issues == ()


def test_the_source_line_is_rebuilt_for_all_75(batch):
    for item in batch.items:
        assert source_line(item.record) == dict(fields_of(item.raw))["SO"]


def test_older_exports_are_read(folder):
    numbers = [len(read_medline(path.read_bytes()).items) for path in sorted(folder.glob("biopython_*.txt"))]
    assert numbers == [1, 4, 1]


def test_the_raw_text_is_kept(folder, batch):
    text = (folder / "pubmed-balloongui-set.noabstracts.nbib").read_bytes().decode()
    assert all(item.raw in text for item in batch.items)
    assert sum(len(item.raw.strip()) for item in batch.items) > 0.99 * len(text.strip())


def test_what_is_written_is_read_back_equal(batch):
    assert read_medline(write_medline(batch.records)).records == batch.records


def test_records_from_xml_survive_the_format(suites):
    before = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records
    after = read_medline(write_medline(before)).records
    for old, new in zip(before, after, strict=True):
        joined = " ".join(f"{part.label}: {part.text}" if part.label else part.text for part in old.abstract)
        assert " ".join(part.text for part in new.abstract) == joined
        assert dataclasses.replace(new, abstract=(), version="") == dataclasses.replace(
            old, abstract=(), version=""
        )


def test_affiliations_belong_to_the_author_before_them(batch):
    (record,) = [record for record in batch.records if record.pmid == "30776994"]
    by_name = {author.family: author for author in record.authors}
    assert by_name["Haussen"].affiliations == (
        "Emory University School of Medicine, Atlanta, GA (D.C.H.).",
        "Grady Memorial Hospital, Atlanta, GA (D.C.H., R.G.N.).",
    )
    hellinger, given_ = by_name["Hellinger"], by_name["Given"]
    assert (hellinger.given, hellinger.initials, hellinger.suffix) == ("Frank R", "FR", "Jr")
    assert (given_.given, given_.initials, given_.suffix) == ("Curtis A", "CA", "2nd")
    assert record.authors[-1].literal == "STRATIS Investigators"
    assert record.registrations == ("ClinicalTrials.gov/NCT02239640",)


def test_an_initial_is_no_suffix():
    text = "PMID- 1\nFAU - Barca, Ida\nAU  - Barca I\nFAU - van der Berg, Jo\nAU  - van der Berg J\n"
    authors = read_medline(text).records[0].authors
    assert [(author.family, author.initials, author.suffix) for author in authors] == [
        ("Barca", "I", ""),
        ("van der Berg", "J", ""),
    ]


def test_authors_of_old_records_without_full_names():
    text = "PMID- 1\nAU  - Mangalam H\nAU  - Hellinger FR Jr\nAU  - Galen\n"
    authors = read_medline(text).records[0].authors
    assert [(author.family, author.initials, author.suffix) for author in authors] == [
        ("Mangalam", "H", ""),
        ("Hellinger", "FR", "Jr"),
        ("Galen", "", ""),
    ]


def test_an_exporter_that_gives_no_pmid_is_read(suites):
    data = (suites / "pubmed" / "ncbi_exporter" / "PMC3362639.nbib").read_bytes()
    assert [record.id for record in read_medline(data).records] == ["pmc3362639"]


def test_a_file_in_the_wrong_encoding_is_refused(suites):
    data = (suites / "pubmed" / "ncbi_exporter" / "PMC3352855.nbib").read_bytes()
    with pytest.raises(InputError, match="PMC3352855: byte 419 is not utf-8"):
        read_medline(data, name="PMC3352855")


@pytest.mark.parametrize("text", ["", "\n\n", "   \n"])
def test_an_empty_file_is_refused(text):
    with pytest.raises(InputError, match=r"x\.nbib: no MEDLINE record in the file"):
        read_medline(text, name="x.nbib")


def test_one_bad_record_is_named_by_its_line_and_the_others_stand():
    text = "PMID- 1\nTI  - One.\n\nTI  - Nobody's.\n\nPMID- 3\nDEP - 20201301\n\nPMID- 4\n"
    batch = read_medline(text, name="x.nbib")
    assert [record.pmid for record in batch.records] == ["1", "4"]
    assert [(issue.row, issue.level) for issue in batch.issues] == [(4, "error"), (6, "error")]
    assert "not a PMID" in str(batch.issues[0])
    assert "not a day (found '20201301')" in str(batch.issues[1])


def test_a_page_of_html_is_refused():
    batch = read_medline("<html>\n<body>Too many requests</body></html>\n", name="x.nbib")
    assert batch.items == ()
    assert "a line without a tag" in str(batch.issues[0])


def test_records_that_follow_without_an_empty_line_are_parted():
    assert [record.pmid for record in read_medline("PMID- 1\nTI  - One.\nPMID- 2\nTI  - Two.\n").records] == [
        "1",
        "2",
    ]


def test_both_line_ends_are_read_alike(folder):
    data = (folder / "single.nbib").read_bytes().replace(b"\r\n", b"\n")
    assert read_medline(data).records == read_medline(data.replace(b"\n", b"\r\n")).records


word = st.text(st.characters(categories=("Lu", "Ll", "Nd")), min_size=1, max_size=9)
words = st.lists(word, min_size=1, max_size=30).map(" ".join)
people = st.builds(
    Author,
    family=words,
    given=words,
    initials=st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=1, max_size=2),
    suffix=st.sampled_from(["", "Jr", "3rd"]),
    affiliations=st.lists(words, max_size=2).map(tuple),
) | st.builds(Author, literal=words)
plain_records = st.builds(
    Record,
    id=st.just("pmid7"),
    pmid=st.just("7"),
    title=words,
    authors=st.lists(people, max_size=4).map(tuple),
    journal_short=words,
    date=st.sampled_from(["2020", "2020 Mar", "2020 Mar 9", "2011 Jul-Aug"]),
    electronic_date=st.none() | st.dates(),
    status=st.sampled_from(["", "ppublish", "epublish", "aheadofprint"]),
    volume=st.sampled_from(["", "12"]),
    pages=st.sampled_from(["", "1-5", "e5350"]),
    doi=st.sampled_from(["", "10.1000/x.y(1)"]),
    grants=st.lists(st.builds(Grant, number=word, agency=word, country=word), max_size=2).map(tuple),
    corrections=st.lists(
        st.builds(
            Correction,
            kind=st.sampled_from(["ErratumIn", "RetractionIn"]),
            reference=words,
            pmid=st.just("8"),
        ),
        max_size=2,
    ).map(tuple),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(plain_records, min_size=1, max_size=3))
def test_any_record_survives_write_and_read(records):
    assert list(read_medline(write_medline(records)).records) == records


def test_what_a_search_needs_beyond_a_citation_comes_back_equal(suites):
    from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml

    fields = (
        "substances",
        "subjects",
        "subsets",
        "country",
        "entered",
        "indexed_on",
        "revised",
        "completed",
        "created",
    )
    records = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records
    again = read_medline(write_medline(records)).records
    for before, after in zip(records, again, strict=True):
        assert [getattr(before, field) for field in fields] == [getattr(after, field) for field in fields]
        assert [person.family for person in before.investigators] == [
            person.family for person in after.investigators
        ]
