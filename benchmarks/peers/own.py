"""vivocart itself, through the same door as the peers."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds


def make(problem: Prepared) -> Solver:
    return _make(problem, whole=False)


def make_single(problem: Prepared) -> Solver:
    """With steps in single precision."""
    return _make(problem, whole=False, precision="single")


def make_whole(problem: Prepared) -> Solver:
    """With the states too that stay at zero for good, which vivocart otherwise leaves out."""
    return _make(problem, whole=True)


def _make(problem: Prepared, *, whole: bool, precision: str = "double") -> Solver:
    from problems import load_problems

    from vivocart import __version__
    from vivocart.engine.program import states_that_stay_zero
    from vivocart.engine.solve import SINGLE_FROM, compile_system, same_doses
    from vivocart.engine.solve import solve as integrate

    (asked,) = load_problems((problem.id,))
    place = asked.system.state_ids.index(asked.dosed)
    rows = [(start, duration, place, amount) for start, duration, amount in asked.doses]
    absent = sorted(states_that_stay_zero(asked.system, (asked.dosed,))) if whole else []
    with tempfile.TemporaryDirectory() as cold:
        before = os.environ.get("VIVOCART_CACHE_DIR")
        os.environ["VIVOCART_CACHE_DIR"] = cold
        began = processor_seconds()
        compiled = compile_system(
            asked.system, observables=asked.observables, dosed=(asked.dosed, *absent), precision=precision
        )
        seconds = processor_seconds() - began
        if before is None:
            del os.environ["VIVOCART_CACHE_DIR"]
        else:
            os.environ["VIVOCART_CACHE_DIR"] = before

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        doses = same_doses(last - first, rows)
        patients = asked.patients[first:last]
        return integrate(
            compiled, patients, problem.times, doses=doses, rtol=rtol, atol=atol, threads=1
        ).values

    solve(0, 8, 1e-3, 1e-6)
    how = f"Rodas5P in generated vector code, steps in {precision} precision, "
    how += f"{compiled.layout.lanes} patients a register, sparse LU without loops, "
    how += f"{compiled.layout.n_states} states"
    return Solver(
        solve=solve,
        compile_seconds=seconds,
        version=__version__,
        how=how,
        gives="observables",
        most_patients=4000,
        tightest=SINGLE_FROM if precision == "single" else 0.0,
    )
