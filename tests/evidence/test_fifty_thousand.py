"""50,000 records: imported in under a minute, searched in under 50 ms, by the clock of this process."""

from __future__ import annotations

import datetime
import re
import statistics
import time

import pytest

from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.search.run import search
from vivocart.evidence.store import add, open_library

NOW = datetime.datetime(2026, 11, 24, 9, 0)
COUNT = 50_000
QUERIES = (
    "lupus", "stroke", "humans[mh]", "wang q[au]", "2021[dp]", "car t cell therapy", "n engl j med[ta]", "hasretractionin",
    '"stem cells"[tiab] AND 2020:2021[dp]', "treat*[tiab] NOT review[pt]", '"cell therapy"[tiab:~3]', "university[ad]",
    "(cancer OR tumor*[tiab]) AND (therapy OR treatment) NOT review[pt]", "english[la] NOT cancer",
)  # fmt: skip


def copies(suites):
    """The suite's real articles again and again, each under a PMID and a DOI of its own."""
    text = (suites / "pubmed" / "xml" / "cases.xml").read_text(encoding="utf-8")
    articles = re.findall(r"<PubmedArticle>.*?</PubmedArticle>", text, re.DOTALL)
    yield "<PubmedArticleSet>"
    for number in range(COUNT):
        article = articles[number % len(articles)]
        old = re.search(r"<PMID[^>]*>(\d+)<", article)[1]
        article = article.replace(f">{old}<", f">{number + 1}<")
        yield re.sub(r">(10\.\d+/[^<]+)<", rf">\1.{number}<", article)
    yield "</PubmedArticleSet>"


@pytest.mark.long
def test_fifty_thousand_records(suites, tmp_path):
    text = "".join(copies(suites))
    with open_library(tmp_path / "library.sqlite") as library:
        start = time.process_time()
        added = add(library, read_records(text), source="copies", seen_on=NOW.date())
        seconds = time.process_time() - start
        assert (len(added.new), added.issues) == (COUNT, ())
        assert seconds < 60
        for query in QUERIES:
            times: list[float] = []
            for _ in range(3):
                start = time.process_time()
                found = search(library, query, now=NOW, limit=20)
                times.append(time.process_time() - start)
            assert statistics.median(times) < 0.05, (query, found.count, times)
