"""Patients a second on this machine's graphics card beside one core of its processor, and how far results differ.

    python benchmarks/card.py

Prints JSON, which `make bench` keeps with the rest; where there is no card it says why and exits with 1. The same problems,
patients, tolerances and output times on both, wall time, least of several runs, compiling apart. The card gets as many
patients as it has threads, the processor a tenth of a second's worth of them at a time, on one thread.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from problems import Problem, load_problems, output_times

from vivocart.engine.device import Device
from vivocart.engine.nvidia import find_gpu
from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.ground.errors import InputError

_REPEATS = 5
_COMPARED = 500
_SETTINGS = (("double", 1e-5), ("single", 1e-5))


def measure(problem: Problem, precision: str, rtol: float, device: Device) -> dict:
    """Speed on both, and the largest difference relative to an observable's peak in the patient."""
    compiled = compile_system(
        problem.system, observables=problem.observables, dosed=[problem.dosed], precision=precision
    )
    place, times = problem.system.state_ids.index(problem.dosed), output_times()

    def run(n: int, card: Device | None) -> np.ndarray:
        patients = np.resize(problem.patients, (n, problem.patients.shape[1]))
        doses = same_doses(n, [(start, length, place, amount) for start, length, amount in problem.doses])
        return solve(
            compiled, patients, times, doses=doses, rtol=rtol, atol=rtol / 100, threads=1, device=card
        ).values

    one, other = run(_COMPARED, None), run(_COMPARED, device)
    peak = np.abs(one).max(axis=1, keepdims=True) + 1e-300
    on_card, on_core = device.threads, 1000
    return {
        "precision": compiled.precision,
        "rtol": rtol,
        "patients": on_card,
        "card_patients_per_second": on_card / least(lambda: run(on_card, device)),
        "core_patients_per_second": on_core / least(lambda: run(on_core, None)),
        "largest_difference": float((np.abs(one - other) / peak).max()),
        "same_bits": bool(np.array_equal(one, other)),
    }


def least(run: Callable[[], object]) -> float:
    """Seconds of the quickest of several runs."""
    best = np.inf
    for _ in range(_REPEATS):
        began = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    try:
        device = find_gpu()
    except InputError as reason:
        sys.exit(f"no graphics card: {reason.problem}")
    found = {
        problem.id: [measure(problem, precision, rtol, device) for precision, rtol in _SETTINGS]
        for problem in load_problems()
    }
    print(json.dumps({"card": device.name, "problems": found}))


if __name__ == "__main__":
    main()
