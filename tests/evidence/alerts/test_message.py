"""E-mails hold what was asked, in each format, and nothing in a record can break out of its place."""

from __future__ import annotations

import datetime
import email
import email.policy
import json
from dataclasses import replace

import pytest

from vivocart.evidence.alerts.message import citation_message
from vivocart.evidence.alerts.saved import FORMATS
from vivocart.evidence.importers.medline import read_medline
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.library import record
from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError

NOW = datetime.datetime(2026, 11, 24, 9, 0)


def read(message):
    return email.message_from_bytes(message.as_bytes(), policy=email.policy.default)


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_format_carries_every_record(suites, format):
    records = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records
    message = read(
        citation_message("a@b.example", records, now=NOW, format=format, subject="Grüße", body="Sée — this.")
    )
    assert message["Subject"] == "Grüße"
    assert message["To"] == "a@b.example"
    assert message["Date"].datetime.replace(tzinfo=None) == NOW
    text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text.startswith("Sée — this.")
    assert all(record.pmid in text for record in records)
    page = message.get_body(("html",))
    assert (page is not None) == (format in ("summary", "abstract"))
    if page is not None:
        assert page.get_content_type() == "text/html" and page.get_content().count("<li>") >= len(records)
    if format == "pubmed":
        assert len(read_medline(text.split("\n\n", 1)[1]).records) == len(records)


def test_lines_of_the_wire_are_short_and_ascii(suites):
    records = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records
    data = citation_message("a@b.example", records, now=NOW, format="abstract").as_bytes()
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998


def test_the_letter_is_sent_as_the_page_has_it(suites):
    seed = json.loads((suites / "pubmed" / "seed" / "seed_40961420.json").read_text(encoding="utf-8"))
    letter = replace(
        record("wang2025"), status="aheadofprint", date="2025 Sep 17", volume="", issue="", pages=""
    )
    text = read(citation_message("a@b.example", [letter], now=NOW)).get_body(("plain",)).get_content()
    assert text.strip() == f"1: {seed['expected']['NLM']['string']}"
    page = read(citation_message("a@b.example", [record("wang2025")], now=NOW, format="abstract"))
    assert "No abstract available" in page.get_body(("html",)).get_content()


def test_mesh_and_other_data_are_added_when_asked(suites):
    records = read_pubmed_xml((suites / "pubmed" / "xml" / "cases.xml").read_bytes()).records
    plain, more = (
        read(citation_message("a@b.example", records, now=NOW, format="abstract", with_more=asked))
        for asked in (False, True)
    )
    assert "MeSH terms: " not in plain.get_body(("plain",)).get_content().replace("\r\n", "\n")
    text = more.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert "MeSH terms: " in text and "Publication types: Letter" in text and "Grants and funding: " in text
    assert "\n41. " in text
    assert "MeSH terms: " in more.get_body(("html",)).get_content()


def test_markup_and_line_breaks_cannot_break_out():
    nasty = Record(id="x", title="<script>alert(1)</script>", pmid="1")
    page = read(citation_message("a@b.example", [nasty], now=NOW)).get_body(("html",)).get_content()
    assert "<script>" not in page and "&lt;script&gt;" in page
    with pytest.raises(InputError, match="the subject has more than one line"):
        citation_message("a@b.example", [nasty], now=NOW, subject="Hello\nBcc: c@d.example")
