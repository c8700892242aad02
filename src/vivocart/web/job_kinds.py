"""What each kind of job does, in its own process: a function from the request to plain data for JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vivocart.ground.errors import InputError
from vivocart.patients.population import VirtualPopulation
from vivocart.therapies.product import named_product
from vivocart.web.answers import explore_data, heat_map_data
from vivocart.web.asked import asked_for
from vivocart.web.job_files import POSTERIOR, Job, job_posterior
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
        return _population(request, uploads, folder, tell)
    if isinstance(request, HeatMapJob):
        return _heat_map(request, uploads, folder, tell)
    if isinstance(request, CredibilityJob):
        return _credibility(request, uploads, tell)
    return _calibration(request, folder, tell)


def _own_patients(request: PatientsRequest, uploads: Uploads) -> VirtualPopulation | None:
    return None if request.patients is None else uploads.patients(request.patients)


def _population(request: PopulationJob, uploads: Uploads, folder: Path, tell: Teller) -> dict[str, Any]:
    from vivocart.scenarios.explore import explore
    from vivocart.scenarios.explore_population import explore_population

    wanted = request.explore
    patients = _own_patients(wanted, uploads)
    asked = asked_for(
        wanted,
        wanted.arms,
        n_patients=wanted.n_patients,
        patients=patients,
        posterior=job_posterior(folder.parent, wanted.population or ""),
    )
    if patients is not None:
        return explore_data(explore(asked))
    done = explore_population(asked, on_progress=_of(tell, "patients"))
    return explore_data(done)


def _heat_map(request: HeatMapJob, uploads: Uploads, folder: Path, tell: Teller) -> dict[str, Any]:
    from vivocart.scenarios.heat_map import heat_map

    product = named_product(request.product)
    first = ArmRequest(product=request.product, dose=request.doses[0])
    asked = asked_for(
        request,
        [first],
        n_patients=request.n_patients,
        patients=_own_patients(request, uploads),
        posterior=job_posterior(folder.parent, request.population or ""),
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


def _credibility(request: CredibilityJob, uploads: Uploads, tell: Teller) -> dict[str, Any]:
    from vivocart.web.credibility import credibility_data

    own = None if request.observations is None else uploads.observations_path(request.observations)
    return credibility_data(request.study, own=own, on_progress=_of(tell, "virtual patients"))


def _calibration(request: CalibrationJob, folder: Path, tell: Teller) -> dict[str, Any]:
    """A fit that goes on where a server stopped it; its posterior lies beside the result, for explorations."""
    from vivocart.calibration.insight import contraction, fit_numbers, predicted, scenario_shares
    from vivocart.model.load import load_model
    from vivocart.report.record_page import DISCLAIMER
    from vivocart.scenarios.calibrate import FitProgress, calibrate
    from vivocart.scenarios.summary import records
    from vivocart.trials.protocol import load_study

    checkpoint = folder / "checkpoint.npz"

    def progress(now: FitProgress) -> None:
        tell(0.95 * min(now.temperature, 1.0) ** 0.5, str(now))  # temperatures rise slowly at first

    posterior = calibrate(
        load_study(request.study),
        n_particles=request.n_particles,
        sweeps=request.sweeps,
        seed=request.seed,
        checkpoint=checkpoint,
        resume=checkpoint.is_file(),
        on_progress=progress,
    )
    partial = folder / f".{POSTERIOR}"
    posterior.write(partial)
    partial.replace(folder / POSTERIOR)
    checkpoint.unlink(missing_ok=True)
    return {
        "study": request.study,
        "population": folder.name,
        "command": posterior.command,
        "run": dict(fit_numbers(posterior)),
        "scenarios": {name: records(table) for name, table in scenario_shares(posterior).items()},
        "contraction": records(contraction(posterior, load_model())),
        "predicted": records(predicted(posterior)),
        "held_out": dict(posterior.held_out),
        "note": "Fitted, not validated. Name this job's id as `population` of an exploration to draw patients from it.",
        "model_hash": posterior.provenance.model_hash,
        "disclaimer": DISCLAIMER,
    }


def _of(tell: Teller, what: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(done / max(total, 1), f"{done:,} of {total:,} {what}")
