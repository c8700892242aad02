"""Work against precision: patients a second over achieved error, one panel a problem."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from table import NAMES, VARIANTS

_COLORS = {
    "vivocart": "#b3123e",
    "numbalsoda": "#2f6db5",
    "roadrunner": "#1b8a5a",
    "copasi": "#8a6d1b",
    "amici": "#6a4fa3",
    "cvode": "#444444",
    "scipy_lsoda": "#7fa8d4",
    "diffrax": "#d08a2f",
    "desolve": "#c05fa0",
}


def front(rungs: list[dict]) -> tuple[list[float], list[float]]:
    """Errors and speeds of the settings that no other beats in both."""
    good = sorted((r["error"], r["patients_per_second"]) for r in rungs if r["error"] is not None)
    kept: list[tuple[float, float]] = []
    for error, speed in good:
        if not kept or speed > kept[-1][1]:
            kept.append((error, speed))
    return [e for e, _ in kept], [s for _, s in kept]


def draw(result: dict, path: Path) -> None:
    """Writes the figure."""
    mpl.rcParams["svg.hashsalt"] = "vivocart"
    mpl.rcParams["font.size"] = 9
    problems = result["problems"]
    figure, axes = plt.subplots(
        1, len(problems), figsize=(4.2 * len(problems), 4.2), sharey=True, squeeze=False
    )
    for axis, entry in zip(axes[0], problems.values(), strict=True):
        for name, label in NAMES.items():
            if name == "vivocart_whole":
                continue
            rungs = [
                r for v in VARIANTS.get(name, (name,)) for r in entry["peers"].get(v, {}).get("ladder", [])
            ]
            errors, speeds = front(rungs)
            if errors:
                width = 2.2 if name == "vivocart" else 1.2
                axis.plot(errors, speeds, "o-", ms=3, lw=width, color=_COLORS[name], label=label)
        axis.axvline(1e-4, color="#999999", lw=0.8, ls=":")
        axis.set(xscale="log", yscale="log", xlim=(1e-2, 2e-7), xlabel="error, 99.9th percentile")
        axis.set_title(f"{entry['title']}, {entry['states']} states", fontsize=9)
        axis.grid(alpha=0.25)
    axes[0][0].set_ylabel("patients a second, one core")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="lower center", ncol=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    draw(json.loads(options.result.read_text()), options.out)


if __name__ == "__main__":
    main()
