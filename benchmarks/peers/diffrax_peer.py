"""diffrax on the processor: Kvaerno5 under jit and vmap, double precision."""

from __future__ import annotations

import os
import time
from importlib.metadata import version

import numpy as np

from peers.prepared import Prepared, Solver

_BATCH = 16


def make(problem: Prepared) -> Solver:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    rhs = problem.load("rhs_jax").rhs
    segments = problem.segments()

    def one(p, y, rtol, atol):
        parts = []
        for begin, end, rate, inside in segments:
            grid = jnp.asarray(np.unique(np.append(inside, end)))
            found = diffrax.diffeqsolve(
                diffrax.ODETerm(rhs),
                diffrax.Kvaerno5(),
                begin,
                end,
                None,
                y,
                args=jnp.append(p, rate),
                saveat=diffrax.SaveAt(ts=grid),
                stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol, pcoeff=0.3, icoeff=0.3),
                max_steps=100_000,
                throw=False,
            )
            parts.append(found.ys[: len(inside)])
            y = found.ys[-1]
        return jnp.concatenate(parts)

    run = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None)))

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        out = np.empty((last - first, len(problem.times), problem.n_states))
        for begin in range(first, last, _BATCH):
            rows = np.minimum(np.arange(begin, begin + _BATCH), last - 1)
            found = run(problem.parameters[rows], problem.start[rows], rtol, atol)
            count = min(_BATCH, last - begin)
            out[begin - first : begin - first + count] = np.asarray(found)[:count]
        return out

    began = time.perf_counter()
    run.lower(problem.parameters[:_BATCH], problem.start[:_BATCH], 1e-3, 1e-6).compile()
    seconds = time.perf_counter() - began
    how = f"Kvaerno5, PI controller, jit of vmap over {_BATCH} patients, float64, processor"
    return Solver(
        solve=solve, compile_seconds=seconds, version=version("diffrax"), how=how, most_patients=_BATCH
    )
