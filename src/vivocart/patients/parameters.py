"""Parameters of the model between patients: typical value, its uncertainty, and each patient's deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.streams import normals_at
from vivocart.model.rows import Distribution, ParameterRow
from vivocart.patients.covariates import CovariateTable
from vivocart.patients.sampling import from_normal, sampled_values, to_normal, transformed_sd

if TYPE_CHECKING:
    from vivocart.model.load import Model


def drawn_parameters(
    model: Model,
    table: CovariateTable,
    known: Mapping[str, np.ndarray],
    *,
    seed: int,
    patients: np.ndarray,
    typical: Mapping[str, float | np.ndarray] | None = None,
    typical_draw: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Parameters of each patient that vary between patients or differ from the model's value.

    Parameters
    ----------
    model, table
        Whose parameters are drawn; a covariate with a ``parameter`` sets that one.
    known
        Covariates by id, shape (n,).
    seed, patients
        Seed and indices of the patients.
    typical, typical_draw
        As in :meth:`vivocart.patients.population.VirtualPopulation.sample`. The uncertainty of a parameter that does not
        vary between patients is log-normal.

    Raises
    ------
    UnknownNameError
        If ``typical`` names a parameter that the model does not have.
    InputError
        If ``typical`` names a parameter that a covariate sets.
    """
    typical = typical or {}
    from_covariates = {key: name for key, name in table.parameters.items() if key in model.parameters}
    for name in typical:
        if name not in model.parameters:
            raise UnknownNameError("parameter", name, model.parameters, where="typical")
        if name in from_covariates:
            mend = f"change the covariate '{from_covariates[name]}' instead"
            raise InputError(f"'{name}' is set by a covariate", where="typical", mend=mend)
    parameters: dict[str, np.ndarray] = {}
    for name, row in model.parameters.items():
        if name in from_covariates:
            parameters[name] = known[from_covariates[name]]
            continue
        center = typical.get(name)
        if center is None:
            center = _typical_value(name, row, seed, typical_draw)
        values = _individual_values(name, row, center, seed, patients)
        if values is not None:
            parameters[name] = values
    return parameters


def _typical_value(name: str, row: ParameterRow, seed: int, draws: np.ndarray | None) -> float | np.ndarray:
    if draws is None or not row.uncertainty or row.uncertainty_kind is None:
        return row.value
    indices, position = np.unique(np.asarray(draws), return_inverse=True)
    scale: Distribution = "lognormal" if row.distribution == "none" and row.value > 0 else row.distribution
    sd = transformed_sd(scale, row.value, row.uncertainty, row.uncertainty_kind)
    z = normals_at(seed, f"typical/{name}", indices)
    return sampled_values(scale, z, row.value, sd, lower=row.lower, upper=row.upper)[position]


def _individual_values(
    name: str, row: ParameterRow, center: float | np.ndarray, seed: int, patients: np.ndarray
) -> np.ndarray | None:
    if row.distribution == "none" or not row.spread or row.spread_kind is None:
        if isinstance(center, float) and center == row.value:
            return None
        return np.broadcast_to(np.asarray(center, dtype=np.float64), patients.shape).copy()
    sd = transformed_sd(row.distribution, row.value, row.spread, row.spread_kind)
    z = normals_at(seed, f"parameters/{name}", patients)
    return sampled_values(row.distribution, z, center, sd, lower=row.lower, upper=row.upper)


def moved_values(
    row: ParameterRow | None, sampled: np.ndarray, typical: float, override: float
) -> np.ndarray:
    """Sampled values moved to another typical value; each keeps its deviation on the scale that is normal."""
    if row is None or row.distribution == "none" or not row.spread:
        return np.full(sampled.shape, override)
    scale = row.distribution
    deviation = to_normal(scale, sampled) - to_normal(scale, typical)
    moved = from_normal(scale, to_normal(scale, override) + deviation)
    return np.clip(
        moved, -np.inf if row.lower is None else row.lower, np.inf if row.upper is None else row.upper
    )
