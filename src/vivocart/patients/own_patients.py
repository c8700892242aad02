"""Patients that a user brings as a CSV file.

One row a patient. Columns, at least one: ``patient`` (a whole number, each once; counted from 0 when left out), ``weight``,
any covariate (``age``, ``upcr``, ``sledai_threshold_arthritis`` ...) and any parameter of the model. What the file gives is
taken as it is; a covariate or parameter that it leaves out is drawn as for the virtual patient of that index and seed.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.streams import normals_at
from vivocart.ground.tables import read_text
from vivocart.patients.covariates import CovariateTable, load_covariates
from vivocart.patients.parameters import drawn_parameters
from vivocart.patients.sledai_baseline import (
    SCORES,
    THRESHOLD_PREFIX,
    baseline_scores,
    sledai_covariates,
    sledai_items,
)

if TYPE_CHECKING:
    from vivocart.model.load import Model


def read_patients(
    path: str | Path, model: Model, *, seed: int
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Ids, weights, covariates and parameters of the patients of a CSV file.

    Raises
    ------
    InputError
        Naming file, row, column, value and mend: a cell empty or not a number, a number outside its limits, a patient twice.
    UnknownNameError
        If a column is neither covariate nor parameter; with the nearest three.
    """
    path = Path(path)
    table, items = load_covariates(), sledai_items()
    thresholds = [THRESHOLD_PREFIX + item.item for item in items if item.rule == "threshold"]
    allowed = {"patient", "weight", *table.rows, *thresholds, *SCORES, *model.parameters}
    given = _columns(path, allowed)
    n_patients = len(next(iter(given.values())))
    ids = _ids(given.pop("patient", np.arange(n_patients, dtype=np.float64)), path.name)
    weights = given.pop("weight", np.ones(n_patients))
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise _fault(path.name, row, "weight", float(weights[row]), "is negative", "give 0 or more")
    _to_covariates(given, table, path.name)
    _check_limits(given, table, model, path.name)

    def draw(name: str) -> np.ndarray:
        return normals_at(seed, f"patients/{name}", ids)

    covariates = table.values(draw)
    covariates |= {name: values for name, values in given.items() if name in table.rows}
    share = table.rows["nephritis"][0].median
    covariates |= sledai_covariates(covariates, draw, items=items, nephritis_share=share)
    covariates |= {name: values for name, values in given.items() if name in thresholds}
    covariates |= baseline_scores(covariates, items)
    _check_scores(given, covariates, path.name)
    parameters = drawn_parameters(model, table, covariates, seed=seed, patients=ids)
    parameters |= {
        name: values for name, values in given.items() if name in model.parameters and name not in table.rows
    }
    return ids, weights, covariates, parameters


def _columns(path: Path, allowed: set[str]) -> dict[str, np.ndarray]:
    reader = csv.reader(io.StringIO(read_text(path)), strict=True)
    try:
        records = [record for record in reader if record]
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", where=f"{path.name}, row {reader.line_num}") from error
    if len(records) < 2:
        raise InputError("no patients", where=path.name, mend="write a header line and one row a patient")
    header = [cell.strip() for cell in records[0]]
    for name in header:
        if name not in allowed:
            raise UnknownNameError("column", name, allowed, where=f"{path.name}, row 1")
        if header.count(name) > 1:
            raise InputError(
                f"column '{name}' stands twice", where=f"{path.name}, row 1", mend="take one out"
            )
    values = np.empty((len(records) - 1, len(header)))
    for row, record in enumerate(records[1:]):
        if len(record) != len(header):
            problem = f"{len(record)} cells where the header has {len(header)}"
            raise InputError(problem, where=f"{path.name}, row {row + 2}", mend="write one cell a column")
        values[row] = [_number(cell, path.name, row, name) for cell, name in zip(record, header, strict=True)]
    return {name: values[:, column].copy() for column, name in enumerate(header)}


def _number(cell: str, file: str, row: int, column: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        problem = f"is not a number (found '{cell[:80]}')" if cell.strip() else "is empty"
        raise InputError(
            problem, where=f"{file}, row {row + 2}, column {column}", mend="write a number"
        ) from None
    if not math.isfinite(value):
        raise _fault(file, row, column, value, "is not finite", "write a finite number")
    return value


def _fault(file: str, row: int, column: str, value: float, problem: str, mend: str) -> InputError:
    return InputError(f"{value:g} {problem}", where=f"{file}, row {row + 2}, column {column}", mend=mend)


def _ids(values: np.ndarray, file: str) -> np.ndarray:
    for row, value in enumerate(values):
        if value < 0 or value != int(value):
            raise _fault(file, row, "patient", value, "is not a whole number from 0", "number the patients")
        if (values[:row] == value).any():
            raise _fault(file, row, "patient", value, "stands twice", "give each patient a number of its own")
    return values.astype(np.int64)


def _to_covariates(given: dict[str, np.ndarray], table: CovariateTable, file: str) -> None:
    for parameter, covariate in table.parameters.items():
        if parameter not in given or parameter == covariate:
            continue
        if covariate in given and not np.array_equal(given[covariate], given[parameter]):
            problem = f"columns '{covariate}' and '{parameter}' say different things"
            raise InputError(problem, where=f"{file}, row 1", mend="keep one of them")
        given[covariate] = given[parameter]


def _check_limits(given: Mapping[str, np.ndarray], table: CovariateTable, model: Model, file: str) -> None:
    for name, values in given.items():
        if name in table.rows and table.rows[name][0].distribution == "bernoulli":
            bad, mend = np.flatnonzero((values != 0) & (values != 1)), "write 0 or 1"
        else:
            parameter = next((key for key, covariate in table.parameters.items() if covariate == name), name)
            if parameter not in model.parameters:
                continue
            row = model.parameters[parameter]
            low = -math.inf if row.lower is None else row.lower
            high = math.inf if row.upper is None else row.upper
            bad, mend = (
                np.flatnonzero((values < low) | (values > high)),
                f"limits are {low:g} to {high:g} {row.unit}",
            )
        if len(bad):
            raise _fault(file, int(bad[0]), name, float(values[bad[0]]), "is outside its limits", mend)


def _check_scores(given: Mapping[str, np.ndarray], covariates: Mapping[str, np.ndarray], file: str) -> None:
    for name in SCORES:
        apart = (
            np.flatnonzero(given[name] != covariates[name]) if name in given else np.empty(0, dtype=np.int64)
        )
        if len(apart):
            row = int(apart[0])
            problem = f"does not equal the items of this patient, which add up to {covariates[name][row]:g}"
            mend = "leave the column out, or give every sledai_threshold_<item>"
            raise _fault(file, row, name, float(given[name][row]), problem, mend)
