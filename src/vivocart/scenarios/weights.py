"""How much each parameter of the model carries: what moves when it moves within what we do not know of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from vivocart.endpoints.registry import find_endpoint
from vivocart.endpoints.table import endpoints
from vivocart.model.load import Model
from vivocart.patients.population import VirtualPopulation
from vivocart.patients.sampling import from_normal, to_normal, transformed_sd
from vivocart.scenarios.arms import CHUNK, Setting, Tick
from vivocart.simulation.layout import Room
from vivocart.therapies.regimen import Regimen

HEADLINE = (
    "car_percent_peak",
    "b_cells_nadir",
    "b_cell_depletion_days",
    "b_cells_tissue_nadir",
    "autoantibody_d90",
    "sledai_d90",
    "sledai_d180",
    "il6_peak",
)
"""Endpoints whose movement weighs a parameter."""

MEANING = (
    "Weight: the largest change of a headline endpoint's mean over the same virtual patients when the parameter's typical "
    "value moves by one standard deviation of its uncertainty, up or down, in units of that endpoint's standard deviation "
    "between patients."
)


def headline_within(days: float) -> tuple[str, ...]:
    """Headline endpoints that a study of this many days reaches."""
    visits = ((name, find_endpoint(name).day) for name in HEADLINE)
    return tuple(name for name, day in visits if day is None or day <= days)


def parameter_weights(setting: Setting, regimen: Regimen, *, n_patients: int, tick: Tick) -> pd.DataFrame:
    """A row for each parameter: what it is and how much the headline endpoints move with it.

    Parameters
    ----------
    regimen
        The regimen under which endpoints are read.
    n_patients
        Virtual patients in whom each parameter is moved, the same for all.

    Returns
    -------
    pandas.DataFrame
        Columns ``parameter_id, kind, value, unit, note, weight, weight_endpoint``; the weight is missing where no
        uncertainty is stated. ``attrs["weight_meaning"]`` says how it was computed.
    """
    measured = headline_within(setting.days)
    shifts = parameter_shifts(setting, regimen, n_patients=n_patients, tick=tick, measured=measured)
    found = {str(name): shifts.loc[name].to_numpy(dtype=float) for name in shifts.index}
    return _table(setting.model, found, measured)


def parameter_shifts(
    setting: Setting,
    regimen: Regimen,
    *,
    n_patients: int,
    tick: Tick,
    names: Collection[str] | None = None,
    measured: Sequence[str] = HEADLINE,
) -> pd.DataFrame:
    """How far each headline endpoint moves with each parameter, in standard deviations between patients.

    Parameters
    ----------
    regimen, n_patients
        As for :func:`parameter_weights`.
    names
        Parameters to move; every one whose uncertainty is stated when left out. Those without are left out.
    measured
        Endpoints whose movement is read.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter that was moved, a column for each of ``measured``.
    """
    model = setting.model
    base, room = setting.patients(0, n_patients), Room()
    reference = _read(setting, regimen, base, measured, room)
    tick(n_patients)
    scale = reference.std(axis=0)
    moved: dict[tuple[str, int], Mapping[str, np.ndarray]] = {
        (name, sign): {name: _shifted(model, base, name, sign)}
        for name in _uncertain(model, names)
        for sign in (-1, 1)
    }
    shifts: dict[str, np.ndarray] = {}
    keys = list(moved)
    per_run = max(1, CHUNK // n_patients)
    for first in range(0, len(keys), per_run):
        chosen = keys[first : first + per_run]
        stacked = _stacked(model, base, [moved[key] for key in chosen])
        table = _read(setting, regimen, stacked, measured, room)
        for position, (name, _) in enumerate(chosen):
            part = table[position * n_patients : (position + 1) * n_patients]
            change = np.abs(np.mean(part, axis=0) - reference.mean(axis=0)) / np.where(
                scale > 0, scale, np.inf
            )
            shifts[name] = np.maximum(shifts.get(name, np.zeros(len(measured))), change)
        tick(n_patients * len(chosen))
    return pd.DataFrame.from_dict(shifts, orient="index", columns=list(measured))


def n_simulated(model: Model, n_patients: int, names: Collection[str] | None = None) -> int:
    """Patients that :func:`parameter_weights` simulates, or :func:`parameter_shifts` of these ``names``."""
    return n_patients * (1 + 2 * len(_uncertain(model, names)))


def _uncertain(model: Model, names: Collection[str] | None) -> list[str]:
    """Parameters to move, in the order of the model."""
    return [
        name for name in model.parameters if (names is None or name in names) and _is_uncertain(model, name)
    ]


def _is_uncertain(model: Model, name: str) -> bool:
    row = model.parameters[name]
    return bool(row.uncertainty) and row.uncertainty_kind is not None and name in model.system.parameter_ids


def _shifted(model: Model, base: VirtualPopulation, name: str, sign: int) -> np.ndarray:
    """The patients' values when the typical value moves by one standard deviation of its uncertainty."""
    row = model.parameters[name]
    assert row.uncertainty is not None and row.uncertainty_kind is not None  # see _is_uncertain
    scale = "lognormal" if row.distribution == "none" and row.value > 0 else row.distribution
    sd = transformed_sd(scale, row.value, row.uncertainty, row.uncertainty_kind)
    values = from_normal(scale, to_normal(scale, _usual(model, base, name)) + sign * sd)
    return np.clip(
        values, -np.inf if row.lower is None else row.lower, np.inf if row.upper is None else row.upper
    )


def _usual(model: Model, base: VirtualPopulation, name: str) -> np.ndarray:
    """The patients' values as they are."""
    return base.parameters.get(name, np.full(len(base), model.parameters[name].value))


def _stacked(
    model: Model, base: VirtualPopulation, changes: list[Mapping[str, np.ndarray]]
) -> VirtualPopulation:
    """The same patients once for each change, one group after the other."""
    groups = len(changes)
    names = sorted({*base.parameters, *(name for change in changes for name in change)})
    parameters: dict[str, np.ndarray] = {}
    for name in names:
        usual = _usual(model, base, name)
        parameters[name] = np.concatenate([change.get(name, usual) for change in changes])
    return VirtualPopulation(
        ids=np.arange(groups * len(base)),
        covariates={name: np.tile(values, groups) for name, values in base.covariates.items()},
        parameters=parameters,
        weights=np.tile(base.weights, groups),
        seed=base.seed,
        attempts=np.tile(base.attempts, groups),
    )


def _read(
    setting: Setting, regimen: Regimen, patients: VirtualPopulation, measured: Sequence[str], room: Room
) -> np.ndarray:
    """Endpoints, shape (n_patients, n_endpoints); what is not reached counts as the end of the simulation."""
    course = setting.simulate(regimen, patients, times_days=setting.times(regimen), room=room)
    table = endpoints(course, measured)
    values = table.to_numpy(dtype=float)
    return np.where(np.isinf(values), setting.days, values)


def _table(model: Model, shifts: Mapping[str, np.ndarray], measured: Sequence[str]) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for name, row in model.parameters.items():
        found = shifts.get(name)
        rows.append(
            {
                "parameter_id": name,
                "kind": row.kind,
                "value": row.value,
                "unit": row.unit,
                "note": row.note,
                "weight": float(np.nanmax(found)) if found is not None else np.nan,
                "weight_endpoint": measured[int(np.nanargmax(found))] if found is not None else "",
            }
        )
    table = pd.DataFrame(rows)
    table.attrs["weight_meaning"] = MEANING
    return table
