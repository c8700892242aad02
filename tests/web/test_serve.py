"""The command: one line to start, Ctrl-C to end, the port free again."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from vivocart.ground.errors import InputError
from vivocart.web.serve import page_address, serve
from vivocart.web.settings import ServerSettings, default_work_folder
from vivocart.web.state import lock_folder

COMMAND = [str(Path(sys.executable).with_name("vivocart")), "serve", "--no-open", "--work-folder"]


@pytest.fixture
def begun(tmp_path: Path) -> Generator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*COMMAND, str(tmp_path), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, line
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def test_ctrl_c_ends_it_cleanly_and_frees_the_port(begun: tuple[subprocess.Popen[str], str]):
    process, line = begun
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
    assert found, line
    assert httpx.get(f"{found[0]}api/v1/health", trust_env=False, timeout=30).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert process.stdout is not None
    said = process.stdout.read()
    assert "research, not for treatment decisions" in said and "Stopped" in said and "Traceback" not in said
    with socket.socket() as again:
        again.bind(("127.0.0.1", int(found[1])))


def test_a_second_server_in_the_same_folder_is_refused(tmp_path: Path):
    lock = lock_folder(tmp_path)
    done = subprocess.run(
        [*COMMAND, str(tmp_path), "--port", "0"], capture_output=True, text=True, check=False, timeout=60
    )
    lock.close()
    assert done.returncode == 2 and "another server" in done.stderr


def test_an_address_that_is_not_ours_is_not_the_port_s_fault(tmp_path: Path):
    settings = ServerSettings(host="203.0.113.7", port=0, token="x" * 20, work_folder=tmp_path)
    with pytest.raises(InputError, match=r"--host: 203\.0\.113\.7 is no address of this machine"):
        serve(settings, say=print)


def test_a_port_in_use_is_refused_with_the_mend(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ServerSettings(port=taken.getsockname()[1], work_folder=tmp_path)
        with pytest.raises(InputError, match="--port 0"):
            serve(settings, say=lambda _: None)


def test_an_address_for_others_needs_a_token(tmp_path: Path):
    with pytest.raises(InputError, match="token"):
        serve(ServerSettings(host="0.0.0.0", work_folder=tmp_path), say=lambda _: None)


def test_the_printed_address_can_be_opened():
    assert page_address(ServerSettings(), 8765) == "http://127.0.0.1:8765/"
    assert page_address(ServerSettings(host="::1"), 1) == "http://[::1]:1/"
    assert page_address(ServerSettings(host="10.0.0.2", token="abc"), 1) == "http://10.0.0.2:1/?token=abc"
    assert "0.0.0.0" not in page_address(ServerSettings(host="0.0.0.0", token="abc"), 1)
    assert "abc" not in repr(ServerSettings(token="abc"))


def test_the_work_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("VIVOCART_WORK_DIR", str(tmp_path))
    assert default_work_folder() == tmp_path


def test_a_server_that_is_killed_takes_its_worker_along_and_the_next_goes_on(
    tmp_path: Path, wait: Callable[..., Any]
):
    first, address = _started(tmp_path)
    body = {
        "kind": "population",
        "explore": {"arms": [{"product": "HN2301", "dose": 4}], "n_patients": 100_000},
    }
    job_id = httpx.post(f"{address}/api/v1/jobs", json=body, trust_env=False, timeout=60).json()["id"]
    job = f"{address}/api/v1/jobs/{job_id}"
    wait(lambda: httpx.get(job, trust_env=False, timeout=60).json()["progress"] > 0)
    (worker,) = _children(first.pid)
    first.kill()
    first.wait()
    wait(lambda: not Path(f"/proc/{worker}").exists())
    second, address = _started(tmp_path)
    found = httpx.get(f"{address}/api/v1/jobs/{job_id}", trust_env=False, timeout=60).json()
    gone = httpx.delete(f"{address}/api/v1/jobs/{job_id}", trust_env=False, timeout=60).json()
    second.kill()
    second.wait()
    for process in (first, second):
        assert process.stdout is not None
        process.stdout.close()
    assert found["state"] in ("queued", "running") and "server stopped" in found["note"]
    assert gone["state"] == "cancelled"


def _started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([*COMMAND, str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found is not None
    return process, found[0]


def _children(pid: int) -> list[int]:
    place = Path(f"/proc/{pid}/task")
    if not place.is_dir():
        pytest.skip("this system does not tell the children of a process")
    return [int(child) for task in place.iterdir() for child in (task / "children").read_text().split()]
