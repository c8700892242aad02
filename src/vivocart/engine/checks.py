"""What a solver is given, checked before anything is integrated."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vivocart.engine.compiled import CompiledSystem
from vivocart.ground.errors import InputError

Numbers = NDArray[np.float64]
SINGLE_FROM = 1e-5
"""Smallest relative tolerance for which steps can be taken in single precision: below it rounding is what is seen."""
_SMALLEST_ABSOLUTE = 1e-30  # of single precision: its numbers end at 1e-38


def check_parameters(compiled: CompiledSystem, parameters: ArrayLike) -> Numbers:
    """Parameters as (n_patients, n_parameters)."""
    p = np.ascontiguousarray(np.atleast_2d(np.asarray(parameters, dtype=float)))
    expected = len(compiled.system.parameters)
    if p.ndim != 2 or p.shape[1] != expected:
        raise InputError(
            f"shape {p.shape}, expected (n_patients, {expected})",
            where="parameters",
            mend="one column a parameter",
        )
    return p


def check_times(times: ArrayLike, start_time: float) -> Numbers:
    """Output times, ascending and not before the start."""
    t = np.ascontiguousarray(np.atleast_1d(np.asarray(times, dtype=float)))
    # finite at both ends and never falling is finite all along
    ends = t.size == 0 or (math.isfinite(t[0]) and math.isfinite(t[-1])) if t.ndim == 1 else False
    if not ends or not (t[1:] >= t[:-1]).all():
        raise InputError("times must be finite numbers that ascend", where="times", mend="sort them")
    if t.size and t[0] < start_time:
        raise InputError(
            f"first time {t[0]} is before the start {start_time}", where="times", mend="leave it out"
        )
    return t


def check_precision(compiled: CompiledSystem, rtol: float, absolute: Numbers) -> None:
    """Refuses tolerances that steps in single precision cannot keep."""
    if compiled.precision == "double":
        return
    if not rtol >= SINGLE_FROM:
        raise InputError(
            f"relative tolerance {rtol:g} with steps in single precision",
            where="rtol",
            mend=f"give {SINGLE_FROM:g} or more, or compile in double",
        )
    if absolute.size and absolute.min() < _SMALLEST_ABSOLUTE:
        raise InputError(
            f"absolute tolerance {absolute.min():g} with steps in single precision",
            where="atol",
            mend=f"give {_SMALLEST_ABSOLUTE:g} or more, or compile in double",
        )


def check_atol(atol: float | ArrayLike, compiled: CompiledSystem) -> Numbers:
    """One absolute tolerance a state."""
    values, count = np.asarray(atol, dtype=float), len(compiled.system.states)
    if values.ndim > 1 or values.size not in (1, count) or not (values > 0).all():
        raise InputError("atol must be positive: one number, or one a state", where="atol")
    if values.size == 1:
        return np.full(len(compiled.kept), float(values.ravel()[0]))
    return np.ascontiguousarray(np.broadcast_to(values.ravel(), (count,))[list(compiled.kept)])
