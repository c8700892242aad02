"""What all requests of one server share: its solver, its jobs, its uploads, and how far it has warmed up."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from vivocart.web.job_files import job_posterior
from vivocart.web.jobs import JobQueue
from vivocart.web.settings import ServerSettings
from vivocart.web.solving import Solver
from vivocart.web.uploads import Uploads

if TYPE_CHECKING:
    from fastapi import Request

    from vivocart.patients.population import VirtualPopulation
    from vivocart.web.requests import PatientsRequest


@final
class ServerState:
    """Made once a server; reached through :func:`state_of`."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.solver = Solver()
        self.jobs = JobQueue(settings.work_folder / "jobs")
        self.uploads = Uploads(settings.work_folder / "uploads")
        self.warming: list[str] = []
        self.streams = 0
        self.is_ready = not settings.is_warmed
        self.is_closing = threading.Event()

    def patients(self, request: PatientsRequest) -> VirtualPopulation | None:
        """The user's own patients that a request names, if it names any."""
        return None if request.patients is None else self.uploads.patients(request.patients)

    def posterior(self, request: PatientsRequest) -> Path | None:
        """The posterior of the calibration job that a request names as its population, if it names one."""
        return job_posterior(self.settings.work_folder / "jobs", request.population or "")

    def start(self) -> None:
        """Begin with what the work folder holds, and warm up in the background."""
        if self.settings.runs_jobs:
            self.jobs.start()
        if self.settings.is_warmed:
            threading.Thread(target=self._warm, name="warm-up", daemon=True).start()

    def close(self) -> None:
        """Stop the worker and the threads; what is queued stays queued."""
        self.is_closing.set()
        self.jobs.close()
        self.solver.close()

    def _warm(self) -> None:
        try:
            for product, call in warm_up_calls():
                if self.is_closing.is_set():
                    return
                self.warming.append(product)
                call()
                self.is_ready = True  # the first product is the one that the page begins with
        except Exception:  # a request that needs it says what is wrong; the server need not die of it
            from vivocart.web.errors import log

            log.warning("the warm-up stopped at %s", self.warming[-1] if self.warming else "its start")
        self.is_ready = True


def warm_up_calls() -> list[tuple[str, Callable[[], Any]]]:
    """For each product that the explorer offers a call that compiles what its first request would wait for."""
    from vivocart.scenarios.explorer import explored_products

    return [(product.id, functools.partial(_warm_product, product.id)) for product in explored_products()]


def _warm_product(product_id: str) -> None:
    from vivocart.scenarios.explore import Arm, Asked, explore
    from vivocart.scenarios.explore_draws import default_population, population_draws
    from vivocart.scenarios.explorer import explorer_settings, knobs_of
    from vivocart.therapies.product import find_product
    from vivocart.therapies.regimen import Regimen

    product = find_product(product_id)
    knobs = knobs_of(product)
    regimen = Regimen(product, dose=knobs.dose, infusions=knobs.infusions, interval_days=knobs.interval_days)
    for tocilizumab in (True, False):
        explore(
            Asked(
                arms=(Arm(label=product_id, regimen=regimen),),
                patient_type=explorer_settings().patient_types[0].id,
                days=180.0,
                n_patients=500,
                seed=1,
                tocilizumab=tocilizumab,
                draws=population_draws(default_population()),
                population=default_population(),
            )
        )


def state_of(request: Request) -> ServerState:
    """The state of the server that answers this request."""
    return request.app.state.server


def lock_folder(folder: Path) -> Any:
    """An open lock on a work folder, so that two servers do not run the same jobs; nothing where locks are not known.

    Raises
    ------
    InputError
        If another server has it.
    """
    from vivocart.ground.errors import InputError

    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        return None
    handle = (folder / "lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise InputError(
            "another server works in this folder", where=str(folder), mend="stop it, or give --work-folder"
        ) from None
    return handle
