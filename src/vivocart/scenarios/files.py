"""Results on disk: either the whole new result stands there, or what stood there before.

Everything is written into a hidden staging folder on the same file system first; only when it is complete and flushed do
names change. An error, a full disk or Ctrl-C before that moment leaves the former result as it was.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from vivocart.ground.errors import DISK_FULL, OutputError

_STAGING = ".vivocart-partial-"
_FULL = DISK_FULL | {errno.EFBIG}


@contextmanager
def replace_folder(path: Path) -> Generator[Path]:
    """An empty folder to write a result into; on success its files take their place in ``path``.

    Files of other names that already lie in ``path`` are left alone.

    Parameters
    ----------
    path
        Folder of the result; made if it is missing, parents too.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, or the disk is full; what stood there before is unchanged.
    """
    with _output_errors(path):
        existed = path.is_dir()
        if not existed:
            _refuse_file(path)
            path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=path if existed else path.parent))
    try:
        with _output_errors(path):
            yield staging
            _flush(staging)
            with _uninterrupted():
                if existed:
                    for file in sorted(staging.iterdir()):
                        _move(file, path / file.name)
                else:
                    staging.chmod(0o777 & ~_umask())
                    staging.replace(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def replace_file(path: Path) -> Generator[Path]:
    """A path to write one file to; on success the file takes the place of ``path`` in one step.

    Raises
    ------
    OutputError
        As in :func:`replace_folder`.
    """
    with _output_errors(path):
        if path.is_dir():
            raise OutputError(
                f"{path}: this is a folder; name a file in it, such as {path / 'result.parquet'}"
            )
        stream = path.exists() and not path.is_file()  # a device or a pipe: it is written to, never replaced
        if not stream:
            path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=None if stream else path.parent))
    try:
        with _output_errors(path):
            partial = staging / path.name
            yield partial
            if stream:
                with partial.open("rb") as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
                return
            _flush(staging)
            partial.replace(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def require_writable(path: Path) -> None:
    """Refuse an output folder that could not be written, before any long work starts.

    Raises
    ------
    OutputError
        If ``path`` is a file, or neither it nor the nearest folder above it that exists can be written.
    """
    with _output_errors(path):
        nearest = path.absolute()
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        _refuse_file(nearest)
        with tempfile.TemporaryFile(dir=nearest):
            pass


def _refuse_file(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: a file stands where the folder should go; choose another --out")


@contextmanager
def _output_errors(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        mend = "free some space or choose another --out" if error.errno in _FULL else "choose another --out"
        raise OutputError(
            f"{path}: cannot write the result: {reason}; {mend}; what stood there before is unchanged"
        ) from error


def _flush(folder: Path) -> None:
    """Ask the disk for every byte now: some file systems report a full disk only here."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())


def _move(source: Path, target: Path) -> None:
    if target.is_dir():
        raise OutputError(
            f"{target}: a folder stands where a file of the result should go; choose another --out"
        )
    source.replace(target)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Hold Ctrl-C back for the few renames, then deliver it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    former = signal.signal(signal.SIGINT, lambda number, _frame: pending.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
    if pending:
        raise KeyboardInterrupt
