"""Tornado: which parameters move an observable most, by kind."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vivocart.report.drawing import STYLE
from vivocart.report.palette import ARM_COLORS, GRID, INK, MUTED

KIND_COLORS = {
    "measured": ARM_COLORS[2],
    "estimated": ARM_COLORS[0],
    "assumed": ARM_COLORS[1],
    "scenario": ARM_COLORS[3],
}
"""Color of a bar by the parameter's kind."""


def write_tornado(table: pd.DataFrame, path: Path, *, title: str, top: int) -> None:
    """Draw the largest elasticities of :func:`vivocart.simulation.sensitivity.local_sensitivity` into an SVG or PNG file.

    Parameters
    ----------
    table
        Elasticities at one day, the largest first.
    title
        What was read, when and under which regimen.
    top
        Number of bars.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    shown = table.head(top).iloc[::-1]
    with mpl.rc_context(STYLE | {"figure.facecolor": "white"}):
        canvas = Figure(figsize=(7.5, 1.4 + 0.24 * len(shown)), layout="constrained")
        axes = canvas.subplots()
        axes.barh(
            shown["parameter_id"], shown["elasticity"], color=[KIND_COLORS[kind] for kind in shown["kind"]]
        )
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.grid(axis="x", color=GRID)
        axes.set_xlabel("% change for 1 % more of the parameter")
        axes.set_title(title, loc="left", fontsize=9.5, fontweight="bold")
        handles = [
            Patch(color=color, label=kind)
            for kind, color in KIND_COLORS.items()
            if kind in set(shown["kind"])
        ]
        axes.legend(handles=handles, loc="lower right", fontsize=8)
        canvas.supxlabel(
            "Typical virtual patient. For research, not for treatment decisions.", fontsize=8, color=MUTED
        )
        metadata: dict[str, str | None] = {"Date": None} if path.suffix.lower() == ".svg" else {}
        canvas.savefig(path, metadata=metadata, dpi=150)
