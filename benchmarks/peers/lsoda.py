"""LSODA by NumbaLSODA (whole population compiled) and by SciPy (Numba right-hand side)."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds


def make_numbalsoda(problem: Prepared) -> Solver:
    import numba as nb
    from numbalsoda import lsoda, lsoda_sig

    began = processor_seconds()
    rates = nb.njit(problem.load("rhs_numba").rhs)
    n_states, n_p = problem.n_states, problem.parameters.shape[1]

    def own(t, y_, dy_, p_):
        rates(t, nb.carray(y_, (n_states,)), nb.carray(dy_, (n_states,)), nb.carray(p_, (n_p + 1,)))

    function = nb.cfunc(lsoda_sig)(own)
    address = function.address
    segments = problem.segments()
    counts = np.array([len(inside) for *_, inside in segments])
    inflows = np.array([rate for _, _, rate, _ in segments])
    grids = np.zeros((len(segments), 2 + int(counts.max())))
    for s, (begin, end, _, inside) in enumerate(segments):
        grids[s, : len(inside) + 2] = np.r_[begin, inside, end]
    ends_on_output = np.array([len(inside) > 0 and inside[-1] == end for _, end, _, inside in segments])

    @nb.njit
    def run(parameters, start, rtol, atol, out):
        p = np.empty(n_p + 1)
        for q in range(parameters.shape[0]):
            p[:n_p] = parameters[q]
            y = start[q].copy()
            o = 0
            for s in range(len(counts)):
                p[n_p] = inflows[s]
                grid = grids[s, : counts[s] + (1 if ends_on_output[s] else 2)].copy()
                found, fine = lsoda(address, y, grid, p, rtol, atol)
                if not fine:
                    out[q] = np.nan
                    break
                out[q, o : o + counts[s]] = found[1 : counts[s] + 1]
                o += counts[s]
                y = found[len(grid) - 1].copy()

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        out = np.full((last - first, len(problem.times), n_states), np.nan)
        run(problem.parameters[first:last], problem.start[first:last], rtol, atol, out)
        return out

    solve(0, 1, 1e-4, 1e-7)
    solve.keep = function
    seconds = processor_seconds() - began
    how = "C++ LSODA, right-hand side a Numba cfunc, loop over patients in Numba"
    return Solver(solve=solve, compile_seconds=seconds, version=version("numbalsoda"), how=how)


def make_scipy(problem: Prepared) -> Solver:
    import numba as nb
    from scipy.integrate import solve_ivp

    began = processor_seconds()
    rates = nb.njit(problem.load("rhs_numba").rhs)
    n_states, n_p = problem.n_states, problem.parameters.shape[1]
    rates(0.0, problem.start[0], np.empty(n_states), np.append(problem.parameters[0], 0.0))
    seconds = processor_seconds() - began
    segments = problem.segments()

    def one(q: int, rtol: float, atol: float, out: np.ndarray, method: str) -> None:
        p, y, o = np.append(problem.parameters[q], 0.0), problem.start[q], 0

        def function(t: float, state: np.ndarray) -> np.ndarray:
            dy = np.empty(n_states)
            rates(t, state, dy, p)
            return dy

        for begin, end, rate, inside in segments:
            p[n_p] = rate
            grid = np.unique(np.append(inside, end))
            found = solve_ivp(function, (begin, end), y, method=method, t_eval=grid, rtol=rtol, atol=atol)
            if not found.success:
                return
            out[o : o + len(inside)] = found.y.T[: len(inside)]
            o += len(inside)
            y = found.y[:, -1]

    def solve(first: int, last: int, rtol: float, atol: float, method: str = "LSODA") -> np.ndarray:
        out = np.full((last - first, len(problem.times), n_states), np.nan)
        for q in range(first, last):
            one(q, rtol, atol, out[q - first], method)
        return out

    how = "ODEPACK LSODA stepped from Python, right-hand side compiled by Numba"
    return Solver(solve=solve, compile_seconds=seconds, version=version("scipy"), how=how, most_patients=40)
