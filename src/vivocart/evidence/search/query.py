"""What a query says, as a tree: terms, days, lists and how they are joined, strictly from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from vivocart.evidence.search.fields import Field
from vivocart.ground.errors import InputError

Operator = Literal["AND", "OR", "NOT"]


class QueryError(InputError):
    """A query that cannot be read; names the character, counted from 1, and what to write instead."""

    def __init__(self, problem: str, position: int, *, mend: str = "") -> None:
        super().__init__(problem, where=f"query, character {position + 1}", mend=mend)
        self.position = position


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Words in one field: a phrase, its truncated form, or (``within``) words near each other in any order."""

    text: str
    field: Field
    is_quoted: bool = False
    is_truncated: bool = False
    within: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Days from ``first`` to ``last`` (20250917 for a day) in a field of days; ``text`` as it was asked."""

    text: str
    field: Field
    first: int
    last: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A search of the history by its number; 0 is the clipboard."""

    number: int
    position: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Words without a tag or quotes, to be translated; ``positions`` are where each begins."""

    words: tuple[str, ...]
    positions: tuple[int, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Two parts and what joins them."""

    operator: Operator
    left: Query
    right: Query


Query: TypeAlias = "Term | Days | Earlier | Plain | Joined"


def chain(query: Query) -> tuple[Query, tuple[Joined, ...]]:
    """The first part of a query and what is joined to it, in order; a long query leans to the left and is walked."""
    joined: list[Joined] = []
    while isinstance(query, Joined):
        joined.append(query)
        query = query.left
    return query, tuple(reversed(joined))
