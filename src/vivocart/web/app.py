"""The application: every route behind one guard, one shape of error, and no page or file from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from vivocart.ground.provenance import current_versions
from vivocart.report.record_page import DISCLAIMER
from vivocart.web.errors import add_error_handlers
from vivocart.web.routes import credibility, downloads, evidence, explore, jobs, numbers, pages, uploads
from vivocart.web.security import Guard
from vivocart.web.settings import ServerSettings, is_loopback
from vivocart.web.state import ServerState

_SMALLEST_ZIPPED = 2048

ROUTERS = (
    explore.router,
    jobs.router,
    uploads.router,
    downloads.router,
    evidence.router,
    numbers.router,
    credibility.router,
    pages.router,
)
"""All routes; a page that joins later adds its router here."""


def create_app(settings: ServerSettings | None = None) -> FastAPI:
    """The explorer as an ASGI application.

    Parameters
    ----------
    settings
        Address, token and work folder; a server on the loopback address if left out.
    """
    own = settings or ServerSettings()
    state = ServerState(own)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        state.start()
        try:
            yield
        finally:
            state.close()

    app = FastAPI(
        title="vivocart",
        version=current_versions()["vivocart"],
        description=f"In vivo CAR-T in virtual patients. {DISCLAIMER}",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.server = state
    for router in ROUTERS:
        app.include_router(router)
    add_error_handlers(app)
    if not is_loopback(own.host):  # on one machine it only costs time
        app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_ZIPPED, compresslevel=1)
    app.add_middleware(Guard, settings=own)
    return app
