"""An RSS 2.0 feed of a search, with Dublin Core elements as PubMed's own feeds have them."""

from __future__ import annotations

import datetime
import email.utils
import html
import re
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from vivocart.evidence.citations import source_line
from vivocart.evidence.names import full_name
from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError

#: Choices for the number of items that PubMed's menu offers; up to the limit any number may be asked for.
ITEMS = (5, 10, 15, 20, 50, 100)
LIMIT = 1000

_DC = "http://purl.org/dc/elements/1.1/"
_ATOM = "http://www.w3.org/2005/Atom"
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_feed(
    name: str, query: str, records: Sequence[Record], *, now: datetime.datetime, address: str = ""
) -> str:
    """RSS text of ``records``, in the order given.

    Parameters
    ----------
    name
        Of the feed.
    query
        The search, in PubMed's language; the feed links to PubMed's page for it.
    records
        At most 1000.
    now
        The time at which the feed is written.
    address
        Where the feed itself will be found, when that is known.

    Raises
    ------
    InputError
        If the name is empty, or there are more than 1000 records.
    """
    title = " ".join(name.split())
    if not title:
        raise InputError("the name of the feed is empty", mend="write a name")
    if len(records) > LIMIT:
        raise InputError(f"{len(records)} items", mend=f"a feed holds at most {LIMIT}")
    for prefix, space in (("dc", _DC), ("atom", _ATOM), ("content", _CONTENT)):
        ET.register_namespace(prefix, space)
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    _add(channel, "title", title)
    _add(channel, "link", f"https://pubmed.ncbi.nlm.nih.gov/?term={urllib.parse.quote_plus(query)}")
    _add(channel, "description", f"{title}: vivocart search for {query}")
    if address:
        ET.SubElement(channel, f"{{{_ATOM}}}link", href=address, rel="self", type="application/rss+xml")
    _add(channel, "language", "en-us")
    _add(channel, "lastBuildDate", _moment(now))
    _add(channel, "ttl", "120")
    for record in records:
        _item(ET.SubElement(channel, "item"), record)
    ET.indent(rss)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(rss, encoding="unicode")}\n'


def _item(item: ET.Element, record: Record) -> None:
    _add(item, "title", record.title or record.described_as or record.id)
    link = _link(record)
    if link:
        _add(item, "link", link)
    abstract = " ".join(f"{part.label}: {part.text}" if part.label else part.text for part in record.abstract)
    _add(item, "description", abstract or source_line(record))
    body = f"<p>{html.escape(source_line(record))}</p>"
    if abstract:
        body += f"<p><b>ABSTRACT</b></p><p>{html.escape(abstract)}</p>"
    _add(item, f"{{{_CONTENT}}}encoded", body)
    guid = _add(item, "guid", f"pubmed:{record.pmid}" if record.pmid else record.id)
    guid.set("isPermaLink", "false")
    if record.created:
        _add(item, "pubDate", _moment(datetime.datetime.combine(record.created, datetime.time())))
    for author in record.authors:
        _add(item, f"{{{_DC}}}creator", full_name(author))
    if record.electronic_date or record.date:
        _add(
            item,
            f"{{{_DC}}}date",
            record.electronic_date.isoformat() if record.electronic_date else record.date,
        )
    if record.journal:
        _add(item, f"{{{_DC}}}source", record.journal)
    _add(item, f"{{{_DC}}}title", record.title or record.described_as or record.id)
    for scheme, value in (("pmid", record.pmid), ("pmc", record.pmcid), ("doi", record.doi)):
        if value:
            _add(item, f"{{{_DC}}}identifier", f"{scheme}:{value}")


def _link(record: Record) -> str:
    if record.pmid:
        return f"https://pubmed.ncbi.nlm.nih.gov/{record.pmid}/"
    return f"https://doi.org/{urllib.parse.quote(record.doi)}" if record.doi else record.url


def _add(parent: ET.Element, tag: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = _NOT_XML.sub("", text)
    return element


def _moment(moment: datetime.datetime) -> str:
    return email.utils.format_datetime(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC))
