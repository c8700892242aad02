"""Proteinuria, and the named renal responses as pure functions of what they ask for.

The simulation gives the urine protein-to-creatinine ratio (UPCR) and no filtration rate, so its endpoints are the UPCR
part of a response and say so; the full definitions take eGFR, rescue and prednisone as arguments.
"""

from __future__ import annotations

import numpy as np

from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import DEFINITION, endpoint

COMPLETE_UPCR_G_PER_G = 0.5
"""At or below this proteinuria counts as resolved."""


@endpoint(id="upcr", unit="g/g", label="UPCR", family="renal", source=DEFINITION, visits=(28, 90, 180))
def upcr(readings: Readings, day: float) -> np.ndarray:
    """Urine protein-to-creatinine ratio at the visit."""
    return readings.at("upcr", day)


@endpoint(
    id="upcr_fall_percent",
    unit="%",
    label="Fall of UPCR in patients with proteinuria",
    family="renal",
    source=DEFINITION,
    visits=(90, 180),
)
def upcr_fall_percent(readings: Readings, day: float) -> np.ndarray:
    """Fall of UPCR from baseline to the visit in percent of baseline; missing for patients at or below 0.5 g/g then."""
    before = readings.baseline("upcr")
    fall = 100.0 * (1.0 - readings.at("upcr", day) / np.maximum(before, 1e-9))
    return np.where(before > COMPLETE_UPCR_G_PER_G, fall, np.nan)


@endpoint(
    id="upcr_complete",
    unit="1",
    label="UPCR part of a complete renal response",
    family="renal",
    source="aurora1",
    visits=(90, 180),
)
def upcr_complete(readings: Readings, day: float) -> np.ndarray:
    """1 if UPCR is at most 0.5 g/g at the visit, else 0; missing for patients who were there at baseline.

    The other parts of a complete renal response (filtration rate, no rescue, steroid limit) are not simulated.
    """
    before = readings.baseline("upcr")
    reached = readings.at("upcr", day) <= COMPLETE_UPCR_G_PER_G
    return np.where(before > COMPLETE_UPCR_G_PER_G, reached.astype(float), np.nan)


@endpoint(
    id="upcr_halved",
    unit="1",
    label="UPCR halved and below 3 g/g",
    family="renal",
    source=DEFINITION,
    visits=(90, 180),
)
def upcr_halved(readings: Readings, day: float) -> np.ndarray:
    """1 if UPCR fell by at least half and is below 3 g/g at the visit (the UPCR part of KDIGO 2024), else 0.

    Missing for patients at or below 0.5 g/g at baseline.
    """
    before, now = readings.baseline("upcr"), readings.at("upcr", day)
    reached = (now <= 0.5 * before) & (now < 3.0)
    return np.where(before > COMPLETE_UPCR_G_PER_G, reached.astype(float), np.nan)


def perr(upcr: np.ndarray, egfr: np.ndarray, egfr_reference: np.ndarray, rescue: np.ndarray) -> np.ndarray:
    """Primary efficacy renal response of BLISS-LN, shape (n,), Boolean.

    UPCR at most 0.7 g/g; eGFR at least 60 mL/min/1.73 m2 or at most 20 % below the reference before the flare; no
    rescue.
    """
    kept = (egfr >= 60.0) | (egfr >= 0.8 * egfr_reference)
    return (upcr <= 0.7) & kept & ~np.asarray(rescue, dtype=bool)


def crr_bliss_ln(
    upcr: np.ndarray, egfr: np.ndarray, egfr_reference: np.ndarray, rescue: np.ndarray
) -> np.ndarray:
    """Complete renal response of BLISS-LN, shape (n,), Boolean.

    UPCR below 0.5 g/g; eGFR at least 90 mL/min/1.73 m2 or at most 10 % below the reference; no rescue. A later re-use of
    the definition prints "at most 0.5"; the strict sign is taken here.
    """
    kept = (egfr >= 90.0) | (egfr >= 0.9 * egfr_reference)
    return (upcr < 0.5) & kept & ~np.asarray(rescue, dtype=bool)


def crr_aurora(
    upcr: np.ndarray,
    egfr: np.ndarray,
    egfr_reference: np.ndarray,
    rescue: np.ndarray,
    prednisone_mg_per_day: np.ndarray,
) -> np.ndarray:
    """Complete renal response of AURORA 1, shape (n,), Boolean.

    UPCR at most 0.5 g/g; eGFR at least 60 mL/min/1.73 m2 or at most 20 % below the reference; no rescue; prednisone at
    most 10 mg a day. Source: PMID33971155. The confirming second urine sample is the caller's.
    """
    kept = (egfr >= 60.0) | (egfr >= 0.8 * egfr_reference)
    steroid = np.asarray(prednisone_mg_per_day) <= 10.0
    return (upcr <= 0.5) & kept & ~np.asarray(rescue, dtype=bool) & steroid


def kdigo_2024(
    upcr_baseline: np.ndarray, upcr: np.ndarray, egfr: np.ndarray, egfr_reference: np.ndarray
) -> np.ndarray:
    """Renal response by KDIGO 2024, shape (n,): ``"CR"``, ``"PR"`` or ``"NR"``.

    Complete: UPCR below 0.5 g/g; partial: fall by at least half to below 3 g/g; both with eGFR at least 85 % of the
    reference.
    """
    stable = egfr >= 0.85 * egfr_reference
    complete = (upcr < 0.5) & stable
    partial = (upcr <= 0.5 * upcr_baseline) & (upcr < 3.0) & stable
    return np.where(complete, "CR", np.where(partial, "PR", "NR"))
