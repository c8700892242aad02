"""The user's library: every version kept, duplicates joined, nothing half-imported, two writers at once."""

from __future__ import annotations

import datetime
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from vivocart.evidence.changes import changed_since
from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.store import add, default_path, deleted_on, get, open_library, record_ids, versions
from vivocart.ground.errors import InputError, OutputError, UnknownNameError

DAY = datetime.date(2026, 11, 24)
LATER = datetime.date(2026, 12, 1)


@pytest.fixture
def library(tmp_path):
    with open_library(tmp_path / "new" / "library.sqlite") as opened:
        yield opened


def nbib(pmid="1", title="A title.", **tags):
    lines = "".join(f"{tag:<4}- {value}\n" for tag, value in tags.items())
    return f"PMID- {pmid}\nTI  - {title}\n{lines}"


def ris(title="A title.", **tags):
    lines = "".join(f"{tag}  - {value}\n" for tag, value in tags.items())
    return f"TY  - JOUR\nTI  - {title}\n{lines}ER  - \n"


def put(library, text, day=DAY):
    return add(library, read_records(text, name="x"), source="x", seen_on=day)


def test_real_records_come_back_as_they_were_read(library, suites):
    folder = suites / "pubmed"
    for path, count in (("xml/cases.xml", 41), ("nbib/pubmed-balloongui-set.noabstracts.nbib", 75)):
        batch = read_records((folder / path).read_bytes(), name=path)
        added = add(library, batch, source=path, seen_on=DAY)
        assert (len(added.new), added.changed, added.issues) == (count, (), ())
        assert all(get(library, record.id) == record for record in batch.records)
        assert [versions(library, item.record.id)[0].raw for item in batch.items] == [
            item.raw for item in batch.items
        ]
    assert len(record_ids(library)) == 116


def test_the_same_file_again_changes_nothing(library, suites):
    data = (suites / "pubmed" / "xml" / "cases.xml").read_bytes()
    put(library, data)
    again = put(library, data, LATER)
    assert (again.new, again.changed, len(again.unchanged)) == ((), (), 41)
    assert len(versions(library, again.unchanged[0])) == 1


def test_every_version_is_kept_and_the_newest_stands(library, suites):
    added = put(library, (suites / "pubmed" / "xml" / "versions_and_deletes.xml").read_bytes())
    assert added.new == ("pmid33728380", "pmid34017925")
    assert added.changed == ("pmid33728380", "pmid34017925")
    assert [stored.record.version for stored in versions(library, "pmid33728380")] == ["1", "2"]
    assert get(library, "pmid33728380").version == "2"


def test_an_older_version_that_comes_late_does_not_stand(library, suites):
    batch = read_records((suites / "pubmed" / "xml" / "versions_and_deletes.xml").read_bytes())
    for item in reversed(batch.items):
        add(library, type(batch)(format=batch.format, items=(item,)), source="x", seen_on=DAY)
    assert get(library, "pmid33728380").version == "2"
    assert [stored.record.version for stored in versions(library, "pmid33728380")] == ["2", "1"]


def test_what_pubmed_deleted_is_marked_and_its_text_stays(library):
    put(library, nbib("31688362") + "\n" + nbib("2"))
    deletion = "<PubmedArticleSet><DeleteCitation><PMID>31688362</PMID><PMID>9</PMID></DeleteCitation></PubmedArticleSet>"
    added = put(library, deletion, LATER)
    assert added.deleted == ("pmid31688362",)
    assert record_ids(library) == ("pmid2",)
    assert deleted_on(library, "pmid31688362") == LATER
    assert deleted_on(library, "pmid2") is None
    assert get(library, "pmid31688362").title == "A title."
    assert [str(change) for change in changed_since(library, "pmid31688362", DAY)] == [
        "2026-12-01 pmid31688362: deleted: PubMed deleted the record"
    ]


def test_a_record_of_another_program_joins_by_its_doi_and_does_not_replace(library):
    put(library, nbib(LID="10.1000/X [doi]"))
    added = put(library, ris("Poorer", DO="10.1000/x"))
    assert (added.new, added.changed) == ((), ("pmid1",))
    assert get(library, "pmid1").title == "A title."
    assert [stored.format for stored in versions(library, "pmid1")] == ["medline", "ris"]


def test_a_record_known_by_its_doi_takes_the_name_of_its_pmid(library):
    put(library, ris("Poorer", DO="10.1000/x"))
    assert record_ids(library) == ("doi:10.1000/x",)
    put(library, nbib(LID="10.1000/x [doi]"))
    assert record_ids(library) == ("pmid1",)
    assert get(library, "pmid1").title == "A title."
    assert len(versions(library, "pmid1")) == 2


def test_two_records_that_prove_to_be_one_are_joined(library):
    put(library, nbib())
    put(library, ris("Poorer", DO="10.1000/x"))
    put(library, nbib(LID="10.1000/x [doi]"))
    assert record_ids(library) == ("pmid1",)
    assert len(versions(library, "pmid1")) == 3


def test_a_doi_of_another_pmid_is_refused_and_the_others_stand(library):
    put(library, nbib("1", LID="10.1000/x [doi]"))
    added = put(library, nbib("2", LID="10.1000/x [doi]") + "\n" + nbib("3"))
    assert added.new == ("pmid3",)
    assert [str(issue) for issue in added.issues] == ["x: pmid2 refused: its DOI 10.1000/x belongs to PMID 1"]


def test_records_without_any_identifier_are_told_apart_by_title(library):
    put(library, ris("One", AU="Wang, Q", PY="2025"))
    put(library, ris("Two", AU="Wang, Q", PY="2025"))
    again = put(library, ris("two", AU="Wang, Q", PY="2025", VL="3"))
    assert record_ids(library) == ("wang2025", "wang2025-2")
    assert again.changed == ("wang2025-2",)
    assert get(library, "wang2025-2").volume == "3"


def test_refusals_of_the_reader_are_passed_on(library):
    added = put(library, nbib("1") + "\nTI  - Nobody's.\n")
    assert added.new == ("pmid1",)
    assert "record refused" in str(added.issues[0])


def test_an_unknown_record_names_the_nearest(library):
    put(library, nbib("40961420"))
    with pytest.raises(UnknownNameError, match="pmid40961420"):
        get(library, "pmid40961421")
    assert versions(library, "pmid40961421") == ()


def test_an_error_in_the_middle_leaves_nothing(library, monkeypatch):
    batch = read_records(nbib("1") + "\n" + nbib("2"), name="x")
    calls = []

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise sqlite3.OperationalError("database or disk is full")
        return ""

    monkeypatch.setattr("vivocart.evidence.store._conflict", fail)
    with pytest.raises(
        OutputError, match=r"library\.sqlite: the library cannot be written \(database or disk is full\)"
    ):
        add(library, batch, source="x", seen_on=DAY)
    assert record_ids(library) == ()
    monkeypatch.undo()
    assert add(library, batch, source="x", seen_on=DAY).new == ("pmid1", "pmid2")


def test_a_killed_import_leaves_nothing_and_the_library_works(tmp_path):
    path = tmp_path / "library.sqlite"
    with open_library(path) as library:
        put(library, nbib("9"))
    script = f"""
import datetime, os, signal
from pathlib import Path
from vivocart.evidence import store
from vivocart.evidence.importers.detect import read_records

original, calls = store._conflict, []
def killed(*arguments):
    calls.append(1)
    if len(calls) == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
store._conflict = killed
text = "\\n".join(f"PMID- {{number}}\\nTI  - Title.\\n" for number in range(100, 200))
with store.open_library(Path({str(path)!r})) as library:
    store.add(library, read_records(text), source="x", seen_on=datetime.date(2026, 11, 24))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with open_library(path) as library:
        assert record_ids(library) == ("pmid9",)
        assert put(library, nbib("10")).new == ("pmid10",)


def test_two_writers_wait_for_each_other(tmp_path):
    path = tmp_path / "library.sqlite"
    start, failures = threading.Barrier(4), []

    def write(first):
        try:
            start.wait()
            with open_library(path) as library:
                for number in range(first, first + 20):
                    put(library, nbib(str(number)))
        except Exception as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (100, 200, 300, 300)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    with open_library(path) as library:
        assert len(record_ids(library)) == 60


def test_a_file_that_is_no_library_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes, and not a database at all." * 20, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"notes\.txt: not a library"), open_library(path):
        pass
    assert path.read_bytes() == before


def test_a_library_of_a_newer_release_is_refused(tmp_path):
    path = tmp_path / "library.sqlite"
    with open_library(path) as library:
        library.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="newer release"), open_library(path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(OutputError, match="the library cannot be opened"),
        open_library(tmp_path / "file" / "x.sqlite"),
    ):
        pass


def test_the_user_may_name_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("VIVOCART_LIBRARY", str(tmp_path / "mine.sqlite"))
    assert default_path() == tmp_path / "mine.sqlite"
    monkeypatch.delenv("VIVOCART_LIBRARY")
    assert default_path().name == "library.sqlite"
