"""The client against answers that NCBI once gave, from a server on this machine; no test reaches the net."""

from __future__ import annotations

import dataclasses
import http.server
import socket
import threading
import urllib.parse

import pytest

from vivocart.evidence.ncbi.client import NcbiError, Pace, ask, client
from vivocart.evidence.ncbi.services import fetch, missing, search_pubmed, spelling
from vivocart.ground.errors import InputError


class Recorded:
    """What the server answers by service and what it was asked."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.codes = []

    def handler(self):
        recorded = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(urllib.parse.urlsplit(self.path).query)

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def answer(self, query):
                service = urllib.parse.urlsplit(self.path).path.rsplit("/", 1)[-1].removesuffix(".fcgi")
                recorded.asked.append((self.command, service, dict(urllib.parse.parse_qsl(query))))
                code, *headers = recorded.codes.pop(0) if recorded.codes else (200,)
                self.send_response(code)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                if code == 200:
                    self.wfile.write(recorded.answers[service])

            def log_message(self, *arguments):
                pass

        return Handler


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 100.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def recorded():
    return Recorded()


@pytest.fixture
def service(recorded):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), recorded.handler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/eutils"
    server.shutdown()
    thread.join()
    server.server_close()


def made(address, tmp_path=None, key="", clock=None):
    clock = clock or Clock()
    known = {"NCBI_EMAIL": "me@b.example", "VIVOCART_EUTILS": address, "NCBI_API_KEY": key}
    return dataclasses.replace(client(known, cache=tmp_path), pace=Pace(clock, clock.sleep))


def answer(suites, name):
    return (suites / "pubmed" / "eutils" / name).read_bytes()


def test_a_search_gives_pmids_and_the_translation(suites, recorded, service):
    recorded.answers["esearch"] = answer(suites, "esearch1.xml")
    found = search_pubmed(made(service), "biopython", limit=20)
    assert (found.count, len(found.pmids), found.pmids[0]) == (63, 20, "41282813")
    assert (found.translation, found.warnings) == ('"biopython"[All Fields]', ())
    method, name, asked = recorded.asked[0]
    assert (method, name) == ("GET", "esearch")
    assert asked == {
        "db": "pubmed", "term": "biopython", "retmax": "20", "retmode": "xml", "tool": "vivocart", "email": "me@b.example",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "count"), [("esearch3.xml", 2651), ("esearch5.xml", 5)])
def test_other_recorded_searches(suites, recorded, service, name, count):
    recorded.answers["esearch"] = answer(suites, name)
    assert search_pubmed(made(service), "x").count == count


def test_records_are_fetched_with_their_raw_text(suites, recorded, service):
    recorded.answers["efetch"] = answer(suites, "pubmed4.xml")
    batch = fetch(made(service), ["27797938", "9"])
    assert batch.issues == ()
    assert "27797938" in {record.pmid for record in batch.records}
    assert all(item.raw in answer(suites, "pubmed4.xml").decode() for item in batch.items)
    assert missing(batch, ["27797938", "9"]) == ("9",)
    assert recorded.asked[0][2]["id"] == "27797938,9"


def test_many_pmids_are_posted_two_hundred_at_once(suites, recorded, service):
    recorded.answers["efetch"] = answer(suites, "pubmed4.xml")
    fetch(made(service, key="k"), [str(10_000_000 + number) for number in range(450)])
    assert [(method, len(asked["id"].split(","))) for method, _, asked in recorded.asked] == [
        ("POST", 200), ("POST", 200), ("GET", 50),
    ]  # fmt: skip


def test_a_better_spelling(suites, recorded, service):
    recorded.answers["espell"] = answer(suites, "espell.xml")
    assert spelling(made(service), "biopythooon") == "biopython"


def test_an_answer_is_kept_and_no_secret_with_it(suites, recorded, service, tmp_path):
    recorded.answers["esearch"] = answer(suites, "esearch1.xml")
    first = search_pubmed(made(service, tmp_path, key="secret"), "biopython")
    assert search_pubmed(made(service, tmp_path), "biopython") == first
    assert len(recorded.asked) == 1
    search_pubmed(made(service, tmp_path), "biopython", fresh=True)
    assert len(recorded.asked) == 2
    kept = list(tmp_path.iterdir())
    assert len(kept) == 1 and "secret" not in kept[0].read_text(encoding="utf-8") + kept[0].name
    assert recorded.asked[0][2]["api_key"] == "secret"


@pytest.mark.parametrize(("key", "gap"), [("", 1 / 3), ("key", 0.1)])
def test_requests_keep_their_distance(suites, recorded, service, key, gap):
    recorded.answers["espell"] = answer(suites, "espell.xml")
    clock = Clock()
    to = made(service, key=key, clock=clock)
    for number in range(4):
        spelling(to, f"x{number}")
    assert clock.slept == [round(gap, 6)] * 3
    clock.now += 1
    spelling(to, "y")
    assert len(clock.slept) == 3


def test_a_busy_service_is_asked_again_after_the_time_it_names(suites, recorded, service):
    recorded.answers["espell"] = answer(suites, "espell.xml")
    recorded.codes = [(429, ("Retry-After", "7")), (503,)]
    clock = Clock()
    assert spelling(made(service, clock=clock), "x") == "biopython"
    assert clock.slept[0] == 7
    assert len(recorded.asked) == 3


@pytest.mark.parametrize(("code", "tries"), [(400, 1), (403, 1), (500, 3), (429, 3)])
def test_a_refusal_is_one_line_without_the_key(recorded, service, code, tries):
    recorded.codes = [(code,)] * 5
    with pytest.raises(NcbiError, match=f"NCBI espell: refused with {code}") as caught:
        spelling(made(service, key="secret"), "x")
    assert len(recorded.asked) == tries
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_no_net_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(NcbiError, match="NCBI espell: cannot be reached") as caught:
        spelling(made(f"http://127.0.0.1:{port}", key="secret"), "x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            b"<eSearchResult><ERROR>Empty term and query_key\nnothing todo</ERROR></eSearchResult>",
            "Empty term and query_key nothing",
        ),
        (b"<eSearchResult><Count>1", "not whole XML"),
        (b"<html/>", "an answer that we do not know .<html>"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><eSearchResult/>', "declares entities"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "not whole XML"),
    ],
)
def test_bad_answers_are_one_line_and_not_kept(recorded, service, tmp_path, text, problem):
    recorded.answers["esearch"] = text
    with pytest.raises(NcbiError, match=problem):
        search_pubmed(made(service, tmp_path), "x")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_answer_to_fetch_is_not_kept(recorded, service, tmp_path):
    recorded.answers["efetch"] = b"<PubmedArticleSet><PubmedArticle>"
    with pytest.raises(NcbiError, match="NCBI efetch: no records in the answer"):
        fetch(made(service, tmp_path), ["1"])
    assert list(tmp_path.iterdir()) == []


def test_warnings_are_told(recorded, service):
    recorded.answers["esearch"] = (
        b"<eSearchResult><Count>0</Count><ErrorList><PhraseNotFound>xyzzy</PhraseNotFound></ErrorList></eSearchResult>"
    )
    assert search_pubmed(made(service), "xyzzy").warnings == ("phrase not found: xyzzy",)


def test_who_asks_must_be_said():
    with pytest.raises(InputError, match="NCBI asks who uses its service; give --email or set NCBI_EMAIL"):
        client({})
    with pytest.raises(InputError, match="not an e-mail address"):
        client({}, email="me")
    with pytest.raises(InputError, match="VIVOCART_EUTILS: not an address"):
        client({"NCBI_EMAIL": "a@b.example", "VIVOCART_EUTILS": "file:///etc"})
    found = client({"NCBI_EMAIL": "a@b.example", "NCBI_API_KEY": "secret"})
    assert (found.per_second, client({"NCBI_EMAIL": "a@b.example"}).per_second) == (10, 3)
    assert "secret" not in repr(found)


def test_bad_questions_do_not_reach_ncbi():
    to = made("http://127.0.0.1:1")
    for bad in (
        lambda: fetch(to, ["x"]),
        lambda: search_pubmed(to, " "),
        lambda: search_pubmed(to, "x", limit=10_001),
    ):
        with pytest.raises(InputError):
            bad()


def test_threads_share_one_pace(suites, recorded, service):
    recorded.answers["espell"] = answer(suites, "espell.xml")
    clock = Clock()
    to = made(service, clock=clock)
    threads = [threading.Thread(target=ask, args=(to, "espell", {"term": str(n)})) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(clock.slept) == pytest.approx(1.0, abs=1e-5)
