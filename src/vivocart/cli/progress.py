"""Progress with the time left, on stderr only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import click

OnProgress = Callable[[int, int], None]
OnMessage = Callable[[str], None]
_PLAIN_STEPS = 10  # lines in all when stderr is a file


@contextmanager
def progress(label: str, *, quiet: bool) -> Generator[tuple[OnProgress | None, OnMessage | None]]:
    """Two callbacks: ``on_progress(done, total)`` shows how far the work is and the time left, ``on_message`` a sentence.

    Parameters
    ----------
    label
        What is being done, in a word or two.
    quiet
        Show nothing; the callbacks are then None.
    """
    if quiet:
        yield None, None
    elif sys.stderr.isatty():
        with _bar(label) as callbacks:
            yield callbacks
    else:
        yield _lines(label), lambda text: click.echo(text, err=True)


@contextmanager
def _bar(label: str) -> Generator[tuple[OnProgress, OnMessage]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("time left"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def on_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield on_progress, lambda text: bar.console.print(text, markup=False, highlight=False)


def _lines(label: str) -> OnProgress:
    started = time.monotonic()
    shown = -1

    def on_progress(done: int, total: int) -> None:
        nonlocal shown
        step = _PLAIN_STEPS * done // max(total, 1)
        if step <= shown:
            return
        shown = step
        left = (time.monotonic() - started) * (total - done) / max(done, 1)
        is_known = 0 < step < _PLAIN_STEPS  # the first patients wait for the compiler and foretell nothing
        remaining = f", about {left:.0f} s left" if is_known else ""
        click.echo(f"{label}: {100 * done // max(total, 1)} % ({done} of {total}){remaining}", err=True)

    return on_progress
