"""How quickly the explorer's API answers: ``python benchmarks/explorer.py [--seconds 10] [--json]``.

Two loads on a server of its own, on this machine, by HTTP:

- one user who moves a slider: every request has a dose that was not asked for before, one after the other;
- fifty users at once, each of whom moves a slider, looks at the charts for a while, and moves it again.

Server time is what the server itself measures from the parsed request to the bytes of the answer; the whole time is from the
client's side. No answer comes from the cache of identical requests unless it is said.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np

REQUEST = {
    "patient_type": "refractory",
    "days": 180,
    "n_patients": 500,
    "seed": 1,
    "tocilizumab": True,
}
USERS = 50
LOOKS_SECONDS = (2.0, 6.0)  # how long a user looks at the charts before the next turn, uniformly


def body(dose: float) -> dict[str, object]:
    arm = {"product": "HN2301", "dose": round(dose, 6), "infusions": 3, "interval_days": 3}
    return {**REQUEST, "arms": [arm]}


def started() -> tuple[subprocess.Popen[str], str]:
    folder = tempfile.mkdtemp(prefix="vivocart-benchmark-")
    command = [
        str(Path(sys.executable).with_name("vivocart")),
        *("serve", "--no-open", "--port", "0", "--work-folder", folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found is not None
    return process, found[0].rstrip("/")


def wait_until_warm(address: str, products: int) -> None:
    while True:
        health = httpx.get(f"{address}/api/v1/health", timeout=60, trust_env=False).json()
        if health["ready"] and len(health["warming"]) >= products:
            time.sleep(2)  # the last product may still compile
            return
        time.sleep(0.2)


def quantiles(milliseconds: list[float]) -> dict[str, float]:
    values = np.array(milliseconds)
    return {name: round(float(np.quantile(values, q)), 1) for name, q in (("p50", 0.5), ("p95", 0.95))} | {
        "n": len(values),
        "max": round(float(values.max()), 1),
    }


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used, where the system tells it; missing elsewhere."""
    place = Path(f"/proc/{pid}/stat")
    if not place.is_file():
        return float("nan")
    fields = place.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_user(address: str, seconds: float, pid: int) -> dict[str, object]:
    whole: list[float] = []
    server: list[float] = []
    end = time.monotonic() + seconds
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        for turn in range(5):
            client.post("/api/v1/explore", json=body(1 + turn / 10))
        dose, used = 2.0, processor_seconds(pid)
        while time.monotonic() < end:
            dose += 0.001
            begun = time.perf_counter()
            answer = client.post("/api/v1/explore", json=body(dose))
            whole.append(1000 * (time.perf_counter() - begun))
            answer.raise_for_status()
            server.append(float(answer.json()["server_ms"]))
        size = len(answer.content)
        used = 1000 * (processor_seconds(pid) - used) / len(server)
    return {
        "server_ms": quantiles(server),
        "whole_ms": quantiles(whole),
        "processor_ms_per_answer": round(used, 1),
        "answer_bytes": size,
    }


def many_users(address: str, seconds: float, *, is_repeated: bool) -> dict[str, object]:
    whole: list[float] = []
    errors: list[str] = []
    end = time.monotonic() + seconds
    lock = threading.Lock()

    def user(number: int) -> None:
        chance = random.Random(number)
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            time.sleep(chance.uniform(0, LOOKS_SECONDS[1]))
            while time.monotonic() < end:
                dose = chance.choice((1, 2, 3, 4, 5, 6)) if is_repeated else chance.uniform(0.5, 8)
                begun = time.perf_counter()
                try:
                    answer = client.post("/api/v1/explore", json=body(dose))
                    taken = 1000 * (time.perf_counter() - begun)
                    with lock:
                        whole.append(taken)
                        if answer.status_code != 200:
                            errors.append(answer.text[:200])
                except httpx.HTTPError as error:
                    errors.append(repr(error))
                time.sleep(chance.uniform(*LOOKS_SECONDS))

    threads = [threading.Thread(target=user, args=(number,)) for number in range(USERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"whole_ms": quantiles(whole), "errors": len(errors), "per_second": round(len(whole) / seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    process, address = started()
    try:
        products = len(httpx.get(f"{address}/api/v1/catalog", timeout=60, trust_env=False).json()["products"])
        wait_until_warm(address, products)
        looks = f"looking {LOOKS_SECONDS[0]:g} to {LOOKS_SECONDS[1]:g} s between turns"
        found = {
            "machine": f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start",
            "one user, 500 patients, a new dose each time": one_user(address, asked.seconds, process.pid),
            f"{USERS} users, {looks}, new doses": many_users(address, asked.seconds, is_repeated=False),
            f"{USERS} users, {looks}, six doses": many_users(address, asked.seconds, is_repeated=True),
        }
    finally:
        process.terminate()
        process.wait(timeout=20)
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    for name, numbers in found.items():
        print(f"{name}: {numbers}")


if __name__ == "__main__":
    main()
