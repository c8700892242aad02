"""What an observation measures: an endpoint, or an observable on a day, or whether one of them keeps a limit.

A source counts "UPCR below 0.5 g/g at month 6"; so a measure may be written ``upcr_d180 < 0.5``, and is then 1 in a patient
who keeps the limit and 0 in one who does not.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from vivocart.calibration.measure_names import model_name
from vivocart.calibration.observations import Observation
from vivocart.calibration.visits import Visits, as_read, counted_observables
from vivocart.endpoints.readings import read
from vivocart.endpoints.registry import endpoint_at, find_endpoint, known_endpoints
from vivocart.endpoints.table import endpoints
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.streams import normals_at
from vivocart.ground.units import convert
from vivocart.model.load import Model
from vivocart.simulation.result import Simulation

_COMPARISON = re.compile(r"(\w[\w -]*?)\s*(<=|>=|==|<|>|=|≤|≥)\s*([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(\S.*)?")
_OPERATORS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "<": operator.lt,
    "<=": operator.le,
    "≤": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "≥": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number a patient.

    Parameters
    ----------
    name
        Id of an endpoint, or of an observable that is read on ``day``.
    day
        Day after the first infusion on which an observable is read, or the day that the endpoint needs; None if it reads
        the whole simulation.
    is_endpoint
        Whether ``name`` is an endpoint.
    comparison, limit
        Operator and number that make a flag of it; an empty operator leaves the number as it is.
    unit, label
        Of the number; a flag has the unit ``1``.
    visits
        Visits at which it is read; None if at all times and without error.
    counted
        Observables that are counted at visits.
    """

    name: str
    day: float | None
    is_endpoint: bool
    comparison: str
    limit: float
    unit: str
    label: str
    visits: Visits | None = None
    counted: frozenset[str] = frozenset()

    @property
    def is_flag(self) -> bool:
        """Whether it can only be 0 or 1 by how it is written; endpoints may be flags too."""
        return bool(self.comparison)

    def values(self, simulation: Simulation) -> np.ndarray:
        """The measure in every patient, shape (n,); missing where the patient failed or it does not apply.

        Raises
        ------
        InputError
            If the simulation is too short or did not keep what is read.
        """
        if self.visits is not None:
            found = self._at_visits(simulation, self.visits)
        elif self.is_endpoint:
            found = endpoints(simulation, [self.name])[self.name].to_numpy(dtype=float)
        else:
            assert self.day is not None  # see find_measure
            day = self.day + simulation.regimen.first_infusion_day
            if day > simulation.times_days[-1] + 1e-9:
                raise InputError(
                    f"the simulation ends before day {self.day:g}", where=f"observable '{self.name}'"
                )
            found = np.asarray(simulation[self.name].interp(time=day).values, dtype=float)
        if not self.comparison:
            return found
        kept = _OPERATORS[self.comparison](found, self.limit)
        return np.where(np.isnan(found), np.nan, kept.astype(float))

    def _at_visits(self, simulation: Simulation, visits: Visits) -> np.ndarray:
        """As the study read it; the chance of each count has a random stream of its name and visit."""
        readings, complete = read(simulation)
        seed = simulation.patients.seed

        def normals(observable: str, visit: str) -> np.ndarray:
            return normals_at(seed, f"counts/{observable}/{visit}", readings.patients)

        seen = as_read(readings, visits, counted_names=self.counted, normals=normals)
        found = np.full(len(complete), np.nan)
        if self.is_endpoint:
            found[complete] = find_endpoint(self.name).compute(seen)
        else:
            assert self.day is not None  # see find_measure
            found[complete] = seen.at(self.name, self.day)
        return found


def find_measure(text: str, time_days: float | None, model: Model) -> Measure:
    """The measure of a text such as ``b_cells_nadir``, ``sledai_d90``, ``igg`` or ``upcr < 0.5`` with a time.

    Names that sources use (``measure_names.csv``) are taken for the model's own.

    Parameters
    ----------
    time_days
        Day of the reading, needed where the id does not say it.

    Raises
    ------
    UnknownNameError
        If neither an endpoint nor an observable is called so; the nearest three are named.
    InputError
        If a time is missing or contradicts the id, or the limit's unit cannot be converted.
    """
    comparison = _COMPARISON.fullmatch(text.strip())
    name, sign, number, unit = (text.strip(), "", "nan", None) if comparison is None else comparison.groups()
    resolved, day, own_unit, label, is_endpoint = _named(model_name(name), time_days, model)
    limit = float(number)
    if unit is not None:
        limit = convert(limit, plain_unit(unit, own_unit), own_unit)
    return Measure(
        name=resolved,
        day=day,
        is_endpoint=is_endpoint,
        comparison=sign,
        limit=limit,
        unit="1" if sign else own_unit,
        label=f"{label} {sign} {limit:g}" if sign else label,
    )


def measures_of(row: Observation, model: Model) -> tuple[Measure, Measure | None]:
    """The measure of a row and that of its condition, read as its source did; None if it has no condition.

    Raises
    ------
    UnknownNameError
        As :func:`find_measure`.
    InputError
        As :func:`find_measure`, or if the row is read after its last visit.
    """
    try:
        measure = find_measure(row.measure, row.time_days, model)
        given = find_measure(row.given, row.time_days, model) if row.given else None
    except InputError:  # an endpoint of the whole course with the time that the source states beside it
        measure = find_measure(row.measure, None, model)
        given = find_measure(row.given, None, model) if row.given else None
    return _read_at(measure, row, model), None if given is None else _read_at(given, row, model)


def _read_at(measure: Measure, row: Observation, model: Model) -> Measure:
    """The measure as the row's source read it."""
    visits = row.visits
    if visits is None:
        return measure
    if measure.day is not None and measure.day > visits.days[-1] + 1e-9:
        raise InputError(
            f"'{measure.name}' is read on day {measure.day:g} and the last visit is on day {visits.days[-1]:g}",
            where="visits_days",
            mend="add the visit",
        )
    return replace(measure, visits=visits, counted=counted_observables(model))


def _named(name: str, time_days: float | None, model: Model) -> tuple[str, float | None, str, str, bool]:
    """Id, day, unit, label, and whether it is an endpoint."""
    visit = endpoint_at(name, time_days) if time_days is not None else None
    if name in known_endpoints() or re.search(r"_d\d", name):
        visit = name
    if visit is not None:
        entry = find_endpoint(visit)
        if time_days is not None and entry.day is not None and entry.day != time_days:
            raise InputError(
                f"'{name}' is read on day {entry.day:g} and time_days says {time_days:g}",
                where="measure",
                mend="make them agree",
            )
        return visit, entry.day, entry.unit, entry.label, True
    if name in model.observables:
        row = model.observables[name]
        if time_days is None:
            raise InputError(
                f"'{name}' is read at a time", where="time_days", mend="give the day, such as 90"
            )
        return name, time_days, row.unit, f"{row.label}, day {time_days:g}", False
    if endpoint_at(name, 90.0) is not None:
        raise InputError(
            f"'{name}' is read at a visit", where="time_days", mend=f"give the day, or write {name}_d90"
        )
    known = {*known_endpoints(), *model.observables}
    raise UnknownNameError("measure", name, known, where="measure")


_SPELLED = {
    "/ul": "1/uL",
    "/µl": "1/uL",
    "/mm3": "1/uL",
    "/mm^3": "1/uL",
    "cells/mm3": "1/uL",
    "per ul": "1/uL",
    "percent": "%",
    "points": "score",
    "point": "score",
    "u/ml": "IU/mL",
    "iu/l": "international_unit/liter",
    "days": "d",
    "day": "d",
    "weeks": "wk",
    "week": "wk",
    "months": "mo",
    "month": "mo",
    "years": "a",
    "year": "a",
    "hours": "h",
    "hour": "h",
    "fraction": "1",
    "share": "1",
    "fold": "1",
    "patients": "1",
    "dimensionless": "1",
    "-": "1",
}


def plain_unit(written: str, own: str) -> str:
    """A unit as people write it in the spelling that can be converted; the measure's ``own`` unit if nothing is written."""
    text = written.strip().replace("μ", "µ")
    if not text:
        return own
    return _SPELLED.get(text.lower(), text)
