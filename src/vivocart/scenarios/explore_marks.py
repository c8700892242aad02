"""Published observations beside an exploration: those whose study gave what an arm gives, placed on its charts."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from vivocart.calibration.observations import Observation, observations
from vivocart.evidence.citations import cite
from vivocart.evidence.library import quantities
from vivocart.scenarios.explore import Arm
from vivocart.scenarios.explorer import MarkPlace, explorer_settings
from vivocart.scenarios.result import ALL_ARMS
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import load_study, study_ids

_KINDS = {"upper_bound": "at most", "lower_bound": "at least"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMark:
    """One published statement beside one arm.

    ``chart`` and ``observable`` are empty where it stands at the endpoint ``measure`` in the table only. ``kind`` is
    ``value``, ``at most``, ``at least``, ``range`` (from ``lower`` to ``upper`` at ``time_days``) or ``duration`` (from day
    ``start`` for ``lower`` to ``upper`` days, drawn at height ``value``). Numbers are in the measure's own unit.
    """

    arm: int
    measure: str
    chart: str
    observable: str
    kind: str
    time_days: float | None
    start: float | None
    value: float | None
    lower: float | None
    upper: float | None
    unit: str
    label: str
    text: str
    note: str
    trust: str
    study_id: str
    observation_id: str
    quantity_id: str
    place: str
    record_id: str
    citation: str


def published_marks(arms: Sequence[Arm], *, days: float) -> tuple[PublishedMark, ...]:
    """Marks of every arm that gives what an arm of a published study gave; an interval nobody published may differ."""
    found: list[PublishedMark] = []
    for position, arm in enumerate(arms):
        for study_id, arm_id in matching_arms(arm.regimen):
            found += [
                _mark(position, arm.regimen, row)
                for row in _observations(study_id)
                if row.measure and row.arm in (arm_id, ALL_ARMS)
            ]
    return tuple(mark for mark in found if mark.time_days is None or mark.time_days <= days)


def matching_arms(regimen: Regimen) -> tuple[tuple[str, str], ...]:
    """Published arms, as (study, arm), in which was given what the regimen gives."""
    asked = _given(regimen, with_interval=False)
    found: list[tuple[str, str]] = []
    for study_id, arm_id, published, has_free_interval in _published_arms():
        if _given(published, with_interval=False) != asked:
            continue
        if has_free_interval or _given(published, with_interval=True) == _given(regimen, with_interval=True):
            found.append((study_id, arm_id))
    return tuple(found)


@functools.cache
def _published_arms() -> tuple[tuple[str, str, Regimen, bool], ...]:
    """Study, arm, regimen at the default interval, and whether the interval was not published."""
    return tuple(
        (study.id, arm.id, regimen, arm.needs_interval)
        for study in (load_study(name) for name in study_ids())
        for arm, regimen in zip(study.arms, study.regimens(None).values(), strict=True)
    )


@functools.cache
def _observations(study_id: str) -> tuple[Observation, ...]:
    return tuple(row for row in observations() if row.study_id.lower() == study_id.lower())


def _given(regimen: Regimen, *, with_interval: bool) -> tuple[object, ...]:
    if with_interval:
        return tuple((row.product_id, row.amount, round(row.day, 6)) for row in regimen.infusions_table)
    return tuple((course.product.id, course.dose, course.infusions) for course in regimen.courses)


@functools.cache
def _places() -> dict[str, MarkPlace]:
    return {place.measure: place for place in explorer_settings().mark_places}


def _mark(position: int, regimen: Regimen, row: Observation) -> PublishedMark:
    place = _places().get(row.measure)
    height = None if place is None else place.height
    is_duration = height is not None and row.lower is not None and row.upper is not None
    day = row.time_days if row.time_days is not None else (place.day if place else None)
    is_drawn = place is not None and (is_duration or (day is not None and height is None))
    last = max(entry.day for entry in regimen.infusions_table) - regimen.first_infusion_day
    start = last if place is not None and place.is_from_last_infusion else 0.0
    kind = "duration" if is_duration else _KINDS.get(row.statistic, "range" if row.value is None else "value")
    return PublishedMark(
        arm=position,
        measure=row.measure,
        chart=place.chart if place is not None and is_drawn else "",
        observable=place.observable if place is not None and is_drawn else "",
        kind=kind,
        time_days=None if is_duration else day,
        start=start if is_duration else None,
        value=height if is_duration else row.value,
        lower=row.lower,
        upper=row.upper,
        unit=row.unit,
        label=row.label,
        text=row.observed_text,
        note=row.note,
        trust=row.trust,
        study_id=row.study_id,
        observation_id=row.id,
        quantity_id=row.quantity_id,
        place=quantities()[row.quantity_id].place if row.quantity_id in quantities() else "",
        record_id=row.record_id,
        citation=_citation(row.record_id),
    )


@functools.cache
def _citation(record_id: str) -> str:
    return cite([record_id], "short")[0] if record_id else ""
