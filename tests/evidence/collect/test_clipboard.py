"""The clipboard: 500 records, none twice, lapsed after eight hours without use; all without a clock of its own."""

from __future__ import annotations

import datetime

import pytest

from vivocart.evidence.collect.clipboard import add_to_clipboard, clipboard_ids, remove_from_clipboard
from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.store import add, open_library
from vivocart.ground.errors import InputError, UnknownNameError

NOW = datetime.datetime(2026, 11, 24, 9, 0)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def library(tmp_path):
    with open_library(tmp_path / "l.sqlite") as opened:
        text = "\n".join(f"PMID- {number}\nTI  - Title {number}.\n" for number in range(1, 602))
        add(opened, read_records(text), source="x", seen_on=NOW.date())
        yield opened


def ids(*numbers):
    return tuple(f"pmid{number}" for number in numbers)


def test_records_keep_their_order_and_none_is_there_twice(library):
    assert add_to_clipboard(library, ids(3, 1, 3), now=NOW) == ids(3, 1)
    assert add_to_clipboard(library, ids(1, 2), now=NOW) == ids(2)
    assert clipboard_ids(library, now=NOW) == ids(3, 1, 2)


def test_five_hundred_and_no_more(library):
    add_to_clipboard(library, ids(*range(1, 501)), now=NOW)
    with pytest.raises(
        InputError, match="would hold 501 records, it takes 500; clear it, or use a collection"
    ):
        add_to_clipboard(library, ids(501), now=NOW)
    assert len(clipboard_ids(library, now=NOW)) == 500
    assert add_to_clipboard(library, ids(500), now=NOW) == ()


def test_it_lapses_after_eight_hours_without_use(library):
    add_to_clipboard(library, ids(1), now=NOW)
    add_to_clipboard(library, ids(2), now=NOW + 7 * HOUR)
    assert clipboard_ids(library, now=NOW + 14.99 * HOUR) == ids(1, 2)
    assert clipboard_ids(library, now=NOW + 15 * HOUR) == ()
    assert add_to_clipboard(library, ids(2), now=NOW + 16 * HOUR) == ids(2)
    assert clipboard_ids(library, now=NOW + 16 * HOUR) == ids(2)


def test_records_leave_one_by_one_or_all(library):
    add_to_clipboard(library, ids(1, 2, 3), now=NOW)
    assert remove_from_clipboard(library, ids(2, 9), now=NOW) == ids(2)
    assert clipboard_ids(library, now=NOW) == ids(1, 3)
    assert remove_from_clipboard(library, None, now=NOW) == ids(1, 3)
    assert clipboard_ids(library, now=NOW) == ()


def test_a_record_that_the_library_lacks_is_named_and_nothing_is_added(library):
    with pytest.raises(UnknownNameError, match="unknown record 'pmid9999'"):
        add_to_clipboard(library, ids(1, 9999), now=NOW)
    assert clipboard_ids(library, now=NOW) == ()
