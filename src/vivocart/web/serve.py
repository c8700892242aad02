"""Start a server, say where it is, and end it cleanly."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING

from vivocart.ground.errors import InputError
from vivocart.web.settings import ServerSettings, is_loopback
from vivocart.web.state import lock_folder

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI


def serve(settings: ServerSettings, *, say: Callable[[str], None], is_opened: bool = False) -> None:
    """Serve until Ctrl-C; jobs stay in the work folder.

    Parameters
    ----------
    settings
        Where, with which token, in which folder. Port 0 takes a free one.
    say
        Called with each line for the person who started it.
    is_opened
        Open the page in the person's browser.

    Raises
    ------
    InputError
        If the address needs a token and has none, is taken, or the work folder belongs to another server.
    """
    if not is_loopback(settings.host) and not settings.token:
        raise InputError(f"{settings.host} can be reached from outside", where="--host", mend="give a token")
    with contextlib.ExitStack() as held:
        lock = lock_folder(settings.work_folder)
        if lock is not None:
            held.enter_context(lock)
        listening = held.enter_context(_listen(settings))
        # late: it loads the libraries of the whole product, which a taken port or folder need not wait for
        import uvicorn

        from vivocart.web.app import create_app

        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
        server = uvicorn.Server(server_config(create_app(settings)))
        address = page_address(settings, listening.getsockname()[1])
        say(f"The explorer is at {address}")
        say(
            f"Jobs and uploads: {settings.work_folder}. For research, not for treatment decisions. Ctrl-C ends it."
        )
        if is_opened:
            threading.Timer(0.5, webbrowser.open, (address,)).start()
        with contextlib.suppress(KeyboardInterrupt):  # raised once more after everything has ended
            server.run(sockets=[listening])
    say("Stopped; jobs that had not ended go on with the next start.")


def server_config(app: FastAPI) -> uvicorn.Config:
    """How the application is served: no log of addresses, which may hold what somebody searched for."""
    import uvicorn

    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=3,
        lifespan="on",
    )


def page_address(settings: ServerSettings, port: int) -> str:
    """The address to open, with the token where there is one."""
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    token = f"?token={settings.token}" if settings.token else ""
    return f"http://{shown}:{port}/{token}"


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise InputError(
                f"{settings.host} is no address of this machine",
                where="--host",
                mend="leave it out, or give 0.0.0.0",
            ) from error
        raise InputError(
            f"{settings.host}:{settings.port} cannot be used ({error.strerror})",
            where="--port",
            mend="give another port, or --port 0 for a free one",
        ) from error
    return listening
