"""The explorer's own routes: what there is to choose, an exploration, one patient."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import APIRouter, Request, Response

from vivocart.scenarios.explore import explore
from vivocart.scenarios.explore_patient import explore_patient
from vivocart.web.answers import explore_data, patient_data, to_json
from vivocart.web.asked import asked_for
from vivocart.web.catalog import catalog_data
from vivocart.web.requests import ExploreRequest, PatientRequest
from vivocart.web.settings import LIMITS
from vivocart.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["explorer"])
_JSON = "application/json"


@router.get("/catalog")
def catalog() -> Response:
    """Products, patient types, charts, endpoints and limits: what the knobs can be turned to."""
    return Response(to_json(catalog_data()), media_type=_JSON)


@router.get("/health")
def health(request: Request) -> dict[str, Any]:
    """Whether the first answers will be quick, and how much waits."""
    state = state_of(request)
    return {
        "ready": state.is_ready,
        "warming": list(state.warming),
        "waiting": state.solver.waiting,
        "jobs_running": sum(job.state == "running" for job in state.jobs.jobs()),
    }


@router.post("/explore")
async def explore_route(request: Request, body: ExploreRequest) -> Response:
    """Bands, SLEDAI-2K items, endpoints and CRS of up to four therapies in the same virtual patients.

    Times are days after the first infusion. Null means not reached or does not apply; it never means zero.
    """
    data, milliseconds = await explored(request, body)
    return Response(
        data, media_type=_JSON, headers={"Server-Timing": f"solve;dur={milliseconds:.1f}", **_model_header()}
    )


async def explored(request: Request, body: ExploreRequest) -> tuple[bytes, float]:
    """The JSON of an exploration, kept for those who ask the same, and the milliseconds it took."""
    state = state_of(request)

    def compute(threads: int) -> bytes:
        import time

        begun = time.perf_counter()
        asked = asked_for(
            body,
            body.arms,
            n_patients=body.n_patients,
            patients=state.patients(body),
            posterior=state.posterior(body),
        )
        answer = explore(asked, threads=threads)
        return to_json(explore_data(answer, server_ms=1000 * (time.perf_counter() - begun)))

    key = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    is_large = body.n_patients * len(body.arms) > LIMITS.quick_patients
    return await state.solver.answer(key, compute, request.is_disconnected, is_large=is_large)


@router.post("/patient")
async def patient_route(request: Request, body: PatientRequest) -> Response:
    """One virtual patient under one therapy: course, items by visit, covariates, own parameters."""
    state = state_of(request)

    def compute(_threads: int) -> bytes:
        asked = asked_for(
            body, [body.arm], n_patients=1, patients=state.patients(body), posterior=state.posterior(body)
        )
        return to_json(patient_data(explore_patient(asked, body.patient)))

    data, milliseconds = await state.solver.run(compute, request.is_disconnected)
    return Response(
        data, media_type=_JSON, headers={"Server-Timing": f"solve;dur={milliseconds:.1f}", **_model_header()}
    )


def _model_header() -> dict[str, str]:
    from vivocart.model.load import load_model

    return {"X-Model-Hash": load_model().hash}
