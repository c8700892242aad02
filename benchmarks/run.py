"""`make bench`: vivocart and its peers on the same problems, in one run; one JSON and one figure.

    python benchmarks/run.py                      # all peers, all problems
    python benchmarks/run.py --problem lupus --peer vivocart --peer roadrunner

Peers live in an environment of their own (``.bench-venv``). Each measurement is a process of its own, pinned to one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from environment import make_environment
from measure import PEERS, QUANTILE, TARGETS
from table import card_table, kernel_table, tables

HERE = Path(__file__).parent
ROOT = HERE.parent
WORK = ROOT / ".bench-work"
VENV = ROOT / ".bench-venv"
RESULTS = HERE / "results"
PROBLEMS = ("lupus", "kinase_inhibitor", "engager")
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", action="append", choices=sorted(PEERS))
    parser.add_argument("--problem", action="append", choices=PROBLEMS)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1)
    parser.add_argument("--budget", type=float, default=20.0, help="processor seconds of a peer's ladder")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds before a measurement is given up")
    parser.add_argument(
        "--keep", action="store_true", help="keep the numbers of peers and problems not asked for"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    missing = make_environment(VENV)
    problems = options.problem or list(PROBLEMS)
    peers = options.peer or list(PEERS)
    prepare(problems)
    found = {problem: {} for problem in problems}
    for problem in problems:
        for peer in peers:
            if (
                peer.split("_")[0] in missing
                or peer in missing
                or (peer == "vivocart_whole" and problem != "lupus")
            ):
                continue
            found[problem][peer] = one(peer, problem, options)
            print(f"{problem} {peer}: {_in_words(found[problem][peer])}", flush=True)
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "rules": rules(),
        "not_installed": missing,
        "problems": {p: {**about(p), "peers": found[p]} for p in problems},
        "kernels": kernels(options.core),
        "card": printed_by([sys.executable, str(HERE / "card.py")]),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    if options.keep:
        result = merged(json.loads((options.out / "speed.json").read_text()), result)
    (options.out / "speed.json").write_text(json.dumps(_short(result), indent=1) + "\n")
    subprocess.run(
        [sys.executable, HERE / "figure.py", options.out / "speed.json", options.out / "speed.svg"],
        check=True,
    )
    print("\n".join([*tables(result), "", *kernel_table(result), "", *card_table(result)]))


def merged(before: dict, now: dict) -> dict:
    """A run of some peers put into an earlier one on the same machine; what was run again replaces what was there."""
    if before["machine"] != now["machine"]:
        raise SystemExit("the earlier run is of another machine or other versions: run all peers again")
    problems = dict(before["problems"])
    for name, entry in now["problems"].items():
        peers = problems.get(name, {}).get("peers", {})
        problems[name] = {**entry, "peers": {**peers, **entry["peers"]}}
    return {**now, "problems": problems}


def prepare(problems: list[str]) -> None:
    """Writes the problems and their references; a reference stays as long as what it is computed from."""
    subprocess.run([sys.executable, HERE / "prepare.py", WORK, *problems], check=True)
    for problem in problems:
        if not (WORK / problem / "reference.npz").exists():
            script = str(HERE / "reference.py")
            subprocess.run([VENV / "bin" / "python", script, str(WORK / problem)], check=True)


def one(peer: str, problem: str, options: argparse.Namespace) -> dict:
    """One peer on one problem, in a process pinned to a core."""
    python = sys.executable if peer.startswith("vivocart") else str(VENV / "bin" / "python")
    out = WORK / problem / f"{peer}.json"
    out.unlink(missing_ok=True)
    command = [
        python,
        str(HERE / "measure.py"),
        peer,
        str(WORK / problem),
        str(out),
        "--budget",
        str(options.budget),
    ]
    if shutil.which("taskset"):
        command = ["taskset", "-c", str(options.core), *command]
    began, log = time.time(), WORK / problem / f"{peer}.log"
    with log.open("w") as stream:
        try:
            subprocess.run(
                command,
                stdout=stream,
                stderr=stream,
                env=os.environ | _ONE_THREAD,
                timeout=options.limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"reason": f"given up after {options.limit:g} s"}
    if not out.exists():
        return {
            "reason": "the process ended without a result: "
            + (log.read_text().strip().splitlines() or [""])[-1]
        }
    return json.loads(out.read_text()) | {
        "whole_seconds": round(time.time() - began, 1),
        "load": os.getloadavg()[0],
    }


def about(problem: str) -> dict:
    """What a problem is."""
    import numpy as np

    described = json.loads((WORK / problem / "problem.json").read_text())
    reference = np.load(WORK / problem / "reference.npz")
    return {
        "title": described["title"],
        "states": len(described["state_ids"]),
        "parameters": len(described["parameter_ids"]),
        "observables": len(described["observable_ids"]),
        "reference_against_radau": float(reference["radau"]),
        "reference_against_looser": float(reference["looser"]),
    }


def rules() -> dict:
    """What equal accuracy means."""
    return {
        "targets": TARGETS,
        "quantile": QUANTILE,
        "error": "|value - reference| / max(|reference|, a thousandth of the observable's peak in that patient)",
        "setting": "the fastest on the ladder of tolerances whose quantile of errors is below the target",
        "time": "processor seconds of one process pinned to one core, least of several runs; compiling and loading apart",
    }


def machine() -> dict:
    """What it ran on."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else ""
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "llvmlite": version("llvmlite"),
        "numba": version("numba"),
    }


def kernels(core: int) -> dict:
    """Share of the vector units' peak."""
    command = [sys.executable, str(HERE / "peak.py")]
    return printed_by(["taskset", "-c", str(core), *command] if shutil.which("taskset") else command)


def printed_by(command: list[str]) -> dict:
    """What a script prints as JSON, or why it ended without."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout)
    return {"reason": (done.stderr.strip().splitlines() or ["it said nothing"])[-1]}


def _in_words(result: dict) -> str:
    if "reason" in result:
        return result["reason"]
    at = result["at"][f"{TARGETS[0]:g}"]
    return (
        f"{at['patients_per_second']:.0f} patients/s at rtol {at['rtol']:.2g}"
        if at
        else "accuracy not reached"
    )


def _short(value: object) -> object:
    """Numbers with the digits that mean something."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _short(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(entry) for entry in value]
    return value


if __name__ == "__main__":
    main()
