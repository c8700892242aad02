"""Endpoints of a simulation as a table, and what a table of them says about its patients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vivocart.endpoints.readings import MissingReadingError, read
from vivocart.endpoints.registry import find_endpoint, known_endpoints

if TYPE_CHECKING:
    from vivocart.simulation.result import Simulation


def endpoints(simulation: Simulation, ids: Iterable[str] | None = None) -> pd.DataFrame:
    """A row for each patient and a column for each endpoint.

    Three things that are no number are kept apart. A failed patient is missing in every column. An endpoint that does
    not apply to a patient (seroconversion of one who was negative) is missing in that column. A time that the
    simulation does not reach (B cells not back by its end) is infinite.

    Parameters
    ----------
    simulation
        Result of ``simulate``.
    ids
        Which endpoints; None for all that the simulation can answer.

    Returns
    -------
    pandas.DataFrame
        Index ``patient``. ``attrs`` holds ``units``, ``labels`` and ``families`` by column; ``n_failed``;
        ``not_applicable`` and ``not_reached``, counts by column; and ``left_out``, the endpoints that the simulation
        cannot answer with the reason.

    Raises
    ------
    UnknownNameError
        If an id does not exist; it names the nearest three.
    InputError
        If an endpoint was asked for by id and the simulation is too short for it or did not keep what it reads.
    """
    asked = [find_endpoint(id) for id in ids] if ids is not None else list(known_endpoints().values())
    readings, complete = read(simulation)
    columns: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    for entry in asked:
        try:
            values = np.asarray(entry.compute(readings), dtype=np.float64)
        except MissingReadingError as error:
            if ids is not None:
                raise MissingReadingError(
                    error.problem, where=f"endpoint '{entry.id}'", mend=error.mend
                ) from None
            left_out[entry.id] = error.problem
            continue
        column = np.full(len(complete), np.nan)
        column[complete] = values
        columns[entry.id] = column
    index = pd.Index(np.asarray(simulation.data["patient"].values), name="patient")
    table = pd.DataFrame(columns, index=index)
    kept = [entry for entry in asked if entry.id in columns]
    table.attrs["units"] = {entry.id: entry.unit for entry in kept}
    table.attrs["labels"] = {entry.id: entry.label for entry in kept}
    table.attrs["families"] = {entry.id: entry.family for entry in kept}
    table.attrs["n_failed"] = int((~complete).sum())
    table.attrs["not_applicable"] = {
        id: int(np.isnan(column[complete]).sum()) for id, column in columns.items()
    }
    table.attrs["not_reached"] = {id: int(np.isinf(column).sum()) for id, column in columns.items()}
    table.attrs["left_out"] = left_out
    return table


def quantiles(values: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles that are always one of the values, shape (n_probabilities,).

    The smallest value that at least this share of the values does not exceed; so a score stays a whole number and
    "not reached" (infinite) stays that. Missing values are left out; all missing gives missing.
    """
    seen = np.sort(np.asarray(values, dtype=np.float64))
    seen = seen[~np.isnan(seen)]
    if seen.size == 0:
        return np.full(len(probabilities), np.nan)
    places = np.ceil(np.asarray(probabilities) * seen.size - 1e-9).astype(int) - 1
    return seen[np.clip(places, 0, seen.size - 1)]


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each endpoint: its median and central 90 % of patients, and how many are in none of these numbers.

    Parameters
    ----------
    table
        Result of :func:`endpoints`.

    Returns
    -------
    pandas.DataFrame
        Columns ``endpoint, label, unit, n, q05, median, q95, mean, not_reached, not_applicable, failed``. ``n`` counts the
        patients behind the numbers; ``mean`` (for a flag: the share of patients) is missing where a value is not
        reached.
    """
    rows: list[dict[str, object]] = []
    n_failed = int(table.attrs["n_failed"])
    columns = table.to_numpy(dtype=np.float64)  # once: pandas copies attrs for every column it hands out
    for place, id in enumerate(table.columns):
        values = columns[:, place]
        seen = values[~np.isnan(values)]
        low, middle, high = quantiles(values, (0.05, 0.5, 0.95))
        finite = seen.size > 0 and bool(np.isfinite(seen).all())
        rows.append(
            {
                "endpoint": id,
                "label": table.attrs["labels"][id],
                "unit": table.attrs["units"][id],
                "n": seen.size,
                "q05": low,
                "median": middle,
                "q95": high,
                "mean": float(seen.mean()) if finite else np.nan,
                "not_reached": int(np.isinf(seen).sum()),
                "not_applicable": int(np.isnan(values).sum()) - n_failed,
                "failed": n_failed,
            }
        )
    return pd.DataFrame(rows)
