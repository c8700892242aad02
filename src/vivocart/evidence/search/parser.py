"""A query in PubMed's language to its tree.

AND, OR and NOT are taken strictly from left to right, parentheses first; two parts side by side are joined by AND.
"""

from __future__ import annotations

import datetime
import re

from vivocart.evidence.search import days
from vivocart.evidence.search.fields import (
    NO_EXPLOSION_TAGS,
    PROXIMITY_TAGS,
    Field,
    field_names,
    fields,
    find_field,
)
from vivocart.evidence.search.lexer import Piece, PieceKind, pieces
from vivocart.evidence.search.query import Days, Earlier, Joined, Operator, Plain, Query, QueryError, Term
from vivocart.evidence.search.tokens import words
from vivocart.ground.errors import UnknownNameError

MAXIMUM_DEPTH = 40
MAXIMUM_DISTANCE = 1000
_SHORTEST_TRUNCATED = 4
_LONGEST_PHRASE = 100
_MOST_NEAR = 8  # the ways to choose them double with each word
_MODIFIER = re.compile(r"(?P<name>[^:]*)(?::(?P<modifier>~\d{1,6}|noexp))?")


def parse(text: str, *, today: datetime.date) -> Query:
    """Tree of a query.

    Parameters
    ----------
    text
        The query.
    today
        The day from which ``"last 90 days"[dp]`` counts.

    Raises
    ------
    QueryError
        Naming the character at which the query cannot be read, and the mend.
    """
    reader = _Reader(pieces(text), today)
    if reader.next().kind == "end":
        raise QueryError("the query is empty", 0, mend="write what to search for")
    tree = reader.expression(0)
    piece = reader.next()
    if piece.kind != "end":
        raise QueryError("a ) without a (", piece.position, mend="take it out")
    return tree


class _Reader:
    """The pieces and how far they are read."""

    def __init__(self, found: list[Piece], today: datetime.date) -> None:
        self.pieces = found
        self.today = today
        self.at = 0

    def next(self, ahead: int = 0) -> Piece:
        return self.pieces[min(self.at + ahead, len(self.pieces) - 1)]

    def take(self, kind: PieceKind) -> Piece | None:
        piece = self.next()
        if piece.kind != kind:
            return None
        self.at += 1
        return piece

    def expression(self, depth: int) -> Query:
        left = self.operand(depth)
        while self.next().kind not in ("end", "close"):
            operator = self.operator()
            left = Joined(operator=operator, left=left, right=self.operand(depth))
        return left

    def operator(self) -> Operator:
        piece = self.take("operator")
        if piece is None:
            return "AND"
        return "OR" if piece.text == "OR" else "NOT" if piece.text == "NOT" else "AND"

    def operand(self, depth: int) -> Query:
        piece = self.next()
        if piece.kind == "open":
            return self.group(depth)
        if piece.kind == "history":
            self.at += 1
            return Earlier(number=int(piece.text), position=piece.position)
        if piece.kind in ("quoted", "word"):
            return self.words()
        raise self.misplaced(piece)

    def misplaced(self, piece: Piece) -> QueryError:
        before = self.pieces[self.at - 1].text if self.at else ""
        if piece.kind == "operator":
            mend = "take one of them out" if before in ("AND", "OR", "NOT") else "write a term before it"
            return QueryError(f"{piece.text} has nothing on its left", piece.position, mend=mend)
        if piece.kind == "tag":
            return QueryError(f"the tag [{piece.text}] has no term", piece.position, mend="write term[ti]")
        if piece.kind == "colon":
            return QueryError("a : without a date", piece.position, mend="write 2020:2025[dp]")
        mend = "write a term" if piece.kind == "close" else "write a term after it"
        what = f"nothing follows {before}" if before else "nothing to search for"
        return QueryError(what, piece.position, mend=mend)

    def group(self, depth: int) -> Query:
        opening = self.next()
        self.at += 1
        if depth >= MAXIMUM_DEPTH:
            problem = f"more than {MAXIMUM_DEPTH} parentheses in each other"
            raise QueryError(problem, opening.position, mend="save a part as a search and use its number")
        inner = self.expression(depth + 1)
        if self.take("close") is None:
            raise QueryError("the ( is not closed", opening.position, mend="add a )")
        if self.next().kind == "tag":
            raise QueryError("a tag after a )", self.next().position, mend="give each term its own tag")
        return inner

    def words(self) -> Query:
        """Quoted text, or words up to the next tag, quote, operator or parenthesis."""
        first = self.take("quoted")
        if first is not None:
            found = [first]
        else:
            found = []
            while (word := self.take("word")) is not None:
                found.append(word)
        tag = self.take("tag")
        text = " ".join(piece.text for piece in found)
        if tag is None and first is None:
            return Plain(
                words=tuple(piece.text for piece in found),
                positions=tuple(piece.position for piece in found),
            )
        field, modifier = (fields()["all"], "") if tag is None else _field(tag)
        if field.kind == "date" and tag is not None:
            return self.days(found[0], text, field)
        return _term(text, field, modifier, found[0].position, is_quoted=first is not None)

    def days(self, start: Piece, text: str, field: Field) -> Query:
        """A date, a range, or the last so many days; a range may also have its tag on both dates."""
        if self.next().kind == "colon":
            self.at += 1
            end = self.take("quoted") or self.take("word")
            tag = self.take("tag")
            if end is None or tag is None:
                mend = "write 2020:2025[dp]"
                raise QueryError("the range has no end", self.next().position, mend=mend)
            if _field(tag)[0] != field:
                raise QueryError("the two ends of a range have different tags", tag.position, mend="use one")
            text = f"{text}:{end.text}"
        return _days(text, field, start.position, self.today)


def _field(tag: Piece) -> tuple[Field, str]:
    """Field and modifier (``~3``, ``noexp``) of a tag."""
    split = _MODIFIER.fullmatch(tag.text)
    field = None if split is None else find_field(split["name"])
    if split is None or field is None:
        unknown = UnknownNameError("tag", tag.text, field_names())
        raise QueryError(unknown.problem, tag.position, mend=unknown.mend)
    modifier = split["modifier"] or ""
    if field.kind == "not_kept":
        problem = f"[{field.tag}]: the library does not keep {field.name}"
        raise QueryError(problem, tag.position, mend="use another tag")
    if modifier.startswith("~") and field.tag not in PROXIMITY_TAGS:
        raise QueryError(
            f"[{field.tag}] knows no proximity", tag.position, mend="use [ti:~2], [tiab:~2] or [ad:~2]"
        )
    if modifier == "noexp" and field.tag not in NO_EXPLOSION_TAGS:
        raise QueryError(f"[{field.tag}] knows no :noexp", tag.position, mend="use [mh:noexp]")
    return field, modifier


def _term(text: str, field: Field, modifier: str, position: int, *, is_quoted: bool) -> Term:
    within = int(modifier[1:]) if modifier.startswith("~") else None
    if within is not None:
        _check_proximity(text, within, position, is_quoted=is_quoted)
    is_truncated = text.endswith("*")
    plain = text.removesuffix("*").rstrip()
    star = plain.find("*")
    if star >= 0:
        raise QueryError(
            "a * inside a term", position + is_quoted + star, mend="it may only end the last word"
        )
    found = words(plain)
    if len(found) > _LONGEST_PHRASE:
        raise QueryError(f"a phrase of {len(found)} words", position, mend=f"at most {_LONGEST_PHRASE}")
    if not found:
        raise QueryError(f"'{text}' has no word to search for", position, mend="write a word")
    if is_truncated and len(found[-1]) < _SHORTEST_TRUNCATED:
        problem = f"'{text}' is too short to be truncated"
        raise QueryError(
            problem, position, mend=f"write at least {_SHORTEST_TRUNCATED} characters before the *"
        )
    return Term(text=plain, field=field, is_quoted=is_quoted, is_truncated=is_truncated, within=within)


def _check_proximity(text: str, within: int, position: int, *, is_quoted: bool) -> None:
    if not is_quoted:
        raise QueryError("proximity needs quotes", position, mend='write "two words"[tiab:~3]')
    if "*" in text:
        raise QueryError("a * in a proximity search", position + 1 + text.index("*"), mend="take it out")
    if within > MAXIMUM_DISTANCE:
        raise QueryError(f"{within} words between", position, mend=f"at most {MAXIMUM_DISTANCE}")
    if len(words(text)) > _MOST_NEAR:
        raise QueryError(f"{len(words(text))} words near each other", position, mend=f"at most {_MOST_NEAR}")
    if len(words(text)) < 2:
        raise QueryError("proximity needs two words", position, mend='write "two words"[tiab:~3]')


def _days(text: str, field: Field, position: int, today: datetime.date) -> Days:
    recent = days.relative(text, today)
    if recent is not None:
        return Days(text=text, field=field, first=recent[0], last=recent[1])
    start, colon, end = (part.strip() for part in text.partition(":"))
    try:
        first, last = days.bounds(start)
        if colon:
            last = days.bounds(end)[1]
    except ValueError as error:
        problem = f"'{text}' is not a date ({error})"
        raise QueryError(problem, position, mend="write 2025, 2025/09, 2025/09/17 or 2020:2025") from error
    if last < first:
        raise QueryError(f"'{text}' ends before it begins", position, mend="write the earlier date first")
    return Days(text=f"{start}:{end}" if colon else start, field=field, first=first, last=last)


def plain_term(text: str, field: Field, position: int) -> Term:
    """One word of an untagged run, in ``field``.

    Raises
    ------
    QueryError
        If it holds no word, or is truncated where it cannot be.
    """
    return _term(text, field, "", position, is_quoted=False)
