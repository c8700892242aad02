"""Jobs as files in the work folder, so that they survive a page, a server and a power cut.

One folder a job: ``job.json`` (what was asked and how far it is) and, at its end, ``result.json``. Each file is replaced in
one step and is whole at every moment.
"""

from __future__ import annotations

import datetime
import json
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "failed", "cancelled"})

_ID = re.compile(r"[0-9a-f]{16}")
_JOB, RESULT, POSTERIOR = "job.json", "result.json", "posterior.nc"


@final
class Job(BaseModel):
    """One job as its file has it.

    ``progress`` is from 0 to 1; ``note`` says what happened that the caller did not ask for, such as a server that stopped;
    ``attempts`` counts how often a worker began.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    kind: str
    label: str = ""
    state: State = "queued"
    progress: float = Field(default=0.0, ge=0, le=1)
    message: str = ""
    note: str = ""
    created: str = ""
    finished: str = ""
    attempts: int = 0
    request: dict[str, Any] = Field(default_factory=dict)
    error: dict[str, str] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    def changed(self, **values: Any) -> Job:
        """The job with some fields changed."""
        return self.model_copy(update=values)


def is_job_id(text: str) -> bool:
    """Whether a text can be the name of a job's folder."""
    return _ID.fullmatch(text) is not None


def new_job(kind: str, label: str, request: Mapping[str, Any]) -> Job:
    """A queued job under a new id."""
    return Job(
        id=secrets.token_hex(8), kind=kind, label=label, message="waits", created=now(), request=dict(request)
    )


def now() -> str:
    """The present moment, in UTC, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def write_job(folder: Path, job: Job) -> None:
    """Put a job's file in its place."""
    own = folder / job.id
    own.mkdir(parents=True, exist_ok=True)
    write_whole(own / _JOB, job.model_dump_json().encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    part.write_bytes(data)
    part.replace(path)


def read_job(folder: Path) -> Job | None:
    """The job of a folder; nothing if there is none or its file cannot be read."""
    try:
        job = Job.model_validate_json((folder / _JOB).read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return None
    return job if job.id == folder.name else None


def read_jobs(folder: Path) -> list[Job]:
    """Every job of the work folder, the oldest first."""
    if not folder.is_dir():
        return []
    found = (read_job(entry) for entry in folder.iterdir() if is_job_id(entry.name))
    return sorted((job for job in found if job is not None), key=lambda job: (job.created, job.id))


def result_path(folder: Path, job_id: str) -> Path:
    """Where the result of a job lies once it is done."""
    return folder / job_id / RESULT


def job_posterior(folder: Path, job_id: str) -> Path | None:
    """The posterior that a calibration job left; nothing if the id is that of no such job."""
    if not is_job_id(job_id):
        return None
    path = folder / job_id / POSTERIOR
    return path if path.is_file() else None


def remove_job(folder: Path, job_id: str) -> None:
    """Remove a job with all that it wrote."""
    if is_job_id(job_id):
        shutil.rmtree(folder / job_id, ignore_errors=True)
