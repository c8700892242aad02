"""Figures of a trial as SVG text: the same result gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vivocart.report.curves import CURVES, curve_figure
from vivocart.report.drawing import (
    STYLE,
    Figure,
    Panel,
    axes_of,
    canvas_of,
    draw_mark,
    frame,
    plain_number,
    svg_text,
)
from vivocart.report.marks import marks_for
from vivocart.report.palette import ARM_COLORS, BAND, MUTED, SURFACE
from vivocart.report.spelling import as_printed, in_print
from vivocart.report.tables import spaced
from vivocart.scenarios.result import TrialResult
from vivocart.scenarios.summary import records


def figures(result: TrialResult) -> tuple[Figure, ...]:
    """Every figure of the report in its order; an observable that was not kept, or is zero throughout, has no figure."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        drawn = [curve_figure(curve, result) for curve in CURVES if _has(result, curve.observable)]
        drawn.insert(_place(drawn, "upcr"), _sledai_figure(result))
        if len(result.intervals):
            drawn.append(_interval_figure(result))
    return tuple(drawn)


def _has(result: TrialResult, observable: str) -> bool:
    """Whether the observable was kept, and is more than nothing in some arm (no CAR-T cells without a CAR)."""
    kept = all(observable in arm.bands for arm in result.arms)
    return kept and any(bool((arm.bands[observable] > 0).any()) for arm in result.arms)


def _place(drawn: Sequence[Figure], figure_id: str) -> int:
    return next((index for index, figure in enumerate(drawn) if figure.id == figure_id), len(drawn))


def _sledai_figure(result: TrialResult) -> Figure:
    top = max(row["q95"] for arm in result.arms for row in records(arm.sledai_visits)) + 3
    marked = [
        value
        for arm in result.arms
        for mark in marks_for(result.comparison, "sledai", arm)
        for value in mark.values
    ]
    panels = tuple(_sledai_panel(result, index, max([top, *marked])) for index in range(len(result.arms)))
    reading = (
        "SLEDAI-2K is a sum of item weights and so a whole number. Thin bar: 90 % of patients; thick bar: the middle half; "
        "number: the median."
    )
    return Figure(id="sledai", title="Disease activity, SLEDAI-2K", reading=reading, panels=panels)


def _sledai_panel(result: TrialResult, index: int, top: float) -> Panel:
    from matplotlib.ticker import MaxNLocator

    arm = result.arms[index]
    color = ARM_COLORS[index % len(ARM_COLORS)]
    visits = arm.sledai_visits
    days = visits["day"].to_numpy(dtype=np.float64)
    canvas = canvas_of()
    axes = axes_of(canvas)
    axes.vlines(days, visits["q05"], visits["q95"], color=color, linewidth=2, alpha=0.55)
    axes.vlines(days, visits["q25"], visits["q75"], color=color, linewidth=8, alpha=0.55)
    axes.plot(
        days,
        visits["median"],
        marker="o",
        color=color,
        linewidth=1.2,
        markersize=6.5,
        markeredgecolor=SURFACE,
    )
    shown = spaced(list(days))
    for day, median in zip(days, visits["median"], strict=True):
        if day not in shown:
            continue
        axes.annotate(
            f"{median:.0f}",
            (day, median),
            xytext=(9, 3),
            textcoords="offset points",
            fontweight="bold",
            fontsize=10,
        )
    axes.set_xlim(-8, float(days.max()) + 14)
    axes.set_xticks(shown)
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y")
    frame(axes, "SLEDAI-2K, points", arm, result.interval_days)
    for mark in marks_for(result.comparison, "sledai", arm):
        draw_mark(axes, mark)
    said = "; ".join(
        f"day {row['day']:g}: median {row['median']:.0f}, 90 % of patients {row['q05']:.0f} to {row['q95']:.0f}"
        for row in records(visits)
    )
    panel_id = f"sledai-{index + 1}"
    return Panel(
        id=panel_id,
        title=arm.label,
        svg=svg_text(canvas, panel_id),
        description=f"SLEDAI-2K in points, {arm.label}. {said}.",
    )


def _interval_figure(result: TrialResult) -> Figure:
    endpoints = list(dict.fromkeys(result.intervals["endpoint"]))
    panels = tuple(_interval_panel(result, str(endpoint)) for endpoint in endpoints)
    reading = (
        "The interval was not published where we could read it. Line and band: median and 90 % of patients for each "
        "interval; the vertical line is the interval used above."
    )
    return Figure(
        id="interval",
        title="What if the infusions were closer together, or further apart?",
        reading=reading,
        panels=panels,
    )


def _interval_panel(result: TrialResult, endpoint: str) -> Panel:
    rows = [row for row in records(result.intervals) if row["endpoint"] == endpoint]
    label = in_print(rows[0]["label"])
    factor, unit = as_printed(endpoint, label, rows[0]["unit"])
    canvas = canvas_of()
    canvas.subplots_adjust(top=0.91)
    axes = axes_of(canvas)
    said: list[str] = []
    for index, arm in enumerate(result.arms):
        chosen = [row for row in rows if row["arm"] == arm.label]
        if not chosen:
            continue
        days = [row["interval_days"] for row in chosen]
        low, middle, high = ([factor * row[name] for row in chosen] for name in ("q05", "median", "q95"))
        color = ARM_COLORS[index % len(ARM_COLORS)]
        axes.fill_between(days, low, high, color=color, alpha=BAND[0], linewidth=0)
        axes.plot(days, middle, color=color, marker="o", markersize=4)
        values = ", ".join(
            f"{day:g} d {plain_number(value)}" for day, value in zip(days, middle, strict=True)
        )
        said.append(f"{arm.label}: {values}")
    if result.interval_days is not None:
        axes.axvline(result.interval_days, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_title(unit or "score", loc="left", fontsize=9.5, fontweight="bold", y=1.0)
    axes.set_xlabel("days from one infusion to the next (scenario)")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    panel_id = f"interval-{endpoint.replace('_', '-')}"
    return Panel(
        id=panel_id,
        title=label,
        svg=svg_text(canvas, panel_id),
        description=f"Median of {label} by interval. {'; '.join(said)}.",
    )
