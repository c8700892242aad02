"""Which entries of the index a tree means.

Parts that the word index can answer by itself go to it as one expression; days, words near each other and lists are sets,
and sets are joined here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

from vivocart.evidence.search.nearness import near
from vivocart.evidence.search.query import Days, Earlier, Joined, Plain, Query, Term, chain
from vivocart.evidence.search.tokens import BREAK, value_token, words

_DEEPEST = 12  # of expressions in each other that the word index is given


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A question to the word index, how deeply it is nested, and the operator at its top."""

    text: str
    depth: int = 0
    operator: str = ""


Meaning: TypeAlias = "Expression | frozenset[int]"


def evaluate(
    connection: sqlite3.Connection, query: Query, earlier: Callable[[Earlier], frozenset[int]]
) -> frozenset[int]:
    """Numbers of the entries that a translated query means.

    Parameters
    ----------
    connection
        Of the library.
    query
        A tree without untranslated words.
    earlier
        Gives the entries of a search of the history.
    """
    return _entries(connection, _meaning(connection, query, earlier))


def _entries(connection: sqlite3.Connection, meaning: Meaning) -> frozenset[int]:
    if isinstance(meaning, frozenset):
        return meaning
    rows = connection.execute("SELECT rowid FROM words WHERE words MATCH ?", (meaning.text,))
    return frozenset(row[0] for row in rows)


def _meaning(
    connection: sqlite3.Connection, query: Query, earlier: Callable[[Earlier], frozenset[int]]
) -> Meaning:
    if isinstance(query, Joined):
        return _joined(connection, query, earlier)
    if isinstance(query, Days):
        return _days(connection, query)
    if isinstance(query, Earlier):
        return earlier(query)
    if isinstance(query, Plain):
        raise TypeError("the query is not translated")
    return near_entries(connection, query) if query.within is not None else Expression(text=expression(query))


def _joined(
    connection: sqlite3.Connection, query: Joined, earlier: Callable[[Earlier], frozenset[int]]
) -> Meaning:
    start, parts = chain(query)
    meaning = _meaning(connection, start, earlier)
    for joined in parts:
        right = _meaning(connection, joined.right, earlier)
        meaning = _join(connection, joined.operator, meaning, right)
    return meaning


def _join(connection: sqlite3.Connection, operator: str, left: Meaning, right: Meaning) -> Meaning:
    if isinstance(left, Expression) and isinstance(right, Expression):
        plain = ("", operator) if operator != "NOT" else ("",)
        before = left.text if left.operator in plain else f"({left.text})"
        after = right.text if right.operator == "" else f"({right.text})"
        depth = max(left.depth + (left.operator not in plain), right.depth + (right.operator != ""))
        if depth <= _DEEPEST:
            return Expression(text=f"{before} {operator} {after}", depth=depth, operator=operator)
    one, other = _entries(connection, left), _entries(connection, right)
    if operator == "AND":
        return one & other
    return one | other if operator == "OR" else one - other


def expression(term: Term) -> str:
    """Question to the word index that finds a term."""
    kind, star = term.field.kind, "*" if term.is_truncated else ""
    if kind == "all":
        return f"{_phrase(term.text)}{star}"
    if kind == "words":
        return f"{{{' '.join(term.field.places)}}} : {_phrase(term.text)}{star}"
    if kind == "name" and not term.is_quoted:
        return _name(term)
    tokens = [f'"{value_token(place, term.text)}"{star}' for place in term.field.places]
    if kind == "full_name" and not (term.is_quoted or term.is_truncated):
        tokens += [f'"{value_token(place, term.text)}_"*' for place in term.field.places]
    return f"exact : ({' OR '.join(tokens)})"


def _phrase(text: str) -> str:
    return f'"{" ".join(words(text))}"'


def _name(term: Term) -> str:
    """A person: initials may go on, a family name by itself takes any initials."""
    (place,) = term.field.places
    token = value_token(place, term.text)
    last = words(term.text)[-1]
    if term.is_truncated or ("_" in token[1:] and len(last) <= 2):
        return f'exact : "{token}"*'
    return f'exact : ("{token}" OR "{token}_"*)'


def _days(connection: sqlite3.Connection, asked: Days) -> frozenset[int]:
    found: set[int] = set()
    for column in asked.field.places:
        query = f"SELECT number FROM entry WHERE {column} BETWEEN ? AND ?"
        found.update(row[0] for row in connection.execute(query, (asked.first, asked.last)))
    return frozenset(found)


def near_entries(connection: sqlite3.Connection, term: Term) -> frozenset[int]:
    """Entries in which the words of ``term`` stand near each other, in any order, in one value of its field."""
    asked, between = words(term.text), term.within or 0
    found: set[int] = set()
    reach = between * (len(asked) - 1) + len(asked) - 2
    near_by = " ".join(f'"{word}"' for word in dict.fromkeys(asked))
    for column in term.field.places:
        question = (
            f"{column} : NEAR({near_by}, {reach})" if len(set(asked)) > 1 else f'{column} : "{asked[0]}"'
        )
        rows = connection.execute(f"SELECT rowid, {column} FROM words WHERE words MATCH ?", (question,))
        for number, text in rows:
            values = (value for value in text.split(f" {BREAK} ") if all(word in value for word in asked))
            if number not in found and any(near(value.split(), asked, between) for value in values):
                found.add(number)
    return frozenset(found)


def rank_expression(query: Query) -> str:
    """Question whose score orders records by how well they fit: every wanted term that has words, joined by OR."""
    return " OR ".join(dict.fromkeys(_wanted(query)))


def _wanted(query: Query) -> Iterator[str]:
    start, parts = chain(query)
    for part in (start, *(joined.right for joined in parts if joined.operator != "NOT")):
        if isinstance(part, Joined):
            yield from _wanted(part)
        elif isinstance(part, Term) and part.field.kind in ("all", "words"):
            if part.within is None:
                yield expression(part)
            else:
                yield from (f'"{word}"' for word in words(part.text))
