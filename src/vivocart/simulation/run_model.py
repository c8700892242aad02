"""Any system for one set of parameters, with events: what ``vivocart model run`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import sympy

from vivocart.engine.doses import no_doses
from vivocart.engine.event_batch import compile_events, run_events
from vivocart.equations.system import System, symbol
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import SbmlModel, read_sbml_model
from vivocart.formats.sbml_suite import read_settings, reported, write_results
from vivocart.ground.errors import InputError, SimulationError, UnknownNameError
from vivocart.ground.tables import read_text


def run_model(
    system: System,
    times: Sequence[float],
    *,
    observables: Mapping[str, sympy.Expr] | None = None,
    parameters: Mapping[str, float] | None = None,
    start_time: float = 0.0,
    rtol: float = 1e-8,
    atol: float = 1e-12,
    seed: int = 0,
) -> pd.DataFrame:
    """A table with a row for each time (its index, named ``time``) and a column for each observable.

    Parameters
    ----------
    system
        Any system; its events have the full meaning of SBML Level 3 Version 2.
    times
        Rising, in the system's time unit, none before ``start_time``. What an event does at such a time is seen at it.
    observables
        Id -> expression in the system's ids; default: all states.
    parameters
        Values other than the system's own, by id.
    start_time
        Where the system starts.
    rtol, atol
        Tolerances of the states; ``atol`` holds for states of size 1 and grows with larger ones.
    seed
        Decides between events that happen at the same moment with the same priority.

    Raises
    ------
    UnknownNameError
        If ``parameters`` names one the system does not have.
    SimulationError
        If the system cannot be moved to the last time, naming time, state and reason.
    """
    wanted = {name: symbol(name) for name in system.state_ids} if observables is None else dict(observables)
    given = {parameter.id: parameter.value for parameter in system.parameters}
    for name, value in (parameters or {}).items():
        if name not in given:
            raise UnknownNameError("parameter", name, given)
        given[name] = float(value)
    if any(not later >= earlier for earlier, later in zip([start_time, *times], times, strict=False)):
        raise InputError("times that do not rise from the start", where="times", mend="sort them")
    span = (times[-1] - start_time if len(times) else 0.0) or 1.0
    try:
        compiled = compile_events(system, wanted, span=span, quick=True)
    except RecursionError:
        raise InputError(
            "an expression is nested too deeply", where=system.id, mend="split it into rules"
        ) from None
    found = run_events(
        compiled,
        np.array([list(given.values())], dtype=np.float64).reshape(1, -1),
        np.asarray(times, dtype=np.float64),
        doses=no_doses(1),
        relative=rtol,
        absolute=atol,
        start_time=start_time,
        threads=1,
        seed=seed,
    )
    if found.failures:
        raise SimulationError(found.failures[0])
    return pd.DataFrame(found.values[0], columns=list(wanted), index=pd.Index(list(times), name="time"))


def read_model_file(path: Path | str) -> SbmlModel:
    """The model in an SBML or Antimony file.

    Raises
    ------
    InputError
        If the file is missing or wrong.
    UnsupportedError
        If the model needs something SBML has and this software does not do.
    """
    file = Path(path)
    text = read_text(file)
    if not text.lstrip().startswith("<"):
        text = to_sbml(text, name=file.name)
    return read_sbml_model(text, name=file.name)


def run_suite_case(
    model_path: Path | str,
    settings_path: Path | str,
    *,
    parameters: Mapping[str, float] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """The table that a case of the SBML semantic test suite asks for: its variables in its order, time as the index.

    Parameters
    ----------
    model_path, settings_path
        An SBML (or Antimony) file, and a settings file of the suite's format.
    parameters
        Values other than the file's own, by id.
    seed
        Decides between events that happen at the same moment with the same priority.

    Raises
    ------
    InputError
        If a file is missing or wrong.
    UnsupportedError
        If the model needs something SBML has and this software does not do.
    SimulationError
        If the model cannot be moved to the end.
    """
    settings_file = Path(settings_path)
    model = read_model_file(model_path)
    settings = read_settings(read_text(settings_file), name=settings_file.name)
    return run_model(
        model.system,
        settings.times,
        observables=reported(model, settings, name=settings_file.name),
        parameters=parameters,
        rtol=min(1e-6, 1e-3 * settings.relative) if settings.relative > 0 else 1e-8,
        atol=min(1e-9, 1e-4 * settings.absolute) if settings.absolute > 0 else 1e-12,
        seed=seed,
    )


def write_suite_case(
    model_path: Path | str,
    settings_path: Path | str,
    *,
    parameters: Mapping[str, float] | None = None,
    seed: int = 0,
) -> str:
    """The results of :func:`run_suite_case` as the suite writes them: CSV with a header ``time,...``."""
    table = run_suite_case(model_path, settings_path, parameters=parameters, seed=seed)
    return write_results(table.index.tolist(), list(map(str, table.columns)), table.to_numpy().tolist())
