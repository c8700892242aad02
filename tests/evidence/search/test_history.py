"""Earlier searches and the clipboard stand in a query by their number."""

from __future__ import annotations

import datetime
import re

import pytest

from vivocart.evidence.collect.clipboard import add_to_clipboard
from vivocart.evidence.search.history import clear_history, history, remember
from vivocart.evidence.search.run import search
from vivocart.evidence.store import open_library
from vivocart.ground.errors import InputError

NOW = datetime.datetime(2026, 11, 24, 9, 0)


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def test_numbers_of_the_history_and_the_clipboard_are_sets(suite_library):
    library, records = suite_library
    clear_history(library)
    assert remember(library, "stroke[ti]", "x", 1, NOW.date()) == 1
    assert remember(library, "#1 AND acute[ti]", "x", 1, NOW.date()) == 2
    assert remember(library, "#1 AND acute[ti]", "y", 1, NOW.date()) == 2
    wanted = {name for name, record in records.items() if {"stroke", "acute"} <= words(record.title)}
    assert wanted
    assert set(search(library, "#2", now=NOW).record_ids) == wanted
    add_to_clipboard(library, sorted(records)[:5], now=NOW)
    assert set(search(library, "#0", now=NOW).record_ids) == set(sorted(records)[:5])
    both = set(search(library, "#0 OR #2 NOT #0", now=NOW).record_ids)
    assert both == wanted - set(sorted(records)[:5])
    later = NOW + datetime.timedelta(hours=8)
    assert search(library, "#0", now=later).count == 0
    with pytest.raises(InputError, match=r"query, character 7: no search #7; the history holds #1 to #2"):
        search(library, "#1 OR #7", now=NOW)


def test_the_history_keeps_the_last_hundred(tmp_path):
    with open_library(tmp_path / "l.sqlite") as library:
        for number in range(105):
            remember(library, f"lupus{number}", "", 0, NOW.date())
        kept = history(library)
        assert [kept[0].number, kept[-1].number, len(kept)] == [6, 105, 100]
        with pytest.raises(InputError, match="no search #5; the history holds #6 to #105"):
            search(library, "#5", now=NOW)
        assert clear_history(library) == 100
        with pytest.raises(InputError, match="the history is empty"):
            search(library, "#5", now=NOW)
        assert remember(library, "lupus", "", 0, NOW.date()) == 1
