"""Who may ask, from where, and how much."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from vivocart.web.security import COOKIE, new_token
from vivocart.web.settings import LIMITS, ServerSettings, is_loopback

PATHS = ("/", "/evidence", "/credibility", "/api/v1/catalog", "/api/v1/nowhere", "/static/plotly.min.js")


@pytest.fixture(scope="module")
def guarded(
    start: Callable[[ServerSettings], Any], tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[httpx.Client, str]]:
    """A server that asks for a token, reached here by the loopback address."""
    token = new_token()
    settings = ServerSettings(
        token=token, work_folder=tmp_path_factory.mktemp("guarded"), is_warmed=False, runs_jobs=False
    )
    with start(settings) as client:
        yield client, token


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_headers(client: httpx.Client, path: str):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy and "unsafe-eval" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers and "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::1", "a b"])
def test_a_name_that_is_not_ours_is_refused(client: httpx.Client, host: str):
    found = client.get("/api/v1/catalog", headers={"host": host})
    assert found.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_our_own_names_are_known(client: httpx.Client, host: str):
    assert client.get("/api/v1/health", headers={"host": f"{host}:8765"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_a_page_of_another_site_gets_nothing(client: httpx.Client, headers: dict[str, str]):
    body = {"kind": "population", "explore": {"arms": [{"product": "HN2301", "dose": 4}]}}
    assert client.post("/api/v1/jobs", json=body, headers=headers).status_code == 403
    assert client.get("/api/v1/jobs", headers=headers).status_code == 403


def test_a_link_from_another_site_opens_the_page(client: httpx.Client):
    assert client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_the_own_page_may_ask(client: httpx.Client):
    origin = str(client.base_url).rstrip("/")
    headers = {"origin": origin, "sec-fetch-site": "same-origin"}
    assert client.get("/api/v1/catalog", headers=headers).status_code == 200


@pytest.mark.parametrize("path", [*PATHS, "/api/v1/jobs", "/api/v1/openapi.json"])
def test_without_the_token_nothing_is_shown(guarded: tuple[httpx.Client, str], path: str):
    client, token = guarded
    found = client.get(path)
    assert found.status_code == 401 and token not in found.text
    assert found.headers["www-authenticate"] == "Bearer"
    for wrong in (token[:-1], token + "x", token.swapcase(), "é"):
        headers = {"authorization": f"Bearer {wrong}".encode()}
        assert client.get(path, headers=headers).status_code == 401


def test_the_token_opens_as_bearer_and_as_cookie(guarded: tuple[httpx.Client, str]):
    client, token = guarded
    assert client.get("/api/v1/catalog", headers={"authorization": f"Bearer {token}"}).status_code == 200
    found = client.get("/", params={"token": token, "dose": "4"})
    assert found.status_code == 303 and found.headers["location"] == "/?dose=4"
    cookie = found.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    client.cookies.clear()
    assert client.get("/api/v1/health", headers={"cookie": f"{COOKIE}={token}"}).status_code == 200
    assert client.get("/", params={"token": "wrong"}).status_code == 401


def test_a_body_has_a_limit_said_or_not(client: httpx.Client):
    large = b"x" * (LIMITS.body_bytes + 1)
    headers = {"content-type": "application/json"}
    assert client.post("/api/v1/explore", content=large, headers=headers).status_code == 413

    def pieces():
        for _ in range(20):
            yield b"x" * (LIMITS.body_bytes // 16)

    assert client.post("/api/v1/explore", content=pieces(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    "name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "pages.py", "x" * 5000]
)
def test_no_file_but_the_pages_own_is_given(client: httpx.Client, name: str):
    found = client.get(f"/static/{name}")
    assert found.status_code == 404 and "import" not in found.text


def test_pages_ask_nothing_of_other_sites(client: httpx.Client):
    for path in ("/", "/evidence", "/credibility"):
        text = client.get(path).text
        for attribute in ('src="http', 'src="//', 'rel="stylesheet" href="http', "@import"):
            assert attribute not in text
        assert "research, not for treatment decisions" in text


def test_no_documentation_page_loads_scripts_from_elsewhere(client: httpx.Client):
    assert client.get("/docs").status_code == 404 and client.get("/redoc").status_code == 404


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_which_addresses_are_this_machine_only(host: str, only_here: bool):
    assert is_loopback(host) is only_here


def test_a_fault_of_ours_is_told_without_its_values(
    start: Callable[[ServerSettings], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    def broken(*_args: object, **_named: object) -> None:
        raise RuntimeError("patient 17 weighs 61.3")

    monkeypatch.setattr("vivocart.web.routes.explore.explore", broken)
    with start(ServerSettings(work_folder=tmp_path, is_warmed=False, runs_jobs=False)) as client:
        found = client.post("/api/v1/explore", json={"arms": [{"product": "HN2301", "dose": 4}]})
    assert found.status_code == 500 and found.json()["error"]["kind"] == "fault"
    assert "61.3" not in found.text and "61.3" not in caplog.text and "RuntimeError" in caplog.text
