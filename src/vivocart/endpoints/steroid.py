"""Daily prednisone at visits, and the parts of DORIS remission and LLDAS that the simulation holds."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import endpoint
from vivocart.endpoints.sledai import clinical_sledai, sledai, sledai_items, sledai_table

DORIS_LIMIT_MG = 5.0
"""Most prednisone a day in DORIS remission. Source: doris2021."""
LLDAS_LIMIT_MG = 7.5
_SAME_MG = 1e-6
_LLDAS_SCORE = 4
_MAJOR_ORGANS = frozenset({"CNS", "renal", "vascular", "serosal"})


@endpoint(
    id="prednisone",
    unit="mg/d",
    label="Prednisone or equivalent a day",
    family="steroid",
    source="definition",
    visits=(90, 180),
)
def prednisone(readings: Readings, day: float) -> np.ndarray:
    """Daily dose at the visit; it moves only in a study with a taper rule."""
    return readings.at("prednisone", day)


@endpoint(
    id="prednisone_low",
    unit="1",
    label="Prednisone at most 5 mg a day",
    family="steroid",
    source="doris2021",
    visits=(90, 180),
)
def prednisone_low(readings: Readings, day: float) -> np.ndarray:
    """1 if the daily dose at the visit is at most 5 mg, else 0."""
    return _at_most(readings, day, DORIS_LIMIT_MG).astype(float)


@endpoint(
    id="doris_without_pga",
    unit="1",
    label="DORIS remission without its physician's global assessment",
    family="steroid",
    source="doris2021",
    visits=(90, 180),
)
def doris_without_pga(readings: Readings, day: float) -> np.ndarray:
    """1 if clinical SLEDAI-2K is 0 and prednisone at most 5 mg a day at the visit, else 0.

    The physician's global assessment is not simulated, and background drugs stay as they are.
    """
    return ((clinical_sledai(readings, day) == 0) & _at_most(readings, day, DORIS_LIMIT_MG)).astype(float)


@endpoint(
    id="lldas_without_pga",
    unit="1",
    label="Lupus low disease activity without its physician's global assessment",
    family="steroid",
    source="definition",
    visits=(90, 180),
)
def lldas_without_pga(readings: Readings, day: float) -> np.ndarray:
    """1 if SLEDAI-2K is at most 4, no major organ is active and prednisone is at most 7.5 mg a day at the visit, else 0.

    Major organs are those of the items of the nervous system, kidney, vessels and serosa, and fever. The physician's global
    assessment and new activity since the visit before are not looked at. The limits are from memory of the definition of the
    Asia Pacific Lupus Collaboration, which was not read.
    """
    major = [row.organ in _MAJOR_ORGANS or row.item == "fever" for row in sledai_table()]
    active = sledai_items(readings, day).T[np.flatnonzero(major)].any(axis=0)
    quiet = (sledai(readings, day) <= _LLDAS_SCORE) & ~active
    return (quiet & _at_most(readings, day, LLDAS_LIMIT_MG)).astype(float)


def _at_most(readings: Readings, day: float, limit_mg: float) -> np.ndarray:
    return readings.at("prednisone", day) <= limit_mg + _SAME_MG
