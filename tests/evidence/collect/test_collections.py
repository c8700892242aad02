"""Collections and My Bibliography."""

from __future__ import annotations

import datetime

import pytest

from vivocart.evidence.collect.collections import (
    MY_BIBLIOGRAPHY,
    collect,
    collected_ids,
    collections,
    create_collection,
    delete_collection,
    rename_collection,
    uncollect,
)
from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.store import add, get, open_library
from vivocart.ground.errors import InputError, UnknownNameError

DAY = datetime.date(2026, 11, 24)


@pytest.fixture
def library(tmp_path):
    with open_library(tmp_path / "l.sqlite") as opened:
        text = "\n".join(f"PMID- {number}\nTI  - Title {number}.\n" for number in range(1, 10))
        add(opened, read_records(text), source="x", seen_on=DAY)
        yield opened


def test_a_collection_is_made_filled_renamed_and_deleted(library):
    create_collection(library, "  CAR-T   in lupus ")
    assert collect(library, "car-t in LUPUS", ["pmid2", "pmid1", "pmid2"]) == ("pmid2", "pmid1")
    assert collect(library, "CAR-T in lupus", ["pmid1", "pmid3"]) == ("pmid3",)
    assert collected_ids(library, "CAR-T in lupus") == ("pmid2", "pmid1", "pmid3")
    assert uncollect(library, "CAR-T in lupus", ["pmid1", "pmid9"]) == ("pmid1",)
    rename_collection(library, "CAR-T in lupus", "car-t in lupus")
    assert collections(library) == ((MY_BIBLIOGRAPHY, 0), ("car-t in lupus", 2))
    delete_collection(library, "car-t in lupus")
    assert collections(library) == ((MY_BIBLIOGRAPHY, 0),)
    assert get(library, "pmid2").title == "Title 2."


def test_my_bibliography_is_there_and_keeps_its_name(library):
    assert collected_ids(library, MY_BIBLIOGRAPHY) == ()
    assert collect(library, "my bibliography", ["pmid1"]) == ("pmid1",)
    assert collections(library) == ((MY_BIBLIOGRAPHY, 1),)
    for refused in (
        lambda: delete_collection(library, "MY BIBLIOGRAPHY"),
        lambda: rename_collection(library, MY_BIBLIOGRAPHY, "mine"),
        lambda: create_collection(library, "My  bibliography"),
    ):
        with pytest.raises(InputError, match=MY_BIBLIOGRAPHY):
            refused()


def test_names_have_less_than_a_hundred_characters_and_are_unique(library):
    create_collection(library, "a" * 99)
    for name, problem in (("a" * 100, "has 100 characters; a name must be less than 100"), (" ", "is empty")):
        with pytest.raises(InputError, match=problem):
            create_collection(library, name)
    create_collection(library, "Lupus")
    with pytest.raises(InputError, match="a collection 'LUPUS' exists; choose another name"):
        create_collection(library, "LUPUS")
    with pytest.raises(InputError, match="a collection 'lupus' exists"):
        rename_collection(library, "a" * 99, "lupus")


def test_an_unknown_collection_or_record_is_named(library):
    create_collection(library, "Lupus")
    with pytest.raises(UnknownNameError, match="unknown collection 'Lupos'; did you mean Lupus"):
        collected_ids(library, "Lupos")
    with pytest.raises(UnknownNameError, match="unknown record 'pmid99'"):
        collect(library, "Lupus", ["pmid1", "pmid99"])
    assert collected_ids(library, "Lupus") == ()


def test_a_thousand_at_once(library):
    create_collection(library, "Lupus")
    with pytest.raises(InputError, match="1001 records at once; add at most 1000"):
        collect(library, "Lupus", [f"pmid{number}" for number in range(1001)])


def test_a_record_that_takes_another_name_stays_in_its_collections(library):
    ris = "TY  - JOUR\nTI  - T.\nDO  - 10.1000/x\nER  - \n"
    add(library, read_records(ris), source="x", seen_on=DAY)
    create_collection(library, "Lupus")
    collect(library, "Lupus", ["doi:10.1000/x"])
    add(library, read_records("PMID- 5\nTI  - T.\nLID - 10.1000/x [doi]\n"), source="x", seen_on=DAY)
    assert collected_ids(library, "Lupus") == ("pmid5",)
