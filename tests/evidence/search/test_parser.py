"""Queries that cannot be read are refused in one line that names the character; any text is read or refused."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.evidence.search.details import details
from vivocart.evidence.search.fields import fields, find_field
from vivocart.evidence.search.lexer import MAXIMUM_LENGTH
from vivocart.evidence.search.parser import parse
from vivocart.evidence.search.query import Days, QueryError

TODAY = datetime.date(2026, 11, 24)

BAD = [
    ("", 1, "the query is empty"),
    ("   ", 1, "the query is empty"),
    ('lupus AND "nephritis', 11, 'the quote is not closed; add a "'),
    ("lupus[ti", 6, "the tag is not closed; add a ]"),
    ("lupus[ti[tiab]", 6, "the tag is not closed"),
    ("lupus ti]", 9, "a ] without a ["),
    ("lupus[titel]", 6, "unknown tag 'titel'; did you mean"),
    ("lupus[]", 6, "unknown tag ''"),
    ("(lupus AND sle", 1, "the ( is not closed; add a )"),
    ("lupus) AND sle", 6, "a ) without a ("),
    ("(lupus)[ti]", 8, "a tag after a )"),
    ("()", 2, "nothing follows (; write a term"),
    ("AND lupus", 1, "AND has nothing on its left; write a term before it"),
    ("NOT lupus", 1, "NOT has nothing on its left"),
    ("lupus AND", 10, "nothing follows AND; write a term after it"),
    ("lupus AND OR sle", 11, "OR has nothing on its left; take one of them out"),
    ("lupus AND NOT sle", 11, "NOT has nothing on its left"),
    ("lupus (OR sle)", 8, "OR has nothing on its left"),
    ("[ti]", 1, "the tag [ti] has no term"),
    ("lup*[ti]", 1, "'lup*' is too short to be truncated; write at least 4 characters"),
    ("lu*us[ti]", 3, "a * inside a term; it may only end the last word"),
    ("*lupus[ti]", 1, "a * inside a term"),
    ('"lup*s neph"[ti]', 5, "a * inside a term"),
    ("---[ti]", 1, "'---' has no word to search for"),
    ('""', 1, "'' has no word to search for"),
    ("2025/13[dp]", 1, "'2025/13' is not a date"),
    ("2025/02/31[dp]", 1, "'2025/02/31' is not a date"),
    ("spring[dp]", 1, "'spring' is not a date (not a date); write 2025, 2025/09"),
    ("2025:2020[dp]", 1, "'2025:2020' ends before it begins"),
    ("2020:[dp]", 1, "'2020:' is not a date"),
    ('"2020"[dp] : "2021"[crdt]', 20, "the two ends of a range have different tags"),
    ('"2020"[dp] : ', 13, "the range has no end"),
    (": 2020[dp]", 1, "a : without a date"),
    ('"a b"[au:~2]', 6, "[au] knows no proximity; use [ti:~2]"),
    ("a b[ti:~2]", 1, "proximity needs quotes"),
    ('"a"[ti:~2]', 1, "proximity needs two words"),
    ('"aaaa* b"[ti:~2]', 6, "a * in a proximity search"),
    ('"a b c d e f g h i"[ti:~2]', 1, "9 words near each other; at most 8"),
    ('"a b"[ti:~1001]', 1, "1001 words between; at most 1000"),
    ('"a b"[ti:2]', 6, "unknown tag 'ti:2'"),
    ("a[ti:noexp]", 2, "[ti] knows no :noexp"),
    ("x[isbn]", 2, "[isbn]: the library does not keep ISBN"),
    ("(" * 41 + "a" + ")" * 41, 41, "more than 40 parentheses in each other"),
    ("a " * 101 + "[ti]", 1, "a phrase of 101 words; at most 100"),
    ("a" * (MAXIMUM_LENGTH + 1), MAXIMUM_LENGTH + 1, "20001 characters"),
]


@pytest.mark.parametrize(("query", "place", "problem"), BAD, ids=[query[:30] for query, _, _ in BAD])
def test_a_bad_query_is_one_line_with_the_place(query, place, problem):
    with pytest.raises(QueryError) as caught:
        parse(query, today=TODAY)
    assert f"query, character {place}: {problem}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_tag_of_the_user_guide_is_known(suites):
    facts = json.loads((suites / "pubmed" / "help" / "pubmed_help_facts.json").read_text(encoding="utf-8"))
    assert [tag for tag in facts["search_tags"] if find_field(tag) is None] == []
    assert [tag for tag, field in fields().items() if field.kind == "not_kept"] == [
        "book",
        "ed",
        "isbn",
        "pa",
        "pubn",
    ]


@pytest.mark.parametrize(
    "tag", [tag for tag, field in fields().items() if field.kind not in ("not_kept", "date")]
)
def test_every_tag_is_read_by_its_full_name_too(tag):
    short, long = (parse(f"lupus[{name}]", today=TODAY) for name in (tag, fields()[tag].name.upper()))
    assert short == long


def test_curly_quotes_are_quotes():
    assert parse("“stem cells”[ti]", today=TODAY) == parse('"stem cells"[ti]', today=TODAY)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("2025[dp]", 20250101, 20251231),
        ("2025/9[dp]", 20250901, 20250931),
        ("2025/09/17[dp]", 20250917, 20250917),
        ("2020:2025/02[dp]", 20200101, 20250231),
        ("2020/01/01[dp]:2025[dp]", 20200101, 20251231),
        ('"2020"[dp] : "3000"[dp]', 20200101, 30001231),
        ('"last 1 month"[dp]', 20261024, 20261124),
        ('"last 9 months"[dp]', 20260224, 20261124),
        ('"last 2 years"[dp]', 20241124, 20261124),
        ('"last 24 days"[dp]', 20261031, 20261124),
    ],
)
def test_days_of_a_query(query, first, last):
    asked = parse(query, today=TODAY)
    assert isinstance(asked, Days)
    assert (asked.first, asked.last) == (first, last)


def test_a_month_that_is_shorter_ends_on_its_last_day():
    asked = parse('"last 1 month"[dp]', today=datetime.date(2026, 3, 31))
    assert asked.first == 20260228


PIECES = [
    "lupus",
    "a*",
    "wang*",
    '"',
    "(",
    ")",
    "[ti]",
    "[dp]",
    "[tiab:~2]",
    "AND",
    "OR",
    "NOT",
    ":",
    "2020",
    "#1",
    "*",
    "[",
    "]",
    "é",
    "|",
    "&",
]


@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map(" ".join) | st.text(max_size=40)
)
def test_any_text_is_read_or_refused_with_a_place(text):
    try:
        tree = parse(text, today=TODAY)
    except QueryError as error:
        assert 0 <= error.position <= max(len(text), 1)
        assert "\n" not in error.problem or "\n" in text
    else:
        details(tree)
