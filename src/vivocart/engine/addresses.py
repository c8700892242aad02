"""What compiled loops do to memory, for those who read and check them; :mod:`vivocart.engine.loops` translates it."""

from __future__ import annotations

from typing import Any

Record = Any  # sizes, settings and addresses: :data:`vivocart.engine.batch.RECORD`
Reals = Any  # rows of broken numbers, one a lane
Wholes = Any  # rows of whole numbers, one a lane


def get_real(address: int, index: int) -> float:
    """The number at a place of an array of doubles."""
    raise NotImplementedError


def get_whole(address: int, index: int) -> int:
    """The number at a place of an array of 64-bit integers."""
    raise NotImplementedError


def put_real(address: int, index: int, value: float) -> None:
    """Writes a number into an array of doubles."""
    raise NotImplementedError


def put_whole(address: int, index: int, value: int) -> None:
    """Writes a number into an array of 64-bit integers."""
    raise NotImplementedError


def get_bits(rows: Reals, row: int) -> int:
    """The bits that a kernel left in a row, one a lane."""
    raise NotImplementedError


def lowest(bits: int) -> int:
    """The place of the lowest bit that is set."""
    raise NotImplementedError


def whole(value: float) -> int:
    """A number without a fraction as a whole number."""
    raise NotImplementedError


def fetch_ahead(address: int, index: int) -> None:
    """Says that a place of an array of doubles will be written soon."""
    raise NotImplementedError


def call_kernel(address: int, workspace: Reals) -> None:
    """Calls the kernel at an address with a workspace."""
    raise NotImplementedError
