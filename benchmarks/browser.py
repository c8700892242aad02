"""A server and a Chromium of one's own, for what is measured in a browser and for the pictures of the pages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_SECONDS = 180
_WORDS = "from vivocart.cli.main import main; main()"


def chromium() -> str:
    """Where the browser is: ``VIVOCART_CHROMIUM``, or Debian's."""
    return os.environ.get("VIVOCART_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


@contextmanager
def served(folder: str) -> Iterator[str]:
    """The address of a server that runs while the block does, warmed up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        _WORDS,
        "serve",
        "--port",
        str(port),
        "--no-open",
        "--work-folder",
        folder,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                raise SystemExit("the server ended before it answered")
            with suppress(OSError), urllib.request.urlopen(f"{address}/api/v1/health", timeout=5) as answer:
                if json.load(answer)["ready"]:
                    break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)
