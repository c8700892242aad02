"""`vivocart trial hn2301` in ever more patients: does the time of each stay the same, and the memory of all?

python benchmarks/scale.py                     # 10,000, 100,000 and 1,000,000 patients
python benchmarks/scale.py 10000 300000

Every patient is simulated in both arms of the study. Two measurements:

- **The whole command**, each run in a process of its own: wall time, processor time and largest memory, with all that a run
  takes whatever the number of patients (start, interval scenarios, cohorts of the comparison, weights of parameters, report:
  some seconds, beside which 10,000 patients are little). Of short runs that of least processor time counts, among three.
- **What grows with the patients**, in one warm process: drawing them, simulating both arms, endpoints into the file,
  bands, and the summary of every endpoint over all patients, by the functions that the command calls
  (`vivocart.scenarios.trial.trial_arms`, `EndpointTable.summary`). Nothing is taken off: this time over the number of
  patients is that of a patient, with the start and end of threads, the memory of the bands and the reading of quantiles,
  which do not grow. Processor time of all threads, since a machine that others use too gives a process now more, now less
  of its clock. The speed of such a machine drifts within minutes, so sizes take turns, small ones more often; the median of
  each counts, and least and most are said with it. One run of the smallest size, in which kernels and memory are first
  used, is not counted.

The aim is a time of a patient that is the same within 15 % for all sizes: the medians are set against that of the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from table import write_into

_GIB = 2**30
_STUDY = "hn2301"
_REPEATS = 3
_TURNS = 3  # of the sizes but the largest, before it and again after it
_OFTEN = 50_000  # patients: sizes below it run several times in a turn
_TIMES = 4  # so many
_AIM = 0.15
_SECONDS = 40.0  # of repeated runs of one size; a longer run stands for itself


def trial(patients: int, threads: int) -> dict:
    """One run of the command in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(Path(sys.executable).parent / "vivocart"),
            "trial",
            _STUDY,
            "--quiet",
            "--patients",
            str(patients),
        ]
        command += ["--threads", str(threads), "--out", folder]
        load = os.getloadavg()[0]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        errors = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    code = os.waitstatus_to_exitcode(status)
    return {
        "patients": patients,
        "threads": threads,
        "exit_code": code,
        "error": errors.strip().splitlines()[-1] if code and errors.strip() else "",
        "load_before": load,
        "wall_seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_gib": usage.ru_maxrss * 1024 / _GIB,
        "written_mib": written / 2**20,
    }


def least(patients: int, threads: int) -> dict:
    """The run of least processor time among up to three, where runs are short: what else the machine does comes and goes."""
    runs = [trial(patients, threads)]
    while len(runs) < _REPEATS and sum(run["wall_seconds"] for run in runs) < _SECONDS:
        runs.append(trial(patients, threads))
    failed = [run for run in runs if run["exit_code"]]
    return failed[0] if failed else min(runs, key=lambda run: run["cpu_seconds"])


def grown(sizes: list[int], threads: int) -> list[dict]:
    """Time of what grows with the patients, size by size, in this process."""
    from vivocart.model.load import load_model
    from vivocart.scenarios.trial import trial_arms, trial_setting
    from vivocart.trials.protocol import load_study

    study, model = load_study(_STUDY), load_model()
    interval = study.default_interval_days
    setting, _, _ = trial_setting(study, model, seed=1, interval_days=interval, threads=threads)
    regimens = study.regimens(interval)

    def once(patients: int) -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            wall, processor = time.perf_counter(), time.process_time()
            arms, _ = trial_arms(setting, study, regimens, patients, folder=Path(folder))
            for arm in arms:
                arm.table.summary()
            return time.perf_counter() - wall, time.process_time() - processor

    once(min(sizes))
    found: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for size in turns(sizes):
        found[size].append(once(size))
    return [size_of(size, runs) for size, runs in found.items()]


def turns(sizes: list[int]) -> list[int]:
    """The sizes in the order in which they run: the largest in the middle of all others."""
    largest = max(sizes)
    turn = [size for size in sizes if size != largest for _ in range(_TIMES if size < _OFTEN else 1)]
    return [*turn * _TURNS, largest, *turn * _TURNS]


def size_of(patients: int, runs: list[tuple[float, float]]) -> dict:
    """Microseconds a patient: median, least and most of the runs of a size."""
    wall, processor = ([1e6 * seconds / patients for seconds in kind] for kind in zip(*runs, strict=True))
    return {
        "patients": patients,
        "runs": len(runs),
        "cpu_microseconds": statistics.median(processor),
        "cpu_least": min(processor),
        "cpu_most": max(processor),
        "wall_microseconds": statistics.median(wall),
    }


def against_largest(sizes: list[dict]) -> list[float]:
    """By how much the time of a patient differs from that of the largest size."""
    largest = max(sizes, key=lambda size: size["patients"])["cpu_microseconds"]
    return [size["cpu_microseconds"] / largest - 1.0 for size in sizes]


def lines_of(result: dict) -> list[str]:
    """Lines of Markdown."""
    lines = [
        "The whole command, a process each:",
        "",
        "| patients | threads | seconds | seconds of processor | peak memory (GiB) | load before |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for run in result["runs"]:
        lines.append(
            f"| {run['patients']:,} | {run['threads']} | {run['wall_seconds']:.1f} | {run['cpu_seconds']:.1f} | "
            f"{run['peak_memory_gib']:.2f} | {run['load_before']:.1f} |"
        )
    lines += [
        "",
        "What grows with the patients, in one warm process, sizes in turn:",
        "",
        "| patients | runs | us of processor a patient, median | least to most | against the largest | us a patient |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    differences = against_largest(result["grown"])
    for size, difference in zip(result["grown"], differences, strict=True):
        lines.append(
            f"| {size['patients']:,} | {size['runs']} | {size['cpu_microseconds']:.0f} | "
            f"{size['cpu_least']:.0f} to {size['cpu_most']:.0f} | {difference:+.0%} | {size['wall_microseconds']:.0f} |"
        )
    widest = max(abs(difference) for difference in differences)
    return [
        *lines,
        "",
        f"A patient is simulated in both arms. Medians of processor time differ by {widest:.0%} at most from that of the "
        f"largest size (aim: {_AIM:.0%}). The load is that of the machine before the run; beside others all is slower.",
    ]


def draw(result: dict, path: Path) -> None:
    """Processor time of a patient, with least and most, and peak memory over the number of patients."""
    mpl.rcParams["svg.hashsalt"] = "vivocart"
    mpl.rcParams["font.size"] = 9
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.2))
    sizes, runs = result["grown"], result["runs"]
    times = [size["cpu_microseconds"] for size in sizes]
    spread = [
        [size["cpu_microseconds"] - size["cpu_least"] for size in sizes],
        [size["cpu_most"] - size["cpu_microseconds"] for size in sizes],
    ]
    axes[0].errorbar(
        [size["patients"] for size in sizes], times, yerr=spread, fmt="o-", color="#b3123e", capsize=3
    )
    axes[0].set(
        ylabel="us of processor a patient (both arms)",
        ylim=(0, 1.1 * max(size["cpu_most"] for size in sizes)),
    )
    memory = [run["peak_memory_gib"] for run in runs]
    axes[1].plot([run["patients"] for run in runs], memory, "o-", color="#b3123e")
    axes[1].set(ylabel="peak memory (GiB)", ylim=(0, 1.3 * max(memory)))
    for axis in axes:
        axis.set(xscale="log", xlabel="virtual patients")
        axis.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("patients", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "scale.json")
    parser.add_argument("--page", type=Path, help="a Markdown page to write the table into")
    options = parser.parse_args()
    trial(20, options.threads)  # kernels into the cache
    runs = []
    for patients in options.patients:
        run = least(patients, options.threads)
        runs.append(run)
        print(
            f"{patients:>9,} patients: {run['wall_seconds']:.1f} s ({run['cpu_seconds']:.1f} s of processor), "
            f"{run['peak_memory_gib']:.2f} GiB {run['error']}",
            flush=True,
        )
    sizes = grown(options.patients, options.threads)
    for size, difference in zip(sizes, against_largest(sizes), strict=True):
        print(
            f"{size['patients']:>9,} patients: {size['cpu_microseconds']:.0f} us of processor each "
            f"({size['cpu_least']:.0f} to {size['cpu_most']:.0f} in {size['runs']}), {difference:+.1%}"
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    result = {"runs": runs, "grown": sizes}
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    draw(result, options.out.with_suffix(".svg"))
    if options.page:
        write_into(options.page, "scale", lines_of(result))


if __name__ == "__main__":
    main()
