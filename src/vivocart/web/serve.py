"""Start a server, say where it is, and end it cleanly."""

from __future__ import annotations

import logging
import socket
import threading
import webbrowser
from collections.abc import Callable

from vivocart.ground.errors import InputError
from vivocart.web.settings import ServerSettings, is_loopback
from vivocart.web.state import lock_folder


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
    import uvicorn

    from vivocart.web.app import create_app

    if not is_loopback(settings.host) and not settings.token:
        raise InputError(f"{settings.host} can be reached from outside", where="--host", mend="give a token")
    lock = lock_folder(settings.work_folder)
    listening = _listen(settings)
    try:
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
        config = uvicorn.Config(
            create_app(settings),
            log_level="warning",
            access_log=False,  # addresses may hold what somebody searched for
            server_header=False,
            timeout_graceful_shutdown=3,
            lifespan="on",
        )
        server = uvicorn.Server(config)
        address = page_address(settings, listening.getsockname()[1])
        say(f"The explorer is at {address}")
        say(
            f"Jobs and uploads: {settings.work_folder}. For research, not for treatment decisions. Ctrl-C ends it."
        )
        if is_opened:
            threading.Timer(0.5, webbrowser.open, (address,)).start()
        server.run(sockets=[listening])
    finally:
        listening.close()
        if lock is not None:
            lock.close()
    say("Stopped; jobs that had not ended go on with the next start.")


def page_address(settings: ServerSettings, port: int) -> str:
    """The address to open, with the token where there is one."""
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    token = f"?token={settings.token}" if settings.token else ""
    return f"http://{shown}:{port}/{token}"


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(128)
    except OSError as error:
        raise InputError(
            f"{settings.host}:{settings.port} cannot be used ({error.strerror})",
            where="--port",
            mend="give another port, or --port 0 for a free one",
        ) from error
    return listening
