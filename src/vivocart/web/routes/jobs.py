"""Long work: asked for, watched by server-sent events, cancelled, fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from vivocart.calibration.observations import observations
from vivocart.ground.errors import VivocartError
from vivocart.therapies.product import named_product
from vivocart.trials.protocol import load_study
from vivocart.web.asked import asked_for
from vivocart.web.errors import RefusedError
from vivocart.web.job_files import Job
from vivocart.web.requests import ArmRequest, HeatMapJob, JobRequest, PopulationJob, plain
from vivocart.web.settings import LIMITS
from vivocart.web.state import ServerState, state_of

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
_LOOK_EVERY_SECONDS = 0.2
_SAY_EVERY = 75  # looks without news after which a comment keeps the connection open


@router.post("", status_code=202, response_model=Job)
def begin(request: Request, body: JobRequest) -> Any:
    """Queue a job; 429 if the queue is full. Its id is good for as long as the work folder is."""
    state = state_of(request)
    label = _checked(state, body)
    return state.jobs.add(body.kind, body.label or label, plain(body))


@router.get("", response_model=list[Job])
def jobs(request: Request) -> Any:
    """Every job that is kept, the newest first."""
    return state_of(request).jobs.jobs()


@router.get("/{job_id}", response_model=Job)
def job(request: Request, job_id: JobId) -> Any:
    """One job and how far it is."""
    return state_of(request).jobs.job(job_id)


@router.delete("/{job_id}", response_model=Job)
def cancel(request: Request, job_id: JobId) -> Any:
    """Cancel a job that has not ended; remove one that has."""
    return state_of(request).jobs.cancel(job_id)


@router.get("/{job_id}/result")
def result(request: Request, job_id: JobId) -> Response:
    """What a finished job found; 409 while it has not ended."""
    return Response(state_of(request).jobs.result(job_id), media_type="application/json")


@router.get(
    "/{job_id}/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}}
)
def events(request: Request, job_id: JobId) -> Response:
    """Server-sent events: ``status`` with the job at each change, until it has ended."""
    state = state_of(request)
    state.jobs.job(job_id)
    if state.streams >= LIMITS.event_streams:
        raise RefusedError(
            503, "busy", "too many pages watch jobs", mend="ask for the job itself", retry_after=5
        )
    return StreamingResponse(
        _told(state, job_id, request), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _told(state: ServerState, job_id: str, request: Request) -> AsyncIterator[str]:
    last: Job | None = None
    quiet = 0
    state.streams += 1
    try:
        yield "retry: 1000\n\n"
        while not state.is_closing.is_set() and not await request.is_disconnected():
            try:
                now = state.jobs.job(job_id)
            except VivocartError:
                return
            if now != last:
                last, quiet = now, 0
                yield f"event: status\ndata: {now.model_dump_json()}\n\n"
                if now.has_ended:
                    return
            else:
                quiet += 1
                if quiet % _SAY_EVERY == 0:
                    yield ": still there\n\n"
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
    finally:
        state.streams -= 1


def _checked(state: ServerState, body: JobRequest) -> str:
    """A label for the job, once it is known that it can be done."""
    if isinstance(body, PopulationJob):
        wanted = body.explore
        asked = asked_for(
            wanted,
            wanted.arms,
            n_patients=wanted.n_patients,
            patients=state.patients(wanted),
            posterior=state.posterior(wanted),
        )
        return f"{wanted.n_patients:,} patients: {'; '.join(arm.label for arm in asked.arms)}"[:200]
    if isinstance(body, HeatMapJob):
        product = named_product(body.product)
        for dose in (min(body.doses), max(body.doses)):
            asked_for(
                body,
                [ArmRequest(product=body.product, dose=dose)],
                n_patients=1,
                patients=state.patients(body),
                posterior=state.posterior(body),
            )
        return f"{product.name}: {len(body.doses)} doses at {len(body.intervals)} intervals"
    if body.kind == "credibility" and body.observations is not None:
        state.uploads.observations_path(body.observations)
        return "own observations beside predicted"
    if body.kind == "credibility":
        if body.study.lower() != "all":
            observations(body.study)
        return f"{body.study}: published beside predicted"
    return f"{load_study(body.study).id}: calibration"
