"""The commands on the user's library: search, import, save, clipboard, collections, alerts, feed, e-mail."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
import xml.etree.ElementTree as ET

import pytest

from vivocart.cli.evidence import evidence
from vivocart.cli.main import run
from vivocart.evidence.importers.medline import read_medline


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """A library of its own for each test, and no mail server or service by chance."""
    monkeypatch.setenv("VIVOCART_LIBRARY", str(tmp_path / "mine" / "library.sqlite"))
    for name in ("VIVOCART_SMTP_HOST", "VIVOCART_MAIL_FROM", "NCBI_EMAIL", "NCBI_API_KEY", "VIVOCART_EUTILS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "mine"


@pytest.fixture
def said(capsys):
    """Exit code, stdout and stderr of one call."""

    def call(*words):
        code = run(("evidence", *words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def asked(said):
    """The JSON object that a call prints."""

    def call(*words):
        code, out, err = said(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


def test_a_new_library_holds_what_the_numbers_rest_on(said, asked):
    code, out, err = said("search", "lupus[ti]", "AND", "car-t[ti]")
    assert (code, err) == (0, "")
    assert out.startswith('Search details: "lupus"[Title] AND "car-t"[Title]\n')
    assert "(#1)" in out and "PMID: 40961420." in out
    found = asked("search", "40961420")
    assert (found["count"], found["number"], found["translation"]) == (1, 2, '"40961420"[PMID]')
    assert found["records"][0]["id"] == "pmid40961420"
    assert [one["query"] for one in asked("history")["searches"]] == ["lupus[ti] AND car-t[ti]", "40961420"]
    assert asked("search", "#1 AND #2", "--no-history")["number"] is None


def test_a_bad_query_is_one_line_with_its_place(said):
    code, out, err = said("search", "lupus[titel]")
    assert (code, out) == (2, "")
    assert err == "error: query, character 6: unknown tag 'titel'; did you mean title, tt, ti?\n"


def test_files_come_in_and_refused_records_are_named(said, asked, suites, tmp_path):
    cases = suites / "pubmed" / "xml" / "cases.xml"
    packed = tmp_path / "cases.xml.gz"
    packed.write_bytes(gzip.compress(cases.read_bytes()))
    assert len(asked("import", str(packed))["imports"][0]["new"]) == 41
    assert len(asked("import", str(cases))["imports"][0]["unchanged"]) == 41
    bad = tmp_path / "bad.nbib"
    bad.write_text("PMID- 1\nTI  - Fine.\n\nTI  - No number.\n", encoding="utf-8")
    code, out, err = said("import", str(bad))
    assert code == 2
    assert f"{bad}: 1 new" in out
    assert f"error: {bad}, row 4: record refused: not a PMID" in err
    assert err.splitlines()[-1] == "error: 1 record refused, each named above; the others are in the library"
    assert asked("search", "fine[ti]")["count"] == 1


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("cut.xml", b"<PubmedArticleSet><PubmedArticle>", "not whole XML"),
        ("bomb.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares the entity 'b'"),
        ("latin.nbib", b"PMID- 1\nTI  - Caf\xe9.\n", "byte 17 is not utf-8"),
        ("cut.xml.gz", gzip.compress(b"<PubmedArticleSet/>", mtime=0)[:-4], "cannot be read"),
        ("plain.txt", b"Dear reader", "no bibliographic format that we read"),
        ("gone.nbib", None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(said, tmp_path, name, data, problem):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    code, out, err = said("import", str(tmp_path / name))
    assert (code, out) == (2, "")
    assert name in err and problem in err and err.count("\n") == 1


def test_the_shipped_records_come_in_where_they_are_missing(asked):
    assert asked("import", "--shipped")["imports"][0]["new"] == []


@pytest.mark.parametrize(
    "form", ["summary", "pubmed", "nbib", "pmid", "abstract", "csv", "ris", "bibtex", "csl"]
)
def test_every_format_is_written(said, tmp_path, form):
    target = tmp_path / "out.file"
    code, out, _ = said("save", "40961420", "--format", form, "--out", str(target))
    assert (code, out) == (0, f"{target}: 1 record\n")
    data = target.read_bytes()
    assert (b"40961420" in data) and data.startswith(b"\xef\xbb\xbf") == (form == "csv")
    assert said("save", "wang2025", "--format", form)[1] == data.decode("utf-8-sig")
    if form == "nbib":
        assert read_medline(data).records[0].pmid == "40961420"


def test_what_cannot_be_saved_is_one_line(said, tmp_path):
    assert "no record is asked for" in said("save")[2]
    assert "unknown record '1'" in said("save", "1")[2]
    assert "unknown format 'ibn'; did you mean nbib" in said("save", "40961420", "--format", "ibn")[2]
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "the file cannot be written" in said("save", "40961420", "--out", str(tmp_path / "file" / "x"))[2]


def test_the_clipboard_goes_from_hand_to_hand(asked, said):
    assert asked("clipboard", "add", "40961420", "--today", "2026-11-24")["records"] == ["pmid40961420"]
    assert asked("clipboard", "show", "--today", "2026-11-24")["count"] == 1
    assert asked("search", "#0 AND lupus[ti]", "--today", "2026-11-24")["count"] == 1
    assert asked("clipboard", "show", "--today", "2026-11-25")["count"] == 0
    asked("clipboard", "add", "--query", "lupus[ti]", "--today", "2026-11-25")
    assert "1: " in said("clipboard", "show", "--today", "2026-11-25")[1]
    asked("clipboard", "remove", "40961420", "--today", "2026-11-25")
    assert asked("clipboard", "clear", "--today", "2026-11-25")["what"] == "taken off the clipboard"


def test_collections_and_my_bibliography(asked, said):
    assert said("collections", "create", "CAR-T")[:2] == (0, "made: CAR-T\n")
    assert asked("collections", "add", "CAR-T", "40961420", "--query", "lupus[ti]")["count"] >= 1
    assert asked("collections", "show", "car-t")["records"][0]["pmid"] == "40961420"
    assert said("collections", "rename", "CAR-T", "Engineered")[1] == "renamed: Engineered\n"
    assert asked("bibliography", "add", "--collection", "Engineered")["count"] >= 1
    assert asked("bibliography", "remove", "10.1056/NEJMc2509522")["count"] == 1
    assert asked("collections", "remove", "Engineered", "40961420")["count"] == 1
    names = [row["name"] for row in asked("collections", "list")["collections"]]
    assert names == ["My Bibliography", "Engineered"]
    assert said("collections", "delete", "Engineered")[1] == "deleted: Engineered\n"
    assert asked("bibliography", "show")["count"] == len(asked("bibliography", "show")["records"])


def test_every_command_says_what_it_did_as_json(asked, tmp_path, own):
    assert asked("collections", "create", "One") == {"made": "One"}
    assert asked("collections", "rename", "One", "Two") == {"renamed": "Two"}
    assert asked("collections", "delete", "Two") == {"deleted": "Two"}
    asked("searches", "save", "Mine", "lupus[ti]")
    assert asked("searches", "delete", "Mine") == {"deleted": "Mine"}
    there = str(tmp_path / "letter.nbib")
    assert asked("save", "40961420", "--format", "nbib", "--out", there) == {"count": 1, "file": there}
    kept = asked("save", "40961420", "--format", "pmid")
    assert (kept["count"], kept["text"].strip()) == (1, "40961420")
    told = asked("feed", "40961420", "--name", "Mine")
    assert told["count"] == 1 and ET.fromstring(told["text"]).tag == "rss"
    mailed = asked("email", "40961420", "--to", "a@b.example")
    assert mailed["records"] == ["pmid40961420"] and mailed["sent"] == []
    assert (own / "outbox").joinpath(mailed["file"]).is_file()


def test_no_evidence_command_lacks_json():
    def leaves(command, path):
        for name, inner in getattr(command, "commands", {}).items():
            yield from leaves(inner, [*path, name])
        if not hasattr(command, "commands"):
            yield " ".join(path), {option for parameter in command.params for option in parameter.opts}

    found = dict(leaves(evidence, []))
    assert len(found) > 25
    assert [name for name, options in found.items() if "--json" not in options] == []


def test_a_saved_search_tells_by_mail(asked, said, tmp_path, own, monkeypatch):
    options = (
        "--to",
        "a@b.example",
        "--frequency",
        "weekly",
        "--day",
        "wednesday",
        "--format",
        "summary_text",
    )
    saved = asked("searches", "save", "Lupus", "lupus[ti]", *options, "--today", "2026-11-24")["searches"][0]
    assert (saved["due_on"], saved["alert"]["at_most"]) == ("2026-11-25", 5)
    assert asked("searches", "list")["searches"] == [saved]
    new = tmp_path / "new.nbib"
    new.write_text("PMID- 7\nTI  - Lupus again.\n", encoding="utf-8")
    asked("import", str(new))
    assert asked("alerts", "run", "--today", "2026-11-24")["alerts"] == []
    (done,) = asked("alerts", "run", "--today", "2026-11-25")["alerts"]
    assert (done["new"], done["changes"]) == (["pmid7"], [])
    assert done["file"].startswith(str(own / "outbox"))
    new.write_text("PMID- 7\nTI  - Lupus again.\nRIN - J. 2026;1:1. PMID: 8\n", encoding="utf-8")
    asked("import", str(new), "--today", "2026-11-26")
    (change,) = asked("changed", "--since", "2026-11-26")["changes"]
    assert (change["record"], change["kind"]) == ("pmid7", "retraction")
    assert "1 change since 2026-11-26" in said("changed", "--since", "2026-11-26")[1]
    assert (
        "retraction"
        in asked("alerts", "run", "--name", "lupus", "--today", "2026-11-26")["alerts"][0]["changes"][0]
    )
    code, _, err = said("alerts", "send")
    assert code == 2 and "no mail server is named; set VIVOCART_SMTP_HOST; the e-mails lie in" in err
    monkeypatch.setenv("VIVOCART_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("VIVOCART_SMTP_PORT", "1")
    assert "0 of 2 e-mails sent" in said("alerts", "send")[2]
    assert said("searches", "delete", "Lupus")[1] == "deleted: Lupus\n"


def test_search_terms_can_be_tested(asked, said):
    assert asked("searches", "test", "40961420") == {
        "query": "40961420",
        "translation": '"40961420"[PMID]',
        "count": 1,
    }
    assert said("searches", "test", "40961420")[1] == 'Search details: "40961420"[PMID]\n1 record\n'
    assert asked("history")["searches"] == []


def test_a_feed_is_written(said, tmp_path):
    target = tmp_path / "feed.xml"
    assert said("feed", "lupus[ti]", "--name", "Lupus", "--items", "5", "--out", str(target))[0] == 0
    items = ET.parse(target).getroot().findall("channel/item")
    assert 1 <= len(items) <= 5
    assert said("feed", "lupus[ti]", "--name", "Lupus", "--items", "5")[1].startswith("<?xml")


def test_citations_are_mailed(said, own):
    code, out, _ = said(
        "email", "40961420", "--to", "a@b.example", "--format", "abstract", "--mesh", "--today", "2026-11-24"
    )
    assert code == 0 and out.startswith(str(own / "outbox" / "2026-11-24-1-citation-"))
    assert "not an e-mail address" in said("email", "40961420", "--to", "nobody")[2]


def test_cite_knows_the_own_library_too(asked, tmp_path):
    record = tmp_path / "one.nbib"
    record.write_text("PMID- 7\nTI  - Mine.\nTA  - J\nDP  - 2026\n", encoding="utf-8")
    asked("import", str(record))
    assert asked("cite", "7", "wang2025", "--style", "nlm")["citations"]["7"] == "Mine. J. 2026. PMID: 7."


def test_pubmed_can_be_asked(said, asked, suites, monkeypatch):
    folder = suites / "pubmed" / "eutils"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            name = "esearch1.xml" if "esearch" in self.path else "pubmed4.xml"
            self.wfile.write((folder / name).read_bytes())

        def log_message(self, *arguments):
            pass

    assert "NCBI asks who uses its service" in said("fetch", "27797938")[2]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        monkeypatch.setenv("VIVOCART_EUTILS", f"http://127.0.0.1:{server.server_port}/")
        code, out, err = said("fetch", "27797938", "--query", "biopython", "--email", "a@b.example", "--json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert code == 0
    assert "pmid27797938" in json.loads(out)["imports"][0]["new"]
    assert 'Search details: "biopython"[All Fields]\n63 records in PubMed' in err
    assert "warning: PubMed gave no record for PMID 41282813" in err
    assert asked("search", "27797938")["count"] == 1
