"""Names as people write them, however their words are joined."""

from __future__ import annotations

import re


def letters_of(name: str) -> str:
    """The letters and digits of a name in lower case, by which ``CAR-T``, ``car_t`` and ``Car T`` are one."""
    return re.sub(r"[\W_]+", "", name.lower())
