"""A real server on a free port of this machine, shared by the tests of a file."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from vivocart.web.app import create_app
from vivocart.web.serve import server_config
from vivocart.web.settings import ServerSettings


@contextmanager
def running(settings: ServerSettings) -> Generator[httpx.Client]:
    """A client of a server with these settings; the server ends with the block."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(create_app(settings)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


@pytest.fixture(scope="session")
def start() -> Callable[[ServerSettings], Any]:
    """Start a server of one's own: ``with start(settings) as client``."""
    return running


@pytest.fixture(scope="session")
def wait() -> Callable[..., Any]:
    """Wait until something is true: ``wait(lambda: ...)``."""
    return wait_for


@pytest.fixture(scope="module")
def work_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def client(work_folder: Path) -> Generator[httpx.Client]:
    with running(ServerSettings(work_folder=work_folder, is_warmed=False)) as found:
        yield found


def wait_for(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What ``condition`` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")
