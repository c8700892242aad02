"""Words, days and whole values of a record as the index has them."""

from __future__ import annotations

import datetime
import hashlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.schema import STEPS
from vivocart.evidence.search.days import printed_day
from vivocart.evidence.search.run import matching, search
from vivocart.evidence.search.tokens import value_token, words
from vivocart.evidence.store import add, get, open_library, record_ids

NOW = datetime.datetime(2026, 11, 24, 9, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CAR-T cells", "car t cells"),
        ("Sjögren's", "sjogren s"),
        ("IFN-γ and TNFα", "ifn gamma and tnfalpha"),
        ("m² of Straße", "m2 of strasse"),
        ("under_score", "under score"),
        ("Σίσυφος", "sigmaiotasigmaupsilonphiomicronsigma"),
        ("中文", "中文"),
        ("", ""),
    ],
)
def test_words(text, expected):
    assert " ".join(words(text)) == expected


def test_a_whole_value_is_one_token():
    assert value_token("mh", "Stroke/*diagnostic imaging") == "_mh:stroke/diagnostic_imaging"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025 Sep 17", 20250917), ("2025 Sep", 20250901), ("2025", 20250101), ("2018 Jul-Aug", 20180701),
        ("2019 Jan-Mar", 20190101), ("2020 Spring", 20200401), ("2020 Winter", 20200101), ("2020 Fall", 20201001),
        ("2012 Summer", 20120701), ("Spring 2012", 20120101), ("", None), ("n.d.", None), ("1998 Dec-1999 Jan", 19981201),
    ],
)  # fmt: skip
def test_the_day_of_a_journal_date(text, expected):
    assert printed_day(text) == expected


def test_no_phrase_runs_from_one_value_into_the_next(tmp_path):
    text = "PMID- 1\nTI  - T.\nFAU - Wang, Qian\nAU  - Wang Q\nFAU - Li, Na\nAU  - Li N\nOT  - cell\nOT  - therapy\n"
    with open_library(tmp_path / "l.sqlite") as library:
        add(library, read_records(text), source="x", seen_on=NOW.date())
        counts = [
            search(library, query, now=NOW).count
            for query in (
                "cell therapy[ot]",
                '"cell therapy"[tiab:~50]',
                '"wang q li"',
                '"wang qian"',
                "cell[ot] AND therapy[ot]",
            )
        ]
    assert counts == [0, 0, 0, 1, 1]


def test_a_library_of_the_first_format_is_indexed_when_it_is_opened(tmp_path):
    path = tmp_path / "old.sqlite"
    raw = "PMID- 1\nTI  - Lupus.\n"
    with sqlite3.connect(path) as old:
        for statement in STEPS[1]:
            old.execute(statement)
        old.execute("PRAGMA user_version = 1")
        old.execute(
            "INSERT INTO version VALUES (1, 'pmid1', 'medline', ?, ?, 1, 'x', '2026-11-24')",
            (raw, hashlib.sha256(raw.encode()).hexdigest()),
        )
        old.execute("INSERT INTO record VALUES ('pmid1', '1', NULL, '2026-11-24', NULL, 1)")
    old.close()
    for _ in range(2):
        with open_library(path) as library:
            assert search(library, "lupus[ti]", now=NOW).record_ids == ("pmid1",)


def test_a_record_that_takes_another_name_is_found_once(tmp_path):
    ris = "TY  - JOUR\nTI  - Lupus.\nDO  - 10.1000/x\nER  - \n"
    with open_library(tmp_path / "l.sqlite") as library:
        add(library, read_records(ris), source="x", seen_on=NOW.date())
        assert search(library, "lupus[ti]", now=NOW).record_ids == ("doi:10.1000/x",)
        add(
            library,
            read_records("PMID- 5\nTI  - Lupus.\nLID - 10.1000/x [doi]\n"),
            source="x",
            seen_on=NOW.date(),
        )
        assert search(library, "lupus[ti]", now=NOW).record_ids == ("pmid5",)


TEXTS = st.lists(
    st.one_of(
        st.builds(
            "PMID- {}\nTI  - {}.\nLID - 10.1000/{} [doi]\n".format,
            st.integers(1, 4),
            st.sampled_from(["Lupus", "Mouse"]),
            st.integers(1, 3),
        ),
        st.builds("PMID- {}\nTI  - {}.\n".format, st.integers(1, 4), st.sampled_from(["Lupus", "Mouse"])),
        st.builds(
            "TY  - JOUR\nTI  - {}\nDO  - 10.1000/{}\nER  - \n".format, st.just("Lupus"), st.integers(1, 3)
        ),
        st.builds(
            "<PubmedArticleSet><DeleteCitation><PMID>{}</PMID></DeleteCitation></PubmedArticleSet>".format,
            st.integers(1, 4),
        ),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(texts=TEXTS)
def test_the_index_holds_what_stands_whatever_came_in(texts):
    with tempfile.TemporaryDirectory() as folder, open_library(Path(folder) / "l.sqlite") as library:
        for text in texts:
            add(library, read_records(text), source="x", seen_on=NOW.date())
        standing = record_ids(library)
        execute = library.connection.execute
        assert tuple(row[0] for row in execute("SELECT record_id FROM entry ORDER BY record_id")) == standing
        numbers = execute("SELECT number FROM entry ORDER BY number").fetchall()
        assert numbers == execute("SELECT rowid FROM words ORDER BY rowid").fetchall()
        execute("INSERT INTO words (words) VALUES ('integrity-check')")
        for word in ("lupus", "mouse"):
            wanted = {record_id for record_id in standing if word in get(library, record_id).title.lower()}
            assert matching(library, f"{word}[ti]", now=NOW) == wanted


def test_a_killed_import_leaves_the_index_as_it_was(tmp_path):
    path = tmp_path / "library.sqlite"
    with open_library(path) as library:
        add(library, read_records("PMID- 9\nTI  - Lupus.\n"), source="x", seen_on=NOW.date())
    script = f"""
import datetime, os, signal
from pathlib import Path
from vivocart.evidence import store
from vivocart.evidence.importers.detect import read_records

original, calls = store.index.put, []
def killed(*arguments):
    original(*arguments)
    calls.append(1)
    if len(calls) == 150:
        os.kill(os.getpid(), signal.SIGKILL)
store.index.put = killed
text = "\\n".join(f"PMID- {{number}}\\nTI  - Lupus.\\n" for number in range(100, 400))
with store.open_library(Path({str(path)!r})) as library:
    store.add(library, read_records(text), source="x", seen_on=datetime.date(2026, 11, 24))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with open_library(path) as library:
        assert search(library, "lupus[ti]", now=NOW).record_ids == ("pmid9",)
        library.connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        add(library, read_records("PMID- 10\nTI  - Lupus.\n"), source="x", seen_on=NOW.date())
        assert search(library, "lupus[ti]", now=NOW).count == 2


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path):
    path = tmp_path / "library.sqlite"
    script = """
import datetime, sys
from pathlib import Path
from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.store import add, get, open_library, record_ids

for number in range(int(sys.argv[2]), int(sys.argv[2]) + 15):
    with open_library(Path(sys.argv[1])) as library:
        add(library, read_records(f"PMID- {number}\\nTI  - Lupus.\\n"), source="x", seen_on=datetime.date(2026, 11, 24))
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), str(first)], stderr=subprocess.PIPE)
        for first in (100, 200, 205)
    ]
    assert [writer.communicate()[1] for writer in writers] == [b"", b"", b""]
    with open_library(path) as library:
        assert search(library, "lupus[ti]", now=NOW).count == 35
        library.connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
