"""The translation of a query in words: what PubMed calls search details, itself a query that finds the same records."""

from __future__ import annotations

import itertools
import re

from vivocart.evidence.search.query import Days, Earlier, Joined, Plain, Query, Term, chain
from vivocart.evidence.search.tokens import words

_MOST_PARENTHESES = (
    8  # a query that changes its operator more often is left as it is read, from left to right
)
_FLAG = re.compile(r"has[a-z]{6,}|pubstatus[a-z]+")


def details(query: Query) -> str:
    """``query`` as text, each term with the full name of its tag."""
    if isinstance(query, Joined):
        return _joined(query)
    if isinstance(query, Term):
        return _term(query)
    if isinstance(query, Days):
        return _days(query)
    if isinstance(query, Earlier):
        return f"#{query.number}"
    return " ".join(query.words)


def _joined(query: Joined) -> str:
    """Parts in order; where the operator changes, what stands before is put in parentheses (it holds without them)."""
    first, parts = chain(query)
    changes = sum(one.operator != other.operator for one, other in itertools.pairwise(parts))
    text, before = _part(first), parts[0].operator
    for part in parts:
        if part.operator != before and changes <= _MOST_PARENTHESES:
            text = f"({text})"
        before = part.operator
        text = f"{text} {part.operator} {_part(part.right)}"
    return text


def _part(query: Query) -> str:
    is_open = isinstance(query, Joined) or (isinstance(query, Plain) and len(query.words) > 1)
    return f"({details(query)})" if is_open else details(query)


def _term(term: Term) -> str:
    name = term.field.name
    if term.within is not None:
        return f'"{term.text.lower()}"[{name}:~{term.within}]'
    text = f"{term.text.lower()}{'*' if term.is_truncated else ''}"
    is_bare = term.field.kind in ("name", "full_name") and not term.is_quoted
    is_flag = term.field.kind == "all" and len(words(text)) == 1 and _FLAG.fullmatch(text)
    return f"{text}[{name}]" if is_bare or is_flag else f'"{text}"[{name}]'


def _days(asked: Days) -> str:
    name = asked.field.name
    if asked.text.lower().startswith("last"):
        start, end = _date(asked.first), _date(asked.last)
    else:
        start, _, end = asked.text.partition(":")
    if not end:
        return f"{start}[{name}]"
    return f"{start}:{end}[{name}]"


def _date(number: int) -> str:
    return f"{number // 10000}/{number // 100 % 100:02d}/{number % 100:02d}"
