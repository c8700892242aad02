"""Exact derivatives of observables to parameters and initial values.

The system is compiled once together with its derivative in *one* direction of parameter space, the direction being numbers
of the patient. A patient's derivatives to m parameters are then m patients of that system, which fill the lanes of the
kernels as any others do: nothing is compiled anew for other parameters, and memory does not grow with their number.
Directions are taken relative to the parameter (so that what is integrated has the size of the states, and the tolerances
mean the same for both) and scaled back at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from vivocart.engine.checks import check_times
from vivocart.engine.compiled import CompiledSystem, compile_tangent
from vivocart.engine.doses import Doses, repeat_doses
from vivocart.engine.solve import solve
from vivocart.engine.status import Failure
from vivocart.equations.system import System
from vivocart.ground.errors import InputError, UnknownNameError

Numbers = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSensitivities:
    """Machine code of a system together with its derivative in one direction."""

    system: System
    observable_ids: tuple[str, ...]
    tangent: CompiledSystem


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivities:
    """Observables and their derivatives.

    ``values`` is (n_patients, n_times, n_observables); ``derivatives`` is (n_patients, n_wrt, n_times, n_observables), in
    units of the observable over units of the parameter, NaN from the failure of a patient on. ``wrt`` names the second
    axis. ``failures`` name the patient.
    """

    values: Numbers
    derivatives: Numbers
    wrt: tuple[str, ...]
    observable_ids: tuple[str, ...]
    failures: tuple[Failure, ...]


def compile_sensitivities(
    system: System,
    *,
    observables: Mapping[str, sympy.Expr] | None = None,
    dosed: Sequence[str] = (),
    lanes: int | None = None,
    on_compile: Callable[[str], None] | None = None,
) -> CompiledSensitivities:
    """Machine code for derivatives of observables; arguments as for ``compile_system``.

    Raises
    ------
    UnsupportedError
        A rate holds a condition: where it turns, derivatives may jump, which is not followed. (``Max`` and ``Min`` are
        no conditions.)
    """
    tangent, observed = compile_tangent(
        system, observables=observables, dosed=dosed, lanes=lanes, on_compile=on_compile
    )
    return CompiledSensitivities(system=system, observable_ids=observed, tangent=tangent)


def sensitivities(
    compiled: CompiledSensitivities,
    parameters: ArrayLike,
    times: ArrayLike,
    *,
    wrt: Sequence[str],
    doses: Doses | None = None,
    rtol: float = 1e-8,
    atol: float = 1e-11,
    threads: int | None = None,
    start_time: float = 0.0,
) -> Sensitivities:
    """Derivatives of every observable at every time to the parameters and initial values named.

    Parameters
    ----------
    parameters
        (n_patients, n_parameters) in the order of ``system.parameter_ids``.
    wrt
        Ids of parameters, or of states for their initial values (parameters that a start value depends on carry their
        effect through it by themselves).

    Raises
    ------
    UnknownNameError
        A name in ``wrt`` is neither parameter nor state.
    """
    system, names = compiled.system, tuple(wrt)
    p = np.ascontiguousarray(np.atleast_2d(np.asarray(parameters, dtype=float)))
    n, n_parameters, n_wrt = len(p), len(system.parameters), len(names)
    if p.shape[1] != n_parameters:
        raise InputError(f"shape {p.shape}, expected (n_patients, {n_parameters})", where="parameters")
    t = check_times(times, start_time)
    columns = _columns(compiled, names)
    full = np.zeros((n, max(n_wrt, 1), len(compiled.tangent.system.parameters)))
    full[:, :, :n_parameters] = p[:, None, :]
    scale = np.ones((n, n_wrt))
    for i, column in enumerate(columns):
        if column < 2 * n_parameters:
            size = np.abs(p[:, column - n_parameters])
            scale[:, i] = np.where(size > 0, size, 1.0)
        full[:, i, column] = scale[:, i]
    found = solve(
        compiled.tangent,
        full.reshape(n * full.shape[1], -1),
        t,
        doses=None if doses is None else repeat_doses(doses, full.shape[1]),
        rtol=rtol,
        atol=atol,
        threads=threads,
        start_time=start_time,
    )
    count = len(compiled.observable_ids)
    values = found.values.reshape(n, full.shape[1], len(t), 2 * count)
    first: dict[int, Failure] = {}
    for failure in found.failures:
        first.setdefault(failure.patient // full.shape[1], failure)
    return Sensitivities(
        values=values[:, 0, :, :count],
        derivatives=values[:, :n_wrt, :, count:] / scale[:, :, None, None],
        wrt=names,
        observable_ids=compiled.observable_ids,
        failures=tuple(_of_patient(failure, patient) for patient, failure in first.items()),
    )


def _of_patient(failure: Failure, patient: int) -> Failure:
    return Failure(
        patient=patient,
        time=failure.time,
        state_id=failure.state_id,
        status=failure.status,
        reason=failure.reason,
        advice=failure.advice,
    )


def _columns(compiled: CompiledSensitivities, names: Sequence[str]) -> list[int]:
    """Where the direction of each name stands among the parameters of the compiled system."""
    system = compiled.system
    parameters = {name: len(system.parameters) + i for i, name in enumerate(system.parameter_ids)}
    states = {name: 2 * len(system.parameters) + i for i, name in enumerate(system.state_ids)}
    columns: list[int] = []
    for name in names:
        if name not in parameters and name not in states:
            raise UnknownNameError("parameter or state", name, [*parameters, *states], where="wrt")
        columns.append(parameters[name] if name in parameters else states[name])
    return columns
