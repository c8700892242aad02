"""How patients' parameters hang on their population: normal on their own scale about its typical value, within limits.

A fit moves a population's typical values and spreads with each patient's deviation kept, and then every patient has to be
simulated again. It can also move them with each patient's *parameters* kept: then no patient changes, nothing is simulated,
and the patients' parameters alone say which populations are likely. This is what that second move needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from vivocart.patients.draws import is_uncertain, spread_multipliers, uncertainty_scale
from vivocart.patients.numbers import PatientNumbers
from vivocart.patients.sampling import to_normal, transformed_sd


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """Parameters whose typical value is uncertain and that vary between patients, all on the scale where they are normal.

    Parameters
    ----------
    typical_places, varying_places
        Their places among a population's uncertain typical values and among its varying parameters, shape (k,) each.
    center, uncertainty
        Middle and standard deviation of the typical value's prior.
    spread
        Standard deviation between patients that a multiplier of 1 stands for.
    low, high
        Hard limits of typical values and patients; infinite where there is none.
    """

    typical_places: np.ndarray
    varying_places: np.ndarray
    center: np.ndarray
    uncertainty: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def only(self, chosen: np.ndarray) -> Hierarchy:
        """Those of the parameters that are chosen, a mask of shape (k,)."""
        return Hierarchy(
            typical_places=self.typical_places[chosen],
            varying_places=self.varying_places[chosen],
            center=self.center[chosen],
            uncertainty=self.uncertainty[chosen],
            spread=self.spread[chosen],
            low=self.low[chosen],
            high=self.high[chosen],
        )

    def patients(self, z: np.ndarray, s: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Patients' parameters.

        Parameters
        ----------
        z, s
            Standard normal numbers of typical values and spreads, shape (n_populations, k).
        eta
            Patients' own standard normal numbers, shape (n_populations, n_patients, k).
        """
        center, sd = self._normal(z, s)
        below, above = self._limits(center, sd)
        return center[:, None] + sd[:, None] * _inside(eta, below[:, None], above[:, None])

    def numbers(self, z: np.ndarray, s: np.ndarray, patients: np.ndarray) -> np.ndarray:
        """The standard normal numbers that give these patients in these populations; inverse of :meth:`patients`."""
        center, sd = self._normal(z, s)
        below, above = (ndtr(side)[:, None] for side in self._limits(center, sd))
        place = ndtr((patients - center[:, None]) / sd[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            return ndtri((place - below) / (above - below))

    def log_density(self, z: np.ndarray, s: np.ndarray, patients: np.ndarray) -> np.ndarray:
        """Logarithm of the density of these patients in each population, parameter by parameter, up to a constant.

        Shape (n_populations, k): summed over patients.
        """
        center, sd = self._normal(z, s)
        low, high = self._limits(center, sd)
        n = patients.shape[1]
        squares = (((patients - center[:, None]) / sd[:, None]) ** 2).sum(axis=1)
        return -0.5 * squares - n * (np.log(sd) + _log_between(low, high))

    def _normal(self, z: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of patients before the limits cut, shape (n_populations, k)."""
        low, high = self._limits(self.center, self.uncertainty)
        center = self.center + self.uncertainty * _inside(z, low, high)
        return np.clip(center, self.low, self.high), self.spread * spread_multipliers(s)

    def _limits(self, center: np.ndarray, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (self.low - center) / sd, (self.high - center) / sd


def _inside(numbers: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Numbers of a standard normal distribution cut at these limits from those of the whole one."""
    below, above = ndtr(low), ndtr(high)
    return ndtri(below + (above - below) * ndtr(numbers))


def _log_between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Logarithm of the share of a standard normal distribution between two limits, exact where nearly all is outside."""
    # on the side where both tails are small: differences of shares near 1 would have no digits left
    flipped = low > 0
    first, second = np.where(flipped, -high, low), np.where(flipped, -low, high)
    above, below = log_ndtr(second), log_ndtr(first)
    with np.errstate(divide="ignore"):
        return above + np.log1p(-np.exp(below - above))


def hierarchy_of(who: PatientNumbers) -> Hierarchy:
    """The hierarchy of these patients' numbers."""
    uncertain = {name: place for place, name in enumerate(who.uncertain)}
    names = [name for name in who.varying if name in uncertain and is_uncertain(who.model.parameters[name])]
    rows = [who.model.parameters[name] for name in names]
    varying = {name: place for place, name in enumerate(who.varying)}
    columns: dict[str, list[float]] = {key: [] for key in ("center", "uncertainty", "spread", "low", "high")}
    for row in rows:
        assert row.uncertainty is not None and row.uncertainty_kind is not None
        assert row.spread is not None and row.spread_kind is not None
        scale = uncertainty_scale(row)  # that of the patients, since they vary
        columns["center"].append(float(to_normal(scale, row.value)))
        columns["uncertainty"].append(transformed_sd(scale, row.value, row.uncertainty, row.uncertainty_kind))
        columns["spread"].append(transformed_sd(scale, row.value, row.spread, row.spread_kind))
        columns["low"].append(-np.inf if row.lower is None else float(to_normal(scale, row.lower)))
        columns["high"].append(np.inf if row.upper is None else float(to_normal(scale, row.upper)))
    return Hierarchy(
        typical_places=np.array([uncertain[name] for name in names], dtype=np.int64),
        varying_places=np.array([varying[name] for name in names], dtype=np.int64),
        **{key: np.array(values, dtype=np.float64) for key, values in columns.items()},
    )
