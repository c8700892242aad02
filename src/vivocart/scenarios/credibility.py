"""What the credibility table holds: rows, what they are to the parameters, and how many lie in their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from vivocart.calibration.prediction import PredictedStatistic, Prediction
from vivocart.ground.provenance import Provenance
from vivocart.scenarios.validation_plans import ValidationPlan

LEVELS = (0.5, 0.9)
"""Levels of the intervals whose coverage is counted."""

_CONFIDENCE = 0.95

FITTED, HELD_OUT, IN_VIEW, NEW = "fitted", "held out", "in view", "new"
"""What a row is to the parameters: fitted; held out of a fit; in view when constants were set by hand; a user's own."""

STATUS_WORDS = {
    FITTED: "a fit moved the parameters towards it",
    HELD_OUT: "left out of the fit, though it was in view when the starting constants were set by hand",
    IN_VIEW: "in view when the constants were set by hand; no fit was made",
    NEW: "brought by the user; nobody here fitted it",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CredibilityRow:
    """One observation beside its prediction.

    ``prediction`` is None where there is none, and ``reason`` then says why. ``source`` names the draws, ``status``
    is one of :data:`STATUS_WORDS`.
    """

    study_id: str
    observation_id: str
    arm: str
    n: int
    measure: str
    label: str
    unit: str
    time_days: float | None
    statistic: str
    observed_text: str
    status: str
    source: str
    prediction: Prediction | None
    reason: str
    trust: str
    record_id: str
    note: str

    @property
    def parts(self) -> tuple[PredictedStatistic, ...]:
        """The predicted statistic; two for a range, none where nothing is predicted."""
        return () if self.prediction is None else self.prediction.parts


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many published numbers of one status lie in their intervals of one level.

    ``low`` to ``high`` is the exact 95 % interval (Clopper and Pearson) of the share if rows were independent, which rows
    of one study are not. Bounds and intervals of sources are no numbers and are not counted here.
    """

    status: str
    level: float
    n: int
    n_inside: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Share inside."""
        return self.n_inside / self.n if self.n else float("nan")

    @property
    def is_plausible(self) -> bool:
        """Whether the level itself lies within the interval."""
        return self.low <= self.level <= self.high


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCount:
    """Bounds and intervals of sources of one status, and how many at least 5 % of cohorts keep."""

    status: str
    n: int
    n_kept: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Credibility:
    """The credibility table with what it was made of."""

    plans: tuple[ValidationPlan, ...]
    sources: Mapping[str, str]
    rows: tuple[CredibilityRow, ...]
    coverage: tuple[Coverage, ...]
    bounds: tuple[BoundCount, ...]
    n_cohorts: Mapping[str, int]
    n_failed: int
    notes: tuple[str, ...]
    provenance: Provenance

    def pit_values(self, status: str | None = None) -> np.ndarray:
        """Places of published numbers in their predictive distributions, shape (n,); of one status or of all."""
        return np.array(
            [
                part.p
                for row in self.rows
                for part in row.parts
                if part.is_number and (status is None or row.status == status)
            ]
        )


def coverage(rows: Sequence[CredibilityRow]) -> tuple[Coverage, ...]:
    """Coverage of each status at each level, over the published numbers that are predicted."""
    found: list[Coverage] = []
    for status in STATUS_WORDS:
        parts = [part for row in rows if row.status == status for part in row.parts if part.is_number]
        if not parts:
            continue
        for level in LEVELS:
            inside = sum(part.is_inside if level > LEVELS[0] else part.is_inside_half for part in parts)
            low, high = binomial_interval(inside, len(parts))
            found.append(
                Coverage(status=status, level=level, n=len(parts), n_inside=inside, low=low, high=high)
            )
    return tuple(found)


def bounds(rows: Sequence[CredibilityRow]) -> tuple[BoundCount, ...]:
    """Bounds and intervals of each status, and how many the predictions keep."""
    found: list[BoundCount] = []
    for status in STATUS_WORDS:
        parts = [part for row in rows if row.status == status for part in row.parts if not part.is_number]
        if parts:
            found.append(
                BoundCount(status=status, n=len(parts), n_kept=sum(part.is_inside for part in parts))
            )
    return tuple(found)


def binomial_interval(k: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval of a share of which ``k`` of ``n`` were seen (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    tail = (1.0 - _CONFIDENCE) / 2.0
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1.0 - tail))
    return low, high


def flat_rows(result: Credibility) -> list[dict[str, Any]]:
    """A row for each predicted statistic (two for a range) or unpredicted observation, as plain data for CSV and JSON."""
    table: list[dict[str, Any]] = []
    for row in result.rows:
        head: dict[str, Any] = {
            "study_id": row.study_id,
            "observation_id": row.observation_id,
            "arm": row.arm,
            "n": row.n,
            "measure": row.measure,
            "label": row.label,
            "unit": row.unit,
            "time_days": row.time_days,
            "statistic": row.statistic,
            "observed": row.observed_text,
            "status": row.status,
            "source": row.source,
        }
        tail: dict[str, Any] = {
            "n_cohorts": row.prediction.n_cohorts if row.prediction else 0,
            "n_left_out": row.prediction.n_left_out if row.prediction else 0,
            "trust": row.trust,
            "record_id": row.record_id,
            "not_predicted": row.reason,
            "note": row.note,
        }
        table.extend(head | _flat_part(part) | tail for part in row.parts or (None,))
    return table


def _flat_part(part: PredictedStatistic | None) -> dict[str, Any]:
    names = ("part", "observed_low", "observed_high", "median", "low50", "high50", "low90", "high90")
    judged = ("inside50", "inside90", "pit", "share_keeping_bound")
    if part is None:
        return dict.fromkeys((*names, *judged))
    return {
        "part": part.name,
        **{name: getattr(part, name) for name in names[1:]},
        "inside50": part.is_inside_half,
        "inside90": part.is_inside,
        "pit": part.p if part.is_number else None,
        "share_keeping_bound": None if part.is_number else part.p,
    }
