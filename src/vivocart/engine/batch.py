"""Patients between calls, and the record by which compiled code finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vivocart.engine.layout import Layout
from vivocart.ground.errors import InputError


class Kernels(NamedTuple):
    """Addresses of the kernels, in the order of :data:`vivocart.engine.kernels.KERNELS`."""

    start: int
    guess: int
    step: int
    accept: int
    locate: int
    locate_observed: int
    locate_watched: int
    observe: int
    watch: int
    glance: int
    report: int
    take_peaks: int
    give_peaks: int


class Settings(NamedTuple):
    """Numbers that hold for all patients of a call."""

    until: float
    relative_tolerance: float
    longest_step: float
    fall_below: float  # zero, in units of a state's tolerance, before a step does not stand
    step_limit: int
    turn_limit: int
    stop_after_outputs: bool


class Batch(NamedTuple):
    """Patients between calls: rows are patients. The engine writes all but the parameters, actions and times."""

    parameters: NDArray[np.float64]  # (n, n_parameters)
    state: NDArray[np.float64]  # (n, n_states)
    peak: NDArray[np.float64]  # (n, n_states) largest size so far
    time: NDArray[np.float64]  # (n,)
    step: NDArray[np.float64]  # (n,)
    rates: NDArray[np.float64]  # (n, n_dosed) of running infusions
    next_output: NDArray[np.int64]  # (n,)
    next_action: NDArray[np.int64]  # (n,)
    truth: NDArray[np.float64]  # (n, n_conditions)
    amounts: NDArray[np.float64]  # (n, n_amounts)
    status: NDArray[np.int64]  # (n,)
    begun: NDArray[np.int64]  # (n,)
    steps: NDArray[np.int64]  # (n,)
    turns: NDArray[np.int64]  # (n,)
    worst: NDArray[np.int64]  # (n,) state that failed
    offsets: NDArray[np.int64]  # (n + 1,) of each patient's actions
    action_time: NDArray[np.float64]
    action_target: NDArray[np.int64]  # row among the dosed states for a rate, state for a bolus
    action_value: NDArray[np.float64]
    action_bolus: NDArray[np.int64]
    times: NDArray[np.float64]  # (n_times,)
    values: NDArray[np.float64]  # (n, n_times, n_observables)
    start_time: NDArray[np.float64]  # (n,)


WHOLE = frozenset(
    [
        "next_output",
        "next_action",
        "status",
        "begun",
        "steps",
        "turns",
        "worst",
        "offsets",
        "action_target",
        "action_bolus",
    ]
)
"""Fields of a batch that hold 64-bit integers; the others hold doubles."""

_EXPECTED = tuple(np.dtype(np.int64 if name in WHOLE else np.float64) for name in Batch._fields)
_REAL_SETTINGS = ("until", "relative_tolerance", "longest_step", "fall_below")
RECORD = np.dtype(
    [(f"kernel_{name}", "i8") for name in Kernels._fields]
    + [(name, "i8") for name in Layout._fields]
    + [(name, "f8" if name in _REAL_SETTINGS else "i8") for name in Settings._fields]
    + [(f"of_{name}", "i8") for name in Batch._fields]
    + [("n_times", "i8")]
)
"""One record with all sizes, settings and addresses, so that compiled functions pass one pointer to each other."""


def check_batch(batch: Batch) -> None:
    """Refuses arrays of the wrong kind, as a host may have put them into a batch."""
    for name, expected, array in zip(Batch._fields, _EXPECTED, batch, strict=True):
        if array.dtype != expected or not array.flags.c_contiguous:
            raise InputError(f"'{name}' must be a contiguous array of {expected.name}", where="batch")


def make_record(kernels: Kernels, layout: Layout, settings: Settings, batch: Batch) -> Any:
    """The record of a call; valid as long as the arrays of the batch live."""
    check_batch(batch)
    # as array.ctypes.data, at half the cost
    addresses = [array.__array_interface__["data"][0] for array in batch]
    return record_of(kernels, layout, settings, addresses, batch.times.size)


def record_of(
    kernels: Kernels, layout: Layout, settings: Settings, addresses: Sequence[int], n_times: int
) -> Any:
    """The record of a call on arrays that stand at these addresses, in the order of a batch's fields."""
    return np.array([(*kernels, *layout, *settings, *addresses, n_times)], dtype=RECORD)
