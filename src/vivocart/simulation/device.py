"""Where patients are integrated: on the processors of this machine, or on its graphics card."""

from __future__ import annotations

from typing import Literal, get_args

from vivocart.engine.device import Device
from vivocart.engine.nvidia import find_gpu
from vivocart.ground.errors import InputError, UnknownNameError

DeviceName = Literal["cpu", "gpu"]
"""Processors, or the first graphics card."""


def find_device(name: DeviceName) -> Device | None:
    """The graphics card, if that is what is asked for.

    Raises
    ------
    InputError
        There is none that can be used, and why.
    UnknownNameError
        Another name than ``cpu`` or ``gpu``.
    """
    if name not in get_args(DeviceName):
        raise UnknownNameError("device", name, get_args(DeviceName), where="device")
    return find_gpu() if name == "gpu" else None


def graphics_card() -> str:
    """The name of the graphics card, or why there is none that can be used."""
    try:
        return find_gpu().name
    except InputError as reason:
        return f"none ({reason.problem})"
