"""The queue of jobs: one worker process for short ones and one for long ones, started, watched, cancelled, begun again."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, final

from vivocart.ground.errors import UnknownNameError
from vivocart.web.errors import RefusedError
from vivocart.web.job_files import (
    ENDED,
    Job,
    new_job,
    now,
    read_jobs,
    remove_job,
    result_path,
    write_job,
)
from vivocart.web.settings import LIMITS

log = logging.getLogger("vivocart.web")

_LONG_KINDS = frozenset({"calibration", "credibility"})
_MOST_ATTEMPTS = 3
_INTERRUPTED = "a server stopped while it ran; it was begun again"
_GIVEN_UP = "its worker was stopped from outside three times"


def is_long(job: Job) -> bool:
    """Whether a job may take minutes, so that short ones must not wait behind it."""
    if job.kind != "population":
        return job.kind in _LONG_KINDS
    asked = job.request.get("explore", {})
    return asked.get("n_patients", 0) * len(asked.get("arms", ())) > LIMITS.explore_patient_arms


@final
class JobQueue:
    """All jobs of a work folder; safe to be called from any thread.

    There are two workers: long jobs are done one after the other in the order in which they came, short ones beside them.

    Parameters
    ----------
    folder
        Where jobs lie; made if it is missing.
    command
        Words of the worker's command line, to which the job's folder is added.
    """

    def __init__(self, folder: Path, *, command: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._command = command or (sys.executable, "-m", "vivocart.web.job_worker")
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        # the running job of the worker for short ones (False) and for long ones (True)
        self._running: dict[bool, tuple[str, subprocess.Popen[str]]] = {}
        self._is_closing = False
        self._threads = [
            threading.Thread(target=self._work, args=(takes_long,), name="jobs", daemon=True)
            for takes_long in (False, True)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        for job in read_jobs(folder):
            self._jobs[job.id] = job
            if job.state == "running":
                self._set(job.changed(state="queued", progress=0.0, message="waits", note=_INTERRUPTED))

    def start(self) -> None:
        """Begin to work on what is queued."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop the workers; their jobs go back to the queue and begin again with the next server."""
        with self._changed:
            self._is_closing = True
            processes = [process for _, process in self._running.values()]
            self._changed.notify_all()
        for process in processes:
            _end(process)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def jobs(self) -> list[Job]:
        """Every job, the newest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: (job.created, job.id), reverse=True)

    def job(self, job_id: str) -> Job:
        """One job.

        Raises
        ------
        UnknownNameError
            If there is none of that id.
        """
        with self._changed:
            if job_id not in self._jobs:
                raise UnknownNameError("job", job_id, ())
            return self._jobs[job_id]

    def add(self, kind: str, label: str, request: dict[str, Any]) -> Job:
        """A new job at the end of the queue.

        Raises
        ------
        RefusedError
            429 if the queue is full.
        """
        with self._changed:
            waiting = sum(not job.has_ended for job in self._jobs.values())
            if waiting >= LIMITS.queued_jobs:
                raise RefusedError(
                    429,
                    "queue_full",
                    f"{waiting} jobs wait or run already",
                    mend="wait for one to end, or cancel one",
                    retry_after=10,
                )
            job = new_job(kind, label, request)
            self._set(job)
            self._drop_oldest()
            self._changed.notify_all()
            return job

    def cancel(self, job_id: str) -> Job:
        """The job, cancelled if it had not ended; one that had ended is removed with its result.

        Raises
        ------
        UnknownNameError
            If there is none of that id.
        """
        job = self.job(job_id)
        with self._changed:
            job = self._jobs[job_id]
            if job.has_ended:
                del self._jobs[job_id]
                remove_job(self._folder, job_id)
                return job
            job = job.changed(state="cancelled", message="cancelled", finished=now())
            self._set(job)
            processes = [process for running_id, process in self._running.values() if running_id == job_id]
            self._changed.notify_all()
        for process in processes:
            _end(process)
        return job

    def result(self, job_id: str) -> bytes:
        """The JSON that a job left.

        Raises
        ------
        UnknownNameError
            If there is no such job.
        RefusedError
            409 if it has not ended, or left no result.
        """
        job = self.job(job_id)
        if job.state != "done":
            raise RefusedError(409, "no_result", f"the job is {job.state}", mend=job.message)
        try:
            return result_path(self._folder, job_id).read_bytes()
        except OSError:
            raise RefusedError(409, "no_result", "its result was removed", mend="ask for it again") from None

    def has_free_place(self) -> bool:
        """Whether another job may be queued."""
        with self._changed:
            return sum(not job.has_ended for job in self._jobs.values()) < LIMITS.queued_jobs

    # -- the threads that watch the workers -------------------------------------------------------------------------

    def _work(self, takes_long: bool) -> None:
        while True:
            with self._changed:
                waiting = [
                    job for job in self._jobs.values() if job.state == "queued" and is_long(job) == takes_long
                ]
                if self._is_closing:
                    return
                if not waiting:
                    self._changed.wait()
                    continue
                job = min(waiting, key=lambda one: (one.created, one.id))
                job = job.changed(state="running", message="begins", attempts=job.attempts + 1)
                self._set(job)
                try:
                    process = self._begin(job)
                except OSError as error:
                    self._set(self._failed(job, f"no worker could be started ({error.strerror})"))
                    continue
                self._running[takes_long] = job.id, process
            self._watch(job.id, process)
            with self._changed:
                self._running.pop(takes_long, None)

    def _begin(self, job: Job) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._command, str(self._folder / job.id)],
            stdin=subprocess.PIPE,  # it closes when this process dies, by whatever cause: the worker then leaves
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def _watch(self, job_id: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        said: dict[str, Any] = {}
        for line in process.stdout:
            try:
                said = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "progress" in said:
                self._progress(job_id, float(said["progress"]), str(said.get("message", "")))
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        with self._changed:
            if job_id in self._jobs:
                self._set(self._after(self._jobs[job_id], code, said))
            self._changed.notify_all()

    def _after(self, job: Job, code: int, said: dict[str, Any]) -> Job:
        """What becomes of a job whose worker has left."""
        if job.has_ended:
            return job
        if code == 0 and result_path(self._folder, job.id).is_file():
            return job.changed(state="done", progress=1.0, message="done", finished=now())
        if isinstance(said.get("error"), dict):
            message = str(said["error"].get("message", "failed"))
            return self._failed(job, message, error={str(k): str(v) for k, v in said["error"].items()})
        again = job.changed(state="queued", progress=0.0, message="waits")
        if self._is_closing:
            return again.changed(note=_INTERRUPTED, attempts=job.attempts - 1)
        if job.attempts < _MOST_ATTEMPTS:
            return again.changed(note=f"its worker ended with code {code}; it was begun again")
        return self._failed(job, _GIVEN_UP)

    def _failed(self, job: Job, message: str, error: dict[str, str] | None = None) -> Job:
        log.warning("job %s (%s) failed", job.id, job.kind)
        body = error or {"kind": "worker", "message": message, "where": "", "mend": ""}
        return job.changed(state="failed", message=message, error=body, finished=now())

    def _progress(self, job_id: str, share: float, message: str) -> None:
        with self._changed:
            job = self._jobs.get(job_id)
            if job is not None and job.state == "running":
                self._set(job.changed(progress=min(max(share, 0.0), 1.0), message=message))
                self._changed.notify_all()

    def _set(self, job: Job) -> None:
        self._jobs[job.id] = job
        try:
            write_job(self._folder, job)
        except OSError as error:
            log.warning("job %s: its state could not be written (%s)", job.id, error.strerror)

    def _drop_oldest(self) -> None:
        ended = sorted(
            (job for job in self._jobs.values() if job.state in ENDED), key=lambda job: (job.created, job.id)
        )
        for job in ended[: max(0, len(self._jobs) - LIMITS.kept_jobs)]:
            del self._jobs[job.id]
            remove_job(self._folder, job.id)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask a process to leave, and make it."""
    process.terminate()
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        process.kill()
