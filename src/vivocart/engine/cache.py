"""Object code on disk, so that a model is compiled once a machine.

One file a key: a line of JSON with the layout and a checksum, then the object code. A file that does not read as it
should is ignored and written anew; a folder that cannot be written only means that the next process compiles again.
"""

from __future__ import annotations

import hashlib
import json

from vivocart.ground.kept import cache_folder, write_whole

_FORMAT = 1


def read_object(key: str) -> tuple[dict[str, int], bytes] | None:
    """Sizes and object code stored under a key, or nothing."""
    try:
        content = (cache_folder() / f"{key}.kernel").read_bytes()
        head, code = content.split(b"\n", 1)
        header = json.loads(head)
        if header["format"] == _FORMAT and header["checksum"] == hashlib.sha256(code).hexdigest():
            return {str(k): int(v) for k, v in header["sizes"].items()}, code
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return None


def write_object(key: str, sizes: dict[str, int], code: bytes) -> bool:
    """Stores object code under a key, whole or not at all; says whether it could."""
    header = {"format": _FORMAT, "checksum": hashlib.sha256(code).hexdigest(), "sizes": sizes}
    return write_whole(cache_folder() / f"{key}.kernel", json.dumps(header).encode() + b"\n" + code)
