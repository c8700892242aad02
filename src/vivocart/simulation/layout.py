"""Trajectories in the order in which they are read: one observable at a time, all patients of one time side by side.

The solver writes a patient after the other. Whoever reads an observable of many patients (a maximum, a quantile, a crossing)
would touch one number in thirty of the memory that passes by; after one pass that rearranges it every later one is short.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from vivocart.engine import driver

_FEW = 8  # patients: a cache line; for fewer the rearrangement gains nothing


@final
@dataclass(frozen=True, slots=True)
class Room:
    """Memory for the trajectories of one simulation after the other, never of two at once.

    Fresh memory costs a thread that simulates many patients in turn a tenth of its time: the system clears every page of it.
    """

    _held: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """An array of this shape, filled with what was in it before; the next one of that name lies in the same place."""
        size = int(np.prod(shape))
        if name not in self._held or self._held[name].size < size:
            self._held[name] = np.empty(size)
        return self._held[name][:size].reshape(shape)


def by_observable(values: np.ndarray, room: Room | None = None) -> np.ndarray:
    """Values (n_patients, n_times, n_observables) as (n_observables, n_times, n_patients).

    For a few patients a view, otherwise a copy, in ``room`` if there is one, with the patients of one time side by side in
    memory.
    """
    if values.shape[0] < _FEW:
        return values.transpose(2, 1, 0)
    return driver.by_observable(values, room.take("by_observable", values.shape[::-1]) if room else None)
