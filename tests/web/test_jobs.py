"""Long work survives what happens to pages and servers."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from vivocart.ground.errors import UnknownNameError
from vivocart.web.errors import RefusedError
from vivocart.web.job_files import new_job, read_jobs, result_path, write_job
from vivocart.web.jobs import JobQueue
from vivocart.web.settings import LIMITS, ServerSettings

ARM = {"product": "HN2301", "dose": 4, "infusions": 3, "interval_days": 3}
HEAT_MAP = {"kind": "heatmap", "doses": [1, 4], "intervals": [2, 3], "n_patients": 20, "days": 90}
Wait = Callable[..., Any]

_WORKER = """
import json, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
what = job["request"].get("what", "done")
print(json.dumps({"progress": 0.5, "message": "half"}), flush=True)
print("no JSON at all", flush=True)
if what == "sleep" and job["attempts"] < 2:
    time.sleep(60)
if what == "error":
    print(json.dumps({"error": {"kind": "input", "message": "a bad dose", "where": "dose", "mend": "less"}}), flush=True)
    sys.exit(3)
if what == "crash":
    sys.exit(9)
(folder / "result.json").write_text("{}")
"""


@pytest.fixture
def queue(tmp_path: Path) -> Any:
    found = _queue(tmp_path)
    found.start()
    yield found
    found.close()


def _queue(folder: Path) -> JobQueue:
    return JobQueue(folder / "jobs", command=(sys.executable, "-c", _WORKER))


def _ended(client: httpx.Client, job_id: str, wait: Wait) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job = client.get(f"/api/v1/jobs/{job_id}").json()
        return job if job["state"] in ("done", "failed", "cancelled") else None

    return wait(look)


def test_a_heat_map_is_told_step_by_step_and_kept(client: httpx.Client, wait: Wait):
    begun = client.post("/api/v1/jobs", json=HEAT_MAP)
    assert begun.status_code == 202
    job_id = begun.json()["id"]
    told: list[dict[str, Any]] = []
    with client.stream("GET", f"/api/v1/jobs/{job_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told += [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    assert told[-1]["state"] == "done" and told[-1]["progress"] == 1
    shares = [job["progress"] for job in told]
    assert shares == sorted(shares)
    result = client.get(f"/api/v1/jobs/{job_id}/result").json()
    depletion = result["values"]["b_cell_depletion_days"]
    assert len(depletion) == 2 and len(depletion[0]) == 2
    assert depletion[0][1] > depletion[0][0]  # more milligrams, longer away
    assert job_id in {job["id"] for job in client.get("/api/v1/jobs").json()}
    assert client.delete(f"/api/v1/jobs/{job_id}").status_code == 200
    assert client.get(f"/api/v1/jobs/{job_id}").status_code == 404


def test_a_population_job_is_an_exploration_of_more(client: httpx.Client, wait: Wait):
    explore = {"arms": [ARM], "n_patients": 50, "days": 60}
    begun = client.post("/api/v1/jobs", json={"kind": "population", "explore": explore}).json()
    assert _ended(client, begun["id"], wait)["state"] == "done"
    large = client.get(f"/api/v1/jobs/{begun['id']}/result").json()["arms"][0]
    small = client.post("/api/v1/explore", json=explore).json()["arms"][0]
    assert large["endpoints"] == small["endpoints"] and large["items"] == small["items"]
    for name, band in small["bands"].items():
        for mine, exact in zip(large["bands"][name]["q50"], band["q50"], strict=True):
            assert mine == pytest.approx(exact, rel=0.006, abs=2e-4)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "nothing"}, 422),
        ({**HEAT_MAP, "doses": [1] * 13, "intervals": [2] * 13}, 422),
        ({**HEAT_MAP, "doses": [4000]}, 422),
        ({**HEAT_MAP, "product": "HN2302"}, 404),
        ({"kind": "population", "explore": {"arms": [ARM], "n_patients": 10**9}}, 422),
        ({"kind": "population", "explore": {"arms": [{**ARM, "interval_days": 100}], "n_patients": 10}}, 422),
        ({"kind": "credibility", "study": "no_study"}, 404),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_before_it_is_queued(
    client: httpx.Client, body: dict[str, Any], status: int
):
    found = client.post("/api/v1/jobs", json=body)
    assert found.status_code == status and found.json()["error"]["message"]


def test_there_is_no_result_before_the_end(client: httpx.Client, wait: Wait):
    explore = {"arms": [ARM], "n_patients": 50_000}
    job_id = client.post("/api/v1/jobs", json={"kind": "population", "explore": explore}).json()["id"]
    assert client.get(f"/api/v1/jobs/{job_id}/result").status_code == 409
    assert client.delete(f"/api/v1/jobs/{job_id}").json()["state"] == "cancelled"
    assert _ended(client, job_id, wait)["state"] == "cancelled"
    assert client.get(f"/api/v1/jobs/{job_id}/result").status_code == 409


def test_a_server_that_stops_leaves_its_jobs_to_the_next(
    start: Callable[[ServerSettings], Any], tmp_path: Path, wait: Wait
):
    settings = ServerSettings(work_folder=tmp_path, is_warmed=False)
    with start(settings) as client:
        body = {**HEAT_MAP, "doses": [1, 2, 3, 4], "intervals": [2, 3, 4], "n_patients": 300}
        job_id = client.post("/api/v1/jobs", json=body).json()["id"]
        wait(lambda: client.get(f"/api/v1/jobs/{job_id}").json()["state"] == "running")
    (left,) = read_jobs(tmp_path / "jobs")
    assert left.state == "queued" and "server stopped" in left.note
    with start(settings) as client:
        job = _ended(client, job_id, wait)
        assert job["state"] == "done" and "server stopped" in job["note"]


def test_a_job_found_running_is_queued_again_and_says_so(tmp_path: Path, wait: Wait):
    job = new_job("heatmap", "left behind", {"what": "done"})
    write_job(tmp_path / "jobs", job.changed(state="running", progress=0.7, attempts=1))
    queue = _queue(tmp_path)
    assert queue.job(job.id).state == "queued" and "server stopped" in queue.job(job.id).note
    queue.start()
    wait(lambda: queue.job(job.id).state == "done")
    queue.close()


def test_jobs_are_done_in_the_order_in_which_they_came(queue: JobQueue, wait: Wait):
    ids = [queue.add("heatmap", str(place), {}).id for place in range(3)]
    wait(lambda: all(queue.job(job_id).state == "done" for job_id in ids))
    finished = [queue.job(job_id).finished for job_id in ids]
    assert finished == sorted(finished)


def test_a_short_job_does_not_wait_behind_long_ones(queue: JobQueue, wait: Wait):
    long = queue.add("credibility", "", {"what": "sleep"}).id
    large = queue.add("population", "", {"explore": {"n_patients": 50_000, "arms": [ARM]}}).id
    wait(lambda: queue.job(long).progress == 0.5)
    short = queue.add("heatmap", "", {}).id
    small = queue.add("population", "", {"explore": {"n_patients": 5_000, "arms": [ARM, ARM]}}).id
    wait(lambda: queue.job(short).state == queue.job(small).state == "done")
    assert (queue.job(long).state, queue.job(large).state) == ("running", "queued")
    queue.cancel(long)
    wait(lambda: queue.job(large).state == "done")


def test_a_queue_that_closes_puts_back_what_both_workers_were_at(tmp_path: Path, wait: Wait):
    queue = _queue(tmp_path)
    queue.start()
    ids = [queue.add(kind, "", {"what": "sleep"}).id for kind in ("calibration", "heatmap")]
    wait(lambda: all(queue.job(job_id).progress == 0.5 for job_id in ids))
    queue.close()
    assert [(job.state, job.attempts) for job in read_jobs(tmp_path / "jobs")] == [("queued", 0)] * 2


def test_an_error_of_the_worker_is_the_error_of_the_job(queue: JobQueue, wait: Wait):
    job_id = queue.add("heatmap", "", {"what": "error"}).id
    wait(lambda: queue.job(job_id).has_ended)
    job = queue.job(job_id)
    assert job.state == "failed" and job.message == "a bad dose" and job.error is not None
    assert job.error["where"] == "dose" and job.attempts == 1


def test_a_worker_that_dies_is_begun_again_but_not_for_ever(queue: JobQueue, wait: Wait):
    job_id = queue.add("heatmap", "", {"what": "crash"}).id
    wait(lambda: queue.job(job_id).has_ended)
    assert queue.job(job_id).state == "failed" and queue.job(job_id).attempts == 3


def test_a_worker_that_is_killed_is_begun_again(queue: JobQueue, wait: Wait):
    job_id = queue.add("heatmap", "", {"what": "sleep"}).id
    wait(lambda: queue.job(job_id).progress == 0.5)
    ((_, process),) = queue._running.values()
    os.kill(process.pid, signal.SIGKILL)
    wait(lambda: queue.job(job_id).state == "done")
    assert "begun again" in queue.job(job_id).note


def test_a_cancelled_worker_ends_and_the_next_job_begins(queue: JobQueue, wait: Wait):
    first, second = queue.add("heatmap", "", {"what": "sleep"}).id, queue.add("heatmap", "", {}).id
    wait(lambda: queue.job(first).progress == 0.5)
    assert queue.cancel(first).state == "cancelled"
    wait(lambda: queue.job(second).state == "done")
    assert queue.job(first).state == "cancelled"


def test_a_waiting_job_is_cancelled_without_ever_beginning(queue: JobQueue, wait: Wait):
    first, second = queue.add("heatmap", "", {"what": "sleep"}).id, queue.add("heatmap", "", {}).id
    queue.cancel(second)
    queue.cancel(first)
    wait(lambda: queue.job(first).has_ended)
    assert queue.job(second).attempts == 0 and queue.job(second).state == "cancelled"


def test_a_full_queue_says_so(tmp_path: Path):
    queue = _queue(tmp_path)  # not started: nothing leaves it
    for _ in range(LIMITS.queued_jobs):
        queue.add("heatmap", "", {})
    with pytest.raises(RefusedError, match="jobs wait") as refused:
        queue.add("heatmap", "", {})
    assert refused.value.status == 429 and refused.value.retry_after > 0


def test_a_torn_file_is_passed_over(tmp_path: Path):
    whole = new_job("heatmap", "", {})
    write_job(tmp_path / "jobs", whole)
    torn = tmp_path / "jobs" / ("0" * 16)
    torn.mkdir()
    (torn / "job.json").write_text('{"id": "0000')
    (tmp_path / "jobs" / "not-a-job").mkdir()
    assert [job.id for job in _queue(tmp_path).jobs()] == [whole.id]


def test_a_result_that_was_removed_is_told(queue: JobQueue, tmp_path: Path, wait: Wait):
    job_id = queue.add("heatmap", "", {}).id
    wait(lambda: queue.job(job_id).state == "done")
    result_path(tmp_path / "jobs", job_id).unlink()
    with pytest.raises(RefusedError, match="removed"):
        queue.result(job_id)
    with pytest.raises(UnknownNameError):
        queue.job("0" * 16)


def test_a_calibration_becomes_a_population(client: httpx.Client, wait: Wait):
    body = {"kind": "calibration", "study": "hn2301", "n_particles": 20, "sweeps": 1}
    begun = client.post("/api/v1/jobs", json=body).json()
    assert _ended(client, begun["id"], wait)["state"] == "done"
    result = client.get(f"/api/v1/jobs/{begun['id']}/result").json()
    assert result["predicted"] and "not validated" in result["note"]
    explore = {"arms": [ARM], "n_patients": 20, "population": result["population"]}
    assert client.post("/api/v1/explore", json=explore).json()["population"] == begun["id"]
