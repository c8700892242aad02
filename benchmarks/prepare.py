"""Writes each problem to a folder that peers read without vivocart: SBML, generated source, patients, times."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from generate import c_text, equations_of, jax_text, numba_text, observe_text
from problems import Problem, load_problems, output_times
from sbml_for_peers import INFLOW, with_events, with_infusion

from vivocart.equations.system import System, symbol


def start_values(system: System, patients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Initial states (n, n_states) and derived constants (n, n_constants) of each patient."""
    import sympy

    values = {symbol(name): patients[:, i] for i, name in enumerate(system.parameter_ids)}
    for entry in system.start:
        used = sorted(entry.expression.free_symbols, key=str)
        evaluate = sympy.lambdify(used, entry.expression, modules="numpy")
        values[symbol(entry.id)] = np.broadcast_to(evaluate(*(values[s] for s in used)), len(patients))
    states = np.stack([values[symbol(s)] for s in system.state_ids], axis=1)
    constants = [values[symbol(s)] for s in system.constant_ids]
    return states, np.stack(constants, axis=1) if constants else np.zeros((len(patients), 0))


def write_problem(problem: Problem, folder: Path) -> None:
    """All that a peer needs for one problem."""
    folder.mkdir(parents=True, exist_ok=True)
    system, doses = problem.system, problem.doses
    equations = equations_of(system, problem.dosed)
    text, pattern = c_text(equations)
    (folder / "equations.h").write_text(text)
    (folder / "rhs_numba.py").write_text(numba_text(equations))
    (folder / "rhs_jax.py").write_text(jax_text(equations))
    (folder / "observe.py").write_text(observe_text(equations, dict(problem.observables)))
    plain = with_infusion(problem.sbml, problem.dosed)
    (folder / "plain.xml").write_text(plain)
    (folder / "events.xml").write_text(with_events(plain, doses))
    start, constants = start_values(system, problem.patients)
    np.savez(
        folder / "arrays.npz",
        parameters=np.hstack([problem.patients, constants]),
        start=start,
        times=output_times(),
        pattern=pattern,
    )
    about = {
        "id": problem.id,
        "title": problem.title,
        "state_ids": system.state_ids,
        "parameter_ids": system.parameter_ids,
        "constant_ids": system.constant_ids,
        "observable_ids": list(problem.observables),
        "dosed": problem.dosed,
        "inflow": INFLOW,
        "doses": doses,
    }
    (folder / "problem.json").write_text(json.dumps(about))
    _forget_other_reference(folder)


def _forget_other_reference(folder: Path) -> None:
    """Removes a reference that was computed from other equations, patients or doses."""
    digest = hashlib.sha256()
    for name in ("equations.h", "observe.py", "problem.json", "arrays.npz"):
        digest.update((folder / name).read_bytes())
    stamp = folder / "digest.txt"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        (folder / "reference.npz").unlink(missing_ok=True)
        shutil.rmtree(folder / "amici", ignore_errors=True)
        stamp.write_text(digest.hexdigest())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("problems", nargs="*")
    options = parser.parse_args()
    for problem in load_problems(tuple(options.problems)):
        write_problem(problem, options.folder / problem.id)
        print(f"{problem.id}: {len(problem.system.state_ids)} states, {len(problem.observables)} observables")


if __name__ == "__main__":
    main()
