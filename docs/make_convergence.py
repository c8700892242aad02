"""Draw the convergence of the engine: ``python docs/make_convergence.py`` writes ``docs/figures/engine_convergence.svg``.

Four problems, a ladder of tolerances each; error at the end against the same method at 1e-13, and steps taken.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "engine"))
import systems  # noqa: E402 - the systems live with the tests
from synthetic import synthetic_system  # noqa: E402

from vivocart.engine.solve import compile_system, same_doses, solve  # noqa: E402

LADDER = 10.0 ** -np.arange(3.0, 11.01, 1.0)
COLORS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5")


def errors(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and largest relative errors down the ladder."""
    builders = {"45 states, 3 infusions": synthetic_system, "Robertson": systems.robertson}
    builders |= {"HIRES": systems.hires, "Van der Pol": systems.van_der_pol}
    ends = {"45 states, 3 infusions": 30.0, "Robertson": 1e3, "HIRES": 50.0, "Van der Pol": 700.0}
    system = builders[name]()
    dosed = ["drug"] if name.startswith("45") else []
    doses = same_doses(1, [(day, 1 / 24, 0, 4.0) for day in (0.0, 3.0, 6.0)]) if dosed else None
    compiled = compile_system(system, dosed=dosed)
    patient = systems.typical(system)
    times = ends[name] * np.array([0.25, 0.5, 1.0])

    def run(rtol: float) -> tuple[np.ndarray, int]:
        found = solve(compiled, patient, times, doses=doses, rtol=rtol, atol=1e-3 * rtol, step_limit=10**6)
        return found.values[0], int(found.steps[0])

    exact = run(1e-13)[0]
    scale = np.abs(exact) + 1e-3 * np.abs(exact).max(axis=0) + 1e-12
    runs = [run(float(rtol)) for rtol in LADDER]
    return (
        np.array([steps for _, steps in runs]),
        np.array([(np.abs(values - exact) / scale).max() for values, _ in runs]),
    )


def main() -> None:
    """Write the figure."""
    drawn = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = drawn.subplots()
    for color, name in zip(
        COLORS, ("45 states, 3 infusions", "Robertson", "HIRES", "Van der Pol"), strict=True
    ):
        steps, error = errors(name)
        axes.loglog(steps, error, "o-", color=color, ms=4, lw=1.3, label=name)
    guide = np.array([60.0, 3000.0])
    axes.loglog(guide, 3e-4 * (guide / guide[0]) ** -5, "--", color="0.6", lw=1, label="slope of order 5")
    axes.set(xlabel="steps tried", ylabel="largest relative error", ylim=(1e-13, 1))
    axes.grid(alpha=0.25, which="both", lw=0.5)
    axes.legend(frameon=False, fontsize=9)
    path = ROOT / "docs" / "figures" / "engine_convergence.svg"
    path.parent.mkdir(exist_ok=True)
    drawn.savefig(path, metadata={"Date": None})
    sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
