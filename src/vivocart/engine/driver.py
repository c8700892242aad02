"""The loop around the kernels as machine code, one object for each number of lanes, from disk where it has been before."""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from vivocart.engine import loops
from vivocart.engine.batch import RECORD
from vivocart.engine.cache import read_object, write_object
from vivocart.engine.control import ROWS
from vivocart.engine.machine import Loaded, compile_object, describe_machine, load_object, vector_lanes

_EXPORTED = ("run_block", "truth_block", "record_block", "expand_block", "arrange_block")
_ALIGNMENT = 64
_SOURCES = ("control.py", "timeline.py")
_lock = threading.Lock()

Call = Callable[[int, int, int, int, int, int], None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """Compiled loops for so many lanes; they do not hold the interpreter's lock."""

    run: Call
    truth: Call
    record: Call
    expand: Call
    arrange: Call
    loaded: Loaded


def driver(lanes: int) -> Driver:
    """The loops for so many lanes, compiled at the first call on a machine."""
    with _lock:  # threads that come first at the same time compile once
        return _driver(lanes)


@cache
def _driver(lanes: int) -> Driver:
    folder = Path(__file__).parent
    text = "\n".join((folder / name).read_text(encoding="utf-8") for name in _SOURCES)
    digest = hashlib.sha256()
    parts = (
        text,
        Path(loops.__file__).read_text(encoding="utf-8"),
        describe_machine(),
        str(RECORD),
        str(lanes),
    )
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    key = digest.hexdigest()
    stored = read_object(key)
    if stored is None:
        code = compile_object(loops.translate(text, loops.record_fields(), lanes, _EXPORTED))
        write_object(key, {}, code)
    else:
        code = stored[1]
    loaded = load_object(code, _EXPORTED)
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 6)
    run, truth, record, expand, arrange = (kind(address) for address in loaded.addresses)
    return Driver(run=run, truth=truth, record=record, expand=expand, arrange=arrange, loaded=loaded)


def call(
    function: Call, record: NDArray[Any], first: int, last: int, absolute: NDArray[np.float64] | None = None
) -> None:
    """Calls a compiled loop on patients ``first`` to ``last - 1`` with a workspace of its own."""
    rows, lanes = int(record["rows"][0]), int(record["stride"][0])
    place = _ALIGNMENT // 8
    raw = np.zeros(rows * lanes + place)
    whole = np.zeros(ROWS * lanes, np.int64)
    start = raw.ctypes.data
    start += -start % _ALIGNMENT
    given = 0 if absolute is None else absolute.ctypes.data
    function(record.ctypes.data, start, whole.ctypes.data, given, first, last)


def by_observable(
    values: NDArray[np.float64], into: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Values (n_patients, n_times, n_observables) as (n_observables, n_times, n_patients), patients side by side.

    Written to ``into`` where it is given.
    """
    given = np.ascontiguousarray(values, dtype=np.float64)
    arranged = np.empty(given.shape[::-1]) if into is None else into
    table = np.array([given.ctypes.data, arranged.ctypes.data, *given.shape], np.int64)
    driver(vector_lanes()).arrange(0, 0, 0, table.ctypes.data, 0, len(given))
    return arranged
