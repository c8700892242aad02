"""Bibliographic records: what a paper, preprint, registry entry, press text or web page says about itself.

A record holds facts of its source only. A field that the source does not give stays empty, and a list of authors that is
known in part says so (``more_authors``), so that a citation never claims more than was read.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Literal, final

RecordKind = Literal["article", "preprint", "registry", "press", "web"]
Held = Literal["text", "abstract", "coded_copy", "none"]

KINDS: tuple[str, ...] = ("article", "preprint", "registry", "press", "web")
HELD: tuple[str, ...] = ("text", "abstract", "coded_copy", "none")

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """One author: a person (family name, given names, initials, suffix) or a group (``literal``)."""

    family: str = ""
    given: str = ""
    initials: str = ""
    suffix: str = ""
    literal: str = ""
    orcid: str = ""
    affiliations: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant: number, acronym, agency, country, as far as given."""

    number: str = ""
    acronym: str = ""
    agency: str = ""
    country: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A link between two records by kind: ``ErratumIn``, ``RetractionIn``, ``UpdateOf``, ``CommentOn`` and so on."""

    kind: str
    reference: str = ""
    pmid: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AbstractSection:
    """One paragraph of an abstract with its label (empty when the abstract is not structured)."""

    text: str
    label: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One bibliographic record.

    Dates keep the words of the source: ``date`` is the journal's date as PubMed writes it (``2025 Sep 17``, ``2012 May``,
    ``2011 Jul-Aug``, ``2020 Spring``), ``electronic_date`` the day of electronic publication, ``created`` the day on which
    PubMed made the record; ``entered``, ``indexed_on``, ``revised`` and ``completed`` are its further days (``EDAT``,
    ``MHDA``, ``LR``, ``DCOM``). ``substances`` are written ``number (name)``. ``status`` is PubMed's word for the state of
    publication (``ppublish``, ``epublish``, ``aheadofprint``), ``indexing`` its word for the state of the record
    (``MEDLINE`` ...).
    """

    id: str
    kind: RecordKind = "article"
    held: Held = "none"
    title: str = ""
    described_as: str = ""
    vernacular_title: str = ""
    authors: tuple[Author, ...] = ()
    more_authors: bool = False
    journal: str = ""
    journal_short: str = ""
    issn: tuple[str, ...] = ()
    nlm_id: str = ""
    date: str = ""
    electronic_date: datetime.date | None = None
    created: datetime.date | None = None
    entered: datetime.date | None = None
    indexed_on: datetime.date | None = None
    revised: datetime.date | None = None
    completed: datetime.date | None = None
    status: str = ""
    indexing: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    pii: str = ""
    doi: str = ""
    pmid: str = ""
    pmcid: str = ""
    nihms_id: str = ""
    version: str = ""
    url: str = ""
    read_at: str = ""
    languages: tuple[str, ...] = ()
    publication_types: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    mesh: tuple[str, ...] = ()
    substances: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    country: str = ""
    investigators: tuple[Author, ...] = ()
    grants: tuple[Grant, ...] = ()
    corrections: tuple[Correction, ...] = ()
    registrations: tuple[str, ...] = ()
    abstract: tuple[AbstractSection, ...] = ()
    copyright: str = ""
    conflict: str = ""
    note: str = ""

    @property
    def year(self) -> str:
        """Four digits of the year in ``date``, else of the electronic date, else nothing."""
        found = re.search(r"\b(1[5-9]|2[01])\d\d\b", self.date)
        if found:
            return found[0]
        return str(self.electronic_date.year) if self.electronic_date else ""

    @property
    def is_ahead_of_print(self) -> bool:
        """Whether the record says that it stands online before its issue."""
        return self.status == "aheadofprint"

    @property
    def is_electronic_only(self) -> bool:
        """Whether the record was published electronically with no print issue."""
        return self.status == "epublish"

    @property
    def is_retracted(self) -> bool:
        """Whether the record itself says that it was retracted; an erratum or a concern is not a retraction."""
        return "Retracted Publication" in self.publication_types or any(
            correction.kind in ("RetractionIn", "RetractedandRepublishedIn")
            for correction in self.corrections
        )


def date_text(day: datetime.date) -> str:
    """``day`` as PubMed writes it: ``2025 Sep 17``."""
    return f"{day.year} {MONTHS[day.month - 1]} {day.day}"


def is_pmid(text: str) -> bool:
    """Whether ``text`` has the form of a PubMed identifier: one to eight digits, no leading zero."""
    return re.fullmatch(r"[1-9]\d{0,7}", text) is not None


def is_pmcid(text: str) -> bool:
    """Whether ``text`` has the form of a PubMed Central identifier: ``PMC`` and digits."""
    return re.fullmatch(r"PMC[1-9]\d{0,8}", text) is not None


def is_doi(text: str) -> bool:
    """Whether ``text`` is a bare DOI: ``10.``, a registrant, a slash and a suffix without blanks."""
    return re.fullmatch(r"10\.\d{4,9}(\.\d+)*/\S+", text) is not None
