"""Feeds are valid RSS 2.0 and are read back by another program."""

from __future__ import annotations

import datetime
import email.utils
import xml.etree.ElementTree as ET

import feedparser
import pytest

from vivocart.evidence.alerts.feed import ITEMS, LIMIT, write_feed
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError

NOW = datetime.datetime(2026, 11, 24, 9, 0)
DC = "{http://purl.org/dc/elements/1.1/}"


@pytest.fixture
def records(suites):
    return read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records


def test_it_follows_the_rules_of_rss(records):
    text = write_feed(
        "Lupus & more", 'lupus[ti] AND "x"', records, now=NOW, address="https://x.example/feed.xml"
    )
    root = ET.fromstring(text.encode())
    assert (root.tag, root.get("version"), [child.tag for child in root]) == ("rss", "2.0", ["channel"])
    channel = root[0]
    for needed in ("title", "link", "description"):  # RSS 2.0: a channel has each of them once
        assert len(channel.findall(needed)) == 1 and channel.findtext(needed)
    assert email.utils.parsedate_to_datetime(channel.findtext("lastBuildDate")).replace(tzinfo=None) == NOW
    items = channel.findall("item")
    guids = [item.findtext("guid") for item in items]
    assert len(set(guids)) == len(items) == len(records)
    for item in items:
        assert item.findtext("title") or item.findtext("description")
        assert item.find("guid").get("isPermaLink") == "false"
        assert item.findtext("link").startswith("https://")
        email.utils.parsedate_to_datetime(item.findtext("pubDate"))
        assert all(len(item.findall(tag)) <= 1 for tag in ("title", "link", "description", "guid", "pubDate"))
    first = items[0]
    assert first.findtext(f"{DC}identifier") == f"pmid:{records[0].pmid}"


def test_another_reader_reads_the_same(records):
    parsed = feedparser.parse(write_feed("Lupus", "lupus[ti]", records, now=NOW))
    assert (parsed.bozo, parsed.version, parsed.feed.title) == (False, "rss20", "Lupus")
    assert [entry.title for entry in parsed.entries] == [record.title for record in records]
    assert [entry.id for entry in parsed.entries] == [f"pubmed:{record.pmid}" for record in records]
    assert [entry.link for entry in parsed.entries] == [
        f"https://pubmed.ncbi.nlm.nih.gov/{record.pmid}/" for record in records
    ]


def test_what_xml_cannot_hold_is_left_out():
    text = write_feed("A\x00\x0b & <b>", "x", [Record(id="x", title="T\x00\ud800 <i>")], now=NOW)
    root = ET.fromstring(text.encode())
    assert root.findtext("channel/title") == "A & <b>"
    assert root.findtext("channel/item/title") == "T <i>"
    assert root.findtext("channel/item/guid") == "x"


def test_limits(suites):
    page = (suites / "pubmed" / "seed" / "page.txt").read_text(encoding="utf-8").splitlines()
    at = page.index("Number of items displayed:")
    assert page[at + 1 : at + 7] == [str(count) for count in ITEMS]
    with pytest.raises(InputError, match="a feed holds at most 1000"):
        write_feed("x", "x", [Record(id="x")] * (LIMIT + 1), now=NOW)
    with pytest.raises(InputError, match="the name of the feed is empty"):
        write_feed(" ", "x", [], now=NOW)
