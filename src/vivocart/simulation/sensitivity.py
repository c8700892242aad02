"""Local sensitivity: how an observable at a time moves with each parameter, by exact derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from vivocart.engine.sensitivities import compile_sensitivities, sensitivities
from vivocart.ground.errors import InputError, SimulationError, UnknownNameError
from vivocart.model.load import Model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import dosed_states, doses_of
from vivocart.therapies.regimen import Regimen


def local_sensitivity(
    model: Model,
    regimen: Regimen,
    *,
    observable: str,
    days: Sequence[float],
    patients: VirtualPopulation | None = None,
    parameters: Sequence[str] | None = None,
    threads: int | None = None,
    on_message: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Elasticity of one observable to each parameter: percent of change for one percent of change.

    Parameters
    ----------
    observable
        Id of what is read.
    days
        Days at which it is read, ascending, from the start of the simulation.
    patients
        In whom; the typical patient if left out. With several, the mean of their elasticities is given.
    parameters
        Ids; all that differ from zero if left out.

    Returns
    -------
    pandas.DataFrame
        Columns ``parameter_id, kind, day, value, derivative, elasticity``, the largest absolute elasticity first;
        ``value`` is the observable's, ``derivative`` in its unit over the parameter's.

    Raises
    ------
    UnknownNameError
        If the observable or a parameter does not exist; the nearest three are named.
    InputError
        If the days do not ascend.
    SimulationError
        If a patient cannot be integrated.
    """
    times = np.asarray(days, dtype=np.float64)
    if times.size == 0 or not np.isfinite(times).all() or (np.diff(times) <= 0).any() or times[0] < 0:
        raise InputError(f"{list(days)}", where="days", mend="give days of 0 or later, ascending, each once")
    who = VirtualPopulation.typical(model) if patients is None else patients
    matrix = who.parameter_matrix(model, regimen.parameter_overrides, regimen.parameter_widths)
    names = _names(model, matrix, parameters)
    compiled = compile_sensitivities(
        model.system,
        observables={observable: model.observable_expression(observable)},
        dosed=dosed_states(model, regimen),
        on_compile=on_message,
    )
    found = sensitivities(
        compiled, matrix, times, wrt=names, doses=doses_of(model, regimen, matrix), threads=threads
    )
    if found.failures:
        failed = found.failures[0]
        raise SimulationError(
            f"patient {failed.patient} failed at day {failed.time:.4g}: {failed.reason}; {failed.advice}"
        )
    values = found.values[:, :, 0]  # (patient, day)
    derivatives = found.derivatives[:, :, :, 0]  # (patient, parameter, day)
    columns = [model.system.parameter_ids.index(name) for name in names]
    with np.errstate(divide="ignore", invalid="ignore"):
        elasticities = derivatives * matrix[:, columns, None] / values[:, None, :]
    rows = [
        {"parameter_id": name, "kind": model.parameters[name].kind, "day": float(day)}
        | {
            "value": float(values[:, at].mean()),
            "derivative": float(derivatives[:, place, at].mean()),
            "elasticity": float(elasticities[:, place, at].mean()),
        }
        for place, name in enumerate(names)
        for at, day in enumerate(times)
    ]
    table = pd.DataFrame(rows)
    order = np.argsort(-np.abs(table["elasticity"].to_numpy(dtype=float)), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _names(model: Model, matrix: np.ndarray, asked: Sequence[str] | None) -> tuple[str, ...]:
    ids = model.system.parameter_ids
    if asked is None:
        return tuple(
            name for place, name in enumerate(ids) if name in model.parameters and matrix[:, place].any()
        )
    for name in asked:
        if name not in ids:
            raise UnknownNameError("parameter", name, ids, where="parameters")
    return tuple(asked)
