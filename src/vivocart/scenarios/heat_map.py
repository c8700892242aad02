"""Dose against interval: the same virtual patients under every pair, endpoint by endpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.endpoints.registry import Endpoint
from vivocart.endpoints.table import quantiles
from vivocart.ground.errors import InputError
from vivocart.scenarios.explore import Arm, Asked, explore, explorer_population, shown_endpoints
from vivocart.therapies.regimen import Regimen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """``values`` hold for each endpoint the median over patients, or the share of patients for a flag.

    Shape (n_intervals, n_doses); infinite where more than half of the patients do not reach it, missing where it does not
    apply or the last infusion ends after the horizon.
    """

    doses: tuple[float, ...]
    intervals: tuple[float, ...]
    values: Mapping[str, np.ndarray]


def heat_map(
    asked: Asked,
    *,
    product: str,
    infusions: int,
    doses: Sequence[float],
    intervals: Sequence[float],
    on_progress: Callable[[int, int], None] | None = None,
) -> HeatMap:
    """Every dose at every interval in the same patients.

    Parameters
    ----------
    asked
        Patients, horizon and seed; its arms are not read.
    doses, intervals
        In the product's dose unit, and in days; each at least one.
    on_progress
        Called with (pairs done, pairs in all); what it raises ends the work.

    Raises
    ------
    InputError
        If there is no dose or interval, or a regimen cannot be given.
    """
    if not doses or not intervals:
        raise InputError("an empty axis", where="doses, intervals", mend="give at least one of each")
    first = Regimen(product, dose=doses[0], infusions=1)
    patients = asked.patients if asked.patients is not None else explorer_population(asked, first)
    grids: dict[str, np.ndarray] = {}
    total = len(doses) * len(intervals)
    for row, interval in enumerate(intervals):
        for column, dose in enumerate(doses):
            regimen = Regimen(product, dose=dose, infusions=infusions, interval_days=interval)
            if regimen.last_infusion_day + 1 <= asked.days + regimen.first_infusion_day:
                arm = Arm(label=regimen.sentence, regimen=regimen)
                answer = explore(dataclasses.replace(asked, arms=(arm,), patients=patients))
                for name, values in answer.arms[0].values.items():
                    grid = grids.setdefault(name, np.full((len(intervals), len(doses)), np.nan))
                    grid[row, column] = central(name, values)
            if on_progress is not None:
                on_progress(row * len(doses) + column + 1, total)
    return HeatMap(doses=tuple(doses), intervals=tuple(intervals), values=grids)


def central(name: str, values: np.ndarray) -> float:
    """The median over patients, or the share of patients for a flag; missing if it applies to none."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        return float("nan")
    entry = next(entry for entry in shown_endpoints() if entry.id == name)
    return float(known.mean()) if is_share(entry, known) else float(quantiles(known, (0.5,))[0])


def is_share(entry: Endpoint, values: np.ndarray) -> bool:
    """Whether an endpoint is a flag, 0 or 1 in every patient, of which the share of patients is told."""
    is_graded = "grade_max" in entry.id or "share" in entry.label.lower()
    return entry.unit == "1" and not is_graded and bool(np.isin(values, (0.0, 1.0)).all())
