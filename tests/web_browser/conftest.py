"""A real browser on a real server, both started once a test process."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the package playwright"
)

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--process-per-site",
]  # fmt: skip
WAIT_MS = 20_000
_ROW = {
    "study": "HN2301",
    "arm": "all",
    "measure": "car_percent_peak",
    "label": "Highest <CAR+> share",
    "unit": "%",
    "statistic": "maximum",
    "observed": "60 % (largest of 5)",
    "observed_value": 60.0,
    "observed_lower": None,
    "observed_upper": None,
    "predicted": "58 (42 to 75)",
    "predicted_median": 58.0,
    "low90": 42.0,
    "high90": 75.0,
    "is_inside": True,
    "record_id": "wang2025",
    "citation": "Wang 2025",
    "note": "a note",
    "trust": "secondary",
    "status": "in view",
}
CREDIBILITY = {
    "state": "done",
    "table": [_ROW, _ROW | {"status": "held out", "is_inside": False, "observed_value": 90.0}],
    "note": "No test.",
    "model_hash": "a" * 64,
    "status_words": {
        "in view": "in view when the constants were set by hand",
        "held out": "left out of the fit",
    },
    "coverage": [
        {
            "status": "in view",
            "level": 0.9,
            "n": 1,
            "n_inside": 1,
            "low": 1,
            "high": 1,
            "share": 1.0,
            "is_plausible": True,
        }
    ],
}
"""The real table takes minutes of a machine; its page is the same."""
WORDS = "from vivocart.cli.main import main; main()"


def chromium() -> str | None:
    """Where the browser is: ``VIVOCART_CHROMIUM``, or Debian's."""
    named = os.environ.get("VIVOCART_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    return named if Path(named).is_file() else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``vivocart serve`` as a process of its own, so that a test may kill it."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        command = [sys.executable, "-c", WORDS, "serve", "--port", str(self.port), "--no-open"]
        self.process = subprocess.Popen(
            [*command, "--work-folder", str(self.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError((self.process.stderr.read() if self.process.stderr else b"").decode())
            health = f"{self.address}/api/v1/health"
            with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=5):
                return self
            time.sleep(0.1)
        raise RuntimeError("the server did not start within a minute")

    def end(self, *, at_once: bool = False) -> None:
        if self.process is None:
            return
        self.process.kill() if at_once else self.process.terminate()
        self.process.wait(timeout=20)
        if self.process.stderr:
            self.process.stderr.close()
        self.process = None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("served")).start()
    yield running
    running.end()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    place = chromium()
    if place is None:
        pytest.skip("no Chromium is here: set VIVOCART_CHROMIUM to one")
    os.environ["TMPDIR"] = str(tmp_path_factory.mktemp("profile"))  # the profile is the tests' own
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=place, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def kept_context(browser: Any, server: Server) -> Iterator[Any]:
    """A context whose process and scripts stay: a page in it opens in half the time of one in a context of its own."""
    context = browser.new_context(accept_downloads=True)
    context.new_page().goto(f"{server.address}/static/icon.svg")
    yield context
    context.close()


@pytest.fixture
def open_page(browser: Any, kept_context: Any, server: Server) -> Generator[Callable[..., Any]]:
    """Opens a page at a path; at the end of the test it must have met no error and asked nobody else."""
    contexts: list[Any] = []
    pages: list[Any] = []
    faults: list[str] = []

    def opened(path: str = "/", *, width: int = 1440, height: int = 900, at: str = "", **options: Any) -> Any:
        context = kept_context
        if options or at:
            context = browser.new_context(accept_downloads=True, **options)
            contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.route("**/api/v1/credibility", lambda route: route.fulfill(json=CREDIBILITY))
        page.set_default_timeout(WAIT_MS)
        address = at or server.address
        page.wait_for_function = functools.partial(_until, page)
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None,
        )
        page.on("request", lambda asked: faults.append(asked.url) if not _own(asked.url, address) else None)
        page.goto(f"{address}{path}")
        if path.startswith(("/#", "/?")) or path == "/":
            page.wait_for_selector("#chart-cytokines .scatterlayer .trace")
        return page

    yield opened
    for page in pages:
        page.close()
    for context in contexts:
        context.close()
    kept_context.pages[0].evaluate("localStorage.clear()")  # no test finds what another one set
    kept_context.clear_cookies()
    assert faults == []


def _until(page: Any, expression: str) -> None:
    """Waits for an expression to be true; Playwright's own wait evaluates text inside the page, which the policy forbids."""
    until = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(f"Boolean({expression})"):
        if time.monotonic() > until:
            raise AssertionError(f"never true: {expression}")
        page.wait_for_timeout(25)


def _own(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))


@pytest.fixture
def new_server(tmp_path: Path) -> Generator[Callable[[], Server]]:
    """Starts servers that a test may kill; those that still run end with it."""
    started: list[Server] = []

    def start() -> Server:
        started.append(Server(tmp_path / str(len(started))).start())
        return started[-1]

    yield start
    for one in started:
        one.end(at_once=True)


@pytest.fixture
def answered() -> Callable[..., Any]:
    """Does something on a page and gives the answer of the server to the request that follows."""

    def wait(page: Any, action: Callable[[], Any], path: str = "/api/v1/explore") -> Any:
        with page.expect_response(
            lambda found: path in found.url and found.request.method == "POST"
        ) as caught:
            action()
        response = caught.value
        assert response.ok, response.text()
        return response

    return wait
