"""One peer on one problem, in a process of its own: accuracy and time over a ladder of tolerances, then the final timing.

For every target accuracy the setting is the fastest that reaches it; times are processor seconds of this process, the least
of several runs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import time
import traceback
from pathlib import Path

import numpy as np
from peers.prepared import Prepared, Solver, read_prepared
from reference import errors

PEERS = {
    "vivocart": "own:make",
    "vivocart_single": "own:make_single",
    "vivocart_whole": "own:make_whole",
    "numbalsoda": "lsoda:make_numbalsoda",
    "roadrunner": "roadrunner_peer:make_segments",
    "roadrunner_events": "roadrunner_peer:make_events",
    "copasi": "copasi_peer:make",
    "amici": "amici_peer:make",
    "cvode_dense": "cvode:make_dense",
    "cvode_klu": "cvode:make_klu",
    "scipy_lsoda": "lsoda:make_scipy",
    "desolve": "desolve_peer:make",
    "diffrax": "diffrax_peer:make",
}
TARGETS = (1e-4, 1e-6)
QUANTILE = 0.999
_LADDER = tuple(float(rung) for rung in 10.0 ** np.arange(-3.0, -10.1, -0.5))
_FACTORS = (1e-2, 1e-4)  # absolute over relative tolerance
_FINER = (10**0.17, 10**0.33)
_REPEATS = 3
_SHORT = 0.3  # a rung that takes less is timed again
_SECONDS = 1.0  # of one timing, about


def make(name: str, problem: Prepared) -> Solver:
    """The solver of a peer."""
    module, function = PEERS[name].split(":")
    return getattr(importlib.import_module(f"peers.{module}"), function)(problem)


def observed(
    problem: Prepared, solver: Solver, last: int, rtol: float, atol: float
) -> tuple[np.ndarray, float]:
    """Observables of the first patients, and processor seconds of the solver."""
    began = solver.clock()
    found = solver.solve(0, last, rtol, atol)
    seconds = solver.clock() - began
    return (found if solver.gives == "observables" else problem.observe(found)), seconds


def climb(problem: Prepared, solver: Solver, reference: np.ndarray, budget: float) -> list[dict]:
    """Accuracy and speed of every setting tried, from loose to tight until the tightest target is reached."""
    rungs: list[dict] = []
    began = solver.clock()
    for factor in _FACTORS:
        for rtol in (rung for rung in _LADDER if 0.99 * solver.tightest < rung < 1.01 * solver.loosest):
            if solver.clock() - began > budget:
                return rungs
            rungs.append(rung_at(problem, solver, reference, rtol, rtol * factor))
            error = rungs[-1]["error"]
            if error is not None and error < min(TARGETS):
                break
    return rungs


def rung_at(problem: Prepared, solver: Solver, reference: np.ndarray, rtol: float, atol: float) -> dict:
    """Accuracy and speed at one setting."""
    n = min(len(reference), solver.most_patients)
    found, cpu = observed(problem, solver, n, rtol, atol)
    for _ in range(_REPEATS if cpu < _SHORT else 0):
        cpu = min(cpu, observed(problem, solver, n, rtol, atol)[1])
    off = errors(found, reference[:n])
    bad = int((~np.isfinite(found).all(axis=(1, 2))).sum())
    return {
        "rtol": rtol,
        "atol": atol,
        "patients": n,
        "failed": bad,
        "error": float(np.quantile(off, QUANTILE)) if bad == 0 else None,
        "largest_error": float(off.max()) if bad == 0 else None,
        "cpu_seconds": cpu,
        "patients_per_second": n / cpu,
    }


def fastest(rungs: list[dict], target: float) -> dict | None:
    """The fastest setting that reaches a target."""
    good = [r for r in rungs if r["error"] is not None and r["error"] < target]
    return max(good, key=lambda r: r["patients_per_second"], default=None)


def time_at(solver: Solver, rung: dict) -> dict:
    """The final timing at one setting."""
    n = int(np.clip(_SECONDS * rung["patients_per_second"], solver.least_patients, solver.most_patients))
    best, runs, spent = None, 0, 0.0
    # the same seconds for everybody: more runs of the fast
    while runs < _REPEATS or spent < _REPEATS * _SECONDS:
        wall, cpu = time.perf_counter(), solver.clock()
        found = solver.solve(0, n, rung["rtol"], rung["atol"])
        cpu, wall = solver.clock() - cpu, time.perf_counter() - wall
        runs, spent = runs + 1, spent + cpu
        if best is None or cpu < best[0]:
            best = (cpu, wall)
        if cpu > 3 * _SECONDS:
            break
    failed = int((~np.isfinite(found).all(axis=(1, 2))).sum())
    return {
        **rung,
        "patients": n,
        "failed": failed,
        "cpu_seconds": best[0],
        "wall_seconds": best[1],
        "patients_per_second": n / best[0],
    }


def measure(name: str, folder: Path, budget: float) -> dict:
    """What a peer reaches on a problem."""
    problem = read_prepared(folder)
    reference = np.load(folder / "reference.npz")["observables"]
    solver = make(name, problem)
    solver.solve(0, min(2, solver.most_patients), 1e-3, 1e-6)
    rungs = climb(problem, solver, reference, budget)
    at: dict[str, dict | None] = {}
    for target in TARGETS:
        chosen = fastest(rungs, target)
        if chosen is None:
            at[f"{target:g}"] = None
            continue
        for step in _FINER:  # between the rung that reaches the target and the one before that does not
            rungs.append(rung_at(problem, solver, reference, chosen["rtol"] * step, chosen["atol"] * step))
        at[f"{target:g}"] = time_at(solver, fastest(rungs, target) or chosen)
    return {
        "version": solver.version,
        "how": solver.how,
        "compile_seconds": solver.compile_seconds,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "ladder": rungs,
        "at": at,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--budget", type=float, default=20.0, help="processor seconds for the ladder")
    options = parser.parse_args()
    try:
        result = measure(options.peer, options.folder, options.budget)
    except (ImportError, RuntimeError, OSError) as error:
        traceback.print_exc()
        result = {"reason": f"{type(error).__name__}: {error}".splitlines()[0]}
    options.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
