"""Autoantibody, anti-dsDNA and total IgG."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints import curves
from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import DEFINITION, endpoint

ANTI_DSDNA_POSITIVE_IU_PER_ML = 30.0
"""Anti-dsDNA at or above this is positive (the cut-off used in the belimumab trials)."""

LOW_IGG_G_PER_L = 7.0
"""Below this IgG is called low."""

SUBSTANTIAL_ANTIBODY_FRACTION = 0.5
SUBSTANTIAL_COMPLEMENT_RISE = 1.2
"""Our reading of "substantial": autoantibody halved, C3 or C4 up by a fifth (assumed; the source gives no size)."""


@endpoint(
    id="autoantibody",
    unit="1",
    label="Autoantibody, share of baseline",
    family="antibodies",
    source=DEFINITION,
    visits=(28, 90, 180),
)
def autoantibody(readings: Readings, day: float) -> np.ndarray:
    """Autoantibody at the visit as a fraction of the patient's own baseline."""
    return readings.at("autoantibody", day)


@endpoint(
    id="anti_dsdna",
    unit="IU/mL",
    label="Anti-dsDNA",
    family="antibodies",
    source=DEFINITION,
    visits=(28, 90, 180),
)
def anti_dsdna(readings: Readings, day: float) -> np.ndarray:
    """Anti-dsDNA antibody at the visit."""
    return readings.at("anti_dsdna", day)


@endpoint(
    id="seroconversion",
    unit="1",
    label="Anti-dsDNA turned negative",
    family="antibodies",
    source=DEFINITION,
    visits=(28, 90, 180),
)
def seroconversion(readings: Readings, day: float) -> np.ndarray:
    """1 if anti-dsDNA was at or above 30 IU/mL at baseline and is below at the visit, 0 if it still is at or above.

    Missing for patients who were negative at baseline.
    """
    positive = readings.baseline("anti_dsdna") >= ANTI_DSDNA_POSITIVE_IU_PER_ML
    negative_now = readings.at("anti_dsdna", day) < ANTI_DSDNA_POSITIVE_IU_PER_ML
    return np.where(positive, negative_now.astype(float), np.nan)


@endpoint(
    id="serological_response",
    unit="1",
    label="Autoantibody halved and complement up by a fifth",
    family="antibodies",
    source="wang2025",
    visits=(90, 180),
)
def serological_response(readings: Readings, day: float) -> np.ndarray:
    """1 if at the visit autoantibody is at most half of its baseline and C3 or C4 at least a fifth above its own.

    Our stated reading of "substantial autoantibody fall and complement rise", whose size the source does not give.
    """
    fallen = readings.at("autoantibody", day) <= SUBSTANTIAL_ANTIBODY_FRACTION * readings.baseline(
        "autoantibody"
    )
    risen = np.zeros(readings.n_patients, dtype=bool)
    for name in ("c3", "c4"):
        risen |= readings.at(name, day) >= SUBSTANTIAL_COMPLEMENT_RISE * readings.baseline(name)
    return (fallen & risen).astype(float)


@endpoint(
    id="igg",
    unit="g/L",
    label="IgG",
    family="antibodies",
    source=DEFINITION,
    visits=(28, 90, 180),
)
def igg(readings: Readings, day: float) -> np.ndarray:
    """Total IgG at the visit."""
    return readings.at("igg", day)


@endpoint(
    id="igg_nadir",
    unit="g/L",
    label="Lowest IgG",
    family="antibodies",
    source=DEFINITION,
)
def igg_nadir(readings: Readings) -> np.ndarray:
    """Lowest total IgG over the whole simulation."""
    return readings.lowest("igg")


@endpoint(
    id="igg_days_below_7",
    unit="d",
    label="Days with IgG below 7 g/L",
    family="antibodies",
    source=DEFINITION,
)
def igg_days_below_7(readings: Readings) -> np.ndarray:
    """Days with total IgG below 7 g/L, all spells together, within the simulated time."""
    return curves.days_below(readings.times, readings["igg"], LOW_IGG_G_PER_L)
