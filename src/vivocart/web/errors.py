"""Every error of the API in one shape: ``{"error": {"kind", "message", "where", "mend"}}``."""

from __future__ import annotations

import logging
import traceback
from typing import Any, final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from vivocart.ground.errors import (
    InputError,
    OutputError,
    SimulationError,
    UnknownNameError,
    UnsupportedError,
    VivocartError,
)

log = logging.getLogger("vivocart.web")

_STATUS: tuple[tuple[type[VivocartError], int, str], ...] = (
    (UnknownNameError, 404, "unknown_name"),
    (InputError, 422, "input"),
    (UnsupportedError, 422, "unsupported"),
    (SimulationError, 422, "simulation"),
    (OutputError, 507, "output"),
)


@final
class RefusedError(VivocartError):
    """Something asked that this server does not do now; carries the HTTP status."""

    def __init__(self, status: int, kind: str, message: str, *, mend: str = "", retry_after: int = 0) -> None:
        super().__init__(f"{message}; {mend}" if mend else message)
        self.status, self.kind, self.message, self.mend = status, kind, message, mend
        self.retry_after = retry_after


def error_body(kind: str, message: str, *, where: str = "", mend: str = "") -> dict[str, Any]:
    """The shape that every error has."""
    return {"error": {"kind": kind, "message": message, "where": where, "mend": mend}}


def error_data(error: VivocartError) -> tuple[int, dict[str, Any]]:
    """HTTP status and body of one of our errors."""
    if isinstance(error, RefusedError):
        return error.status, error_body(error.kind, error.message, mend=error.mend)
    for kind_of, status, kind in _STATUS:
        if isinstance(error, kind_of):
            if isinstance(error, InputError):
                return status, error_body(kind, error.problem, where=error.where, mend=error.mend)
            return status, error_body(kind, str(error))
    return 422, error_body("refused", str(error))


def fault_response(error: BaseException, path: str) -> JSONResponse:
    """A fault of ours: logged by type and place, never with values, and said without either."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    log.error("fault at %s: %s in %s", path, type(error).__name__, place)
    return JSONResponse(
        error_body("fault", f"a fault of the server ({type(error).__name__})", mend="report it"), 500
    )


def add_error_handlers(app: FastAPI) -> None:
    """Errors of any kind leave the application in the one shape."""
    app.add_exception_handler(VivocartError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VivocartError)
    status, body = error_data(error)
    headers = (
        {"Retry-After": str(error.retry_after)}
        if isinstance(error, RefusedError) and error.retry_after
        else None
    )
    return JSONResponse(body, status, headers=headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    message = str(first["msg"]).removeprefix("Value error, ")
    more = len(error.errors()) - 1
    mend = f"and {more} more" if more else ""
    return JSONResponse(error_body("request", message, where=where, mend=mend), 422)


_WORDS = {404: "nothing is at this address", 405: "this address does not take that method"}


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = _WORDS.get(error.status_code, str(error.detail))
    return JSONResponse(error_body("http", message), error.status_code, headers=error.headers)
