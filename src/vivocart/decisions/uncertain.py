"""The uncertain typical values of a model: which can be varied, and over what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model
from vivocart.model.rows import ParameterRow
from vivocart.patients.covariates import load_covariates
from vivocart.patients.draws import is_uncertain, typical_values
from vivocart.therapies.regimen import Regimen


def uncertain_parameters(
    model: Model, regimen: Regimen, asked: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Parameters whose typical value is uncertain and is the model's own, in the order of the model.

    Parameters
    ----------
    regimen
        Its products may set typical values; those are theirs.
    asked
        Ids to look at; all if left out.

    Raises
    ------
    UnknownNameError
        If an id does not exist.
    InputError
        If an id that was asked for cannot be varied, with the reason.
    """
    by_covariate = load_covariates().parameters
    reasons: dict[str, str] = {}
    for name, row in model.parameters.items():
        if name not in model.system.parameter_ids:
            reasons[name] = "is not a parameter of the equations"
        elif name in by_covariate:
            reasons[name] = f"is set by the patient's covariate '{by_covariate[name]}'"
        elif name in regimen.parameter_overrides:
            reasons[name] = "is set by the product"
        elif not is_uncertain(row):
            reasons[name] = "has no uncertainty in parameters.csv"
    for name in asked or ():
        if name not in model.parameters:
            raise UnknownNameError("parameter", name, model.parameters, where="parameters")
        if name in reasons:
            raise InputError(f"'{name}' {reasons[name]}", where="parameters", mend="leave it out")
    return tuple(
        name for name in model.parameters if name not in reasons and (asked is None or name in set(asked))
    )


def values_at(row: ParameterRow, unit: np.ndarray) -> np.ndarray:
    """Typical values at quantiles ``unit`` (n,) of their own uncertainty, within the parameter's limits."""
    return typical_values(row, np.asarray(ndtri(np.clip(unit, 1e-9, 1.0 - 1e-9))))


def inputs_table(
    model: Model, candidates: tuple[str, ...], kept: tuple[str, ...], scores: Mapping[str, float]
) -> pd.DataFrame:
    """A row for each candidate, as :class:`vivocart.decisions.sensitivity.GlobalSensitivity` describes ``inputs``."""
    rows: list[dict[str, object]] = []
    for name in candidates:
        row = model.parameters[name]
        low, high = values_at(row, np.array([0.05, 0.95]))
        rows.append(
            {
                "parameter_id": name,
                "kind": row.kind,
                "value": row.value,
                "unit": row.unit,
                "low90": low,
                "high90": high,
                "is_kept": name in kept,
                "score": scores.get(name, np.nan),
            }
        )
    return pd.DataFrame(rows)
