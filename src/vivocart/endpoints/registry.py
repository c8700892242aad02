"""Every endpoint stands here under its id: a function of readings, with its unit, label, family, visit and source."""

from __future__ import annotations

import functools
import importlib
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, final

import numpy as np

from vivocart.endpoints.readings import Readings
from vivocart.ground.errors import InputError, UnknownNameError

FAMILIES = (
    "carrier",
    "car_t",
    "b_cells",
    "antibodies",
    "complement",
    "renal",
    "sledai",
    "steroid",
    "safety",
    "time_to_event",
)
"""Families in the order in which tables show them; each is the module of that name."""

DEFINITION = "definition"
"""Source of an endpoint that no paper defines: its docstring does."""

_ENDPOINTS: dict[str, Endpoint] = {}
_AT_ANY_DAY: dict[
    str, tuple[str, Callable[..., np.ndarray]]
] = {}  # id without its day -> first visit's id, function


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One variable read on every patient.

    Parameters
    ----------
    id
        Unique name; a visit's endpoint ends in ``_d`` and the day.
    unit
        Unit as the tables spell it; ``1`` for flags (0 or 1), grades and shares.
    label
        What a clinician reads.
    family
        One of :data:`FAMILIES`.
    source
        Record id of the definition, or :data:`DEFINITION`.
    day
        Day of the visit; None if the whole simulation is read.
    description
        The definition, from the function's docstring.
    compute
        Readings of n patients to values of shape (n,). Infinite: not reached by the end of the simulation. Missing:
        does not apply to this patient or regimen.
    """

    id: str
    unit: str
    label: str
    family: str
    source: str
    day: float | None
    description: str
    compute: Callable[[Readings], np.ndarray]


def endpoint(
    *, id: str, unit: str, label: str, family: str, source: str, visits: Sequence[float] | None = None
) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    """Decorator that registers a function as an endpoint, or as one endpoint for each visit.

    Parameters
    ----------
    id, unit, label, family, source
        As in :class:`Endpoint`.
    visits
        Days; the function then takes ``(readings, day)`` and is registered as ``<id>_d<day>`` for each of them, with
        ", day <day>" added to the label.

    Raises
    ------
    InputError
        If the family is unknown, the id is taken, or the function has no docstring.
    """

    def register(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        description = inspect.getdoc(function) or ""
        if not description:
            raise InputError(
                "the function has no docstring", where=f"endpoint '{id}'", mend="write its definition"
            )
        if family not in FAMILIES:
            raise UnknownNameError("family", family, FAMILIES, where=f"endpoint '{id}'")
        if visits:
            _AT_ANY_DAY[id] = (f"{id}_d{visits[0]:g}", function)
        for day in visits or (None,):
            compute = function if day is None else _at_visit(function, day)
            name = id if day is None else f"{id}_d{day:g}"
            if name in _ENDPOINTS:
                raise InputError("the id is taken", where=f"endpoint '{name}'", mend="choose another id")
            _ENDPOINTS[name] = Endpoint(
                id=name,
                unit=unit,
                label=label if day is None else f"{label}, day {day:g}",
                family=family,
                source=source,
                day=day,
                description=description,
                compute=compute,
            )
        return function

    return register


def known_endpoints() -> Mapping[str, Endpoint]:
    """All endpoints by id, ordered by family."""
    _load_families()
    return _ordered(len(_ENDPOINTS))


@functools.cache
def _load_families() -> None:
    for family in FAMILIES:
        importlib.import_module(f"vivocart.endpoints.{family}")


@functools.lru_cache(maxsize=1)
def _ordered(count: int) -> Mapping[str, Endpoint]:  # noqa: ARG001 - endpoints are only ever added
    ordered = sorted(_ENDPOINTS.values(), key=lambda entry: FAMILIES.index(entry.family))
    return MappingProxyType({entry.id: entry for entry in ordered})


def visit_days() -> frozenset[float]:
    """Days on which the endpoints of :func:`known_endpoints` are read."""
    return frozenset(entry.day for entry in known_endpoints().values() if entry.day is not None)


def find_endpoint(id: str) -> Endpoint:
    """The endpoint of that id; one that is read at visits can be asked for at any day, such as ``sledai_d60``.

    Raises
    ------
    UnknownNameError
        Naming the nearest three, if there is none.
    """
    known = known_endpoints()
    if id in known:
        return known[id]
    parts = re.fullmatch(r"(.+)_d(\d+(?:\.\d+)?)", id)
    if parts is None or parts[1] not in _AT_ANY_DAY:
        raise UnknownNameError("endpoint", id, known)
    first, function = _AT_ANY_DAY[parts[1]]
    day = float(parts[2])
    label = known[first].label.rpartition(", day ")[0]
    return replace(
        known[first], id=id, day=day, label=f"{label}, day {day:g}", compute=_at_visit(function, day)
    )


def endpoint_at(base: str, day: float) -> str | None:
    """Id of the endpoint ``base`` at a visit on ``day``, such as ``sledai_d60``; None if ``base`` is not read at visits."""
    known_endpoints()
    return f"{base}_d{day:g}" if base in _AT_ANY_DAY and math.isfinite(day) and day >= 0 else None


def _at_visit(function: Callable[..., Any], day: float) -> Callable[[Readings], np.ndarray]:
    def compute(readings: Readings) -> np.ndarray:
        readings.require_day(day)
        return function(readings, day)

    return compute
