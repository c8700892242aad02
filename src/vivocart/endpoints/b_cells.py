"""B cells in blood and tissue: how deep, how long, and when they are back."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints import curves
from vivocart.endpoints.readings import Readings
from vivocart.endpoints.registry import DEFINITION, endpoint

DEPLETED_PER_UL = 5.0
"""Conventional limit of peripheral depletion (convention of the field; no assay limit is stated in the sources)."""

DEEPLY_DEPLETED_PER_UL = 1.0
"""Limit of deep peripheral depletion, about what a clinical assay reports as zero."""

_OFATUMUMAB_TARGET_PER_UL = 8.0
_LOWER_LIMIT_PER_UL = 40.0  # lower limit of normal as the label of ofatumumab has it

TISSUE_FREE_FRACTION = 0.01
"""Share of its baseline at which a lymph-node biopsy would show no B cells (assumed)."""


@endpoint(
    id="b_cells_nadir",
    unit="1/uL",
    label="Lowest B-cell count in blood",
    family="b_cells",
    source=DEFINITION,
)
def b_cells_nadir(readings: Readings) -> np.ndarray:
    """Lowest count of CD19+ B cells in blood over the whole simulation."""
    return readings.lowest("b_cells_blood")


@endpoint(
    id="b_cells_nadir_day",
    unit="d",
    label="Day of the lowest B-cell count in blood",
    family="b_cells",
    source=DEFINITION,
)
def b_cells_nadir_day(readings: Readings) -> np.ndarray:
    """Day of the lowest count of CD19+ B cells in blood, read at output times."""
    return readings.times[curves.lowest_index(readings["b_cells_blood"])]


@endpoint(
    id="b_cells_days_below_5",
    unit="d",
    label="Days with fewer than 5 B cells per uL of blood",
    family="b_cells",
    source=DEFINITION,
)
def b_cells_days_below_5(readings: Readings) -> np.ndarray:
    """Days with fewer than 5 CD19+ B cells per uL of blood, all spells together, within the simulated time."""
    return _spells(readings, DEPLETED_PER_UL).days


@endpoint(
    id="b_cells_days_below_1",
    unit="d",
    label="Days with fewer than 1 B cell per uL of blood",
    family="b_cells",
    source=DEFINITION,
)
def b_cells_days_below_1(readings: Readings) -> np.ndarray:
    """Days with fewer than 1 CD19+ B cell per uL of blood, all spells together, within the simulated time."""
    return _spells(readings, DEEPLY_DEPLETED_PER_UL).days


@endpoint(
    id="b_cell_depletion_days",
    unit="d",
    label="Longest unbroken time below 5 B cells per uL of blood",
    family="b_cells",
    source=DEFINITION,
)
def b_cell_depletion_days(readings: Readings) -> np.ndarray:
    """Longest unbroken spell below 5 CD19+ B cells per uL of blood, within the simulated time; 0 if there is none.

    Crossings between output times are interpolated on the logarithmic scale.
    """
    return _spells(readings, DEPLETED_PER_UL).longest_days


@endpoint(
    id="b_cell_deep_depletion_days",
    unit="d",
    label="Longest unbroken time below 1 B cell per uL of blood",
    family="b_cells",
    source=DEFINITION,
)
def b_cell_deep_depletion_days(readings: Readings) -> np.ndarray:
    """Longest unbroken spell below 1 CD19+ B cell per uL of blood, within the simulated time; 0 if there is none."""
    return _spells(readings, DEEPLY_DEPLETED_PER_UL).longest_days


@endpoint(
    id="b_cell_first_depleted_day",
    unit="d",
    label="Day on which B cells in blood first fall below 5 per uL",
    family="b_cells",
    source=DEFINITION,
)
def b_cell_first_depleted_day(readings: Readings) -> np.ndarray:
    """Day on which CD19+ B cells in blood first fall below 5 per uL; infinite if they never do."""
    return curves.first_below(readings.times, readings["b_cells_blood"], DEPLETED_PER_UL)


@endpoint(
    id="b_cell_first_deeply_depleted_day",
    unit="d",
    label="Day on which B cells in blood first fall below 1 per uL",
    family="b_cells",
    source="gomezmendez2018",
)
def b_cell_first_deeply_depleted_day(readings: Readings) -> np.ndarray:
    """Day on which CD19+ B cells in blood first fall below 1 per uL; infinite if they never do."""
    return curves.first_below(readings.times, readings["b_cells_blood"], DEEPLY_DEPLETED_PER_UL)


@endpoint(
    id="b_cell_deeply_depleted",
    unit="1",
    label="B cells in blood below 1 per uL at some time",
    family="b_cells",
    source="gomezmendez2018",
)
def b_cell_deeply_depleted(readings: Readings) -> np.ndarray:
    """1 if CD19+ B cells in blood fall below 1 per uL within the simulated time, else 0."""
    return (readings.lowest("b_cells_blood") < DEEPLY_DEPLETED_PER_UL).astype(float)


@endpoint(
    id="b_cell_never_deeply_depleted",
    unit="1",
    label="B cells in blood never below 1 per uL",
    family="b_cells",
    source="gomezmendez2018",
)
def b_cell_never_deeply_depleted(readings: Readings) -> np.ndarray:
    """1 if CD19+ B cells in blood stay at 1 per uL or above for the whole simulation, else 0."""
    return 1.0 - b_cell_deeply_depleted(readings)


@endpoint(
    id="b_cell_first_below_8_day",
    unit="d",
    label="Day on which B cells in blood first fall below 8 per uL",
    family="b_cells",
    source="yu2022",
)
def b_cell_first_below_8_day(readings: Readings) -> np.ndarray:
    """Day on which CD19+ B cells in blood first fall below 8 per uL, the target of ofatumumab; infinite if they never do."""
    return curves.first_below(readings.times, readings["b_cells_blood"], _OFATUMUMAB_TARGET_PER_UL)


@endpoint(
    id="b_cell_recovery_days",
    unit="d",
    label="B cells in blood back at 40 per uL, days after the last infusion",
    family="b_cells",
    source="novartis_kesimpta",
)
def b_cell_recovery_days(readings: Readings) -> np.ndarray:
    """Days from the start of the last infusion until CD19+ B cells in blood are back for good at 40 per uL.

    Or at the count at the start, if that was lower. Infinite if not by the end of the simulation; 0 if they are above at
    the last infusion and stay there.
    """
    last = max(float(days[-1]) for days in readings.dose_days.values())
    counts = readings["b_cells_blood"]
    limit = np.minimum(_LOWER_LIMIT_PER_UL, 0.999 * counts[:, 0])
    back = curves.last_return(readings.times, counts / limit[:, None], 1.0)
    return np.maximum(back - last, 0.0)


@endpoint(
    id="b_cells_fraction",
    unit="1",
    label="B cells in blood as a share of the start",
    family="b_cells",
    source=DEFINITION,
    visits=(7, 28),
)
def b_cells_fraction(readings: Readings, day: float) -> np.ndarray:
    """Count of CD19+ B cells in blood at the visit, as a share of that before anything is given."""
    return readings.at("b_cells_blood", day) / readings.baseline("b_cells_blood")


@endpoint(
    id="b_cell_return_day",
    unit="d",
    label="Day on which B cells in blood are back above 5 per uL for good",
    family="b_cells",
    source=DEFINITION,
)
def b_cell_return_day(readings: Readings) -> np.ndarray:
    """Day on which CD19+ B cells in blood rise through 5 per uL for the last time.

    0 if they never were below; infinite if they still are at the end of the simulation.
    """
    return _spells(readings, DEPLETED_PER_UL).return_day


@endpoint(
    id="b_cells_blood",
    unit="1/uL",
    label="B cells in blood",
    family="b_cells",
    source=DEFINITION,
    visits=(28, 90, 180),
)
def b_cells_blood(readings: Readings, day: float) -> np.ndarray:
    """Count of CD19+ B cells in blood at the visit."""
    return readings.at("b_cells_blood", day)


@endpoint(
    id="naive_b_percent",
    unit="%",
    label="Naive share of B cells in blood",
    family="b_cells",
    source=DEFINITION,
    visits=(90, 180),
)
def naive_b_percent(readings: Readings, day: float) -> np.ndarray:
    """Naive share of the CD19+ B cells in blood at the visit; missing where there are fewer than 1 per uL to type."""
    total = readings.at("b_cells_blood", day)
    typed = total >= DEEPLY_DEPLETED_PER_UL
    return np.where(typed, 100.0 * readings.at("naive_b_blood", day) / np.where(typed, total, 1.0), np.nan)


@endpoint(
    id="b_cells_tissue_nadir",
    unit="1",
    label="Lowest share of tissue B cells left",
    family="b_cells",
    source=DEFINITION,
)
def b_cells_tissue_nadir(readings: Readings) -> np.ndarray:
    """Lowest CD19+ B-lineage content of lymphoid tissue, as a fraction of the patient's own baseline."""
    return readings.lowest("b_cells_tissue_fraction")


@endpoint(
    id="b_cells_tissue_free",
    unit="1",
    label="Lymphoid tissue free of B cells at some time",
    family="b_cells",
    source=DEFINITION,
)
def b_cells_tissue_free(readings: Readings) -> np.ndarray:
    """1 if CD19+ B cells in lymphoid tissue fall below 1 % of the patient's own baseline, else 0.

    A biopsy free of B cells is read as 1 % or less; that limit is assumed.
    """
    return (readings.lowest("b_cells_tissue_fraction") < TISSUE_FREE_FRACTION).astype(float)


@endpoint(
    id="b_cells_tissue",
    unit="1",
    label="Share of tissue B cells left",
    family="b_cells",
    source=DEFINITION,
    visits=(28, 90),
)
def b_cells_tissue(readings: Readings, day: float) -> np.ndarray:
    """CD19+ B-lineage content of lymphoid tissue at the visit, as a fraction of the patient's own baseline."""
    return readings.at("b_cells_tissue_fraction", day)


@endpoint(
    id="memory_b_tissue",
    unit="1",
    label="Share of tissue memory B cells left",
    family="b_cells",
    source=DEFINITION,
    visits=(28, 90),
)
def memory_b_tissue(readings: Readings, day: float) -> np.ndarray:
    """Memory B cells in lymphoid tissue at the visit, as a fraction of the patient's own baseline."""
    return readings.at("memory_b_tissue_fraction", day)


def _spells(readings: Readings, limit_per_ul: float) -> curves.Spells:
    """Spells of CD19+ B cells in blood below a limit, found once for all endpoints that read them."""
    return readings.shared(
        f"b_cells_blood_below_{limit_per_ul:g}",
        lambda: curves.spells_below(readings.times, readings["b_cells_blood"], limit_per_ul),
    )
