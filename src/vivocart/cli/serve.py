"""``vivocart serve``: the explorer in the browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from vivocart.cli.options import examples


@click.command(
    epilog=examples(
        "vivocart serve",
        "vivocart serve --port 9000 --no-open",
        "vivocart serve --host 0.0.0.0 --no-open",
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 for a free one."
)
@click.option(
    "--token",
    default="",
    metavar="TEXT",
    help="Secret that every request must carry. Any address but your own machine's has one; made up unless given.",
)
@click.option("--open/--no-open", "is_opened", default=True, help="Open the page in your browser.")
@click.option(
    "--work-folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    metavar="FOLDER",
    help="Folder of jobs and uploads, the only one it writes to (see VIVOCART_WORK_DIR).",
)
@click.option(
    "--library",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="Evidence library to search; one with the shipped records in the work folder unless given.",
)
def serve(
    *, host: str, port: int, token: str, is_opened: bool, work_folder: Path | None, library: Path | None
) -> None:
    """Turn a therapy by hand in your browser, and drive the same by REST; your machine only, no internet.

    For research, not for treatment decisions.
    """
    from vivocart.web.security import new_token
    from vivocart.web.serve import serve as run
    from vivocart.web.settings import ServerSettings, default_work_folder, is_loopback

    settings = ServerSettings(
        host=host,
        port=port,
        token=token or ("" if is_loopback(host) else new_token()),
        work_folder=work_folder or default_work_folder(),
        library=library,
    )
    run(settings, say=click.echo, is_opened=is_opened)
    # all is closed and written; a compilation in the background cannot be stopped, and Python's own end could wait for it
    sys.stdout.flush()
    os._exit(0)
