"""Published observations as marks on a figure: which figure, where, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from vivocart.report.spelling import in_print
from vivocart.scenarios.result import ALL_ARMS, ArmResult, ComparisonRow


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One published observation on one figure.

    ``kind`` is ``value``, ``at most``, ``at least`` or ``duration``; a duration runs from ``start`` for ``low`` to
    ``high`` days at height ``y``.
    """

    kind: str
    x: float
    y: float
    words: str
    start: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def values(self) -> tuple[float, ...]:
        """Heights that the axis has to show."""
        return (self.y,)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where observations of a measure are drawn: the figure, the day if the source gives none, the height of a duration."""

    figure: str
    day: float = 0.0
    height: float | None = None
    from_last_infusion: bool = False


# measure (endpoint or observable) -> its place; a measure that is not here stands in the table only
_PLACES = {
    "car_percent_peak": _Place(figure="car", day=0.25),
    "car_percent_cd8": _Place(figure="car", day=0.25),
    "car_return_days": _Place(figure="car", height=8.0, from_last_infusion=True),
    "b_cells_nadir": _Place(figure="b-blood", day=7.0),
    "b_cell_depletion_days": _Place(figure="b-blood", height=0.25),
    "b_cell_deep_depletion_days": _Place(figure="b-blood", height=0.25),
    "sledai_baseline": _Place(figure="sledai"),
    "sledai_d90": _Place(figure="sledai", day=90.0),
    "sledai_d180": _Place(figure="sledai", day=180.0),
}


def marks_for(rows: Sequence[ComparisonRow], figure: str, arm: ArmResult) -> tuple[Mark, ...]:
    """Marks of one figure for one arm; an observation of all arms together is drawn in each."""
    last = max(row.day for row in arm.regimen.infusions_table)
    found = [
        _mark(row, _PLACES[row.measure], last)
        for row in rows
        if row.measure in _PLACES
        and _PLACES[row.measure].figure == figure
        and row.arm in {arm.label, ALL_ARMS}
    ]
    return tuple(mark for mark in found if mark is not None)


def _mark(row: ComparisonRow, place: _Place, last_infusion_day: float) -> Mark | None:
    words = f"published: {in_print(row.observed_text)}"
    if place.height is not None:
        if row.observed_lower is None or row.observed_upper is None:
            return None
        return Mark(
            kind="duration",
            x=0.0,
            y=place.height,
            words=words,
            start=last_infusion_day if place.from_last_infusion else 0.0,
            low=row.observed_lower,
            high=row.observed_upper,
        )
    value = row.observed_value if row.observed_value is not None else row.observed_upper
    if value is None:
        return None
    kinds = {"upper_bound": "at most", "lower_bound": "at least"}
    day = row.time_days if row.time_days is not None else place.day
    return Mark(kind=kinds.get(row.statistic, "value"), x=day, y=value, words=words)
