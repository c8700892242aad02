"""SLEDAI-2K by item: 24 descriptors with fixed weights, each counted if present at any time in the last 30 days.

Serological items and proteinuria follow the simulated assay against its fixed limit; the clinical items are present while
the inflammation that drives them exceeds the patient's own threshold. A score is the sum of the weights of the items
present, so it is a whole number from 0 to 105.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.endpoints import curves
from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import endpoint
from vivocart.model.rows import SledaiItemRow
from vivocart.patients.sledai_baseline import sledai_items as shipped_items

WINDOW_DAYS = 30.0
"""Days before a visit in which an item counts. Source: PMID19910390 (10 and 30 days agree)."""

_SCORE_SOURCE = "sledai2k_30_days"
_MONTHLY_VISITS = (30.0, 60.0, 90.0)
_WEEK = 7.0
_ALL_VISITS = "sledai_visits"  # name under which readings share what read_visits finds


def sledai_table() -> tuple[SledaiItemRow, ...]:
    """The 24 items of the shipped model, in the order of the instrument."""
    return shipped_items()


def weights(table: Sequence[SledaiItemRow] | None = None) -> np.ndarray:
    """Weight of each item, shape (n_items,), whole numbers."""
    return np.array([entry.weight for entry in table or sledai_table()], dtype=np.int64)


def serological(table: Sequence[SledaiItemRow] | None = None) -> np.ndarray:
    """Whether each item is serological (anti-dsDNA, low complement), shape (n_items,), Boolean."""
    return np.array([entry.serological for entry in table or sledai_table()], dtype=bool)


def sledai_items(readings: Readings, day: float, table: Sequence[SledaiItemRow] | None = None) -> np.ndarray:
    """Which items count at a visit.

    Parameters
    ----------
    readings
        Trajectories of the items' drivers, and covariates ``sledai_threshold_<item>`` for items with the rule
        ``threshold``.
    day
        Day of the visit; at the start of the simulation, the baseline visit. Before it patients are at baseline, so
        until day 30 a visit still counts what was present at baseline.
    table
        The items; the shipped ones by default.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_items), Boolean: present at any time in the 30 days up to the visit, the values at both ends of the
        window included.

    Raises
    ------
    MissingReadingError
        If the simulation ends before ``day``, or a driver or a threshold is missing.
    """
    if table is not None:
        return items_at_visits(readings, (day,), table)[:, 0].T
    return readings.shared(f"sledai_items/{float(day)!r}", lambda: items_at_visits(readings, (day,))[:, 0].T)


def items_at_visits(
    readings: Readings, days: Sequence[float] | np.ndarray, table: Sequence[SledaiItemRow] | None = None
) -> np.ndarray:
    """As :func:`sledai_items` for several visits in one go, shape (n_items, n_visits, n)."""
    ends = np.asarray(days, dtype=np.float64)
    known = _known(readings, days) if table is None else None
    if known is not None:
        return known[0].present[:, known[1]]
    return _visits(readings, ends, sledai_table() if table is None else table).present


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Visits:
    """What counts at visits: items (n_items, n_visits, n), SLEDAI-2K and its clinical part (n_visits, n)."""

    places: Mapping[float, int]  # of the visits by day
    present: np.ndarray
    score: np.ndarray
    clinical: np.ndarray


def read_visits(readings: Readings, days: Iterable[float]) -> None:
    """Read SLEDAI-2K at many visits in one go; who asks for one of them later finds it there.

    Besides ``days`` the start of the simulation, monthly and weekly visits are read, and days beyond the end are not.
    """
    reached = [day for day in (*days, *_MONTHLY_VISITS) if day <= readings.times[-1] + 1e-9]
    ends = np.unique([readings.times[0], *weekly_visits(readings), *reached])
    readings.shared(_ALL_VISITS, lambda: _visits(readings, ends, sledai_table()))


def _visits(readings: Readings, days: np.ndarray, table: Sequence[SledaiItemRow]) -> _Visits:
    from vivocart.endpoints import loops  # late: it loads a compiler

    readings.require_day(float(days.max(initial=-np.inf)))
    starts = np.maximum(days - WINDOW_DAYS, float(readings.times[0]))
    windows = curves.windows(readings.times, starts, days)
    drivers = list(dict.fromkeys(row.driver[0] for row in table if row.rule == "threshold"))
    highest = [curves.windows_highest(readings[driver], windows) for driver in drivers]
    whose = np.empty(len(table), dtype=np.int64)
    limits = np.full((len(table), readings.n_patients), 0.5)
    for item, row in enumerate(table):
        if row.rule == "threshold":
            whose[item] = drivers.index(row.driver[0])
            limits[item] = readings.covariate(f"sledai_threshold_{row.item}")
        else:  # 1 or 0 by laboratory values, which the limit of a half tells apart
            whose[item] = len(highest)
            highest.append(_beyond_limit(readings, row, windows).astype(np.float64))
    shape = (len(days), readings.n_patients)
    present = np.empty((len(table), *shape), dtype=bool)
    score, clinical = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    worth = np.stack([weights(table), weights(table) * ~serological(table)], axis=1)
    loops.items_present(np.stack(highest), whose, limits, worth, present, score, clinical)
    places = {float(day): place for place, day in enumerate(days)}
    return _Visits(places=places, present=present, score=score, clinical=clinical)


def _beyond_limit(readings: Readings, row: SledaiItemRow, windows: curves.Windows) -> np.ndarray:
    """Whether a laboratory value is beyond its limit at any time in windows, shape (n_windows, n)."""
    beyond = [
        curves.windows_highest(readings[driver], windows) > limit
        if row.rule == "above"
        else curves.windows_lowest(readings[driver], windows) < limit
        for driver, limit in zip(row.driver, row.limit, strict=True)
    ]
    return np.logical_or.reduce(beyond)


def scores_at_visits(readings: Readings, days: Sequence[float] | np.ndarray) -> np.ndarray:
    """SLEDAI-2K at several visits, shape (n_visits, n), whole numbers."""
    known = _known(readings, days)
    if known is not None:
        return known[0].score[known[1]]
    return _visits(readings, np.asarray(days, dtype=np.float64), sledai_table()).score


def _known(readings: Readings, days: Iterable[float]) -> tuple[_Visits, list[int]] | None:
    """What :func:`read_visits` found and the places of these days in it, if all of them are there."""
    known: _Visits | None = readings.known(_ALL_VISITS)
    if known is None:
        return None
    places = [known.places.get(float(day), -1) for day in days]
    return None if -1 in places else (known, places)


def sledai_score(items: np.ndarray, table: Sequence[SledaiItemRow] | None = None) -> np.ndarray:
    """SLEDAI-2K, shape (n,), whole numbers: the weights of the items present, added up.

    Parameters
    ----------
    items
        Result of :func:`sledai_items`, shape (n, n_items).
    """
    return _weighed(np.asarray(items, dtype=bool).T, weights(table))


def clinical_sledai_score(items: np.ndarray, table: Sequence[SledaiItemRow] | None = None) -> np.ndarray:
    """SLEDAI-2K without anti-dsDNA and low complement, shape (n,), whole numbers."""
    return _weighed(np.asarray(items, dtype=bool).T, weights(table) * ~serological(table))


def weekly_scores(readings: Readings) -> tuple[np.ndarray, np.ndarray]:
    """SLEDAI-2K and its clinical part at :func:`weekly_visits`, each of shape (n_visits, n), whole numbers."""
    visits = weekly_visits(readings)
    known = _known(readings, visits.tolist())
    if known is not None:
        return known[0].score[known[1]], known[0].clinical[known[1]]

    def compute() -> tuple[np.ndarray, np.ndarray]:
        found = _visits(readings, visits, sledai_table())
        return found.score, found.clinical

    return readings.shared("sledai_weekly", compute)


def _weighed(present: np.ndarray, item_weights: np.ndarray) -> np.ndarray:
    """Weights of the items present (n_items, ...) added up; an item at a time, which no matrix of whole numbers beats."""
    score = np.zeros(present.shape[1:], dtype=np.int16)
    for there, weight in zip(present, item_weights.astype(np.int16), strict=True):
        if weight:
            score += weight * there
    return score.astype(np.int64)


def _score(readings: Readings, day: float) -> np.ndarray:
    return readings.shared(f"sledai/{float(day)!r}", lambda: scores_at_visits(readings, (day,))[0])


def _clinical_score(readings: Readings, day: float) -> np.ndarray:
    def compute() -> np.ndarray:
        known = _known(readings, (day,))
        if known is not None:
            return known[0].clinical[known[1][0]]
        return clinical_sledai_score(sledai_items(readings, day))

    return readings.shared(f"clinical_sledai/{float(day)!r}", compute)


@endpoint(
    id="sledai_baseline", unit="score", label="SLEDAI-2K at baseline", family="sledai", source=_SCORE_SOURCE
)
def sledai_baseline(readings: Readings) -> np.ndarray:
    """SLEDAI-2K at the start of the simulation: the weights of the items present, added up."""
    return _score(readings, float(readings.times[0]))


@endpoint(
    id="clinical_sledai_baseline",
    unit="score",
    label="Clinical SLEDAI-2K at baseline",
    family="sledai",
    source=_SCORE_SOURCE,
)
def clinical_sledai_baseline(readings: Readings) -> np.ndarray:
    """SLEDAI-2K at the start of the simulation without anti-dsDNA and low complement."""
    return _clinical_score(readings, float(readings.times[0]))


@endpoint(
    id="sledai",
    unit="score",
    label="SLEDAI-2K",
    family="sledai",
    source=_SCORE_SOURCE,
    visits=(28, 90, 180),
)
def sledai(readings: Readings, day: float) -> np.ndarray:
    """SLEDAI-2K at the visit: weights of the items present at any time in the last 30 days, added up.

    Until day 30 the window still holds the baseline, so a fall can show only from then on.
    """
    return _score(readings, day)


@endpoint(
    id="clinical_sledai",
    unit="score",
    label="Clinical SLEDAI-2K",
    family="sledai",
    source=_SCORE_SOURCE,
    visits=(28, 90, 180),
)
def clinical_sledai(readings: Readings, day: float) -> np.ndarray:
    """SLEDAI-2K at the visit without anti-dsDNA and low complement."""
    return _clinical_score(readings, day)


@endpoint(
    id="sledai_fall",
    unit="score",
    label="Fall of SLEDAI-2K from baseline",
    family="sledai",
    source=_SCORE_SOURCE,
    visits=(28, 90, 180),
)
def sledai_fall(readings: Readings, day: float) -> np.ndarray:
    """SLEDAI-2K at baseline minus SLEDAI-2K at the visit; negative if it rose."""
    return sledai_baseline(readings) - _score(readings, day)


@endpoint(
    id="sledai_best_fall",
    unit="score",
    label="Largest fall of SLEDAI-2K at monthly visits",
    family="sledai",
    source="wang2025",
    visits=(90,),
)
def sledai_best_fall(readings: Readings, day: float) -> np.ndarray:
    """Largest fall of SLEDAI-2K from baseline at the visits on days 30, 60 and 90; 0 if it never fell."""
    lowest = np.min([_score(readings, visit) for visit in _MONTHLY_VISITS if visit <= day], axis=0)
    return np.maximum(sledai_baseline(readings) - lowest, 0)


@endpoint(
    id="sledai_fall_4",
    unit="1",
    label="SLEDAI-2K down by 4 or more (the SLEDAI part of SRI-4)",
    family="sledai",
    source="nct04895241",
    visits=(90, 180),
)
def sledai_fall_4(readings: Readings, day: float) -> np.ndarray:
    """1 if SLEDAI-2K at the visit is at least 4 below baseline, else 0.

    The other parts of SRI-4 (BILAG, physician's global assessment, medication) are not simulated.
    """
    return (sledai_fall(readings, day) >= 4).astype(float)


@endpoint(
    id="sledai_zero",
    unit="1",
    label="SLEDAI-2K of 0",
    family="sledai",
    source="mueller2024",
    visits=(90, 180),
)
def sledai_zero(readings: Readings, day: float) -> np.ndarray:
    """1 if no item counts at the visit, serology included, else 0."""
    return (_score(readings, day) == 0).astype(float)


@endpoint(
    id="clinical_sledai_zero",
    unit="1",
    label="Clinical SLEDAI-2K of 0 (the SLEDAI part of DORIS remission)",
    family="sledai",
    source="doris2021",
    visits=(90, 180),
)
def clinical_sledai_zero(readings: Readings, day: float) -> np.ndarray:
    """1 if no item but anti-dsDNA and low complement counts at the visit, else 0.

    Of the other parts of DORIS remission, prednisone stands in ``doris_without_pga``; the physician's global assessment is
    not simulated.
    """
    return (clinical_sledai(readings, day) == 0).astype(float)


def weekly_visits(readings: Readings) -> np.ndarray:
    """Days 7, 14, ... as far as the simulation reaches."""
    return np.arange(_WEEK, readings.times[-1] + 1e-9, _WEEK)
