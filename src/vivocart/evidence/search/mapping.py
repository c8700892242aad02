"""Words without a tag, translated: first into headings, then journals, then authors, else each word in all fields.

As in PubMed, the first table that knows a phrase ends the search for it, the longest phrase from the left is tried first,
and a word that is truncated, a PMID and a DOI are taken as they stand. The tables are the library's own records and a short
list of synonyms.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Literal, Protocol, final

from vivocart.evidence.records import is_doi, is_pmid
from vivocart.evidence.search.fields import Field, fields
from vivocart.evidence.search.parser import plain_term
from vivocart.evidence.search.query import Joined, Operator, Plain, Query, QueryError, Term
from vivocart.evidence.search.tokens import words
from vivocart.ground.tables import Row, read_table, read_text

_LONGEST_PHRASE = 8
_MOST_WORDS = 100


class Vocabulary(Protocol):
    """What the tables know."""

    def is_subject(self, phrase: str) -> bool:
        """Whether ``phrase`` is a heading."""
        ...

    def journal(self, phrase: str) -> str:
        """Abbreviation of the journal called ``phrase``; empty when there is none."""
        ...

    def is_author(self, name: str) -> bool:
        """Whether an author has the family name and the first initials ``name``."""
        ...

    def is_full_name(self, name: str) -> bool:
        """Whether an author or investigator has the full name ``name``."""
        ...


@final
class Synonym(Row):
    """One row of ``synonyms.csv``."""

    term: str
    kind: Literal["subject", "journal"]
    heading: str


@functools.cache
def synonyms() -> Mapping[tuple[str, str], str]:
    """Heading or journal by kind and folded term."""
    rows = read_table(resources.files("vivocart.evidence.search").joinpath("synonyms.csv"), Synonym)
    return {(row.kind, " ".join(words(row.term))): row.heading for row in rows}


@functools.cache
def stopwords() -> frozenset[str]:
    """Words that are not searched for by themselves."""
    text = read_text(resources.files("vivocart.evidence.search").joinpath("stopwords.txt"))
    return frozenset(" ".join(line for line in text.splitlines() if not line.startswith("#")).split())


def translate_journal(term: Term) -> Term:
    """``term`` of the journal tag with a journal's other name made its abbreviation; quoted names stay."""
    known = synonyms().get(("journal", " ".join(words(term.text))))
    if known is None or term.is_quoted or term.is_truncated:
        return term
    return Term(text=known, field=term.field, is_quoted=True)


def map_plain(plain: Plain, vocabulary: Vocabulary) -> Query:
    """Translation of words without a tag.

    Raises
    ------
    QueryError
        If every word is too common to be searched for, or one is truncated where it cannot be.
    """
    if all(is_pmid(word) for word in plain.words):
        return _joined(
            "OR", [Term(text=word, field=fields()["pmid"], is_quoted=True) for word in plain.words]
        )
    if len(plain.words) > _MOST_WORDS:
        problem = f"{len(plain.words)} words without a tag"
        raise QueryError(problem, plain.positions[0], mend=f"at most {_MOST_WORDS}")
    parts: list[Query] = []
    at = 0
    while at < len(plain.words):
        found, used = _longest(plain, at, vocabulary)
        if found is not None:
            parts.append(found)
        at += used
    if not parts:
        problem = f"'{' '.join(plain.words)}' is too common to search for"
        raise QueryError(problem, plain.positions[0], mend="quote it or add a word")
    return _joined("AND", parts)


def _longest(plain: Plain, at: int, vocabulary: Vocabulary) -> tuple[Query | None, int]:
    """Translation of the longest phrase that begins at word ``at``, and how many words it takes."""
    limit = next(
        (end for end in range(at, len(plain.words)) if plain.words[end].endswith("*")), len(plain.words)
    )
    for end in range(min(limit, at + _LONGEST_PHRASE), at, -1):
        typed = plain.words[at:end]
        if end - at == 1 and words(typed[0]) and set(words(typed[0])) <= stopwords():
            return None, 1
        found = _known(typed, vocabulary)
        if found is not None:
            return found, end - at
    return _word(plain.words[at], plain.positions[at]), 1


def _word(text: str, position: int) -> Query:
    if is_doi(text):
        return Term(text=text, field=fields()["aid"], is_quoted=True)
    if not text.endswith("*"):
        found = words(text)
        if found and set(found) <= stopwords():
            return Term(text=text, field=fields()["all"])
    return plain_term(text, fields()["all"], position)


def _known(typed: Sequence[str], vocabulary: Vocabulary) -> Query | None:
    """Translation of a phrase that one of the tables knows."""
    phrase = " ".join(" ".join(words(word)) for word in typed)
    if not phrase or is_doi(typed[0]):
        return None
    heading = synonyms().get(("subject", phrase)) or (phrase if vocabulary.is_subject(phrase) else "")
    if heading:
        meanings = [_quoted(heading, "mh"), *_everywhere(_natural(heading)), *_everywhere(phrase)]
        return _joined("OR", list(dict.fromkeys(meanings)))
    journal = synonyms().get(("journal", phrase)) or vocabulary.journal(phrase)
    if journal:
        return _joined("OR", [_quoted(journal, "ta"), *_everywhere(phrase)])
    if re.fullmatch(r"\S.* [a-z]{1,2}", phrase) and vocabulary.is_author(phrase):
        return Term(text=phrase, field=fields()["au"])
    if " " in phrase and vocabulary.is_full_name(phrase):
        return Term(text=phrase, field=fields()["fau"])
    return None


def _natural(heading: str) -> str:
    """``systemic lupus erythematosus`` for the heading ``lupus erythematosus, systemic``."""
    return " ".join(" ".join(words(part)) for part in reversed(heading.split(", ")))


def _everywhere(phrase: str) -> list[Query]:
    """A phrase in all fields: its words together, and as they stand."""
    split = phrase.split()
    if len(split) == 1:
        return [_quoted(phrase, "all")]
    return [_joined("AND", [_quoted(word, "all") for word in split]), _quoted(phrase, "all")]


def _quoted(text: str, tag: str) -> Term:
    field: Field = fields()[tag]
    return Term(text=text.lower(), field=field, is_quoted=True)


def _joined(operator: Operator, parts: Sequence[Query]) -> Query:
    result = parts[0]
    for part in parts[1:]:
        result = Joined(operator=operator, left=result, right=part)
    return result
