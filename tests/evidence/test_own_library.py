"""The user's own library begins with the shipped records and knows each record by all its names."""

from __future__ import annotations

import datetime
import time

import pytest

from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.library import records
from vivocart.evidence.own_library import add_shipped, known_ids, open_own_library
from vivocart.evidence.save import FORMATS, as_file
from vivocart.evidence.store import add, get, open_library, record_ids
from vivocart.ground.errors import UnknownNameError

DAY = datetime.date(2026, 11, 24)


@pytest.fixture
def own(tmp_path):
    with open_own_library(tmp_path / "l.sqlite", today=DAY) as library:
        yield library


def test_every_shipped_record_is_in_a_new_library_and_keeps_its_fields(own):
    assert len(record_ids(own)) == len(records())
    for shipped_id, shipped in records().items():
        (record_id,) = known_ids(own, [shipped_id])
        stored = get(own, record_id)
        assert (stored.title, stored.authors, stored.grants, stored.kind, stored.held) == (
            shipped.title, shipped.authors, shipped.grants, shipped.kind, shipped.held,
        )  # fmt: skip


def test_a_library_that_exists_gets_nothing_unasked(tmp_path):
    with open_library(tmp_path / "l.sqlite"):
        pass
    with open_own_library(tmp_path / "l.sqlite", today=DAY) as library:
        assert record_ids(library) == ()
        assert len(add_shipped(library, today=DAY).new) == len(records())
        assert add_shipped(library, today=DAY).new == ()


def test_a_fuller_text_is_not_replaced_by_the_shipped_one(tmp_path):
    with open_library(tmp_path / "l.sqlite") as library:
        add(library, read_records("PMID- 40961420\nTI  - Fuller.\n"), source="x", seen_on=DAY)
        add_shipped(library, today=DAY)
        assert get(library, "pmid40961420").title == "Fuller."


@pytest.mark.parametrize(
    "name",
    [
        "wang2025",
        "40961420",
        "pmid40961420",
        "PMID: 40961420",
        " 10.1056/NEJMc2509522",
        "https://doi.org/10.1056/nejmc2509522",
    ],
)
def test_a_record_is_known_by_all_its_names(own, name):
    assert known_ids(own, [name, "40961420"]) == ("pmid40961420",)


def test_an_unknown_name_names_the_nearest(own):
    with pytest.raises(
        UnknownNameError, match=r"l\.sqlite: unknown record 'wang2026'; did you mean wang2025"
    ):
        known_ids(own, ["wang2026"])


def test_a_new_library_is_there_in_a_second(tmp_path):
    start = time.process_time()
    with open_own_library(tmp_path / "l.sqlite", today=DAY):
        pass
    assert time.process_time() - start < 1.0


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown format 'bibtec'; did you mean bibtex"):
        as_file([], "bibtec")
    assert as_file([], "csv").startswith(b"\xef\xbb\xbfPMID,")
    assert len(FORMATS) == 9
