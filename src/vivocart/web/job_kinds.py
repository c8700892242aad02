"""What each kind of job does, in its own process: a function from the request to plain data for JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vivocart.ground.errors import InputError
from vivocart.patients.population import VirtualPopulation
from vivocart.web.answers import explore_data, heat_map_data
from vivocart.web.asked import asked_for, shipped_product
from vivocart.web.job_files import Job
from vivocart.web.requests import (
    ArmRequest,
    CalibrationJob,
    CredibilityJob,
    HeatMapJob,
    JobRequest,
    PatientsRequest,
    PopulationJob,
)
from vivocart.web.uploads import Uploads

Teller = Callable[[float, str], None]

_READER: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)


def read_request(data: dict[str, Any]) -> JobRequest:
    """The request of a job's file.

    Raises
    ------
    InputError
        If another version of this software wrote it and it cannot be read any more.
    """
    try:
        return _READER.validate_python(data)
    except ValidationError as error:
        raise InputError("the job's request cannot be read", where="job", mend="ask again") from error


def do_job(job: Job, folder: Path, tell: Teller) -> dict[str, Any]:
    """The result of a job.

    Parameters
    ----------
    folder
        The job's own folder; uploads lie beside the folder of all jobs.
    tell
        Called with the share done and a few words.
    """
    request = read_request(job.request)
    uploads = Uploads(folder.parent.parent / "uploads")
    if isinstance(request, PopulationJob):
        return _population(request, uploads, tell)
    if isinstance(request, HeatMapJob):
        return _heat_map(request, uploads, tell)
    if isinstance(request, CredibilityJob):
        return _credibility(request, tell)
    return _calibration(request, tell)


def _own_patients(request: PatientsRequest, uploads: Uploads) -> VirtualPopulation | None:
    return None if request.patients is None else uploads.patients(request.patients)


def _population(request: PopulationJob, uploads: Uploads, tell: Teller) -> dict[str, Any]:
    from vivocart.scenarios.explore import explore
    from vivocart.scenarios.explore_population import explore_population

    wanted = request.explore
    patients = _own_patients(wanted, uploads)
    asked = asked_for(wanted, wanted.arms, n_patients=wanted.n_patients, patients=patients)
    if patients is not None:
        return explore_data(explore(asked))
    done = explore_population(asked, on_progress=_of(tell, "patients"))
    return explore_data(done)


def _heat_map(request: HeatMapJob, uploads: Uploads, tell: Teller) -> dict[str, Any]:
    from vivocart.scenarios.heat_map import heat_map

    product = shipped_product(request.product)
    first = ArmRequest(product=request.product, dose=request.doses[0])
    asked = asked_for(
        request, [first], n_patients=request.n_patients, patients=_own_patients(request, uploads)
    )
    result = heat_map(
        asked,
        product=product.id,
        infusions=request.infusions,
        doses=request.doses,
        intervals=request.intervals,
        on_progress=_of(tell, "pairs of dose and interval"),
    )
    return heat_map_data(result)


def _credibility(request: CredibilityJob, tell: Teller) -> dict[str, Any]:
    from vivocart.web.credibility import credibility_data

    return credibility_data(request.study, on_progress=_of(tell, "virtual patients"))


def _calibration(request: CalibrationJob, _tell: Teller) -> dict[str, Any]:
    raise InputError("no calibration runs from here yet", where=request.kind, mend="run `vivocart calibrate`")


def _of(tell: Teller, what: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(done / max(total, 1), f"{done:,} of {total:,} {what}")
