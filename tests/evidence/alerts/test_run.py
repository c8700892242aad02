"""Runs of alerts: new records once, changes once, nothing lost when an e-mail cannot be written."""

from __future__ import annotations

import datetime
import email
import email.policy

import pytest

from vivocart.evidence.alerts.run import news, run_alerts
from vivocart.evidence.alerts.saved import make_alert, save_search, saved_search
from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.store import add, open_library
from vivocart.ground.errors import OutputError

NOW = datetime.datetime(2026, 11, 24, 9, 0)  # a Tuesday
DAY = datetime.timedelta(days=1)
DELETION = "<PubmedArticleSet><DeleteCitation><PMID>{}</PMID></DeleteCitation></PubmedArticleSet>"


@pytest.fixture
def library(tmp_path):
    with open_library(tmp_path / "l.sqlite") as opened:
        yield opened


def nbib(pmid, title="Lupus {}.", **tags):
    lines = "".join(f"{tag:<4}- {value}\n" for tag, value in tags.items())
    return f"PMID- {pmid}\nTI  - {title.format(pmid)}\nTA  - J\nDP  - 2025 Sep 17\n{lines}"


def put(library, *texts, now=NOW):
    add(library, read_records("\n".join(texts)), source="x", seen_on=now.date())


def watch(library, **choices):
    choices = {"frequency": "daily", **choices}
    return save_search(library, "Lupus", "lupus[ti]", make_alert("a@b.example", **choices), now=NOW)


def body(run):
    message = email.message_from_bytes(run.path.read_bytes(), policy=email.policy.default)
    return message["Subject"], message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_only_what_came_later_is_new_and_only_once(library, tmp_path):
    put(library, nbib(1))
    watch(library, format="summary_text")
    assert run_alerts(library, tmp_path / "out", now=NOW) == ()  # not due on the day it was made
    put(library, nbib(2), nbib(3, "Mouse {}."))
    (run,) = run_alerts(library, tmp_path / "out", now=NOW + DAY)
    assert run.news.new == ("pmid2",)
    subject, text = body(run)
    assert subject == "Lupus: 1 new record"
    assert 'Search: "lupus"[Title]\n1 new record\n\n1: Lupus 2. J. 2025 Sep 17. PMID: 2.' in text
    (again,) = run_alerts(library, tmp_path / "out", now=NOW + 2 * DAY)
    assert (again.path, again.news.new) == (None, ())
    assert run_alerts(library, tmp_path / "out", now=NOW + 2 * DAY) == ()


def test_an_alert_writes_when_nothing_is_new_if_asked(library, tmp_path):
    watch(library, even_when_empty=True, format="summary_text", text="Every day.")
    (run,) = run_alerts(library, tmp_path / "out", now=NOW + DAY)
    subject, text = body(run)
    assert subject == "Lupus: 0 new records"
    assert text.startswith("Every day.\n\nSearch: ")


def test_at_most_so_many_with_the_full_count(library, tmp_path):
    watch(library, at_most=5, format="pubmed")
    put(library, *(nbib(number) for number in range(10, 17)))
    (run,) = run_alerts(library, tmp_path / "out", now=NOW + DAY)
    subject, text = body(run)
    assert subject == "Lupus: 7 new records"
    assert "7 new records (the first 5 are shown)" in text
    assert text.count("PMID- ") == 5
    assert len(run.news.new) == 7


def test_a_missed_day_is_made_up_for_once(library, tmp_path):
    watch(library, frequency="weekly", day="wednesday", even_when_empty=True)
    assert len(run_alerts(library, tmp_path / "out", now=NOW + 20 * DAY)) == 1
    assert run_alerts(library, tmp_path / "out", now=NOW + 20 * DAY) == ()
    assert saved_search(library, "Lupus").due_on == datetime.date(2026, 12, 16)


def test_alerts_tell_what_changed(library, tmp_path):
    ahead = {"PST": "aheadofprint", "LID": "10.1/1 [doi]"}
    put(library, nbib(1, **ahead), nbib(2), nbib(3), nbib(4), nbib(5), nbib(6, "Mouse {}."))
    watch(library)
    later = NOW + DAY
    put(
        library,
        nbib(1, PST="ppublish", VI="393", PG="1542-4", LID="10.1/1 [doi]").replace(
            "2025 Sep 17", "2025 Oct 16"
        ),
        nbib(2, EIN="J. 2026;1:2. PMID: 20"),
        nbib(3, ECI="J. 2026;1:3. PMID: 30"),
        nbib(4, RIN="J. 2026;1:4. PMID: 40", PT="Retracted Publication"),
        nbib(6, "Mouse {}.", EIN="J. 2026;1:6. PMID: 60"),
        now=later,
    )
    put(library, DELETION.format(5), now=later)
    (run,) = run_alerts(library, tmp_path / "out", now=later)
    assert [(change.record_id, change.kind) for change in run.news.changes] == [
        ("pmid1", "paged"), ("pmid2", "erratum"), ("pmid3", "concern"), ("pmid4", "retraction"), ("pmid5", "deleted"),
    ]  # fmt: skip
    subject, text = body(run)
    assert subject == "Lupus: 0 new records, 5 changes"
    assert "- 2026-11-25 pmid4: retraction: J. 2026;1:4." in text
    (again,) = run_alerts(library, tmp_path / "out", now=later + DAY)
    assert (again.path, again.news.changes) == (None, ())


def test_a_change_on_the_day_of_the_last_run_is_not_lost(library, tmp_path):
    put(library, nbib(1))
    watch(library)
    run_alerts(library, tmp_path / "out", now=NOW + DAY)
    put(library, nbib(1, EIN="J. 2026;1:2. PMID: 20"), now=NOW + DAY)
    put(library, nbib(2), now=NOW + DAY)
    (run,) = run_alerts(library, tmp_path / "out", now=NOW + 2 * DAY)
    assert ([change.kind for change in run.news.changes], run.news.new) == (["erratum"], ("pmid2",))


def test_news_that_could_not_be_written_are_told_next_time(library, tmp_path):
    watch(library)
    put(library, nbib(1))
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="the e-mail cannot be written"):
        run_alerts(library, tmp_path / "file", now=NOW + DAY)
    (run,) = run_alerts(library, tmp_path / "out", now=NOW + DAY)
    assert run.news.new == ("pmid1",)


def test_the_same_run_writes_the_same_file(tmp_path):
    files = []
    for number in (1, 2):
        with open_library(tmp_path / f"{number}.sqlite") as library:
            watch(library)
            put(library, nbib(1))
            (run,) = run_alerts(library, tmp_path / str(number), now=NOW + DAY)
            files.append((run.path.name, run.path.read_bytes()))
    assert files[0] == files[1]


def test_one_search_can_be_run_by_name_and_looked_at_without_telling(library, tmp_path):
    saved = watch(library)
    put(library, nbib(1))
    assert news(library, saved, now=NOW).new == ("pmid1",)
    (run,) = run_alerts(library, tmp_path / "out", now=NOW, name="lupus")
    assert run.news.new == ("pmid1",)
