"""Patients from plain standard normal numbers, for a fit that moves the numbers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from vivocart.patients.covariates import CovariateTable, Draw, load_covariates
from vivocart.patients.criteria import EntryCriteria
from vivocart.patients.draws import patient_values, uncertain_parameters, varying_parameters
from vivocart.patients.parameters import moved_values
from vivocart.patients.sledai_baseline import sledai_covariates, sledai_items

if TYPE_CHECKING:
    from vivocart.model.load import Model


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PatientNumbers:
    """Which standard normal numbers make a patient.

    ``covariate_names`` are those of covariates and SLEDAI-2K items, ``varying`` the parameters that vary between patients,
    ``uncertain`` those whose typical values are uncertain.
    """

    model: Model
    table: CovariateTable
    covariate_names: tuple[str, ...]
    varying: tuple[str, ...]
    uncertain: tuple[str, ...]

    def covariates(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Covariates by id, shape (n,), from numbers of shape (n, n_covariate_names)."""
        by_name = dict(zip(self.covariate_names, numbers.T, strict=True))
        return _covariates(self.table, lambda name: by_name[name])

    def accepted(self, numbers: np.ndarray, criteria: EntryCriteria | None) -> np.ndarray:
        """Whom the criteria take, shape (n,)."""
        if criteria is None:
            return np.ones(len(numbers), dtype=bool)
        return criteria.accepted(self.covariates(numbers))

    def parameters(
        self,
        covariates: Mapping[str, np.ndarray],
        eta: np.ndarray,
        typical: Mapping[str, np.ndarray],
        spread: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """Every parameter that is not the model's value in all patients, shape (n,) each.

        Parameters
        ----------
        covariates
            Of :meth:`covariates`.
        eta
            Standard normal numbers of the varying parameters, shape (n, n_varying).
        typical, spread
            Typical values and spread multipliers of each patient's population, shape (n,); those of the model if absent.
        """
        found: dict[str, np.ndarray] = {
            name: covariates[source]
            for name, source in self.table.parameters.items()
            if name in self.model.parameters
        }
        columns = {name: place for place, name in enumerate(self.varying)}
        for name in dict.fromkeys((*self.uncertain, *self.varying)):
            row = self.model.parameters[name]
            if name in found:
                continue
            center = typical.get(name, row.value)
            if name in columns:
                found[name] = patient_values(row, eta[:, columns[name]], center, spread.get(name, 1.0))
            elif name in typical:
                found[name] = np.asarray(center)
        return found

    def matrix(
        self,
        parameters: Mapping[str, np.ndarray],
        n_patients: int,
        overrides: Mapping[str, float],
        widths: Mapping[str, float],
    ) -> np.ndarray:
        """Parameters in the order of the system, shape (n_patients, n_parameters); overrides and widths of a product."""
        system, rows = self.model.system, dict(self.model.parameters)
        usual = {parameter.id: float(parameter.value) for parameter in system.parameters}
        usual |= {name: float(row.value) for name, row in rows.items() if name in usual}
        matrix = np.empty((n_patients, len(system.parameter_ids)))
        for column, name in enumerate(system.parameter_ids):
            values = parameters.get(name)
            matrix[:, column] = usual[name] if values is None else values
            if name in overrides:
                matrix[:, column] = moved_values(
                    rows.get(name), matrix[:, column], usual[name], overrides[name], widths.get(name, 1.0)
                )
        return matrix


def patient_numbers(model: Model, table: CovariateTable | None = None) -> PatientNumbers:
    """The numbers that patients of this model are made of."""
    covariates = load_covariates() if table is None else table
    asked: dict[str, None] = {}

    def draw(name: str) -> np.ndarray:
        asked[name] = None
        return np.zeros(1)

    _covariates(covariates, draw)
    taken = {name for name in covariates.parameters if name in model.parameters}
    return PatientNumbers(
        model=model,
        table=covariates,
        covariate_names=tuple(asked),
        varying=tuple(name for name in varying_parameters(model) if name not in taken),
        uncertain=tuple(name for name in uncertain_parameters(model) if name not in taken),
    )


def _covariates(table: CovariateTable, draw: Draw) -> dict[str, np.ndarray]:
    values = table.values(draw)
    if "nephritis" in values:
        share = table.rows["nephritis"][0].median
        values |= sledai_covariates(values, draw, items=sledai_items(), nephritis_share=share)
    return values
