"""PubMed XML to records.

What stands around the articles is checked first: entities cannot be declared, no DTD is fetched, a cut file is refused as a
whole. Each article is then read by itself, so that a fault in one names that one and leaves the others.
"""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from xml.parsers import expat

from vivocart.evidence.importers.batch import Batch, Imported, decode
from vivocart.evidence.records import (
    MONTHS,
    AbstractSection,
    Author,
    Correction,
    Grant,
    Record,
    RecordKind,
    is_pmid,
)
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue

_COMMENT = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_ARTICLE = re.compile(r"<PubmedArticle(?=[\s>])")
_END = "</PubmedArticle>"
_DELETED = re.compile(r"<DeleteCitation(?:\s[^>]*)?>.*?</DeleteCitation>", re.DOTALL)
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_CHUNK = 1 << 20


def read_pubmed_xml(data: bytes | str, *, name: str = "PubMed XML") -> Batch:
    """Records of a PubMed XML file, each with its raw text.

    Parameters
    ----------
    data
        The file; bytes are decoded as its declaration says.
    name
        File name for messages.

    Raises
    ------
    InputError
        If the file as a whole cannot be read: not XML, cut short, entities declared, wrong encoding.
    """
    text = decode(data, name=name)
    masked = _without_comments(text)
    spans = list(_articles(masked))
    _refuse_unsafe(_frame(text, spans), name)
    items: list[Imported] = []
    issues: list[Issue] = []
    for position, (start, end) in enumerate(spans, start=1):
        raw = text[start:end]
        try:
            article = ET.fromstring(raw)  # no article can declare an entity: only the frame could
            record = _record(article)
        except (ET.ParseError, InputError, UnicodeEncodeError) as error:
            told = "holds half a character" if isinstance(error, UnicodeEncodeError) else error
            message = f"article {position} refused: {told}"
            issues.append(Issue(level="error", check="pubmed_xml", file=name, message=message))
            continue
        issues.extend(_doubts(record, article, name))
        items.append(Imported(record=record, raw=raw))
    if not items and not issues and "<PubmedArticleSet" not in text and "<DeleteCitation" not in text:
        raise InputError("no PubmedArticle in the file", where=name, mend="export from PubMed as XML")
    return Batch(
        format="pubmed_xml", items=tuple(items), issues=tuple(issues), deleted=tuple(_deleted(masked))
    )


def _frame(text: str, spans: list[tuple[int, int]]) -> str:
    """``text`` with an empty element in place of each article, which is read by itself; lines keep their numbers."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], "<PubmedArticle/>", "\n" * text.count("\n", start, end))
        at = end
    return "".join((*parts, text[at:]))


def _articles(masked: str) -> Iterator[tuple[int, int]]:
    """Where each article begins and ends."""
    for opening in _ARTICLE.finditer(masked):
        end = masked.find(_END, opening.end())
        if end >= 0:
            yield opening.start(), end + len(_END)


def _without_comments(text: str) -> str:
    """``text`` with comments and literal sections blanked, so that what stands in them is not taken for an article.

    Every character keeps its place: what is found here is cut out of the text itself.
    """
    if "<!" not in text:
        return text
    return _COMMENT.sub(lambda found: " " * len(found[0]), text)


def _refuse_unsafe(text: str, name: str) -> None:
    """Refuse declared entities and a frame that is not one whole XML document."""
    parser = expat.ParserCreate("utf-8")

    def refuse(entity: str, *_: object) -> None:
        raise InputError(
            f"declares the entity '{entity}'", where=name, mend="remove the declarations from its DOCTYPE"
        )

    parser.EntityDeclHandler = refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    declared = _DECLARATION.match(text)  # passed over: it may name another encoding than the one we feed
    first = declared.end() if declared else 0
    try:
        for start in range(first, len(text), _CHUNK):
            parser.Parse(text[start : start + _CHUNK].encode(), False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        problem = f"not whole XML: {expat.ErrorString(error.code)}, line {error.lineno}"
        raise InputError(problem, where=name, mend="fetch or export the file again") from error
    except UnicodeEncodeError as error:
        raise InputError("holds half a character", where=name, mend="save the file as UTF-8") from error


def _deleted(text: str) -> Iterator[str]:
    for match in _DELETED.finditer(text):
        yield from re.findall(r"<PMID[^>]*>\s*(\d+)\s*</PMID>", match[0])


def _text(element: ET.Element | None) -> str:
    """All text below ``element``, markup dropped and white space folded."""
    if element is None:
        return ""
    text = "".join(element.itertext()) if len(element) else element.text or ""
    return " ".join(text.split())


def _down(element: ET.Element, steps: list[str]) -> ET.Element | None:
    """The first element along plain tags; a path of many steps at once is several times slower."""
    found: ET.Element | None = element
    for step in steps:
        if found is None:
            return None
        found = found.find(step)
    return found


def _at(element: ET.Element, path: str) -> str:
    return _text(_down(element, path.split("/")))


def _each(element: ET.Element, path: str) -> list[ET.Element]:
    *steps, last = path.split("/")
    parent = _down(element, steps)
    return [] if parent is None else parent.findall(last)


def _all(element: ET.Element, path: str) -> tuple[str, ...]:
    return tuple(text for text in (_text(found) for found in _each(element, path)) if text)


def _record(article: ET.Element) -> Record:
    citation = article.find("MedlineCitation")
    if citation is None:
        raise InputError("no MedlineCitation")
    pmid = _at(citation, "PMID")
    if not is_pmid(pmid):
        raise InputError(f"not a PMID (found '{pmid}')")
    identifier = citation.find("PMID")
    types = _all(citation, "Article/PublicationTypeList/PublicationType")
    return Record(
        id=f"pmid{pmid}",
        kind=_kind(types),
        held="abstract" if _each(citation, "Article/Abstract/AbstractText") else "none",
        title=_at(citation, "Article/ArticleTitle"),
        vernacular_title=_at(citation, "Article/VernacularTitle"),
        authors=tuple(_authors(citation)),
        more_authors=_authors_are_cut(citation),
        journal=_at(citation, "Article/Journal/Title"),
        journal_short=_at(citation, "MedlineJournalInfo/MedlineTA")
        or _at(citation, "Article/Journal/ISOAbbreviation"),
        issn=_all(citation, "Article/Journal/ISSN"),
        nlm_id=_at(citation, "MedlineJournalInfo/NlmUniqueID"),
        date=_journal_date(_down(citation, ["Article", "Journal", "JournalIssue", "PubDate"])),
        electronic_date=_day(citation.find("Article/ArticleDate[@DateType='Electronic']")),
        created=_history(article, "entrez"),
        entered=_history(article, "pubmed"),
        indexed_on=_history(article, "medline"),
        revised=_day(citation.find("DateRevised")),
        completed=_day(citation.find("DateCompleted")),
        status=_at(article, "PubmedData/PublicationStatus"),
        indexing=citation.get("Status", ""),
        volume=_at(citation, "Article/Journal/JournalIssue/Volume"),
        issue=_at(citation, "Article/Journal/JournalIssue/Issue"),
        pages=_pages(citation),
        pii=_location(citation, "pii"),
        doi=_location(citation, "doi") or _article_id(article, "doi"),
        pmid=pmid,
        pmcid=_article_id(article, "pmc"),
        nihms_id=_article_id(article, "mid"),
        version=identifier.get("Version", "") if identifier is not None else "",
        languages=_all(citation, "Article/Language"),
        publication_types=types,
        keywords=_all(citation, "KeywordList/Keyword"),
        mesh=tuple(_heading(heading) for heading in _each(citation, "MeshHeadingList/MeshHeading")),
        substances=tuple(_substance(chemical) for chemical in _each(citation, "ChemicalList/Chemical")),
        subjects=tuple(
            _person(person) for person in _each(citation, "PersonalNameSubjectList/PersonalNameSubject")
        ),
        subsets=_all(citation, "CitationSubset"),
        country=_at(citation, "MedlineJournalInfo/Country"),
        investigators=tuple(_author(person) for person in _each(citation, "InvestigatorList/Investigator")),
        grants=tuple(_grant(grant) for grant in _each(citation, "Article/GrantList/Grant")),
        corrections=tuple(_corrections(citation)),
        registrations=tuple(_registrations(citation)),
        abstract=tuple(_abstract(citation)),
        copyright=_at(citation, "Article/Abstract/CopyrightInformation"),
        conflict=_at(citation, "CoiStatement"),
    )


def _kind(types: tuple[str, ...]) -> RecordKind:
    return "preprint" if "Preprint" in types else "article"


def _authors(citation: ET.Element) -> Iterator[Author]:
    for author in _each(citation, "Article/AuthorList/Author"):
        if author.get("ValidYN") == "N":
            continue
        yield _author(author)


def _author(author: ET.Element) -> Author:
    affiliations = tuple(_at(place, "Affiliation") for place in author.findall("AffiliationInfo"))
    orcid = next((_text(name) for name in author.findall("Identifier") if name.get("Source") == "ORCID"), "")
    return Author(
        family=_at(author, "LastName"),
        given=_at(author, "ForeName"),
        initials=_at(author, "Initials"),
        suffix=_at(author, "Suffix"),
        literal=_at(author, "CollectiveName"),
        orcid=re.sub(r"^https?://orcid\.org/", "", orcid),
        affiliations=tuple(place for place in affiliations if place),
    )


def _person(person: ET.Element) -> str:
    """A person the article is about, as PubMed writes it: ``Lederberg J``."""
    return " ".join(part for part in (_at(person, "LastName"), _at(person, "Initials")) if part)


def _substance(chemical: ET.Element) -> str:
    """A substance as PubMed writes it: ``9001-31-4 (Fibrin)``."""
    return f"{_at(chemical, 'RegistryNumber')} ({_at(chemical, 'NameOfSubstance')})"


def _authors_are_cut(citation: ET.Element) -> bool:
    names = citation.find("Article/AuthorList")
    return names is not None and names.get("CompleteYN") == "N"


def _month(text: str) -> str:
    return MONTHS[int(text) - 1] if text.isdigit() and 1 <= int(text) <= len(MONTHS) else text


def _journal_date(date: ET.Element | None) -> str:
    """Date of the issue as PubMed writes it (``DP``)."""
    if date is None:
        return ""
    written = _at(date, "MedlineDate")
    if written:
        return written
    parts = (
        _at(date, "Year"),
        _month(_at(date, "Month")) or _at(date, "Season"),
        _at(date, "Day").lstrip("0"),
    )
    return " ".join(part for part in parts if part)


def _history(article: ET.Element, status: str) -> datetime.date | None:
    """The day of one step of PubMed's own work on the record."""
    for step in _each(article, "PubmedData/History/PubMedPubDate"):
        if step.get("PubStatus") == status:
            return _day(step)
    return None


def _day(date: ET.Element | None) -> datetime.date | None:
    if date is None:
        return None
    month = _month(_at(date, "Month"))
    try:
        return datetime.date(int(_at(date, "Year")), MONTHS.index(month) + 1, int(_at(date, "Day")))
    except ValueError as error:
        raise InputError(f"not a day (found '{_text(date)}')") from error


def _pages(citation: ET.Element) -> str:
    written = _at(citation, "Article/Pagination/MedlinePgn")
    if written:
        return written
    first, last = _at(citation, "Article/Pagination/StartPage"), _at(citation, "Article/Pagination/EndPage")
    return f"{first}-{last}" if last and last != first else first


def _location(citation: ET.Element, kind: str) -> str:
    for location in _each(citation, "Article/ELocationID"):
        if location.get("EIdType") == kind and location.get("ValidYN") != "N":
            return _text(location)
    return ""


def _article_id(article: ET.Element, kind: str) -> str:
    for identifier in _each(article, "PubmedData/ArticleIdList/ArticleId"):
        if identifier.get("IdType") == kind:
            return _text(identifier)
    return ""


def _heading(heading: ET.Element) -> str:
    """A MeSH heading as PubMed writes it: ``Stroke/*diagnostic imaging/surgery``."""
    parts = [heading.find("DescriptorName"), *heading.findall("QualifierName")]
    return "/".join(
        f"{'*' if part.get('MajorTopicYN') == 'Y' else ''}{_text(part)}" for part in parts if part is not None
    )


def _grant(grant: ET.Element) -> Grant:
    return Grant(
        number=_at(grant, "GrantID"),
        acronym=_at(grant, "Acronym"),
        agency=_at(grant, "Agency"),
        country=_at(grant, "Country"),
    )


def _corrections(citation: ET.Element) -> Iterator[Correction]:
    for found in _each(citation, "CommentsCorrectionsList/CommentsCorrections"):
        yield Correction(
            kind=found.get("RefType", ""), reference=_at(found, "RefSource"), pmid=_at(found, "PMID")
        )


def _registrations(citation: ET.Element) -> Iterator[str]:
    for bank in _each(citation, "Article/DataBankList/DataBank"):
        for number in _all(bank, "AccessionNumberList/AccessionNumber"):
            yield f"{_at(bank, 'DataBankName')}/{number}"


def _abstract(citation: ET.Element) -> Iterator[AbstractSection]:
    for paragraph in _each(citation, "Article/Abstract/AbstractText"):
        yield AbstractSection(label=paragraph.get("Label", ""), text=_text(paragraph))


def _doubts(record: Record, article: ET.Element, name: str) -> Iterator[Issue]:
    """Identifiers of one record that contradict each other."""
    for kind, ours in (("pubmed", record.pmid), ("doi", record.doi)):
        theirs = _article_id(article, kind)
        if theirs and theirs.lower() != ours.lower():
            yield Issue(
                level="warning", check="identifiers_agree", file=name, value=theirs,
                message=f"PMID {record.pmid}: two values for {kind}, '{ours}' and another",
                mend="look the record up before it is used",
            )  # fmt: skip
