"""SRI-4, BICLA, DORIS remission and LLDAS as pure functions of what an assessor records.

The simulation has no BILAG grades or physician's global assessment (PGA), so these are no endpoints of it; trials that
record them call these functions, and :mod:`vivocart.endpoints.steroid` has what is left of DORIS and LLDAS without them.
Everything is vectorized over patients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

N_BILAG_SYSTEMS = 9
"""Constitutional, mucocutaneous, neuropsychiatric, musculoskeletal, cardiorespiratory, gastrointestinal, ophthalmic,
renal, haematological."""

_GRADES = "EDCBA"  # the code of a grade is its place here, so a larger code is worse
_A, _B = 4, 3
_PGA_RISE = 0.3


def bilag_codes(grades: Sequence[str]) -> np.ndarray:
    """BILAG-2004 grades as numbers from 0 (E) to 4 (A), shape (n, 9), from one nine-letter word a patient.

    Raises
    ------
    ValueError
        If a word has another length or another letter than A to E.
    """
    words = [word.strip().upper() for word in grades]
    if any(len(word) != N_BILAG_SYSTEMS for word in words):
        raise ValueError("a BILAG word has nine letters, one an organ system")
    return np.array([[_GRADES.index(letter) for letter in word] for word in words], dtype=np.int64)


def sri4(
    sledai_baseline: np.ndarray,
    sledai_visit: np.ndarray,
    *,
    bilag_baseline: np.ndarray,
    bilag_visit: np.ndarray,
    pga_baseline: np.ndarray,
    pga_visit: np.ndarray,
    treatment_failure: np.ndarray,
) -> np.ndarray:
    """Responder by SRI-4, shape (n,), Boolean.

    SLEDAI-2K down by at least 4; no new BILAG A and at most one new B; PGA (0 to 3) up by less than 0.3; no breach of the
    medication rules. Source: NCT04895241.

    Parameters
    ----------
    sledai_baseline, sledai_visit, pga_baseline, pga_visit
        Shape (n,).
    bilag_baseline, bilag_visit
        Codes of :func:`bilag_codes`, shape (n, 9).
    treatment_failure
        Shape (n,), Boolean.
    """
    fallen = np.asarray(sledai_baseline) - np.asarray(sledai_visit) >= 4
    return (
        fallen
        & _no_bilag_worsening(bilag_baseline, bilag_visit)
        & _pga_not_worse(pga_baseline, pga_visit)
        & ~np.asarray(treatment_failure, dtype=bool)
    )


def bicla(
    sledai_baseline: np.ndarray,
    sledai_visit: np.ndarray,
    *,
    bilag_baseline: np.ndarray,
    bilag_visit: np.ndarray,
    pga_baseline: np.ndarray,
    pga_visit: np.ndarray,
    treatment_failure: np.ndarray,
) -> np.ndarray:
    """Responder by BICLA, shape (n,), Boolean; arguments as in :func:`sri4`.

    Every baseline A improved to B, C or D and every B to C or D; no new A and at most one new B; SLEDAI-2K not above
    baseline; PGA not worse by a tenth of its scale; no treatment failure. Nobody without an A or a B at baseline responds.
    """
    before, now = np.asarray(bilag_baseline), np.asarray(bilag_visit)
    active = before >= _B
    improved = ~active | (now < before)
    return (
        active.any(axis=1)
        & improved.all(axis=1)
        & _no_bilag_worsening(before, now)
        & (np.asarray(sledai_visit) <= np.asarray(sledai_baseline))
        & _pga_not_worse(pga_baseline, pga_visit)
        & ~np.asarray(treatment_failure, dtype=bool)
    )


def doris(
    clinical_sledai: np.ndarray,
    *,
    pga: np.ndarray,
    prednisone_mg_per_day: np.ndarray,
    stable_background: np.ndarray,
    prednisone_limit_mg: float = 5.0,
    limit_included: bool = True,
) -> np.ndarray:
    """In DORIS 2021 remission at the visit, shape (n,), Boolean.

    Clinical SLEDAI-2K of 0, PGA below 0.5, prednisolone at most 5 mg a day, stable background treatment; serology does not
    count. The paper's abstract prints "5 mg or less" and its table "below 5 mg": ``limit_included`` chooses.
    """
    dose = np.asarray(prednisone_mg_per_day)
    steroid = dose <= prednisone_limit_mg if limit_included else dose < prednisone_limit_mg
    quiet = (np.asarray(clinical_sledai) == 0) & (np.asarray(pga) < 0.5)
    return quiet & steroid & np.asarray(stable_background, dtype=bool)


def lldas(
    items_visit: np.ndarray,
    items_previous: np.ndarray,
    *,
    weights: np.ndarray,
    major_organ: np.ndarray,
    pga: np.ndarray,
    prednisone_mg_per_day: np.ndarray,
    stable_background: np.ndarray,
    hemolysis_or_gi_activity: np.ndarray,
) -> np.ndarray:
    """In lupus low disease activity state at the visit, shape (n,), Boolean.

    SLEDAI-2K at most 4 without activity of a major organ, hemolytic anemia or gastrointestinal activity; no item that was
    absent at the previous visit; PGA at most 1; prednisolone at most 7.5 mg a day; tolerated standard background.

    Parameters
    ----------
    items_visit, items_previous
        SLEDAI-2K items now and at the previous visit, shape (n, 24), Boolean.
    weights, major_organ
        Weight of each item, and whether it is renal, of the nervous system, cardiopulmonary, vasculitis or fever;
        shape (24,).
    pga, prednisone_mg_per_day, stable_background, hemolysis_or_gi_activity
        Shape (n,).
    """
    now, before = np.asarray(items_visit, dtype=bool), np.asarray(items_previous, dtype=bool)
    low = now.astype(np.int64) @ np.asarray(weights) <= 4
    major = (now & np.asarray(major_organ, dtype=bool)).any(axis=1) | np.asarray(
        hemolysis_or_gi_activity, dtype=bool
    )
    new = (now & ~before).any(axis=1)
    treatment = (np.asarray(prednisone_mg_per_day) <= 7.5) & np.asarray(stable_background, dtype=bool)
    return low & ~major & ~new & (np.asarray(pga) <= 1.0) & treatment


def _no_bilag_worsening(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """No new A, at most one new B; an A that became a B is an improvement."""
    new_a = ((now == _A) & (before < _A)).any(axis=1)
    new_b = ((now == _B) & (before < _B)).sum(axis=1)
    return ~new_a & (new_b <= 1)


def _pga_not_worse(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    # a recorded rise of exactly 0.3 must not pass because 1.3 - 1.0 is a little less in floating point
    return np.round(np.asarray(now) - np.asarray(before), 9) < _PGA_RISE
