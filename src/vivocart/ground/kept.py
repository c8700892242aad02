"""Texts kept on disk between processes: what takes long to work out and depends on nothing but a key.

A file that does not read as it should is ignored and written anew; a folder that cannot be written only means that the
next process works it out again. Nothing that is read here is ever executed: the texts are plain data, although they lie in
the user's own folder beside object code (``engine/cache.py``) that is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TypeVar

import platformdirs

ValueT = TypeVar("ValueT")


@cache
def source_of(folder: Path) -> str:
    """A hash of the Python files of a folder: for the key of what another version of them would make otherwise."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where such files are: ``$VIVOCART_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("VIVOCART_CACHE_DIR")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("vivocart"))


def write_whole(path: Path, content: bytes) -> bool:
    """Writes a file whole or not at all, with its folder; says whether it could."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False, suffix=".part") as file:
            temporary = file.name
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        return False
    finally:  # after Ctrl-C too
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
    return True


def kept_text(parts: Iterable[str], make: Callable[[], str]) -> str:
    """The text that ``make`` gives, from disk if it was made before from the same parts.

    Parameters
    ----------
    parts
        All that the text depends on, versions of programs included.
    make
        Works the text out.
    """
    return kept(parts, make, write=str, read=str)


def kept(
    parts: Iterable[str],
    make: Callable[[], ValueT],
    *,
    write: Callable[[ValueT], str | None],
    read: Callable[[str], ValueT],
) -> ValueT:
    """What ``make`` gives, read from a text on disk if it was made before from the same parts.

    Parameters
    ----------
    parts
        All that it depends on, versions of programs included.
    make
        Works it out.
    write
        Its text, or nothing if it cannot be kept.
    read
        What a text was written from; a ``ValueError`` says that it was not.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    path = cache_folder() / f"{digest.hexdigest()}.text"
    try:
        checksum, content = path.read_bytes().split(b"\n", 1)
        if checksum.decode() == hashlib.sha256(content).hexdigest():
            return read(content.decode())
    except (OSError, ValueError):
        pass
    made = make()
    text = write(made)
    if text is not None:
        content = text.encode()
        write_whole(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    return made
