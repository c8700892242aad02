"""What an import gives, and how bytes become text."""

from __future__ import annotations

import pytest

from vivocart.evidence.importers.batch import Batch, Imported, decode, identify, newest
from vivocart.evidence.records import Author, Record
from vivocart.ground.errors import InputError


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("plain", "plain"),
        ("\ufeffmarked", "marked"),
        ("Zoë".encode(), "Zoë"),
        (b"\xef\xbb\xbf" + "Zoë".encode(), "Zoë"),
        ("Zoë".encode("utf-16"), "Zoë"),
        (
            "<?xml version='1.0' encoding='ISO-8859-1'?>Zoë".encode("latin-1"),
            "<?xml version='1.0' encoding='ISO-8859-1'?>Zoë",
        ),
    ],
)
def test_bytes_become_text_by_mark_declaration_or_utf8(data, text):
    assert decode(data, name="x") == text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("Zoë".encode("latin-1"), "x: byte 2 is not utf-8"),
        (b"<?xml version='1.0' encoding='klingon'?>", "x: unknown encoding 'klingon'"),
        (b"\xff\xfea", "x: byte 2 is not utf-16"),
    ],
)
def test_bytes_in_the_wrong_encoding_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        decode(data, name="x")


def test_the_newest_version_wins_and_the_later_of_equals():
    first = Record(id="pmid1", version="1", title="first")
    second = Record(id="pmid1", version="2", title="second")
    again = Record(id="pmid1", version="2", title="again")
    other = Record(id="pmid2", title="other")
    assert newest([second, first, other]) == {"pmid1": second, "pmid2": other}
    assert newest([first, second, again])["pmid1"] == again


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record(id="", pmid="12", doi="10.1000/A"), "pmid12"),
        (Record(id="", doi="10.1000/A"), "doi:10.1000/a"),
        (Record(id="", authors=(Author(family="'t Hoen"),), date="2012 Jan"), "thoen2012"),
        (Record(id="", authors=(Author(literal="STRATIS Group"),)), "stratisgroup"),
        (Record(id=""), ""),
    ],
)
def test_a_record_is_named_by_what_it_brings(record, expected):
    assert identify(record) == expected


def test_records_of_a_batch_come_in_order():
    records = (Record(id="a"), Record(id="b"))
    assert (
        Batch(format="ris", items=tuple(Imported(record=record, raw="") for record in records)).records
        == records
    )
