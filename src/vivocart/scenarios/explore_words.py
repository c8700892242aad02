"""The plain sentence of an arm: what nine of ten virtual patients show, made of the arm's own numbers."""

from __future__ import annotations

import numpy as np

from vivocart.endpoints.b_cells import DEPLETED_PER_UL
from vivocart.endpoints.table import quantiles
from vivocart.scenarios.explore import QUANTILES, ArmAnswer
from vivocart.scenarios.explorer import SLEDAI

_NINE_OF_TEN = (0.05, 0.95)
_MEDIAN = list(QUANTILES).index("q50")
_VISIT_DAY = 90.0
_NADIR, _DEPLETION = "b_cells_nadir", "b_cell_depletion_days"


def sentence(arm: ArmAnswer, *, days: float) -> str:
    """How long B cells stay below 5 per µL in the middle nine tenths of patients, or that they do not get there.

    Parameters
    ----------
    days
        The horizon: who is still below it at its end has no known length.
    """
    spells, still = arm.values[_DEPLETION], arm.still_depleted
    reached = spells > 0.0
    n = len(spells)
    limit = f"{DEPLETED_PER_UL:g} per µL"
    if not reached.any():
        low, high = (_count(value) for value in quantiles(arm.values[_NADIR], _NINE_OF_TEN))
        return (
            f"In none of these {n} patients do B cells in blood fall below {limit}; in 9 of 10 their lowest count is "
            f"{low} to {high} per µL."
        )
    if quantiles(spells, (0.05,))[0] > 0.0:
        return f"In 9 of 10 such patients B cells in blood stay below {limit} {_span(spells, still, days)}."
    return (
        f"B cells in blood fall below {limit} in {_share(float(reached.mean()))} such patients; where they do, they stay "
        f"there {_span(spells[reached], still[reached], days)} in 9 of 10."
    )


def second_sentence(arm: ArmAnswer) -> str:
    """Median SLEDAI-2K at first and at the last visit up to day 90, and how often cytokine release syndrome comes."""
    scores = arm.bands[SLEDAI][_MEDIAN]
    visit = int(np.flatnonzero(arm.item_days <= _VISIT_DAY)[-1])
    first, later = scores[0], scores[visit]
    moves = (
        f"falls from {first:.0f} to"
        if later < first
        else f"goes from {first:.0f} to"
        if later > first
        else "stays at"
    )
    severe = round(arm.crs["grade3"] * arm.n_read)
    return (
        f"SLEDAI-2K {moves} {later:.0f} by day {arm.item_days[visit]:g} (median); CRS in {100 * arm.crs['any']:.0f} %, "
        f"grade 3 or higher in {severe} of {arm.n_read}."
    )


def _span(spells: np.ndarray, still: np.ndarray, days: float) -> str:
    """``for 8 to 12 days``; with patients still depleted at the end of the horizon the upper end is open."""
    # nobody still depleted has a known length: it counts as longer than all known ones
    low, high = quantiles(np.where(still, np.inf, spells), _NINE_OF_TEN)
    end = f"the end of what was simulated (day {days:g})"
    if np.isinf(low):
        return f"until {end}"
    if np.isinf(high):
        return f"for {_days(low)} days or longer, some until {end}"
    if _days(low) == _days(high):
        return f"for about {_days(low)} days"
    return f"for {_days(low)} to {_days(high)} days"


def _days(value: float) -> str:
    return f"{value:.0f}" if value >= 3 else f"{value:.1f}"


def _count(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _share(share: float) -> str:
    """A share as a clinician says it: ``4 of 10``; near the ends of the scale in percent."""
    if 0.1 <= share <= 0.9:
        return f"about {10 * share:.0f} of 10"
    return f"{100 * share:.2g} % of"
