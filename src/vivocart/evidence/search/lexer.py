"""A query cut into pieces, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, final

from vivocart.evidence.search.query import QueryError

PieceKind = Literal["word", "quoted", "tag", "operator", "history", "open", "close", "colon", "end"]

MAXIMUM_LENGTH = 20_000
_OPERATORS = {"AND": "AND", "OR": "OR", "NOT": "NOT", "&": "AND", "|": "OR"}
_PIECE = re.compile(
    r"""(?P<blank>\s+)
    | (?P<open>\() | (?P<close>\))
    | "(?P<quoted>[^"]*)(?P<unclosed>"|$)
    | \[(?P<tag>[^\]\[]*)(?P<untagged>\]|$|(?=\[))
    | (?P<sign>[&|])
    | (?P<stray>\])
    | (?P<word>[^\s()"\[\]&|]+)""",
    re.VERBOSE,
)
_CURLY = str.maketrans("“”„«»", '"""""')


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a query and the place of its first character, counted from 0."""

    kind: PieceKind
    text: str
    position: int


def pieces(text: str) -> list[Piece]:
    """Pieces of ``text``, the last of kind ``end``.

    Raises
    ------
    QueryError
        On a quote or tag that is not closed, or a query that is too long.
    """
    if len(text) > MAXIMUM_LENGTH:
        raise QueryError(f"{len(text)} characters", MAXIMUM_LENGTH, mend=f"at most {MAXIMUM_LENGTH} are read")
    plain = text.translate(_CURLY)
    found = [piece for match in _PIECE.finditer(plain) for piece in _piece(match)]
    return [*found, Piece(kind="end", text="", position=len(text.rstrip()))]


def _piece(match: re.Match[str]) -> Iterator[Piece]:
    kind, position = match.lastgroup, match.start()
    if kind == "blank":
        return
    if kind == "unclosed":
        if not match["unclosed"]:
            raise QueryError("the quote is not closed", position, mend='add a "')
        yield Piece(kind="quoted", text=" ".join(match["quoted"].split()), position=position)
    elif kind == "untagged":
        if match["untagged"] != "]":
            raise QueryError("the tag is not closed", position, mend="add a ]")
        yield Piece(kind="tag", text=match["tag"].strip(), position=position)
    elif kind == "stray":
        raise QueryError("a ] without a [", position, mend="write a tag as [ti]")
    elif kind == "sign":
        yield Piece(kind="operator", text=_OPERATORS[match[0]], position=position)
    elif kind == "word":
        yield from _word(match[0], position)
    else:
        yield Piece(kind="open" if kind == "open" else "close", text=match[0], position=position)


def _word(text: str, position: int) -> Iterator[Piece]:
    if text in _OPERATORS:
        yield Piece(kind="operator", text=_OPERATORS[text], position=position)
    elif text.startswith(":"):
        yield Piece(kind="colon", text=":", position=position)
        if text[1:]:
            yield from _word(text[1:], position + 1)
    elif re.fullmatch(r"#\d{1,9}", text):
        yield Piece(kind="history", text=text[1:], position=position)
    else:
        yield Piece(kind="word", text=text, position=position)
