"""Patients a second of the engine on one core: the shipped model and a synthetic one of 45 states.

    python benchmarks/engine_speed.py [patients] [lanes ...]

180 days, three one-hour infusions, 120 output times, rtol 1e-6. Seconds are those of the working thread, best of several
runs; the error is against a solution at rtol 1e-11, relative to the value with a floor of a thousandth of the peak, 99.9th
percentile over patients, times and observables.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import sympy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "engine"))
from synthetic import synthetic_patients, synthetic_system

from vivocart.engine.machine import describe_machine
from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.equations.system import symbol

TIMES = np.concatenate([np.arange(72) * 0.125 + 0.0625, np.linspace(10.0, 180.0, 48)])
HOUR = 1.0 / 24.0


def shipped(n: int):
    """System, patients, observables and dosed state of the shipped model."""
    from vivocart.model.load import load_model
    from vivocart.patients.population import VirtualPopulation

    model = load_model()
    system = model.system
    ids = (
        *system.parameter_ids,
        *system.constant_ids,
        *(rule.id for rule in system.rules),
        *system.state_ids,
    )
    names = {i: symbol(i) for i in ids}
    observables = {k: sympy.sympify(row.expression, locals=names) for k, row in model.observables.items()}
    patients = VirtualPopulation.sample(model, n_patients=n, seed=1).parameter_matrix(model)
    return system, patients, observables, "lnp_plasma_amount"


def measure(name: str, system, patients, observables, dosed: str, lanes: int | None) -> None:
    n = len(patients)
    began = time.perf_counter()
    compiled = compile_system(system, observables=observables, dosed=[dosed], lanes=lanes)
    compiling = time.perf_counter() - began
    place = system.state_ids.index(dosed)
    rows = [(day, HOUR, place, 4.0) for day in (0.0, 3.0, 6.0)]
    seconds = np.inf
    for _ in range(4):
        began = time.thread_time()
        found = solve(compiled, patients, TIMES, doses=same_doses(n, rows), threads=1)
        seconds = min(seconds, time.thread_time() - began)
    few = min(n, 100)
    exact = solve(compiled, patients[:few], TIMES, doses=same_doses(few, rows), rtol=1e-11, atol=1e-14).values
    scale = np.abs(exact) + 1e-3 * np.abs(exact).max(axis=1, keepdims=True) + 1e-300
    error = np.quantile(np.abs(found.values[:few] - exact) / scale, 0.999)
    at = compiled.layout
    print(
        f"{name:10s} {n / seconds:8.0f} patients/s/core  lanes {at.lanes}  {at.n_states} states integrated of "
        f"{len(system.states)}  {found.steps.mean():.0f} steps  {1e6 * seconds / found.steps.sum():.3f} us/step  "
        f"error {error:.1e}  failed {len(found.failures)}  compile {compiling:.1f} s"
        f"{' (cached)' if compiled.from_cache else ''}"
    )


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(describe_machine()[:60])
    for lanes in [int(a) for a in sys.argv[2:]] or [None]:
        measure("synthetic", synthetic_system(), synthetic_patients(n), None, "drug", lanes)
        measure("shipped", *shipped(n), lanes)
    began = time.perf_counter()
    compiled = compile_system(synthetic_system(), dosed=["drug"])
    rows = [(day, HOUR, 0, 4.0) for day in (0.0, 3.0, 6.0)]
    best = np.inf
    for _ in range(50):
        began = time.perf_counter()
        solve(compiled, synthetic_patients(1), TIMES, doses=same_doses(1, rows), threads=1)
        best = min(best, time.perf_counter() - began)
    print(f"one patient, warm: {1e3 * best:.2f} ms")


if __name__ == "__main__":
    main()
