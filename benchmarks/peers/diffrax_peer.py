"""diffrax on the processor: Kvaerno5 under jit and vmap, double precision."""

from __future__ import annotations

import os
from importlib.metadata import version

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds

_BATCH = 16


def make(problem: Prepared) -> Solver:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    rhs = problem.load("rhs_jax").rhs
    segments = problem.segments()
    widest = max(len(inside) for *_, inside in segments)

    def one(p, y, begin, end, grid, rtol, atol):
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rhs),
            diffrax.Kvaerno5(),
            begin,
            end,
            None,
            y,
            args=p,
            saveat=diffrax.SaveAt(ts=grid, t1=True),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol, pcoeff=0.3, icoeff=0.3),
            max_steps=100_000,
            throw=False,
        )
        return found.ys

    # one compiled function for all segments: their output times are filled up to the same number
    run = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None, None, None, None)))

    def batch(rows: np.ndarray, rtol: float, atol: float) -> np.ndarray:
        parts, y = [], problem.start[rows]
        for begin, end, rate, inside in segments:
            last = inside[-1] if len(inside) else begin
            filled = np.linspace(last, end, widest - len(inside) + 1)[1:]
            p = np.hstack([problem.parameters[rows], np.full((len(rows), 1), rate)])
            found = run(p, y, begin, end, jnp.asarray(np.append(inside, filled)), float(rtol), float(atol))
            parts.append(found[:, : len(inside)])
            y = found[:, -1]
        return np.concatenate(parts, axis=1)

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        out = np.empty((last - first, len(problem.times), problem.n_states))
        for begin in range(first, last, _BATCH):
            rows = np.minimum(np.arange(begin, begin + _BATCH), last - 1)
            count = min(_BATCH, last - begin)
            out[begin - first : begin - first + count] = batch(rows, rtol, atol)[:count]
        return out

    began = processor_seconds()
    batch(np.zeros(_BATCH, dtype=int), 1e-3, 1e-6)
    seconds = processor_seconds() - began
    how = f"Kvaerno5, PI controller, jit of vmap over {_BATCH} patients, float64, processor"
    return Solver(
        solve=solve,
        compile_seconds=seconds,
        version=version("diffrax"),
        how=how,
        most_patients=_BATCH,
        least_patients=_BATCH,
        loosest=1e-4,
    )
