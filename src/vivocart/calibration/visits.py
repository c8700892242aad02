"""Numbers as a study read them: at its visits only, and cells as counted in a little blood.

A model knows every patient at all times and without error. A study draws blood at visits, counts the cells in a few
microliters, and prints whole cells per microliter; what it calls the first day with none, or the time without any, is read
from that. Here a trajectory becomes such a series, held from each visit to the next, and endpoints are computed from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from scipy.special import ndtr

from vivocart.endpoints.readings import Readings
from vivocart.model.load import Model

START = "start"
"""Name of the reading before anything is given, which every study is taken to have made."""

COUNTED_UNIT = "1/uL"
"""Unit of the observables that are counted: cells in a microliter of blood."""

PRINTED_CELLS_PER_UL = 1.0
"""Counts are printed as multiples of this, as clinical laboratories do (assumed)."""

_JUST_BEFORE_DAYS = 1e-10  # below every digit that is shown or kept
_MANY = 25.0  # expected cells from which the quantile is found by expansion instead of by adding up
_MOST_CELLS = 400  # of a sum that begins at no more than _MANY: beyond any uniform number below 1

Normals = Callable[[str, str], np.ndarray]
"""Standard normal numbers of the patients, shape (n,), for an observable and the name of a visit."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """When a study read its patients, and how much blood it counted.

    Parameters
    ----------
    days
        Days after the first infusion that is not preparation, ascending. The reading before treatment is added.
    counted_ul
        Microliters of blood in which cells are counted; None if they are read without error.
    """

    days: tuple[float, ...]
    counted_ul: float | None = None

    @property
    def key(self) -> str:
        """Name of this way to read, the same for the same numbers."""
        counted = "" if self.counted_ul is None else f" in {self.counted_ul:g} uL"
        return f"at days {' '.join(f'{day:g}' for day in self.days)}{counted}"


def read_visit_days(text: str) -> tuple[float, ...]:
    """Days of visits from a text such as ``0 14 28 56``; blanks or semicolons part them.

    Raises
    ------
    ValueError
        If one is no number, is negative, or does not come after the one before.
    """
    words = [word for word in re.split(r"[\s;]+", text.strip()) if word]
    days: list[float] = []
    for word in words:
        try:
            day = float(word)
        except ValueError:
            raise ValueError(
                f"'{word}' is not a day: write days such as 0 14 28, or study for those of the study's file"
            ) from None
        if not 0.0 <= day < np.inf or (days and day <= days[-1]):
            raise ValueError(f"{word}: visits are not negative and ascend, each once, such as 0 14 28")
        days.append(day)
    return tuple(days)


def counted_observables(model: Model) -> frozenset[str]:
    """Observables that are counts of cells in blood."""
    return frozenset(name for name, row in model.observables.items() if row.unit == COUNTED_UNIT)


def poisson_quantile(mean: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The Poisson number of this mean at the quantile of a standard normal number, both of shape (n,).

    Exact up to a mean of 25; above that by Cornish and Fisher's expansion, to a cell.
    """
    expected = np.maximum(np.asarray(mean, dtype=np.float64), 0.0)
    z = np.asarray(normal, dtype=np.float64)
    count = np.ceil(expected + np.sqrt(expected) * z + (z * z - 1.0) / 6.0 - 0.5)
    few = expected <= _MANY
    count[few] = _added_up(expected[few], ndtr(z[few]))
    return np.maximum(count, 0.0)


def _added_up(mean: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    term = np.exp(-mean)
    total, count = term.copy(), np.zeros(len(mean))
    left = np.flatnonzero(uniform > total)
    for cells in range(1, _MOST_CELLS):
        if not len(left):
            break
        term[left] *= mean[left] / cells
        total[left] += term[left]
        count[left] = cells
        left = left[uniform[left] > total[left]]
    return count


def counted(cells_per_ul: np.ndarray, counted_ul: float, normal: np.ndarray) -> np.ndarray:
    """Cells per microliter as a laboratory prints them that counts what is in ``counted_ul`` of blood, shape (n,).

    The number counted is a Poisson number, and what is printed is rounded to :data:`PRINTED_CELLS_PER_UL`, halves up.
    """
    found = poisson_quantile(np.asarray(cells_per_ul) * counted_ul, normal) / counted_ul
    return PRINTED_CELLS_PER_UL * np.floor(found / PRINTED_CELLS_PER_UL + 0.5)


def as_read(
    readings: Readings, visits: Visits, *, counted_names: Collection[str], normals: Normals
) -> Readings:
    """The same patients as the study read them.

    Every observable has its value of the last visit until the next one, and nothing is known after the last.

    Parameters
    ----------
    counted_names
        Observables that are counted (:func:`counted_observables`); all others are read without error.
    normals
        Where the chance in counting comes from; not asked if nothing is counted.

    Raises
    ------
    MissingReadingError
        If the simulation ends before a visit, once an observable is read.
    """
    start = float(readings.times[0])
    names = (START, *(f"{day:g}" for day in visits.days if day > start))
    days = np.array([start, *(day for day in visits.days if day > start)])
    times = np.sort(np.concatenate([days, days[1:] - _JUST_BEFORE_DAYS]))
    series = _Series(
        of=readings, days=days, names=names, visits=visits, counted=frozenset(counted_names), normals=normals
    )
    return replace(readings, times=times, trajectories=series, _shared={})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Series(Mapping[str, np.ndarray]):
    """Observables as read, each made when it is first asked for."""

    of: Readings
    days: np.ndarray
    names: tuple[str, ...]
    visits: Visits
    counted: frozenset[str]
    normals: Normals
    made: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.made:
            columns = [self._at(name, day, visit) for day, visit in zip(self.days, self.names, strict=True)]
            self.made[name] = np.repeat(np.stack(columns, axis=1), 2, axis=1)[:, :-1]
        return self.made[name]

    def _at(self, name: str, day: float, visit: str) -> np.ndarray:
        value = self.of.at(name, float(day))
        if self.visits.counted_ul is None or name not in self.counted:
            return value
        return counted(value, self.visits.counted_ul, self.normals(name, visit))

    def __contains__(self, name: object) -> bool:
        return name in self.of.trajectories

    def __iter__(self) -> Iterator[str]:
        return iter(self.of.trajectories)

    def __len__(self) -> int:
        return len(self.of.trajectories)
