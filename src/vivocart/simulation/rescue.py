"""Doses that the patient's own course triggers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """A rule of the protocol: when ``observable`` rises above the patient's own ``threshold`` parameter, give ``product``.

    The dose is ``dose_per_kg`` times body weight, at most ``maximum_dose``, both in the product's dose unit; at most
    ``maximum_count`` times, at least ``minimum_spacing_hours`` apart, ``delay_hours`` after the crossing.
    """

    product: str
    observable: str
    threshold: str
    dose_per_kg: float
    maximum_dose: float
    delay_hours: float = 0.0
    minimum_spacing_hours: float = 8.0
    maximum_count: int = 1
