"""Write the figure and the comparison of the README from the main job itself: ``python docs/make_results.py``.

The numbers in the README are those of ``vivocart trial hn2301`` with its default patients and seed, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vivocart.report.spelling import number
from vivocart.scenarios.result import ComparisonRow, TrialResult
from vivocart.scenarios.trial import run_trial

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- comparison: written by docs/make_results.py -->"
END = "<!-- end of comparison -->"
FIT = "vivocart calibrate hn2301 --seed 1"
COLORS = ("#2b6cb0", "#c05621")
PANELS = (
    ("car_percent_cd8", "CAR+ share of CD8 cells in blood, %", 14, 1.0, False),
    ("b_cells_blood", "B cells in blood, per µL", 42, 1.0, True),
    ("b_cells_tissue_fraction", "B lineage in lymphoid tissue, % of baseline", 180, 100.0, False),
    ("autoantibody", "Autoantibody, % of baseline", 180, 100.0, False),
    ("sledai", "SLEDAI-2K", 180, 1.0, False),
    ("il6", "IL-6, pg/mL", 14, 1.0, True),
)


def figure(result: TrialResult) -> Figure:
    """Six panels, both arms: median and the middle 90 % of virtual patients."""
    drawn = Figure(figsize=(11, 6.2), layout="constrained")
    for axes, panel in zip(drawn.subplots(2, 3).flat, PANELS, strict=True):
        _panel(axes, result, *panel)
    drawn.axes[0].legend(frameon=False, fontsize=9)
    note = (
        f"{result.n_patients:,} virtual patients an arm; line: median, band: 90 % of patients; triangles: infusions, "
        f"every {result.interval_days:g} d (a scenario, not published). For research, not for treatment decisions."
    )
    drawn.supxlabel(note, fontsize=8.5, color="#4a5568")
    return drawn


def _panel(
    axes: Axes, result: TrialResult, name: str, title: str, days: float, factor: float, log: bool
) -> None:
    for arm, color in zip(result.arms, COLORS, strict=False):
        label = f"HN2301 {arm.label.replace('x', '×')}"
        if name == "sledai":
            visits = arm.sledai_visits
            axes.fill_between(visits["day"], visits["q05"], visits["q95"], color=color, alpha=0.15, lw=0)
            axes.plot(visits["day"], visits["median"], "o-", color=color, lw=1.8, ms=4, label=label)
        else:
            band = arm.bands[name].sel(time=slice(0, days)) * factor
            low, middle, high = (band.sel(quantile=q) for q in (0.05, 0.5, 0.95))
            axes.fill_between(band["time"], low, high, color=color, alpha=0.15, lw=0)
            axes.plot(band["time"], middle, color=color, lw=1.8, label=label)
        first = [row.day for row in arm.regimen.infusions_table]
        axes.plot(
            first,
            [1.02] * len(first),
            "v",
            color="#1a202c",
            ms=4,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlim(0, days)
    axes.set_title(title, fontsize=10, loc="left", pad=12)
    axes.set_xlabel("days", fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)


def comparison(result: TrialResult) -> str:
    """The comparison as Markdown."""
    rows = [row for row in result.comparison if row.is_predicted]
    inside = sum(row.is_inside for row in rows)
    lines = [
        BEGIN,
        "## Beside what was published",
        "",
        f"`{result.command}` (model {result.provenance.model_hash[:12]}): for each published observation of HN2301, "
        "the same statistic in many cohorts of virtual patients of that very size. The wide interval lets every cohort "
        "draw its own typical values, spreads and dosing interval from the shipped posterior "
        f"(`{FIT}`). All rows were in view when the constants were set by hand, and all but the two anecdotes of one "
        f"patient were fitted since, so {inside} of {len(rows)} inside says that the model can show what was seen, not "
        "that it predicted it. What it predicts of studies that were held out is in "
        "[docs/validation.md](docs/validation.md), and much of it misses.",
        "",
        "| observation | arm | published | trust | median (90 % of cohorts) | with what is not known | |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_line(row) for row in rows]
    left = [row.label.lower() for row in result.comparison if not row.is_predicted]
    lines += ["", f"Published and not simulated: {'; '.join(left)}.", END]
    return "\n".join(lines)


def _line(row: ComparisonRow) -> str:
    predicted = (
        row.predicted_text or f"{number(row.predicted_median)} ({number(row.low90)} to {number(row.high90)})"
    )
    wide = f"{number(row.low90_uncertain)} to {number(row.high90_uncertain)}"
    verdict = "inside" if row.is_inside else "outside"
    cells = (row.label, row.arm, row.observed_text, row.trust, predicted, wide, verdict)
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run the main job once; write the figure and the README's table."""
    result = run_trial("hn2301")
    folder = ROOT / "docs" / "figures"
    folder.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "vivocart", "svg.fonttype": "path", "font.family": "DejaVu Sans"}):
        figure(result).savefig(folder / "hn2301.svg", metadata={"Date": None})
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    readme.write_text(head + comparison(result) + tail, encoding="utf-8")


if __name__ == "__main__":
    main()
