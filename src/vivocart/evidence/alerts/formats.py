"""Records in the formats of an e-mail: the text formats, and HTML for Summary and Abstract."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from vivocart.evidence.alerts.saved import ReportFormat
from vivocart.evidence.citations import nlm, source_line
from vivocart.evidence.exports import write_abstract, write_summary
from vivocart.evidence.importers.medline import write_medline
from vivocart.evidence.names import full_name
from vivocart.evidence.records import Record


def as_text(records: Sequence[Record], format: ReportFormat, *, with_more: bool = False) -> str:
    """Plain text of ``records``; ``with_more`` adds MeSH and other data to Summary and Abstract."""
    if format == "pubmed":
        return write_medline(records)
    write = write_summary if format.startswith("summary") else write_abstract
    if not with_more:
        return write(records)
    parts = (f"{write([record])}\n{_more_text(record)}" for record in records)
    return "\n".join(
        part if number == 1 else _renumbered(part, number) for number, part in enumerate(parts, start=1)
    )


def _renumbered(part: str, number: int) -> str:
    return f"{number}{part.removeprefix('1')}"


def as_html(records: Sequence[Record], format: ReportFormat, *, with_more: bool = False) -> str:
    """HTML of ``records``, or nothing for a text format."""
    if format not in ("summary", "abstract"):
        return ""
    entry = _summary_html if format == "summary" else _abstract_html
    items = "\n".join(
        f"<li>{entry(record)}{_more_html(record) if with_more else ''}</li>" for record in records
    )
    return f"<ol>\n{items}\n</ol>"


def more_data(record: Record) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What PubMed calls MeSH and other data: a name and its values, as far as the record has any."""
    grants = tuple("/".join(part for part in (grant.number, grant.agency) if part) for grant in record.grants)
    for name, values in (
        ("Publication types", record.publication_types),
        ("MeSH terms", record.mesh),
        ("Substances", record.substances),
        ("Keywords", record.keywords),
        ("Secondary source", record.registrations),
        ("Grants and funding", grants),
    ):
        if values:
            yield name, values


def _more_text(record: Record) -> str:
    return "".join(f"{name}: {'; '.join(values)}\n" for name, values in more_data(record))


def _more_html(record: Record) -> str:
    return "".join(f"<p>{_safe(name)}: {_safe('; '.join(values))}</p>" for name, values in more_data(record))


def _safe(text: str) -> str:
    return html.escape(text)


def _title(record: Record) -> str:
    title = f"<b>{_safe(record.title or record.described_as)}</b>"
    if not record.pmid:
        return title
    return f'<a href="https://pubmed.ncbi.nlm.nih.gov/{record.pmid}/">{title}</a>'


def _summary_html(record: Record) -> str:
    names = ", ".join(full_name(author) for author in record.authors[:6])
    more = " et al." if len(record.authors) > 6 or record.more_authors else ""
    identifier = f" PMID: {record.pmid}." if record.pmid else ""
    return f"{_title(record)}<br>{_safe(names)}{more}<br>{_safe(source_line(record))}{identifier}"


def _abstract_html(record: Record) -> str:
    places = list(dict.fromkeys(place for author in record.authors for place in author.affiliations))
    names = ", ".join(
        _safe(full_name(author))
        + "".join(f"<sup>{places.index(place) + 1}</sup>" for place in author.affiliations)
        for author in record.authors
    )
    parts = [f"{_title(record)}<p>{names}</p>"]
    if places:
        parts.append(f"<ol>{''.join(f'<li>{_safe(place)}</li>' for place in places)}</ol>")
    for section in record.abstract:
        label = f"<b>{_safe(section.label)}:</b> " if section.label else ""
        parts.append(f"<p>{label}{_safe(section.text)}</p>")
    if not record.abstract:
        parts.append("<p>No abstract available</p>")
    return "".join([*parts, f"<p>{_safe(nlm(record))}</p>"])
