"""Saved searches: every choice of PubMed's dialogue, and no other."""

from __future__ import annotations

import datetime

import pytest

from vivocart.evidence.alerts.saved import (
    AT_MOST,
    FORMATS,
    check_address,
    delete_search,
    make_alert,
    save_search,
    saved_search,
    saved_searches,
)
from vivocart.evidence.search.query import QueryError
from vivocart.evidence.store import open_library
from vivocart.ground.errors import InputError, UnknownNameError

NOW = datetime.datetime(2026, 11, 24, 9, 0)


@pytest.fixture
def library(tmp_path):
    with open_library(tmp_path / "l.sqlite") as opened:
        yield opened


def test_the_choices_are_those_of_the_page(suites):
    page = (suites / "pubmed" / "seed" / "page.txt").read_text(encoding="utf-8").splitlines()
    at = page.index("Report format:")
    assert page[at + 1 : at + 6] == list(FORMATS.values())
    at = page.index("Send at most:")
    assert page[at + 1 : at + 8] == [f"{count} item{'s' if count > 1 else ''}" for count in AT_MOST]


def test_a_search_is_saved_and_comes_back(library):
    alert = make_alert(
        " a@b.example ",
        frequency="Weekly",
        day="Friday",
        format="abstract_text",
        at_most=200,
        even_when_empty=True,
        text="Hi",
    )
    saved = save_search(library, " Lupus  and CAR-T ", "lupus[ti] AND car-t", alert, now=NOW)
    assert saved == saved_search(library, "lupus AND car-t") == saved_searches(library)[0]
    assert (saved.name, saved.query) == ("Lupus and CAR-T", "lupus[ti] AND car-t")
    assert saved.alert == alert
    assert (alert.to, alert.day, saved.due_on) == ("a@b.example", "friday", datetime.date(2026, 11, 27))
    delete_search(library, "Lupus and CAR-T")
    assert saved_searches(library) == ()


def test_a_search_without_alert_is_never_due(library):
    assert save_search(library, "Quiet", "lupus", None, now=NOW).due_on is None


def test_names_are_unique_and_short(library):
    save_search(library, "Lupus", "lupus", None, now=NOW)
    with pytest.raises(InputError, match="a search 'LUPUS' is saved; choose another name"):
        save_search(library, "LUPUS", "lupus", None, now=NOW)
    for name in ("", "a" * 100):
        with pytest.raises(InputError, match="write 1 to 99"):
            save_search(library, name, "lupus", None, now=NOW)
    with pytest.raises(UnknownNameError, match="unknown saved search 'Lupos'; did you mean Lupus"):
        saved_search(library, "Lupos")


@pytest.mark.parametrize("query", ["#1 OR lupus", "lupus NOT (sle OR #0)"])
def test_numbers_of_the_history_do_not_last(library, query):
    with pytest.raises(QueryError, match="does not last as long as a saved search; write the search in full"):
        save_search(library, "Lupus", query, None, now=NOW)
    assert saved_searches(library) == ()


def test_a_bad_query_is_not_saved(library):
    with pytest.raises(QueryError, match="query, character 6"):
        save_search(library, "Lupus", "lupus[titel]", None, now=NOW)
    assert saved_searches(library) == ()


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ({"format": "html"}, "unknown format 'html'"),
        ({"at_most": 3}, "at most 3 records is no choice; one of: 1, 5, 10, 20, 50, 100, 200"),
        ({"frequency": "yearly"}, "unknown frequency 'yearly'"),
        ({"text": "x" * 2001}, "the text has 2001 characters; at most 2000"),
    ],
)
def test_other_choices_are_refused(choice, problem):
    with pytest.raises(InputError, match=problem):
        make_alert("a@b.example", **choice)


@pytest.mark.parametrize("address", ["", "a", "a@", "@b", "a b@c", "a@b\nBcc: c@d", "a@b,c@d", "<a@b>"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="not an e-mail address"):
        check_address(address)
