"""Words without a tag are translated as PubMed translates them, where it recorded what it did."""

from __future__ import annotations

import datetime
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from vivocart.evidence.search.details import details
from vivocart.evidence.search.mapping import map_plain, stopwords, synonyms, translate_journal
from vivocart.evidence.search.parser import parse
from vivocart.evidence.search.query import Joined, Plain, QueryError, Term

TODAY = datetime.date(2026, 11, 24)


class Tables:
    """Tables that know what PubMed's know about the examples."""

    def __init__(self):
        self.journals = {"endocrine pathology": "Endocr Pathol"}

    subjects = frozenset({"stem cells", "child rearing", "toothache", "humans"})
    authors = frozenset({"wang q", "van der berg a"})
    full_names = frozenset({"joshua lederberg"})

    def is_subject(self, phrase):
        return phrase in self.subjects

    def journal(self, phrase):
        return self.journals.get(phrase, "")

    def is_author(self, name):
        return name in self.authors

    def is_full_name(self, name):
        return name in self.full_names


def translation(text):
    def mapped(query):
        if isinstance(query, Joined):
            return replace(query, left=mapped(query.left), right=mapped(query.right))
        if isinstance(query, Plain):
            return map_plain(query, Tables())
        return translate_journal(query) if isinstance(query, Term) and query.field.tag == "ta" else query

    return details(mapped(parse(text, today=TODAY)))


def recorded(suites, name):
    answer = ET.fromstring((suites / "pubmed" / "eutils" / name).read_text(encoding="utf-8"))
    return answer.findtext("QueryTranslation"), answer.findtext("TranslationSet/Translation/To")


def test_the_translations_that_esearch_recorded(suites):
    assert translation("biopython") == recorded(suites, "esearch1.xml")[0]
    assert translation("PNAS[ta] AND 97[vi]") == recorded(suites, "esearch3.xml")[0]
    whole, part = recorded(suites, "esearch5.xml")
    assert translation("stem cells") == part
    assert translation("stem cells AND hasabstract") == whole


def test_the_examples_of_the_user_guide(suites):
    facts = json.loads((suites / "pubmed" / "help" / "pubmed_help_facts.json").read_text(encoding="utf-8"))
    by_query = {example["q"]: example.get("translation", "") for example in facts["examples"]}
    for query in ("child rearing", "endocrine pathology"):
        assert translation(query).lower() == by_query[query].lower()
    assert stopwords() == set(facts["stopwords"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("wang q", "wang q[Author]"),
        ("van der berg a lupus x", 'van der berg a[Author] AND ("lupus erythematosus, systemic"[MeSH Terms] OR '
         '("systemic"[All Fields] AND "lupus"[All Fields] AND "erythematosus"[All Fields]) OR '
         '"systemic lupus erythematosus"[All Fields] OR "lupus"[All Fields]) AND "x"[All Fields]'),
        ("Joshua Lederberg", "joshua lederberg[Full Author Name]"),
        ("the flow of blood", '"flow"[All Fields] AND "blood"[All Fields]'),
        ("humans", '"humans"[MeSH Terms] OR "humans"[All Fields]'),
        ("40961420", '"40961420"[PMID]'),
        ("1 22 333", '"1"[PMID] OR "22"[PMID] OR "333"[PMID]'),
        ("10.1056/NEJMc2509522", '"10.1056/nejmc2509522"[Article Identifier]'),
        ("in-vivo", '"in-vivo"[All Fields]'),
        ("stem cell* humans", '"stem"[All Fields] AND "cell*"[All Fields] '
         'AND ("humans"[MeSH Terms] OR "humans"[All Fields])'),
        ('"stem cells"', '"stem cells"[All Fields]'),
        ("stem cells[tiab]", '"stem cells"[Title/Abstract]'),
        ("a[ti] OR b[ti] AND c[ti]", '("a"[Title] OR "b"[Title]) AND "c"[Title]'),
        ("a[ti] OR (b[ti] AND c[ti])", '"a"[Title] OR ("b"[Title] AND "c"[Title])'),
        ("#3 NOT 2020[dp]", "#3 NOT 2020[Publication Date]"),
        ('"last 90 days"[crdt]', "2026/08/26:2026/11/24[Create Date]"),
        ('"Wang Q"[au]', '"wang q"[Author]'),
        ('"b a"[tiab:~3]', '"b a"[Title/Abstract:~3]'),
        ("science[ta]", '"science"[Journal]'),
        ("NEJM[ta]", '"n engl j med"[Journal]'),
    ],
)  # fmt: skip
def test_translations(query, expected):
    assert translation(query) == expected
    assert translation(expected) == expected


@pytest.mark.parametrize("query", ["the", "of the and", "to be", "pmid"])
def test_words_that_are_all_too_common_are_refused(query):
    with pytest.raises(
        QueryError, match=rf"query, character 1: '{query}' is too common to search for; quote it"
    ):
        translation(query)


def test_a_run_of_words_that_is_too_long_is_refused():
    with pytest.raises(QueryError, match="query, character 1: 101 words without a tag; at most 100"):
        translation("x " * 101)


def test_a_quoted_common_word_is_searched():
    assert translation('"the"') == '"the"[All Fields]'


def test_synonyms_are_folded_and_name_no_empty_heading():
    assert synonyms()["subject", "car t"] == "immunotherapy, adoptive"
    assert all(
        kind in ("subject", "journal") and term and heading for (kind, term), heading in synonyms().items()
    )
