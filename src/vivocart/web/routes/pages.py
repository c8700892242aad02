"""Pages and the files that they load."""

from __future__ import annotations

import functools
import hashlib

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from vivocart.ground.errors import UnknownNameError, VivocartError
from vivocart.web.errors import RefusedError
from vivocart.web.pages import PAGES, StaticFile, render_page, render_record_page, static_file

router = APIRouter(include_in_schema=False)


def _page(page_id: str) -> HTMLResponse:
    return HTMLResponse(render_page(page_id))


for _entry in PAGES:
    router.add_api_route(_entry.path, functools.partial(_page, _entry.id), methods=["GET"], name=_entry.id)


@router.get("/evidence/records/{name:path}")
def record_page(name: str) -> Response:
    """The page of one record."""
    try:
        return HTMLResponse(render_record_page(name))
    except UnknownNameError as error:
        raise RefusedError(404, "unknown_name", error.problem, mend=error.mend) from error


@functools.lru_cache(maxsize=256)
def _tagged(name: str) -> tuple[StaticFile, str] | None:
    """The file and the tag of its content; files of an installed package do not change while a server runs."""
    found = static_file(name)
    return None if found is None else (found, f'"{hashlib.sha256(found.body).hexdigest()[:32]}"')


@router.get("/static/{name:path}")
def static(request: Request, name: str) -> Response:
    """A script, a style or a picture; the browser keeps it and asks whether it is still the same."""
    try:
        tagged = _tagged(name)
    except VivocartError:
        tagged = None
    if tagged is None:
        raise RefusedError(404, "no_file", "no such file")
    found, tag = tagged
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)
