"""deSolve in R: lsoda with right-hand side and Jacobian in C, one call of ``ode`` a stretch without a change of rate.

R runs as a child that keeps everything loaded; its own processor time between request and answer is what counts.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds

_HERE = Path(__file__).parent


def make(problem: Prepared) -> Solver:
    if shutil.which("Rscript") is None:
        raise RuntimeError("R is not installed")
    seconds = _build(problem)
    _write(problem)
    command = ["Rscript", "--vanilla", str(_HERE / "desolve.R"), str(problem.folder)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    version, used = _answer(child), [0.0]

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        assert child.stdin is not None
        child.stdin.write(f"{first} {last} {rtol!r} {atol!r}\n")
        child.stdin.flush()
        used[0] += float(_answer(child))
        found = np.fromfile(problem.folder / "desolve_states.bin")
        return found.reshape(last - first, len(problem.times), problem.n_states)

    return Solver(
        solve=solve,
        compile_seconds=seconds,
        version=version,
        how="R, ODEPACK LSODA, right-hand side and Jacobian in C (gcc -O3 -march=native), one call a segment",
        most_patients=60,
        clock=lambda: used[0],
    )


def _build(problem: Prepared) -> float:
    """The equations as a library that R loads; processor seconds of the compiler."""
    source, library = problem.folder / "desolve.c", problem.folder / "desolve_equations.so"
    size = f"#define N_P {problem.parameters.shape[1] + 1}\n"
    source.write_text('#include "equations.h"\n' + size + (_HERE / "desolve.c").read_text())
    began = processor_seconds()
    command = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[0])
    return processor_seconds() - began


def _write(problem: Prepared) -> None:
    """The problem's numbers as R reads them."""
    segments = np.array([(begin, end, rate) for begin, end, rate, _ in problem.segments()])
    arrays = {
        "parameters": problem.parameters,
        "start": problem.start,
        "times": problem.times,
        "segments": segments,
    }
    for name, array in arrays.items():
        np.ascontiguousarray(array, dtype=float).tofile(problem.folder / f"desolve_{name}.bin")
    sizes = (*problem.parameters.shape, problem.n_states, len(problem.times), len(segments))
    (problem.folder / "desolve_sizes.txt").write_text(" ".join(map(str, sizes)))


def _answer(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline().strip()
    if not line:
        raise RuntimeError(f"R ended (code {child.wait()})")
    return line
