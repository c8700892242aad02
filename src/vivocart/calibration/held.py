"""Parts of a population that a fit leaves as another fit found them: typical values and spreads at given numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from vivocart.patients.draws import PopulationDraws, spread_numbers, typical_numbers
from vivocart.patients.numbers import PatientNumbers

if TYPE_CHECKING:
    from vivocart.calibration.forward import ModelForward, Patients


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPopulation:
    """What is held, on the scale where priors are standard normal.

    Parameters
    ----------
    typical, spread
        Which uncertain typical values and which spreads are held, masks of shapes (n_uncertain,) and (n_varying,).
    typical_numbers, spread_numbers
        Where; what is not held counts for nothing.
    """

    typical: np.ndarray
    spread: np.ndarray
    typical_numbers: np.ndarray
    spread_numbers: np.ndarray

    def put_into(self, patients: Patients) -> Patients:
        """The same patients in populations with these values."""
        return replace(
            patients,
            typical=np.where(self.typical, self.typical_numbers, patients.typical),
            spread=np.where(self.spread, self.spread_numbers, patients.spread),
        )


def held_population(who: PatientNumbers, middle: PopulationDraws, *, free: Collection[str]) -> HeldPopulation:
    """Everything but some parameters held at one population.

    Parameters
    ----------
    middle
        One population; what it does not name is held at the table's own value.
    free
        Parameters whose typical value and spread the fit may move.
    """
    rows = who.model.parameters
    typical = [
        float(typical_numbers(rows[name], middle.typical[name])[0]) if name in middle.typical else 0.0
        for name in who.uncertain
    ]
    spread = [
        float(spread_numbers(middle.spread[name])[0]) if name in middle.spread else 0.0
        for name in who.varying
    ]
    return HeldPopulation(
        typical=np.array([name not in free for name in who.uncertain]),
        spread=np.array([name not in free for name in who.varying]),
        typical_numbers=np.array(typical),
        spread_numbers=np.array(spread),
    )


def with_held(forward: ModelForward, held: HeldPopulation) -> ModelForward:
    """A forward map that reads nothing of a particle's held numbers, so that a fit leaves them alone."""
    return replace(
        forward,
        held=held,
        reads_typical=forward.reads_typical & ~held.typical,
        reads_varying=forward.reads_varying & ~held.spread,
    )
