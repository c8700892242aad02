"""Tables and models that a user brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from vivocart.web.state import state_of
from vivocart.web.uploads import Uploads

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

UploadId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


def _body(media_type: str, text: str) -> dict[str, Any]:
    """How the OpenAPI description says that a body is plain text."""
    schema = {"type": "string", "description": text}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


async def _added(request: Request, add: Callable[[Uploads, bytes], dict[str, Any]]) -> dict[str, Any]:
    """What reading a body found, read apart from the requests that others wait for."""
    state, text = state_of(request), await request.body()
    found, _ = await state.solver.run(lambda _threads: add(state.uploads, text))
    return found


@router.post(
    "/patients", status_code=201, openapi_extra=_body("text/csv", "A row a patient; columns as in docs")
)
async def add_patients(request: Request) -> dict[str, Any]:
    """Keep a table of patients (CSV); explorations may then name its id instead of a type of patient."""
    return await _added(request, Uploads.add_patients)


@router.post(
    "/observations",
    status_code=201,
    openapi_extra=_body("text/csv", "A published statistic a row; columns as in docs/your_studies.md"),
)
async def add_observations(request: Request) -> dict[str, Any]:
    """Keep a table of published observations (CSV), which a credibility job may judge; says of each row how it was read."""
    return await _added(request, Uploads.add_observations)


@router.post(
    "/individuals",
    status_code=201,
    openapi_extra=_body("text/csv", "A dose or a measurement a row; columns as NONMEM has them"),
)
async def add_individuals(request: Request) -> dict[str, Any]:
    """Check data of individual patients, as NONMEM reads them, and say what is in them; the command line fits them."""
    return await _added(request, Uploads.add_individuals)


@router.post("/model", status_code=201, openapi_extra=_body("text/plain", "SBML or Antimony"))
async def add_model(request: Request) -> dict[str, Any]:
    """Read a model (SBML or Antimony) and say what is in it and what is wrong with it; nothing of it is executed."""
    return await _added(request, Uploads.add_model)


@router.get("")
def uploads(request: Request) -> list[dict[str, Any]]:
    """What was uploaded, the newest last."""
    return state_of(request).uploads.all()


@router.delete("/{upload_id}", status_code=204)
def remove(request: Request, upload_id: UploadId) -> Response:
    """Remove an upload from the work folder."""
    state = state_of(request)
    state.uploads.remove(upload_id)
    state.solver.forget()
    return Response(status_code=204)
