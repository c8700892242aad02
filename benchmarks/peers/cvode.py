"""SUNDIALS CVODE called from C: generated right-hand side and analytic Jacobian, dense or sparse (KLU) solves."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds

_LIBRARIES = {
    "dense": ["sundials_sunmatrixdense", "sundials_sunlinsoldense"],
    "klu": ["sundials_sunmatrixsparse", "sundials_sunlinsolklu"],
}


def _build(problem: Prepared, kind: str) -> tuple[ctypes.CDLL, float]:
    if shutil.which("gcc") is None:
        raise RuntimeError("no C compiler (gcc)")
    source, library = problem.folder / f"cvode_{kind}.c", problem.folder / f"cvode_{kind}.so"
    own = (Path(__file__).parent / "cvode.c").read_text()
    source.write_text(f'{"#define USE_KLU" if kind == "klu" else ""}\n#include "equations.h"\n{own}')
    names = ["sundials_cvode", "sundials_nvecserial", *_LIBRARIES[kind], "sundials_generic", "m"]
    command = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-I/usr/include/suitesparse", str(source)]
    began = processor_seconds()
    command += ["-o", str(library), *(f"-l{n}" for n in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[0])
    return ctypes.CDLL(str(library)), processor_seconds() - began


def _version() -> str:
    header = Path("/usr/include/sundials/sundials_config.h").read_text()
    found = re.search(r'SUNDIALS_VERSION "([^"]+)"', header)
    return found[1] if found else ""


def _make(problem: Prepared, kind: str) -> Solver:
    library, seconds = _build(problem, kind)
    segments = problem.segments()
    ends = np.array([end for _, end, _, _ in segments])
    inflows = np.array([rate for _, _, rate, _ in segments])

    def pointer(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        p = np.ascontiguousarray(problem.parameters[first:last])
        start = np.ascontiguousarray(problem.start[first:last])
        out = np.empty((last - first, len(problem.times), problem.n_states))
        library.population(
            ctypes.c_long(last - first),
            ctypes.c_long(p.shape[1]),
            pointer(p),
            pointer(start),
            ctypes.c_long(len(problem.times)),
            pointer(problem.times),
            ctypes.c_long(len(segments)),
            pointer(ends),
            pointer(inflows),
            ctypes.c_double(rtol),
            ctypes.c_double(atol),
            pointer(out),
        )
        return out

    how = "C, gcc -O3 -march=native, analytic Jacobian, " + ("KLU" if kind == "klu" else "dense LU")
    return Solver(solve=solve, compile_seconds=seconds, version=_version(), how=how)


def make_dense(problem: Prepared) -> Solver:
    return _make(problem, "dense")


def make_klu(problem: Prepared) -> Solver:
    return _make(problem, "klu")
