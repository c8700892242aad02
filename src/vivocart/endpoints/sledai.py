"""SLEDAI-2K by item: 24 descriptors with fixed weights, each counted if present at any time in the last 30 days.

Serological items and proteinuria follow the simulated assay against its fixed limit; the clinical items are present while
the inflammation that drives them exceeds the patient's own threshold. A score is the sum of the weights of the items
present, so it is a whole number from 0 to 105.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    return readings.shared(
        f"sledai_items/{float(day)!r}", lambda: items_at_visits(readings, (day,), sledai_table())[:, 0].T
    )


def items_at_visits(
    readings: Readings, days: Sequence[float] | np.ndarray, table: Sequence[SledaiItemRow] | None = None
) -> np.ndarray:
    """As :func:`sledai_items` for several visits in one go, shape (n_items, n_visits, n)."""
    entries = sledai_table() if table is None else table
    ends = np.asarray(days, dtype=np.float64)
    readings.require_day(float(ends.max(initial=-np.inf)))
    starts = np.maximum(ends - WINDOW_DAYS, float(readings.times[0]))
    windows = curves.windows(readings.times, starts, ends)
    highest = {
        driver: curves.windows_highest(readings[driver], windows)
        for driver in {name for entry in entries if entry.rule != "below" for name in entry.driver}
    }
    present = np.zeros((len(entries), len(ends), readings.n_patients), dtype=bool)
    for entry, there in zip(entries, present, strict=True):
        if entry.rule == "threshold":
            limit = readings.covariate(f"sledai_threshold_{entry.item}")
            np.greater(highest[entry.driver[0]], limit, out=there)
            continue
        for driver, limit in zip(entry.driver, entry.limit, strict=True):
            beyond = (
                highest[driver] > limit
                if entry.rule == "above"
                else curves.windows_lowest(readings[driver], windows) < limit
            )
            np.logical_or(there, beyond, out=there)
    return present


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

    def compute() -> np.ndarray:
        present = items_at_visits(readings, weekly_visits(readings))
        return np.stack([_weighed(present, weights()), _weighed(present, weights() * ~serological())])

    scores = readings.shared("sledai_weekly", compute)
    return scores[0], scores[1]


def _weighed(present: np.ndarray, item_weights: np.ndarray) -> np.ndarray:
    """Weights of the items present (n_items, ...) added up; an item at a time, which no matrix of whole numbers beats."""
    score = np.zeros(present.shape[1:], dtype=np.int16)
    for there, weight in zip(present, item_weights.astype(np.int16), strict=True):
        if weight:
            score += weight * there
    return score.astype(np.int64)


def _score(readings: Readings, day: float) -> np.ndarray:
    return readings.shared(f"sledai/{float(day)!r}", lambda: sledai_score(sledai_items(readings, day)))


def _clinical_score(readings: Readings, day: float) -> np.ndarray:
    return readings.shared(
        f"clinical_sledai/{float(day)!r}", lambda: clinical_sledai_score(sledai_items(readings, day))
    )


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
