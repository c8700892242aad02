"""Parameters of the model between patients: typical value, its uncertainty, and each patient's deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.streams import normals_at, normals_of
from vivocart.model.rows import ParameterRow
from vivocart.patients.covariates import CovariateTable
from vivocart.patients.draws import (
    PopulationDraws,
    is_uncertain,
    patient_values,
    typical_values,
    varies,
)
from vivocart.patients.sampling import from_normal, to_normal

if TYPE_CHECKING:
    from vivocart.model.load import Model


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """Draws of the population and the one that each patient belongs to."""

    draws: PopulationDraws
    draw: np.ndarray

    def of(self, values: np.ndarray) -> float | np.ndarray:
        """The value of each patient's draw: one number where there is one draw."""
        return float(values[0]) if len(values) == 1 else values[self.draw]


def _checked_draws(
    model: Model,
    draws: PopulationDraws | None,
    draw: np.ndarray | None,
    typical_draw: np.ndarray | None,
    n_patients: int,
) -> _Drawn | None:
    if draws is None:
        if draw is not None:
            raise InputError("draws are missing", where="draw", mend="give draws and draw together")
        return None
    if typical_draw is not None:
        raise InputError("given besides draws", where="typical_draw", mend="give one of them")
    if draw is None or np.shape(draw) != (n_patients,):
        raise InputError(
            "one draw a patient is needed", where="draw", mend=f"give {n_patients} whole numbers"
        )
    chosen = np.asarray(draw, dtype=np.int64)
    if chosen.min(initial=0) < 0 or chosen.max(initial=0) >= len(draws):
        raise InputError(f"{chosen.max(initial=0)}", where="draw", mend=f"there are {len(draws)} draws")
    for name in (*draws.typical, *draws.spread):
        if name not in model.parameters:
            raise UnknownNameError("parameter", name, model.parameters, where="draws")
    return _Drawn(draws=draws, draw=chosen)


def drawn_parameters(
    model: Model,
    table: CovariateTable,
    known: Mapping[str, np.ndarray],
    *,
    seed: int,
    patients: np.ndarray,
    typical: Mapping[str, float | np.ndarray] | None = None,
    typical_draw: np.ndarray | None = None,
    draws: PopulationDraws | None = None,
    draw: np.ndarray | None = None,
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
    typical, typical_draw, draws, draw
        As in :meth:`vivocart.patients.population.VirtualPopulation.sample`. The uncertainty of a parameter that does not
        vary between patients is log-normal.

    Raises
    ------
    UnknownNameError
        If ``typical`` names a parameter that the model does not have.
    InputError
        If ``typical`` names a parameter that a covariate sets, or the draws do not go together.
    """
    typical = typical or {}
    fitted = _checked_draws(model, draws, draw, typical_draw, len(patients))
    from_covariates = {key: name for key, name in table.parameters.items() if key in model.parameters}
    for name in typical:
        if name not in model.parameters:
            raise UnknownNameError("parameter", name, model.parameters, where="typical")
        if name in from_covariates:
            mend = f"change the covariate '{from_covariates[name]}' instead"
            raise InputError(f"'{name}' is set by a covariate", where="typical", mend=mend)
    varying = [name for name, row in model.parameters.items() if varies(row) and name not in from_covariates]
    numbers = dict(zip(varying, _numbers(seed, varying, patients), strict=True))
    parameters: dict[str, np.ndarray] = {}
    for name, row in model.parameters.items():
        if name in from_covariates:
            parameters[name] = known[from_covariates[name]]
            continue
        center = typical.get(name)
        if center is None:
            center = _typical_value(name, row, seed, typical_draw, fitted)
        values = _individual_values(name, row, center, numbers.get(name), len(patients), fitted)
        if values is not None:
            parameters[name] = values
    return parameters


def _numbers(seed: int, names: Sequence[str], patients: np.ndarray) -> np.ndarray:
    """Standard normal numbers of the patients for each of these parameters, shape (n_names, n), drawn in one go."""
    streams = [[f"parameters/{name}"] for name in names]
    return normals_of(seed, streams, np.zeros(len(patients), dtype=np.int64), patients)


def _typical_value(
    name: str, row: ParameterRow, seed: int, shared: np.ndarray | None, fitted: _Drawn | None
) -> float | np.ndarray:
    if fitted is not None:
        return fitted.of(fitted.draws.typical[name]) if name in fitted.draws.typical else row.value
    if shared is None or not is_uncertain(row):
        return row.value
    indices, position = np.unique(np.asarray(shared), return_inverse=True)
    return typical_values(row, normals_at(seed, f"typical/{name}", indices))[position]


def _individual_values(
    name: str,
    row: ParameterRow,
    center: float | np.ndarray,
    numbers: np.ndarray | None,
    n_patients: int,
    fitted: _Drawn | None,
) -> np.ndarray | None:
    if numbers is None:
        is_drawn = fitted is not None and name in fitted.draws.typical
        if isinstance(center, float) and center == row.value and not is_drawn:
            return None
        return np.broadcast_to(np.asarray(center, dtype=np.float64), (n_patients,)).copy()
    spread: float | np.ndarray = 1.0
    if fitted is not None and name in fitted.draws.spread:
        spread = fitted.of(fitted.draws.spread[name])
    return patient_values(row, numbers, center, spread)


def moved_values(
    row: ParameterRow | None,
    sampled: np.ndarray,
    typical: float,
    override: float | np.ndarray,
    width: float = 1.0,
) -> np.ndarray:
    """Sampled values moved to another typical value; each keeps its deviation, times ``width``, where it is normal."""
    if row is None or row.distribution == "none" or not row.spread:
        return np.full(sampled.shape, override)
    scale = row.distribution
    deviation = to_normal(scale, sampled) - to_normal(scale, typical)
    moved = from_normal(scale, to_normal(scale, override) + width * deviation)
    return np.clip(
        moved, -np.inf if row.lower is None else row.lower, np.inf if row.upper is None else row.upper
    )
