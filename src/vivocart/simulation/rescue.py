"""Doses that the patient's own course triggers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """A rule of the protocol: when ``observable`` rises above ``threshold``, give ``product``.

    ``threshold`` is a number in the observable's unit, or the id of a parameter of which every patient has an own value.
    ``dose`` is in the product's dose unit, by body weight where the product is dosed so, and capped where it has a
    maximum; at most ``maximum_count`` times, at least ``minimum_spacing_hours`` apart, ``delay_hours`` after the crossing.
    A patient who begins above the threshold has to fall below it first. The same rule serves a rescue (tocilizumab at a
    grade of CRS) and a re-infusion (when B cells are back).
    """

    product: str
    observable: str
    threshold: str | float
    dose: float
    delay_hours: float = 0.0
    minimum_spacing_hours: float = 8.0
    maximum_count: int = 1
