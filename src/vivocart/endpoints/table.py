"""Endpoints of a simulation as a table, and what a table of them says about its patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, final

import numpy as np
import pandas as pd

from vivocart.endpoints.readings import MissingReadingError, Readings, read
from vivocart.endpoints.registry import Endpoint, find_endpoint, known_endpoints

if TYPE_CHECKING:
    from vivocart.simulation.result import Simulation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointColumns:
    """Endpoints of a simulation as one array, for who has no use for a table.

    Parameters
    ----------
    entries
        The endpoints, one a row of ``values``.
    values
        Shape (n_endpoints, n): missing and infinite as in :func:`endpoints`.
    complete
        Shape (n,), Boolean: patients simulated to the end.
    left_out
        Endpoints that the simulation cannot answer, with the reason.
    """

    entries: tuple[Endpoint, ...]
    values: np.ndarray
    complete: np.ndarray
    left_out: Mapping[str, str]


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
        Which endpoints; None for all that the simulation can answer. No other costs anything.

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
    readings, complete = read(simulation)
    found = endpoint_columns(readings, complete, ids)
    names = [entry.id for entry in found.entries]
    index = pd.Index(np.asarray(simulation.patients.ids), name="patient")
    table = pd.DataFrame(found.values.T, index=index, columns=names)
    table.attrs["units"] = {entry.id: entry.unit for entry in found.entries}
    table.attrs["labels"] = {entry.id: entry.label for entry in found.entries}
    table.attrs["families"] = {entry.id: entry.family for entry in found.entries}
    table.attrs["n_failed"] = int((~complete).sum())
    missing = np.isnan(found.values[:, complete]).sum(axis=1)
    table.attrs["not_applicable"] = dict(zip(names, missing.tolist(), strict=True))
    table.attrs["not_reached"] = dict(zip(names, np.isinf(found.values).sum(axis=1).tolist(), strict=True))
    table.attrs["left_out"] = dict(found.left_out)
    return table


def endpoint_columns(
    readings: Readings, complete: np.ndarray, ids: Iterable[str] | None = None, *, leave_out: bool = False
) -> EndpointColumns:
    """Endpoints from what :func:`vivocart.endpoints.readings.read` returns; ``ids`` and errors as in :func:`endpoints`.

    With ``leave_out`` those of ``ids`` that the simulation cannot answer are left out, as they are without ``ids``.
    """
    asked = [find_endpoint(id) for id in ids] if ids is not None else list(known_endpoints().values())
    entries: list[Endpoint] = []
    columns: list[np.ndarray] = []
    left_out: dict[str, str] = {}
    for entry in asked:
        try:
            column = np.asarray(entry.compute(readings), dtype=np.float64)
        except MissingReadingError as error:
            if ids is not None and not leave_out:
                raise MissingReadingError(
                    error.problem, where=f"endpoint '{entry.id}'", mend=error.mend
                ) from None
            left_out[entry.id] = error.problem
        else:
            entries.append(entry)
            columns.append(column)
    values = np.stack(columns) if columns else np.empty((0, int(complete.sum())))
    if not complete.all():
        found, values = values, np.full((len(columns), len(complete)), np.nan)
        values[:, complete] = found
    return EndpointColumns(
        entries=tuple(entries), values=values, complete=complete, left_out=MappingProxyType(left_out)
    )


def quantiles(values: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles that are always one of the values, shape (n_probabilities,).

    The smallest value that at least this share of the values does not exceed; so a score stays a whole number and
    "not reached" (infinite) stays that. Missing values are left out; all missing gives missing.
    """
    seen = np.sort(np.asarray(values, dtype=np.float64))
    return _at_ranks(seen[~np.isnan(seen)], probabilities)


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
    n_failed = int(table.attrs["n_failed"])
    columns = table.to_numpy(dtype=np.float64)  # once: pandas copies attrs for every column it hands out
    labels, units = table.attrs["labels"], table.attrs["units"]
    return pd.DataFrame(
        [
            {"endpoint": id, "label": labels[id], "unit": units[id]}
            | summary_row(columns[:, place], n_failed=n_failed)
            for place, id in enumerate(table.columns)
        ]
    )


def summary_row(values: np.ndarray, *, n_failed: int) -> dict[str, object]:
    """What :func:`summarize` says of one endpoint, from ``n`` on.

    Parameters
    ----------
    values
        The endpoint in every patient, shape (n,).
    n_failed
        How many of them could not be integrated.
    """
    seen = values[~np.isnan(values)]
    seen.sort()
    low, middle, high = _at_ranks(seen, (0.05, 0.5, 0.95))
    n_reached = int(np.searchsorted(seen, np.inf))
    return {
        "n": seen.size,
        "q05": low,
        "median": middle,
        "q95": high,
        "mean": float(seen.mean()) if 0 < seen.size == n_reached and seen[0] > -np.inf else np.nan,
        "not_reached": seen.size - n_reached,
        "not_applicable": len(values) - seen.size - n_failed,
        "failed": n_failed,
    }


def _at_ranks(ordered: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    if ordered.size == 0:
        return np.full(len(probabilities), np.nan)
    places = np.ceil(np.asarray(probabilities) * ordered.size - 1e-9).astype(int) - 1
    return ordered[np.clip(places, 0, ordered.size - 1)]
