"""Patients on a graphics card: its memory is filled, every thread integrates one patient, what came of it is fetched.

A card is whatever keeps to :class:`Device`; :mod:`vivocart.engine.nvidia` finds one. Patients go in parts as large as run at
once. Between the rounds of triggered doses all that is known of them travels but the observables, which stay until the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vivocart.engine.batch import RECORD, Batch, Kernels, Settings, check_batch, record_of
from vivocart.engine.cache import read_object, write_object
from vivocart.engine.compiled import CompiledSystem
from vivocart.engine.control import ROWS
from vivocart.engine.device_code import WARP, write_device_module
from vivocart.engine.layout import Layout, lay_out, sizes_of
from vivocart.engine.rounds import Loops

Numbers = NDArray[np.float64]
_APART = 256  # bytes at whose multiples arrays start: one row of 32 doubles
_SHARE = 0.8  # of a card's free memory that is taken
_NO_KERNELS = Kernels(*[0] * len(Kernels._fields))  # they stand in the same module and are called by name
_READ_ONLY = frozenset(
    [
        "parameters",
        "offsets",
        "action_time",
        "action_target",
        "action_value",
        "action_bolus",
        "times",
        "start_time",
    ]
)


class Device(Protocol):
    """A graphics card: memory by address, and functions that all its threads start at once."""

    @property
    def name(self) -> str:
        """What the card is called."""
        ...

    @property
    def target(self) -> str:
        """What code is assembled for."""
        ...

    @property
    def threads(self) -> int:
        """Threads that run at once."""
        ...

    def assemble(self, module: str) -> bytes:
        """Code for this card from a module of LLVM assembly."""
        ...

    def load(self, code: bytes) -> Mapping[str, Any]:
        """The functions of code, by the names of the loops."""
        ...

    def free_memory(self) -> int:
        """Bytes that can be had."""
        ...

    def allocate(self, size: int) -> int:
        """The address of so many bytes, a multiple of 256."""
        ...

    def clear(self, address: int, size: int) -> None:
        """Fills memory with zeros."""
        ...

    def release(self, address: int) -> None:
        """Gives memory back."""
        ...

    def write(self, address: int, array: NDArray[Any]) -> None:
        """Copies an array to the card."""
        ...

    def read(self, address: int, array: NDArray[Any]) -> None:
        """Copies from the card into an array."""
        ...

    def launch(self, function: Any, threads: int, arguments: Sequence[int]) -> None:
        """Runs a function in at least so many threads, and waits for them."""
        ...


def device_code(compiled: CompiledSystem, device: Device) -> tuple[Layout, bytes]:
    """Where numbers of a system stand on a card and the code that works on them, from disk or made now.

    Raises
    ------
    UnsupportedError
        The system uses a function that a card does not have.
    """
    key = hashlib.sha256(f"{compiled.key} {device.target}".encode()).hexdigest()
    stored = read_object(key)
    if stored is not None:
        return lay_out(stored[0]), stored[1]
    single = bool(compiled.layout.is_single)
    layout, module = write_device_module(compiled.program(), is_single=single)
    code = device.assemble(module)
    write_object(key, sizes_of(layout), code)
    return layout, code


def patients_at_once(compiled: CompiledSystem, device: Device, n_patients: int, n_times: int) -> int:
    """Patients that a card works on at the same time: one a thread, as far as its memory goes."""
    layout, _ = device_code(compiled, device)
    numbers = n_times * layout.n_observables + layout.n_parameters + layout.rows + ROWS + 4 * layout.n_states
    bytes_each = 8 * (numbers + 64)  # and its doses
    most = int(_SHARE * device.free_memory()) // bytes_each
    return max(1, min(n_patients, device.threads, most))


@contextmanager
def on_device(
    compiled: CompiledSystem, device: Device, settings: Settings, absolute: Numbers, values: Numbers
) -> Generator[Loops]:
    """The loops of a system on a card, for as many patients as ``values`` has rows; it is filled at the end."""
    layout, code = device_code(compiled, device)
    functions = device.load(code)
    rows = -(-len(values) // WARP) * WARP * 8  # bytes of a row of all warps
    workspace_size, wholes_size = rows * layout.rows, rows * ROWS
    with ExitStack() as kept:

        def allocate(size: int) -> int:
            address = device.allocate(size)
            kept.callback(device.release, address)
            return address

        workspace, wholes = allocate(workspace_size), allocate(wholes_size)
        observed = allocate(max(values.nbytes, _APART))

        def call(name: str, batch: Batch) -> None:
            device.clear(workspace, workspace_size)  # a loop begins with what no patient has touched
            device.clear(wholes, wholes_size)
            with _given(device, layout, settings, absolute, batch, observed) as (record, tolerances):
                device.launch(
                    functions[name], len(batch.time), (record, workspace, wholes, tolerances, len(batch.time))
                )

        yield Loops(run=partial(call, "run_block"), truth=partial(call, "truth_block"))
        if values.size:
            device.read(observed, values)


@contextmanager
def _given(
    device: Device, layout: Layout, settings: Settings, absolute: Numbers, batch: Batch, observed: int
) -> Generator[tuple[int, int]]:
    """Addresses of a record and of tolerances while a batch is on a card; what changed there is fetched at the end."""
    check_batch(batch)
    arrays = {key: array for key, array in zip(Batch._fields, batch, strict=True) if key != "values"}
    sizes = {key: array.nbytes for key, array in arrays.items()}
    places, total = _places(sizes | {"record": RECORD.itemsize, "absolute": absolute.nbytes})
    start = device.allocate(total)
    try:
        addresses = [start + places[key] if key in places else observed for key in Batch._fields]
        record = record_of(_NO_KERNELS, layout, settings, addresses, batch.times.size)
        for key, array in (arrays | {"record": record, "absolute": absolute}).items():
            if array.size:
                device.write(start + places[key], array)
        yield start + places["record"], start + places["absolute"]
        for key, array in arrays.items():
            if key not in _READ_ONLY and array.size:
                device.read(start + places[key], array)
    finally:
        device.release(start)


def _places(sizes: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """Where arrays of so many bytes stand one after the other, and bytes in all."""
    places, total = dict[str, int](), 0
    for key, size in sizes.items():
        places[key] = total
        total += -(-max(size, 1) // _APART) * _APART
    return places, total
