"""What PubMed answers: a search with its translation, records by PMID, and a better spelling."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final
from xml.parsers import expat

from vivocart.evidence.importers.batch import Batch
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.ncbi.client import Client, NcbiError, ask, forget
from vivocart.evidence.records import is_pmid
from vivocart.ground.errors import InputError

#: PubMed gives at most the first 10,000 of what a search finds.
MOST_HITS = 10_000

_AT_ONCE = 200


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PubmedSearch:
    """What PubMed found: how many, the PMIDs it gave, how it read the query, and what it warned of."""

    count: int
    pmids: tuple[str, ...]
    translation: str
    warnings: tuple[str, ...]


def search_pubmed(to: Client, query: str, *, limit: int = 20, fresh: bool = False) -> PubmedSearch:
    """The search of ``query`` in PubMed itself.

    Parameters
    ----------
    to
        The client.
    query
        In PubMed's language.
    limit
        The most PMIDs to get, up to 10,000.
    fresh
        Ask again, also when the answer was kept.

    Raises
    ------
    NcbiError
        If NCBI cannot be reached, refuses, or answers that it cannot search.
    """
    if not query.strip():
        raise InputError("the query is empty", mend="write what to search for")
    if not 0 <= limit <= MOST_HITS:
        raise InputError(f"{limit} records", mend=f"PubMed gives at most {MOST_HITS}")
    parameters = {"db": "pubmed", "term": query, "retmax": str(limit), "retmode": "xml"}
    if fresh:
        forget(to, "esearch", parameters)
    text = ask(to, "esearch", parameters)
    try:
        answer = _answer(text, "esearch", "eSearchResult")
        return PubmedSearch(
            count=int(answer.findtext("Count") or "0"),
            pmids=tuple(pmid.text for pmid in answer.findall("IdList/Id") if pmid.text),
            translation=" ".join((answer.findtext("QueryTranslation") or "").split()),
            warnings=tuple(_warnings(answer)),
        )
    except (NcbiError, ValueError):
        forget(to, "esearch", parameters)  # a fault is not worth keeping
        raise


def _warnings(answer: ET.Element) -> Iterator[str]:
    for group in ("ErrorList", "WarningList"):
        for found in answer.findall(f"{group}/*"):
            words = "".join(
                letter if letter.islower() else f" {letter.lower()}" for letter in found.tag
            ).strip()
            yield f"{words}: {found.text or ''}".strip()


def fetch(to: Client, pmids: Sequence[str], *, fresh: bool = False) -> Batch:
    """Records of PubMed by PMID, each with its raw text; PMIDs that PubMed does not have are named among the issues.

    Raises
    ------
    InputError
        If one is no PMID.
    NcbiError
        If NCBI cannot be reached or refuses.
    """
    for pmid in pmids:
        if not is_pmid(pmid):
            raise InputError(f"not a PMID (found '{pmid}')", mend="write one to eight digits")
    asked = list(dict.fromkeys(pmids))
    batches = [
        _fetch(to, asked[start : start + _AT_ONCE], fresh=fresh) for start in range(0, len(asked), _AT_ONCE)
    ]
    return Batch(
        format="pubmed_xml",
        items=tuple(item for batch in batches for item in batch.items),
        issues=tuple(issue for batch in batches for issue in batch.issues),
        deleted=tuple(pmid for batch in batches for pmid in batch.deleted),
    )


def missing(batch: Batch, pmids: Sequence[str]) -> tuple[str, ...]:
    """PMIDs that were asked for and are not among the records."""
    found = {record.pmid for record in batch.records}
    return tuple(pmid for pmid in dict.fromkeys(pmids) if pmid not in found)


def _fetch(to: Client, pmids: list[str], *, fresh: bool) -> Batch:
    parameters = {"db": "pubmed", "id": ",".join(pmids), "retmode": "xml"}
    if fresh:
        forget(to, "efetch", parameters)
    text = ask(to, "efetch", parameters)
    try:
        return read_pubmed_xml(text, name="NCBI efetch")
    except InputError as error:
        forget(to, "efetch", parameters)
        raise NcbiError(f"NCBI efetch: no records in the answer ({error})") from error


def spelling(to: Client, query: str) -> str:
    """A better spelling of ``query``; the query itself when PubMed knows none.

    Raises
    ------
    NcbiError
        If NCBI cannot be reached or refuses.
    """
    answer = _answer(ask(to, "espell", {"db": "pubmed", "term": query}), "espell", "eSpellResult")
    return answer.findtext("CorrectedQuery") or query


def _answer(text: str, service: str, root: str) -> ET.Element:
    """Root of an answer, which may declare no entity and must not be an error."""
    _refuse_entities(text, service)
    try:
        answer = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise NcbiError(f"NCBI {service}: the answer is not whole XML ({error})") from error
    told = answer.findtext("ERROR")
    if told:
        raise NcbiError(f"NCBI {service}: {' '.join(told.split())}")
    if answer.tag != root:
        raise NcbiError(f"NCBI {service}: an answer that we do not know (<{answer.tag}>)")
    return answer


def _refuse_entities(text: str, service: str) -> None:
    def refuse(*_: object) -> None:
        raise NcbiError(f"NCBI {service}: the answer declares entities")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.encode(errors="replace"), True)
    except expat.ExpatError as error:
        raise NcbiError(f"NCBI {service}: the answer is not whole XML ({error})") from error
