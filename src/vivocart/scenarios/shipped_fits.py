"""The shipped posteriors behind a trial: patients and disease of the base fit, what is a product's own of its family."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import final

import numpy as np

from vivocart.calibration.fits import BASE, families, families_of
from vivocart.calibration.insight import contraction, prior_scale
from vivocart.calibration.posterior import Posterior, load_posterior, posterior_names
from vivocart.ground.errors import InputError
from vivocart.model.load import Model
from vivocart.patients.draws import PopulationDraws, merged_draws, spread_multipliers, typical_values
from vivocart.trials.protocol import Study


def middle_of(posterior: Posterior, model: Model, draws: PopulationDraws | None = None) -> PopulationDraws:
    """One population: every unknown that the data informed at its posterior mean, on the scale where it is normal.

    Parameters
    ----------
    draws
        Draws whose mean is taken; all if left out.

    Returns
    -------
    PopulationDraws
        A single draw; unknowns that the data did not inform have the model's own value and are not in it.
    """
    table = contraction(posterior, model)
    z = prior_scale(model, posterior.draws if draws is None else draws)
    typical: dict[str, np.ndarray] = {}
    spread: dict[str, np.ndarray] = {}
    for row in table.loc[table["informed"].to_numpy(dtype=bool)].to_dict("records"):
        part, name = str(row["part"]), str(row["parameter"])
        mean = np.array([z[part, name].mean()])
        if part == "typical":
            typical[name] = typical_values(model.parameters[name], mean)
        else:
            spread[name] = spread_multipliers(mean)
    return PopulationDraws(typical=typical, spread=spread)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedFits:
    """Shipped posteriors that belong to a version of the model, each read when it is asked for."""

    model: Model
    read: dict[str, Posterior | str] = field(default_factory=dict[str, Posterior | str])

    def posterior(self, name: str) -> Posterior | None:
        """The posterior of that name; none if it does not ship or belongs to another version."""
        found = self._found(name)
        return None if isinstance(found, str) else found

    def reason(self, name: str) -> str:
        """Why there is no posterior of that name, in a sentence; empty where there is one, or none ships."""
        found = self._found(name)
        return found if isinstance(found, str) else ""

    @property
    def base(self) -> Posterior | None:
        """The fit of patients and disease."""
        return self.posterior(BASE)

    @property
    def names(self) -> tuple[str, ...]:
        """The base and the families, as far as they ship."""
        return tuple(name for name in (BASE, *families()) if name in posterior_names())

    def of_products(self, products: Collection[str]) -> dict[str, Posterior]:
        """Fits of the families that these products belong to, by name; none without the base."""
        if self.base is None:
            return {}
        found = {name: self.posterior(name) for name in families_of(products)}
        return {name: posterior for name, posterior in found.items() if posterior is not None}

    def draws(self, products: Collection[str]) -> PopulationDraws | None:
        """Populations for arms that give these products: the base, with each product's own from its own fit."""
        if self.base is None:
            return None
        parts = {name: posterior.draws for name, posterior in self.of_products(products).items()}
        return merged_draws(self.base.draws, parts) if parts else self.base.draws

    def _found(self, name: str) -> Posterior | str:
        if name not in self.read:
            try:
                self.read[name] = load_posterior(name, model=self.model) if name in posterior_names() else ""
            except InputError as error:  # of another version of the model
                self.read[name] = str(error)
        return self.read[name]


def products_of(study: Study) -> frozenset[str]:
    """Products that any arm of a study gives."""
    return frozenset(course.product.id for given in study.regimens().values() for course in given.courses)
