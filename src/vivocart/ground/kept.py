"""Texts kept on disk between processes: what takes long to work out and depends on nothing but a key.

A file that does not read as it should is ignored and written anew; a folder that cannot be written only means that the
next process works it out again. Nothing that is read is ever executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import platformdirs


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
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        return False
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
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    path = cache_folder() / f"{digest.hexdigest()}.text"
    try:
        checksum, content = path.read_bytes().split(b"\n", 1)
        if checksum.decode() == hashlib.sha256(content).hexdigest():
            return content.decode()
    except (OSError, ValueError):
        pass
    text = make()
    content = text.encode()
    write_whole(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    return text
