"""A graphics card played by the processor: the same module, its threads one after the other, memory in this process."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vivocart.engine.device_code import BLOCKS
from vivocart.engine.machine import compile_object, describe_machine, load_object

_THREAD = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 6)


class StandIn:
    """Keeps to ``vivocart.engine.device.Device`` with so many threads and so much memory."""

    name = "stand-in"

    def __init__(self, threads: int = 40, memory: int = 2**30) -> None:
        self.threads, self.memory = threads, memory
        self.target = f"stand-in {describe_machine()}"
        self.kept: dict[int, np.ndarray] = {}
        self.loaded: list[Any] = []
        self.launches: list[tuple[int, int]] = []

    def assemble(self, module: str) -> bytes:
        return compile_object(module, optimize=False)

    def load(self, code: bytes) -> Mapping[str, Any]:
        loaded = load_object(code, tuple(f"thread_of_{name}" for name in BLOCKS))
        self.loaded.append(loaded)
        return {name: _THREAD(address) for name, address in zip(BLOCKS, loaded.addresses, strict=True)}

    def free_memory(self) -> int:
        return self.memory

    def allocate(self, size: int) -> int:
        held = np.full(size + 256, 0xA5, np.uint8)  # what lies in memory before is nobody's zero
        address = held.ctypes.data + (-held.ctypes.data) % 256
        self.kept[address] = held
        return address

    def clear(self, address: int, size: int) -> None:
        ctypes.memset(address, 0, size)

    def release(self, address: int) -> None:
        del self.kept[address]

    def write(self, address: int, array: np.ndarray) -> None:
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def read(self, address: int, array: np.ndarray) -> None:
        ctypes.memmove(array.ctypes.data, address, array.nbytes)

    def launch(self, function: Any, threads: int, arguments: Sequence[int]) -> None:
        whole = -(-threads // 64) * 64  # as a card does, more than there are patients
        self.launches.append((threads, whole))
        for thread in range(whole):
            function(*arguments, thread)
