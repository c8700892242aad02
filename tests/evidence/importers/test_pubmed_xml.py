"""PubMed XML: 41 real cases, versions and deletions, and files that must be refused."""

from __future__ import annotations

import datetime
import json

import pytest

from vivocart.evidence.citations import ama, apa, mla, nlm, source_line
from vivocart.evidence.importers.batch import newest
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.records import Grant
from vivocart.ground.errors import InputError

ARTICLE = (
    "<PubmedArticle><MedlineCitation><PMID Version='1'>{pmid}</PMID><Article><Journal><JournalIssue><PubDate>"
    "<Year>2020</Year></PubDate></JournalIssue><Title>A journal</Title></Journal><ArticleTitle>{title}</ArticleTitle>"
    "{more}</Article></MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType='pubmed'>{listed}</ArticleId>"
    "</ArticleIdList></PubmedData></PubmedArticle>"
)


def article(pmid="1", title="A title.", more="", listed=None):
    return ARTICLE.format(pmid=pmid, title=title, more=more, listed=listed or pmid)


def document(*articles, head=""):
    return f"<?xml version='1.0'?>{head}<PubmedArticleSet>{''.join(articles)}</PubmedArticleSet>"


@pytest.fixture(scope="module")
def batch(suites):
    return read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes(), name="cases.xml")


@pytest.fixture(scope="module")
def named(suites, batch):
    """Records of a named case."""
    cases = json.loads((suites / "pubmed" / "xml" / "cases.json").read_text(encoding="utf-8"))["cases"]
    by_pmid = {record.pmid: record for record in batch.records}
    return lambda case: [by_pmid[pmid] for pmid in cases[case]]


def test_every_case_is_read_without_complaint(batch):
    assert len(batch.items) == 41
    assert batch.issues == ()
    assert batch.deleted == ()


def test_the_raw_text_is_kept_as_it_stood(suites, batch):
    text = (suites / "pubmed" / "xml" / "cases.xml").read_text(encoding="utf-8")
    for item in batch.items:
        assert item.raw in text
        assert f">{item.record.pmid}</PMID>" in item.raw
    assert read_pubmed_xml(document(*(item.raw for item in batch.items))).records == batch.records


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("cc_CommentIn", "CommentIn"),
        ("cc_CommentOn", "CommentOn"),
        ("cc_ErratumIn", "ErratumIn"),
        ("cc_ErratumFor", "ErratumFor"),
        ("cc_RetractionIn", "RetractionIn"),
        ("cc_RetractionOf", "RetractionOf"),
        ("cc_ExpressionOfConcernIn", "ExpressionOfConcernIn"),
        ("cc_ExpressionOfConcernFor", "ExpressionOfConcernFor"),
        ("cc_UpdateIn", "UpdateIn"),
        ("cc_UpdateOf", "UpdateOf"),
    ],
)
def test_corrections_keep_their_kind(named, case, kind):
    for record in named(case):
        assert kind in {correction.kind for correction in record.corrections}


def test_only_the_retracted_are_retracted(batch, named):
    retracted = {record.pmid for record in batch.records if record.is_retracted}
    assert retracted == {record.pmid for record in named("retracted_publication_pt")}


def test_authors_keep_their_affiliations_suffixes_and_groups(named):
    (with_group,) = named("collective_author")
    assert with_group.authors[-1].literal == "Collaborators"
    assert (
        with_group.authors[0]
        .affiliations[0]
        .startswith("Department of Internal Medicine and Cardiovascular Center")
    )
    assert with_group.authors[1].affiliations == ()
    (suffixed,) = named("suffix")
    assert any(author.suffix for author in suffixed.authors)
    (with_orcid,) = named("orcid")
    assert "0000-0002-8605-9665" in {author.orcid for author in with_orcid.authors}
    (nobody,) = named("no_authors")
    assert nobody.authors == ()
    (two,) = named("two_authors")
    assert len(two.authors) == 2


def test_dates_keep_the_words_of_the_issue(named):
    (medline_date,) = named("medlinedate")
    assert medline_date.date == "2018 Jul-Aug"
    (season,) = named("season")
    assert season.date == "2020 Spring"
    assert season.electronic_date == datetime.date(2020, 1, 23)
    (electronic,) = named("epublish_ecollection")
    assert source_line(electronic).endswith("eCollection 2018 Jun.")
    (other_year,) = named("ppublish_epub_other_year")
    assert source_line(other_year) == (
        "J Mol Biol. 2006 Feb 24;356(3):625-37. doi: 10.1016/j.jmb.2005.11.057. Epub 2005 Dec 5."
    )


def test_grants_registrations_and_languages(named):
    grants = [grant for record in named("aop_doi_only_letter_grants") for grant in record.grants]
    assert grants
    assert all(isinstance(grant, Grant) and grant.agency for grant in grants)
    assert any("ClinicalTrials.gov/NCT03935542" in record.registrations for record in named("databank_nct"))
    (foreign,) = named("vernacular_title")
    assert foreign.languages == ("eng", "spa")
    assert foreign.vernacular_title
    assert "English, Spanish. doi:" in nlm(foreign)


def test_markup_in_a_title_leaves_its_words(named):
    (record,) = named("markup_in_title")
    assert "Ru3(CO)12" in record.title
    assert "<" not in record.title


@pytest.mark.parametrize(
    ("case", "ending"),
    [
        (
            "aop_nejm",
            "N Engl J Med. 2021 May 19. doi: 10.1056/NEJMoa2028564. Epub ahead of print. PMID: 34097368.",
        ),
        (
            "aop_pii_and_doi_no_pages",
            "2021 Jun 2:S0190-9622(18)30721-7. doi: 10.1016/j.jaad.2017.07.062. Epub ahead of print.",
        ),
        (
            "aop_pii_only",
            "Ann Ital Chir. 2021 May 28;10:S0003469X21036113. Epub ahead of print. PMID: 34092695.",
        ),
        ("epublish_electronic", "J Vis Exp. 2019 Feb 17;(144). doi: 10.3791/58115. PMID: 30829317."),
        ("preprint", "bioRxiv [Preprint]. 2020 Oct 28:2020.07.25.217158. doi: 10.1101/2020.07.25.217158."),
    ],
)
def test_locators_of_every_form(named, case, ending):
    (record,) = named(case)
    assert ending in nlm(record)


def test_more_than_twenty_authors(named):
    for record in named("more_than_20_authors"):
        assert "… " in apa(record)
        assert "et al." in ama(record)
        assert " et al. “" in mla(record)
        assert all(author.family in nlm(record) for author in record.authors if author.family)


def test_versions_and_deletions(suites):
    batch = read_pubmed_xml((suites / "pubmed" / "xml" / "versions_and_deletes.xml").read_bytes())
    assert [(record.pmid, record.version) for record in batch.records] == [
        ("33728380", "1"), ("34017925", "1"), ("33728380", "2"), ("34017925", "2"),
    ]  # fmt: skip
    assert {record.version for record in newest(batch.records).values()} == {"2"}
    assert len(batch.deleted) == 20
    assert batch.deleted[0] == "31688362"


def test_a_document_type_without_entities_is_read_and_nothing_is_fetched():
    head = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2024//EN" "https://localhost:1/x.dtd">'
    assert read_pubmed_xml(document(article(), head=head)).records[0].pmid == "1"


LAUGHS = "".join(
    f'<!ENTITY l{level} "{"&l" + str(level - 1) + ";" if level else "ha"}">' for level in range(9)
)
REFUSED_FILES = [
    (document(article(title="&l8;"), head=f"<!DOCTYPE x [{LAUGHS}]>"), "declares the entity 'l0'"),
    (
        document(article(title="&f;"), head='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        "declares the entity 'f'",
    ),
    (
        document(article(title="&f;"), head='<!DOCTYPE x [<!ENTITY % f SYSTEM "file:///etc/passwd"> %f;]>'),
        "the entity 'f'",
    ),
    (document(article())[:-40], "not whole XML"),
    (document(article())[: document(article()).index("</ArticleTitle>")], "not whole XML"),
    ("", "not whole XML"),
    ("<html><body>Too many requests</body></html>", "no PubmedArticle in the file"),
    ("<a>\ud800</a>", "holds half a character"),
    ("<PubmedArticleSet>&nbsp;</PubmedArticleSet>", "not whole XML: undefined entity, line 1"),
    ("PMID- 1\nTI  - A title.", "not whole XML"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED_FILES)
def test_a_hostile_or_cut_file_is_refused_in_one_line(text, message):
    with pytest.raises(InputError) as caught:
        read_pubmed_xml(text, name="x.xml")
    assert str(caught.value).startswith("x.xml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_what_they_say_are_refused():
    data = document(article(title="Zoë")).replace("'1.0'", "'1.0' encoding='UTF-8'").encode("latin-1")
    with pytest.raises(InputError, match=r"x\.xml: byte \d+ is not UTF-8"):
        read_pubmed_xml(data, name="x.xml")


def test_other_encodings_are_read_by_their_declaration():
    data = document(article(title="Zoë.")).replace("'1.0'", "'1.0' encoding='ISO-8859-1'").encode("latin-1")
    assert read_pubmed_xml(data).records[0].title == "Zoë."


REFUSED_ARTICLES = [
    (article(pmid="none"), "article 2 refused: not a PMID (found 'none')"),
    ("<PubmedArticle><PubmedData/></PubmedArticle>", "article 2 refused: no MedlineCitation"),
    (
        article(
            more="<ArticleDate DateType='Electronic'><Year>2020</Year><Month>13</Month><Day>1</Day></ArticleDate>"
        ),
        "article 2 refused: not a day (found '2020131')",
    ),
]


@pytest.mark.parametrize(("bad", "message"), REFUSED_ARTICLES)
def test_one_bad_article_is_named_and_the_others_stand(bad, message):
    batch = read_pubmed_xml(document(article("1"), bad, article("3")), name="x.xml")
    assert [record.pmid for record in batch.records] == ["1", "3"]
    assert [str(issue) for issue in batch.issues] == [f"x.xml: {message}"]


def test_identifiers_that_disagree_are_reported():
    batch = read_pubmed_xml(document(article(pmid="1", listed="2")))
    assert [(issue.level, issue.check, issue.value) for issue in batch.issues] == [
        ("warning", "identifiers_agree", "2")
    ]
    located = "<ELocationID EIdType='doi' ValidYN='Y'>10.1000/x</ELocationID>"
    text = document(article(more=located)).replace(
        "<ArticleId ", "<ArticleId IdType='doi'>10.1000/y</ArticleId><ArticleId ", 1
    )
    assert [issue.value for issue in read_pubmed_xml(text).issues] == ["10.1000/y"]


def test_pages_of_the_newer_form():
    more = "<Pagination><StartPage>1542</StartPage><EndPage>1544</EndPage></Pagination>"
    assert read_pubmed_xml(document(article(more=more))).records[0].pages == "1542-1544"


def test_an_invalid_locator_is_passed_over():
    more = "<ELocationID EIdType='doi' ValidYN='N'>10.1000/wrong</ELocationID>"
    assert read_pubmed_xml(document(article(more=more))).records[0].doi == ""


def test_an_article_in_a_comment_or_a_literal_section_is_not_imported():
    article = "<PubmedArticle><MedlineCitation><PMID>{}</PMID></MedlineCitation></PubmedArticle>"
    text = (
        "<PubmedArticleSet><!-- " + article.format(1) + " -->" + article.format(2)
        + "<Note><![CDATA[" + article.format(3) + "]]></Note>"
        + "<!-- <DeleteCitation><PMID>4</PMID></DeleteCitation> --></PubmedArticleSet>"
    )  # fmt: skip
    batch = read_pubmed_xml(text)
    assert [(item.record.pmid, item.raw) for item in batch.items] == [("2", article.format(2))]
    assert (batch.deleted, batch.issues) == ((), ())


def test_an_article_keeps_its_comments_in_the_raw_text():
    raw = "<PubmedArticle><!-- </PubmedArticle> --><MedlineCitation><PMID>1</PMID></MedlineCitation></PubmedArticle>"
    (item,) = read_pubmed_xml(f"<PubmedArticleSet>{raw}</PubmedArticleSet>").items
    assert item.raw == raw


def test_days_substances_and_subsets_are_read(suites):
    batch = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes())
    by_pmid = {record.pmid: record for record in batch.records}
    assert sum(bool(record.substances) for record in batch.records) == 8
    assert sum("IM" in record.subsets for record in batch.records) == 30
    assert sum(bool(record.investigators) for record in batch.records) == 1
    assert all(record.country and record.revised for record in batch.records)
    assert all(record.entered and record.created for record in batch.records)
    assert {substance.count("(") >= 1 for record in by_pmid.values() for substance in record.substances} == {
        True
    }


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("&nbsp;", "undefined entity"),
        ("\x00", "not well-formed"),
        ("\ud800", "holds half a character"),
        ("<i>open", "mismatched tag"),
    ],
)
def test_a_fault_inside_an_article_refuses_that_one(bad, problem):
    text = document(article(pmid="1") + "\n" + article(pmid="2", title=bad) + article(pmid="3"))
    batch = read_pubmed_xml(text, name="x.xml")
    assert [record.pmid for record in batch.records] == ["1", "3"]
    (issue,) = batch.issues
    assert str(issue).startswith("x.xml: article 2 refused: ") and problem in str(issue)


def test_a_fault_around_the_articles_names_its_line():
    text = document(article(pmid="1") + "\n<Note>\n" + article(pmid="2"))
    line = text[: text.rindex("</PubmedArticleSet>")].count("\n") + 1
    with pytest.raises(InputError, match=f"not whole XML: mismatched tag, line {line}"):
        read_pubmed_xml(text, name="x.xml")
