"""A search finds records as they stand now: deleted ones no more, changed ones by what they became."""

from __future__ import annotations

import datetime

from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.search.run import search
from vivocart.evidence.store import add, open_library

NOW = datetime.datetime(2026, 11, 24, 9, 0)


def test_a_record_that_pubmed_deleted_is_not_found(tmp_path):
    with open_library(tmp_path / "l.sqlite") as library:
        add(library, read_records("PMID- 7\nTI  - Lupus.\n"), source="x", seen_on=NOW.date())
        assert search(library, "lupus[ti]", now=NOW).record_ids == ("pmid7",)
        deletion = "<PubmedArticleSet><DeleteCitation><PMID>7</PMID></DeleteCitation></PubmedArticleSet>"
        add(library, read_records(deletion), source="x", seen_on=NOW.date())
        assert search(library, "lupus[ti]", now=NOW).record_ids == ()


def test_what_changed_is_searched_as_it_stands_now(tmp_path):
    with open_library(tmp_path / "l.sqlite") as library:
        for text in (
            "PMID- 7\nTI  - Lupus.\nPST - aheadofprint\n",
            "PMID- 7\nTI  - Lupus.\nPST - ppublish\nVI  - 3\n",
        ):
            add(library, read_records(text), source="x", seen_on=NOW.date())
        assert search(library, "pubstatusaheadofprint", now=NOW).count == 0
        assert search(library, "3[vi]", now=NOW).record_ids == ("pmid7",)
