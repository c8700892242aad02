"""Cytokines, CRS and ICANS by ASTCT logic, and tocilizumab."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints import curves
from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import DEFINITION, endpoint

_ASTCT = "astct2019"
_TOCILIZUMAB = "tocilizumab"
_ANSWERED_GRADE = 2  # the grade at which the protocols here give tocilizumab
_REPORTED_RISE = 2.0  # a rise that a letter would report (assumed)
_RISE_ABOVE_BASELINE = 1.05  # a sign needs the signal to rise: rounding around a high baseline is no syndrome

OXYGEN = ("none", "low", "high", "positive_pressure")
"""Oxygen support in rising order: none; nasal cannula to 6 L/min; high-flow or mask; CPAP, BiPAP or ventilator."""

_CONSCIOUSNESS = {"awake": 0, "spontaneous": 1, "voice": 2, "tactile": 3, "unarousable": 4}
_SEIZURE = {"none": 0, "brief": 3, "prolonged": 4}
_EDEMA = {"none": 0, "focal": 3, "diffuse": 4}


def crs_grade(
    fever: np.ndarray,
    *,
    hypotension: np.ndarray,
    pressors: np.ndarray,
    vasopressin: np.ndarray,
    oxygen: np.ndarray,
    anticytokine_given: np.ndarray,
) -> np.ndarray:
    """Grade of cytokine release syndrome by ASTCT consensus, 0 to 4, in the shape of the arguments.

    Fever of 38 degrees C or more, or anti-cytokine treatment given already, and the worst of hypotension and hypoxia:
    1 neither; 2 hypotension without pressor or low-flow oxygen; 3 one pressor (vasopressin besides does not count) or
    high-flow oxygen; 4 several pressors or positive pressure. Without fever and without anti-cytokine treatment it is no
    CRS; under treatment that hides fever, no sign left means resolved. Grade 5 (death) is not computed.
    Source: Lee 2019, ASTCT consensus, as printed in PMC8021214 Table 1.

    Parameters
    ----------
    fever, hypotension, vasopressin, anticytokine_given
        Boolean.
    pressors
        Number of pressors other than vasopressin.
    oxygen
        Index into :data:`OXYGEN`.
    """
    support = np.asarray(oxygen)
    n_pressors = np.asarray(pressors)
    # vasopressin alone is a pressor; beside another it adds nothing
    any_pressor = (n_pressors >= 1) | np.asarray(vasopressin, dtype=bool)
    signs = np.zeros(np.broadcast(fever, support, n_pressors).shape, dtype=np.int64)
    signs = np.where(np.asarray(hypotension, dtype=bool) | (support == 1), 2, signs)
    signs = np.where(any_pressor | (support == 2), 3, signs)
    signs = np.where((n_pressors >= 2) | (support == 3), 4, signs)
    has_fever = np.asarray(fever, dtype=bool)
    grade = np.where(has_fever, np.maximum(signs, 1), signs)
    return np.where(has_fever | np.asarray(anticytokine_given, dtype=bool), grade, 0)


def icans_grade(
    ice_score: int,
    *,
    consciousness: str,
    seizure: str = "none",
    deep_motor_weakness: bool = False,
    edema: str = "none",
) -> int:
    """Grade of immune effector cell-associated neurotoxicity by ASTCT consensus, 0 to 4: the worst of five domains.

    Parameters
    ----------
    ice_score
        0 to 10. 0 counts as grade 4 only if the patient cannot be roused to perform the test.
    consciousness
        ``awake``, or what the patient wakens to: ``spontaneous``, ``voice``, ``tactile``, ``unarousable``.
    seizure
        ``none``, ``brief`` (resolves rapidly) or ``prolonged`` (over 5 minutes, or repetitive).
    deep_motor_weakness
        Deep focal motor weakness such as hemiparesis.
    edema
        On imaging: ``none``, ``focal`` or ``diffuse``.
    """
    by_ice = 0 if ice_score >= 10 else 1 if ice_score >= 7 else 2 if ice_score >= 3 else 3
    motor = 4 if deep_motor_weakness else 0
    return max(by_ice, _CONSCIOUSNESS[consciousness], _SEIZURE[seizure], motor, _EDEMA[edema])


def crs_grade_of_signal(readings: Readings, signal: np.ndarray, *, anticytokine_given: bool) -> np.ndarray:
    """CRS grade of each patient at a cytokine signal (n,), whole numbers from 0 to 4.

    Signs follow the cytokine signal that reaches the tissues against the patient's own thresholds: fever, hypotension,
    one pressor, several pressors. These thresholds are assumed. A sign also needs the signal to be 5 % above the patient's
    own baseline. From the first tocilizumab on, fever is no longer required. The grade never falls as the signal rises, so
    the highest grade of a time is that of its highest signal.
    """
    raised = signal > _RISE_ABOVE_BASELINE * readings.baseline("cytokine_signal")

    def beyond(name: str) -> np.ndarray:
        return raised & (signal > readings.parameter(name))

    one_pressor = beyond("crs_grade3_threshold")
    several = beyond("crs_grade4_threshold")
    return crs_grade(
        beyond("crs_fever_threshold"),
        hypotension=beyond("crs_grade2_threshold"),
        pressors=np.where(several, 2, one_pressor.astype(np.int64)),
        vasopressin=np.asarray(False),
        oxygen=np.asarray(0),
        anticytokine_given=np.asarray(anticytokine_given),
    )


@endpoint(id="il6_peak", unit="pg/mL", label="Highest IL-6", family="safety", source="wang2025")
def il6_peak(readings: Readings) -> np.ndarray:
    """Highest interleukin-6 in plasma over the whole simulation."""
    return readings.highest("il6")


@endpoint(
    id="il6_rise_fold", unit="1", label="Highest IL-6 over baseline", family="safety", source="wang2025"
)
def il6_rise_fold(readings: Readings) -> np.ndarray:
    """Highest interleukin-6 in plasma divided by the patient's own baseline."""
    return readings.highest("il6") / np.maximum(readings.baseline("il6"), 1e-9)


@endpoint(id="crp_peak", unit="mg/L", label="Highest CRP", family="safety", source="wang2025")
def crp_peak(readings: Readings) -> np.ndarray:
    """Highest C-reactive protein over the whole simulation."""
    return readings.highest("crp")


@endpoint(id="crp_peak_day", unit="d", label="Day of the highest CRP", family="safety", source="hagen2024")
def crp_peak_day(readings: Readings) -> np.ndarray:
    """Day of the highest C-reactive protein, read at output times."""
    return readings.times[curves.highest_index(readings["crp"])]


@endpoint(id="crp_rise_fold", unit="1", label="Highest CRP over baseline", family="safety", source="wang2025")
def crp_rise_fold(readings: Readings) -> np.ndarray:
    """Highest C-reactive protein divided by the patient's own baseline."""
    return readings.highest("crp") / np.maximum(readings.baseline("crp"), 1e-9)


@endpoint(id="il6_raised", unit="1", label="IL-6 at least twice baseline", family="safety", source="wang2025")
def il6_raised(readings: Readings) -> np.ndarray:
    """1 if interleukin-6 in plasma reaches at least twice the patient's own baseline, else 0.

    Our stated reading of "IL-6 rose", whose size the source does not give.
    """
    return (il6_rise_fold(readings) >= _REPORTED_RISE).astype(float)


@endpoint(id="crp_raised", unit="1", label="CRP at least twice baseline", family="safety", source="wang2025")
def crp_raised(readings: Readings) -> np.ndarray:
    """1 if C-reactive protein reaches at least twice the patient's own baseline, else 0.

    Our stated reading of "CRP rose", whose size the source does not give.
    """
    return (crp_rise_fold(readings) >= _REPORTED_RISE).astype(float)


@endpoint(id="ifng_peak", unit="pg/mL", label="Highest interferon gamma", family="safety", source=DEFINITION)
def ifng_peak(readings: Readings) -> np.ndarray:
    """Highest interferon gamma in plasma over the whole simulation."""
    return readings.highest("ifng")


@endpoint(
    id="cytokine_signal_peak",
    unit="pg/mL",
    label="Highest IL-6 signal that reaches the tissues",
    family="safety",
    source=DEFINITION,
)
def cytokine_signal_peak(readings: Readings) -> np.ndarray:
    """Highest IL-6 signal that reaches the tissues, which tocilizumab blocks, over the whole simulation."""
    return readings.highest("cytokine_signal")


@endpoint(id="crs_grade_max", unit="1", label="Highest CRS grade", family="safety", source=_ASTCT)
def crs_grade_max(readings: Readings) -> np.ndarray:
    """Highest grade of cytokine release syndrome by ASTCT logic, 0 to 4.

    Fever, hypotension and pressors follow the simulated cytokine signal against the patient's own thresholds, which are
    assumed. Whoever got tocilizumab had at least the grade that it answers to, grade 2: the dose may block the signal
    within minutes of the crossing, between two output times.
    """

    def compute() -> np.ndarray:
        first = _first_tocilizumab_day(readings)
        before, after = curves.highest_apart(readings.times, readings["cytokine_signal"], first)
        grade = crs_grade_of_signal(readings, before, anticytokine_given=False)
        grade = np.maximum(grade, crs_grade_of_signal(readings, after, anticytokine_given=True))
        return np.where(np.isfinite(first), np.maximum(grade, _ANSWERED_GRADE), grade)

    return readings.shared("crs_grade_max", compute)


@endpoint(id="crs_any", unit="1", label="CRS of any grade", family="safety", source=_ASTCT)
def crs_any(readings: Readings) -> np.ndarray:
    """1 if the highest CRS grade is 1 or more, else 0; thresholds as in ``crs_grade_max``."""
    return (crs_grade_max(readings) >= 1).astype(float)


@endpoint(id="crs_grade_1_only", unit="1", label="CRS, grade 1 at most", family="safety", source=_ASTCT)
def crs_grade_1_only(readings: Readings) -> np.ndarray:
    """1 if the highest CRS grade is exactly 1, else 0; thresholds as in ``crs_grade_max``."""
    return (crs_grade_max(readings) == 1).astype(float)


@endpoint(id="crs_grade_2_up", unit="1", label="CRS of grade 2 or more", family="safety", source=_ASTCT)
def crs_grade_2_up(readings: Readings) -> np.ndarray:
    """1 if the highest CRS grade is 2 or more, else 0; thresholds as in ``crs_grade_max``."""
    return (crs_grade_max(readings) >= 2).astype(float)


@endpoint(id="crs_severe", unit="1", label="Severe CRS (grade 3 or more)", family="safety", source=_ASTCT)
def crs_severe(readings: Readings) -> np.ndarray:
    """1 if the highest CRS grade is 3 or more, else 0; thresholds as in ``crs_grade_max``."""
    return (crs_grade_max(readings) >= 3).astype(float)


@endpoint(id="tocilizumab_given", unit="1", label="Tocilizumab given", family="safety", source="wang2025")
def tocilizumab_given(readings: Readings) -> np.ndarray:
    """1 if the patient's own course triggered at least one dose of tocilizumab, else 0."""
    return np.isfinite(_first_tocilizumab_day(readings)).astype(float)


def _first_tocilizumab_day(readings: Readings) -> np.ndarray:
    return readings.shared("first_tocilizumab_day", lambda: readings.first_rescue_day(_TOCILIZUMAB))
