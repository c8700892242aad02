"""The format of a file is told by how it begins."""

from __future__ import annotations

import pytest

from vivocart.evidence.importers.csl_json import read_csl_batch
from vivocart.evidence.importers.detect import READERS, format_of, read_records
from vivocart.ground.errors import InputError

FILES = [
    ("pubmed/xml/cases.xml", "pubmed_xml", 41),
    ("pubmed/nbib/pubmed-balloongui-set.noabstracts.nbib", "medline", 75),
    ("pubmed/nbib/biopython_pubmed_result2.txt", "medline", 4),
    ("pubmed/ncbi_exporter/PMC3362639.nbib", "medline", 1),
    ("pubmed/ncbi_exporter/PMC3352855.ris", "ris", 1),
    ("pubmed/ncbi_exporter/rispy_example_utf_chars.ris", "ris", 1),
    ("pubmed/ncbi_exporter/3238325.json", "csl_json", 1),
]


@pytest.mark.parametrize(("path", "form", "count"), FILES)
def test_real_files_are_told_apart(suites, path, form, count):
    batch = read_records((suites / path).read_bytes(), name=path)
    assert (batch.format, len(batch.items), batch.issues) == (form, count, ())


def test_each_raw_text_is_read_again_by_its_reader(suites):
    for path, form, _ in FILES:
        batch = read_records((suites / path).read_bytes(), name=path)
        for item in batch.items:
            (again,) = READERS[form](item.raw, name=path).records
            assert again == item.record


@pytest.mark.parametrize("text", ["", "Dear editor,", "@article{x, title = {A}}"])
def test_other_texts_are_refused(text):
    with pytest.raises(InputError, match="x: no bibliographic format that we read; save as PubMed XML"):
        format_of(text, name="x")


def test_items_of_a_csl_list_keep_their_very_text():
    text = '[ {"id": "a",\n "title": "One"} ,{"id": "b", "title": ["no text"]}, {"id": "c", "DOI": "10.1000/C"}\n]'
    batch = read_csl_batch(text, name="x.json")
    assert [item.raw for item in batch.items] == [
        '{"id": "a",\n "title": "One"}',
        '{"id": "c", "DOI": "10.1000/C"}',
    ]
    assert [record.id for record in batch.records] == ["a", "doi:10.1000/c"]
    assert [str(issue) for issue in batch.issues] == [
        "x.json: item 2 refused: x.json, b: title is not a text (found list); write title as one string"
    ]
    assert read_csl_batch("[]").items == ()


def test_a_cut_csl_file_is_refused_as_a_whole():
    with pytest.raises(InputError, match=r"x\.json: not JSON"):
        read_csl_batch('[{"id": "a"}, {"id"', name="x.json")
