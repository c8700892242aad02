"""What a server is started with, and the limits that it keeps."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import platformdirs

WORK_FOLDER_VARIABLE = "VIVOCART_WORK_DIR"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest that a request may ask for; above it the answer is a 4xx that says so."""

    body_bytes: int = 256 * 1024
    upload_bytes: int = 4 * 1024 * 1024
    uploads: int = 200
    upload_observations: int = 500
    upload_rows: int = 50_000  # of individual data
    arms: int = 4
    explore_patients: int = 10_000
    explore_patient_arms: int = 20_000  # patients times arms of one answer; more is a job
    quick_patients: int = 2_500  # up to so many patients times arms an answer counts as quick
    population_patients: int = 100_000
    heat_map_cells: int = 144
    heat_map_patients: int = 2_000
    days: float = 730.0
    infusions: int = 60
    queued_jobs: int = 20
    kept_jobs: int = 200
    waiting_solves: int = 100
    event_streams: int = 100


LIMITS = Limits()


def default_work_folder() -> Path:
    """Where a server keeps its jobs: the user's data folder, or what ``VIVOCART_WORK_DIR`` names."""
    named = os.environ.get(WORK_FOLDER_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_path("vivocart")) / "server"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Address, token and folder of one server.

    Parameters
    ----------
    host, port
        Where it listens. Any address but a loopback one demands a token.
    token
        Secret that every request must carry; none on a loopback address.
    work_folder
        The only folder that the server writes into: jobs, uploads, library.
    library
        Evidence library to search; one in the work folder, begun with the shipped records, if left out.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str = field(default="", repr=False)
    work_folder: Path = field(default_factory=default_work_folder)
    library: Path | None = None
    is_warmed: bool = True
    runs_jobs: bool = True

    @property
    def library_path(self) -> Path:
        """The evidence library's file."""
        return self.library if self.library is not None else self.work_folder / "library.sqlite"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
