"""CSL-JSON in and out: NCBI's own exports, round trips, and files that are none."""

from __future__ import annotations

import json

import pytest

from vivocart.evidence import library
from vivocart.evidence.citations import nlm
from vivocart.evidence.importers.csl_json import (
    date_parts,
    initials_of,
    read_csl_json,
    to_csl,
    write_csl_json,
)
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.ground.errors import InputError


def test_an_item_of_the_ncbi_exporter_is_read(suites):
    text = (suites / "pubmed" / "ncbi_exporter" / "3.json").read_text(encoding="utf-8")
    item = {"id": "zelle2010", **json.loads(text)}
    (record,) = read_csl_json(json.dumps(item))
    assert record.kind == "article"
    assert [author.family for author in record.authors] == [
        "Zelle",
        "de Hulster",
        "Kloezen",
        "Pronk",
        "van Maris",
    ]
    assert record.authors[0].initials == "RM"
    assert (record.volume, record.issue, record.pages, record.date) == ("76", "3", "744-750", "2010 Feb")


def test_what_is_written_is_read_back_equal():
    before = list(library.records().values())
    after = read_csl_json(write_csl_json(before))
    for old, new in zip(before, after, strict=True):
        for field in (
            "id",
            "title",
            "journal",
            "journal_short",
            "volume",
            "issue",
            "pages",
            "doi",
            "pmid",
            "pmcid",
            "url",
        ):
            assert getattr(new, field) == getattr(old, field), old.id
        assert new.year == old.year
        assert [(author.family, author.literal) for author in new.authors] == [
            (author.family, author.literal) for author in old.authors
        ]


def test_dates_are_whole_numbers_and_seasons_keep_their_word():
    (record,) = read_csl_json('{"id": "a", "issued": {"raw": "2011 Jul-Aug"}}')
    assert record.date == "2011 Jul-Aug"
    item = to_csl(record)
    assert item["issued"] == {"date-parts": [[2011]], "raw": "2011 Jul-Aug"}
    assert read_csl_json(json.dumps(item))[0].date == "2011 Jul-Aug"


@pytest.mark.parametrize(
    ("text", "parts"),
    [("2025 Sep 17", [2025, 9, 17]), ("2012 May", [2012, 5]), ("2012", [2012]), ("2011 Jul-Aug", [2011]),
     ("2020 Spring", [2020]), ("2025-09-17", [2025, 9, 17]), ("", []), ("in press", [])],
)  # fmt: skip
def test_dates_in_parts(text, parts):
    assert date_parts(text) == parts


@pytest.mark.parametrize(
    ("given", "initials"),
    [
        ("Gao-Feng", "GF"),
        ("Ze Xiu", "ZX"),
        ("Chris Ka-Pun", "CK"),
        ("Michel H J", "MHJ"),
        ("Qian", "Q"),
        ("", ""),
        ("R. T.", "RT"),
    ],
)
def test_initials_are_those_of_nlm(given, initials):
    assert initials_of(given) == initials


def test_initials_agree_with_nlm_for_nearly_all_real_authors(suites):
    records = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records
    people = [author for record in records for author in record.authors if author.given]
    agree = sum(initials_of(author.given) == author.initials for author in people)
    assert len(people) > 200
    assert agree >= 0.98 * len(people)


FAULTS = [
    ("{", "x.json: not JSON"),
    ("[1]", "x.json, item 1: not a record"),
    ("[{}]", "x.json, item 1: the record has no id"),
    ('[{"id": "a", "title": ["b"]}]', "x.json, a: title is not a text"),
    ('[{"id": "a", "author": "Wang Q"}]', "x.json, a: author is not a list"),
    ('[{"id": "a", "author": ["Wang Q"]}]', "x.json, a: an author is not an object"),
    ('[{"id": "a", "issued": {"date-parts": [[2020, 13]]}}]', "x.json, a: not a date"),
    ('[{"id": "a", "issued": "2020"}]', "x.json, a: not a date"),
    ('[{"id": "a", "held": "maybe"}]', "x.json, a: unknown held 'maybe'"),
    (
        '[{"id": "a", "author": [{"family": "W", "affiliations": [2]}], "affiliations": ["x"]}]',
        "affiliation 2 is not on the",
    ),
    ('[{"id": "a", "grants": ["x"]}]', "x.json, a: a grant is not an object"),
    ('[{"id": "a", "corrections": [{}]}]', "x.json, a: a correction has no kind"),
    ("[" * 100_000, "x.json: not JSON"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_a_fault_is_one_line_that_names_the_place(text, message):
    with pytest.raises(InputError) as caught:
        read_csl_json(text, name="x.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_our_own_types_are_checked():
    with pytest.raises(InputError, match="unknown type 'book'"):
        read_csl_json('{"id": "a", "type": "book"}', native=True)


def test_a_read_record_can_be_cited():
    (record,) = read_csl_json(
        '{"id": "a", "title": "T", "author": [{"family": "Li", "given": "Bo"}], "DOI": "10.1000/x"}'
    )
    assert nlm(record) == "Li B. T. doi: 10.1000/x."
