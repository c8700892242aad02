"""AMICI: the SBML as compiled C++, CVODES with KLU, no sensitivities, only the states returned."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds


def make(problem: Prepared) -> Solver:
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ.setdefault("AMICI_IMPORT_NPROCS", "1")
    import amici
    import amici.sim.sundials as sundials
    from amici.importers.sbml import SbmlImporter

    name, folder = f"peer_{problem.id}", problem.folder / "amici"
    stamp = folder / "seconds.txt"
    if not stamp.exists():
        began = processor_seconds()
        SbmlImporter(str(problem.folder / "events.xml")).sbml2amici(
            name, str(folder), generate_sensitivity_code=False, compute_conservation_laws=False
        )
        stamp.write_text(f"{processor_seconds() - began}")
    model = amici.import_model_module(name, str(folder)).get_model()
    solver = model.create_solver()
    model.set_timepoints(problem.times.tolist())
    solver.set_max_steps(1_000_000)
    solver.set_sensitivity_order(sundials.SensitivityOrder.none)
    _report_little(solver, sundials)
    free = list(model.get_free_parameter_ids())
    names = [*problem.parameter_ids, *problem.constant_ids]
    columns = [names.index(i) for i in free]
    states = list(model.get_state_ids())
    order = [states.index(s) for s in problem.state_ids]
    parameters = problem.parameters[:, columns]

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        solver.set_relative_tolerance(rtol)
        solver.set_absolute_tolerance(atol)
        out = np.full((last - first, len(problem.times), problem.n_states), np.nan)
        for q in range(first, last):
            model.set_free_parameters(parameters[q].tolist())
            result = sundials.run_simulation(model, solver)
            if result.status == 0:
                out[q - first] = np.asarray(result.x)[:, order]
        return out

    how = "SBML to C++, CVODES BDF with exact sparse Jacobian and KLU, infusions as events"
    seconds = float(stamp.read_text())
    return Solver(solve=solve, compile_seconds=seconds, version=version("amici"), how=how, most_patients=60)


def _report_little(solver: object, sundials: object) -> None:
    """Asks for no more than the trajectories."""
    mode = getattr(sundials, "RDataReporting", None)
    if mode is not None:
        # `observables_likelihood` leaves the states out, so the full report it is
        solver.set_return_data_reporting_mode(mode.full)
