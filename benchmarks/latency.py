"""How long one waits: one patient, the first result of a new process, a cold compilation, `vivocart --help`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import write_into

_FIRST_RESULT = """
import time
began = time.perf_counter()
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen
imported = time.perf_counter()
model = load_model()
patient = VirtualPopulation.sample(model, n_patients=1, seed=1)
regimen = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
loaded = time.perf_counter()
sim = simulate(model, regimen, patient, days=180, threads=1)
sim.data
first = time.perf_counter()
warm, read = [], []
for _ in range({repeats}):
    start = time.perf_counter()
    sim = simulate(model, regimen, patient, days=180, threads=1)
    done = time.perf_counter()
    sim["b_cells_blood"]
    warm.append(done - start)
    read.append(time.perf_counter() - start)
middle = len(warm) // 2
warm.sort()
read.sort()
print(imported - began, loaded - imported, first - loaded, warm[middle], warm[0], read[middle])
"""
_ENGINE_ONLY = """
import time
import numpy as np
from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.model.load import load_model
model = load_model()
observables = {name: model.observable_expression(name) for name in model.observables}
compiled = compile_system(model.system, observables=observables, dosed=("lnp_plasma_amount",))
row = np.array([[p.value for p in model.system.parameters]])
place = model.system.state_ids.index("lnp_plasma_amount")
doses = same_doses(1, [(day, 1 / 24, place, 4.0) for day in (0.0, 3.0, 6.0)])
times = np.linspace(1.0, 180.0, 120)
seconds = []
for _ in range(200):
    start = time.perf_counter()
    solve(compiled, row, times, doses=doses, rtol=1e-6, atol=1e-9, threads=1)
    seconds.append(time.perf_counter() - start)
seconds.sort()
print(seconds[len(seconds) // 2], seconds[2])
"""
# leaves the compiled loop around the kernels on disk, and nothing of the model
_LOOP_ONLY = "from vivocart.engine import driver, machine; driver.driver(machine.vector_lanes())"

_LABELS = {
    "one_patient_engine_milliseconds": ("one patient, 180 days, warm: `solve`, median", "ms"),
    "one_patient_warm_milliseconds": (
        "one patient, 180 days, warm: `simulate` of all observables, median",
        "ms",
    ),
    "one_patient_warm_and_read_milliseconds": (
        "one patient, 180 days, warm: `simulate`, and an observable read as a labelled array, median",
        "ms",
    ),
    "first_on_machine_import_to_first_result_seconds": (
        "import to first result, nothing compiled before",
        "s",
    ),
    "cold_import_to_first_result_seconds": (
        "import to first result, a model that is new to the machine",
        "s",
    ),
    "cached_import_to_first_result_seconds": ("import to first result, everything cached", "s"),
    "cached_import_seconds": ("of which import", "s"),
    "cached_load_seconds": ("of which model and patient", "s"),
    "cached_first_simulation_seconds": ("of which first simulation", "s"),
    "help_seconds": ("`vivocart --help`", "s"),
}


def numbers(code: str, kept: str | None = None) -> list[float]:
    """What a new process prints, with another folder for what is kept on disk if given."""
    environment = dict(os.environ) | ({"VIVOCART_CACHE_DIR": kept} if kept else {})
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    return [float(part) for part in done.stdout.split()]


def seconds_of(command: list[str]) -> float:
    """Wall seconds of a command, least of five."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "latency.json")
    parser.add_argument("--page", type=Path, help="a Markdown page to write the table into")
    options = parser.parse_args()
    code = _FIRST_RESULT.replace("{repeats}", "50")
    with tempfile.TemporaryDirectory() as empty:
        coldest = numbers(code, empty)
    with tempfile.TemporaryDirectory() as kept:
        numbers(_LOOP_ONLY, kept)
        cold = numbers(code, kept)
    numbers(code)
    cached = min((numbers(code) for _ in range(3)), key=lambda row: sum(row[:3]))
    engine = numbers(_ENGINE_ONLY)
    vivocart = str(Path(sys.executable).parent / "vivocart")
    result = {
        "one_patient_warm_milliseconds": cached[3] * 1e3,
        "one_patient_warm_least_milliseconds": cached[4] * 1e3,
        "one_patient_warm_and_read_milliseconds": cached[5] * 1e3,
        "one_patient_engine_milliseconds": engine[0] * 1e3,
        "one_patient_engine_least_milliseconds": engine[1] * 1e3,
        "first_on_machine_import_to_first_result_seconds": sum(coldest[:3]),
        "cold_first_simulation_seconds": cold[2],
        "cold_import_to_first_result_seconds": sum(cold[:3]),
        "cached_import_seconds": cached[0],
        "cached_load_seconds": cached[1],
        "cached_first_simulation_seconds": cached[2],
        "cached_import_to_first_result_seconds": sum(cached[:3]),
        "help_seconds": seconds_of([vivocart, "--help"]),
    }
    for name, value in result.items():
        print(f"{name:45s} {value:.3f}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rounded = {name: float(f"{value:.4g}") for name, value in result.items()}
    options.out.write_text(json.dumps(rounded, indent=1) + "\n")
    if options.page:
        lines = ["| what | measured |", "|---|---:|"]
        lines += [f"| {label} | {rounded[name]:.2f} {unit} |" for name, (label, unit) in _LABELS.items()]
        write_into(options.page, "latency", lines)


if __name__ == "__main__":
    main()
