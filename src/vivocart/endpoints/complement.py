"""Complement C3 and C4."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import DEFINITION, endpoint

LOW_C3_G_PER_L = 0.9
LOW_C4_G_PER_L = 0.16
"""Below these complement is low (90 and 16 mg/dL, the cut-offs used in the belimumab trials)."""


@endpoint(id="c3", unit="g/L", label="C3", family="complement", source=DEFINITION, visits=(28, 90, 180))
def c3(readings: Readings, day: float) -> np.ndarray:
    """Complement C3 at the visit."""
    return readings.at("c3", day)


@endpoint(id="c4", unit="g/L", label="C4", family="complement", source=DEFINITION, visits=(28, 90, 180))
def c4(readings: Readings, day: float) -> np.ndarray:
    """Complement C4 at the visit."""
    return readings.at("c4", day)


@endpoint(
    id="complement_normalized",
    unit="1",
    label="Low complement turned normal",
    family="complement",
    source=DEFINITION,
    visits=(28, 90, 180),
)
def complement_normalized(readings: Readings, day: float) -> np.ndarray:
    """1 if C3 (0.9 g/L) or C4 (0.16 g/L) was low at baseline and neither is at the visit, 0 if one still is.

    Missing for patients whose complement was normal at baseline.
    """
    low_before = (readings.baseline("c3") < LOW_C3_G_PER_L) | (readings.baseline("c4") < LOW_C4_G_PER_L)
    low_now = (readings.at("c3", day) < LOW_C3_G_PER_L) | (readings.at("c4", day) < LOW_C4_G_PER_L)
    return np.where(low_before, (~low_now).astype(float), np.nan)
