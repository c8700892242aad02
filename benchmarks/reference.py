"""Reference trajectories of a prepared problem at a relative tolerance of 1e-12, checked by a second method."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from peers import cvode, lsoda
from peers.prepared import read_prepared

N_REFERENCE = 100
N_CHECKED = 2


def errors(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Relative errors; below a thousandth of the observable's own peak in that patient, of that thousandth."""
    floor = 1e-3 * np.abs(reference).max(axis=1, keepdims=True) + 1e-12
    return np.abs(found - reference) / np.maximum(np.abs(reference), floor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    problem = read_prepared(options.folder)
    solver = cvode.make_klu(problem)
    reference = problem.observe(solver.solve(0, N_REFERENCE, 1e-12, 1e-16))
    looser = problem.observe(solver.solve(0, N_REFERENCE, 1e-11, 1e-15))
    other = problem.observe(lsoda.make_scipy(problem).solve(0, N_CHECKED, 1e-11, 1e-15, "Radau"))
    between = float(errors(other, reference[:N_CHECKED]).max())
    own = float(errors(looser, reference).max())
    np.savez(options.folder / "reference.npz", observables=reference, radau=between, looser=own)
    print(f"{problem.id}: largest difference to Radau {between:.1e}, to ten times the tolerance {own:.1e}")
    if not (np.isfinite(reference).all() and between < 1e-7):
        raise SystemExit(f"{problem.id}: the reference is not good enough")


if __name__ == "__main__":
    main()
