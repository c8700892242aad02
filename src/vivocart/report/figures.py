"""Figures of a trial as SVG text: the same result gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vivocart.report.curves import CURVES, curve_figure
from vivocart.report.drawing import STYLE, Figure, Panel, canvas_of, draw_mark, frame, plain_number, svg_text
from vivocart.report.marks import marks_for
from vivocart.report.palette import ARM_COLORS, BAND, GRID, MUTED, SURFACE
from vivocart.scenarios.result import TrialResult


def figures(result: TrialResult) -> tuple[Figure, ...]:
    """Every figure of the report in its order; an observable that was not kept has no figure."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        drawn = [curve_figure(curve, result) for curve in CURVES if _has(result, curve.observable)]
        drawn.insert(_place(drawn, "upcr"), _sledai_figure(result))
        if all("crs_grade_max" in arm.endpoints for arm in result.arms):
            drawn.append(_crs_figure(result))
        if len(result.intervals):
            drawn.append(_interval_figure(result))
    return tuple(drawn)


def _has(result: TrialResult, observable: str) -> bool:
    return all(observable in arm.bands for arm in result.arms)


def _place(drawn: Sequence[Figure], figure_id: str) -> int:
    return next((index for index, figure in enumerate(drawn) if figure.id == figure_id), len(drawn))


def _sledai_figure(result: TrialResult) -> Figure:
    top = max(float(arm.sledai_visits["q95"].max()) for arm in result.arms) + 3
    marked = [
        value
        for arm in result.arms
        for mark in marks_for(result.comparison, "sledai", arm.label)
        for value in mark.values
    ]
    panels = tuple(_sledai_panel(result, index, max([top, *marked])) for index in range(len(result.arms)))
    reading = (
        "SLEDAI-2K is a sum of item weights and so a whole number. Thin bar: 90 % of patients; thick bar: the middle half; "
        "number: the median."
    )
    return Figure(id="sledai", title="Disease activity, SLEDAI-2K", reading=reading, panels=panels)


def _sledai_panel(result: TrialResult, index: int, top: float) -> Panel:
    arm = result.arms[index]
    color = ARM_COLORS[index % len(ARM_COLORS)]
    visits = arm.sledai_visits
    days = visits["day"].to_numpy(dtype=np.float64)
    canvas = canvas_of()
    axes = canvas.subplots()
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
    for day, median in zip(days, visits["median"], strict=True):
        axes.annotate(
            f"{median:.0f}",
            (day, median),
            xytext=(9, 3),
            textcoords="offset points",
            fontweight="bold",
            fontsize=10,
        )
    axes.set_xlim(-8, float(days.max()) + 14)
    axes.set_xticks(days)
    axes.set_ylim(0, top)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y")
    frame(axes, "SLEDAI-2K, points", arm, result.interval_days)
    for mark in marks_for(result.comparison, "sledai", arm.label):
        draw_mark(axes, mark)
    said = "; ".join(
        f"day {row.day:g}: median {row.median:.0f}, 90 % of patients {row.q05:.0f} to {row.q95:.0f}"
        for row in visits.itertuples()
    )
    panel_id = f"sledai-{index + 1}"
    return Panel(
        id=panel_id,
        title=arm.label,
        svg=svg_text(canvas, panel_id),
        description=f"SLEDAI-2K in points, {arm.label}. {said}.",
    )


_GRADES = ("none", "grade 1", "grade 2", "grade 3", "grade 4", "grade 5")


def _crs_figure(result: TrialResult) -> Figure:
    canvas = canvas_of((5.0, 1.05 + 0.5 * len(result.arms)))
    axes = canvas.subplots()
    said: list[str] = []
    for row, arm in enumerate(result.arms):
        grades = arm.endpoints["crs_grade_max"].dropna().to_numpy()
        shares = [float(np.mean(grades == grade)) for grade in range(len(_GRADES))]
        start = 0.0
        for grade, share in enumerate(shares):
            color = ARM_COLORS[row % len(ARM_COLORS)] if grade else GRID
            axes.barh(
                row,
                share,
                left=start,
                color=color,
                alpha=1.0 if grade == 0 else min(0.25 + 0.25 * grade, 1.0),
                edgecolor=SURFACE,
            )
            if share >= 0.06:
                axes.annotate(
                    f"{_GRADES[grade]}\n{100 * share:.0f} %",
                    (start + share / 2, row),
                    ha="center",
                    va="center",
                    fontsize=8,
                )
            start += share
        said.append(
            f"{arm.label}: "
            + ", ".join(
                f"{word} {100 * share:.1f} %" for word, share in zip(_GRADES, shares, strict=True) if share
            )
        )
    axes.set_yticks(range(len(result.arms)), [arm.label for arm in result.arms])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(_percent)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(
        f"share of patients; interval {result.interval_days:g} d is a scenario",
        loc="left",
        fontsize=9.5,
        fontweight="bold",
    )
    panel = Panel(
        id="crs-all", title="All arms", svg=svg_text(canvas, "crs-all"), description=". ".join(said) + "."
    )
    reading = "Highest grade of cytokine release syndrome in each patient, by ASTCT rules on simulated fever, pressure and oxygen."
    return Figure(id="crs", title="Cytokine release syndrome", reading=reading, panels=(panel,))


def _percent(share: float, _position: int | None = None) -> str:
    return f"{100 * share:.0f} %"


def _interval_figure(result: TrialResult) -> Figure:
    endpoints = list(dict.fromkeys(result.intervals["endpoint"]))
    panels = tuple(_interval_panel(result, str(endpoint)) for endpoint in endpoints)
    reading = (
        "The letter's dosing interval was not published where we could read it. Median and 90 % of patients for each interval; "
        "the vertical line is the interval used above."
    )
    return Figure(
        id="interval",
        title="What if the infusions were closer together, or further apart?",
        reading=reading,
        panels=panels,
    )


def _interval_panel(result: TrialResult, endpoint: str) -> Panel:
    rows = result.intervals[result.intervals["endpoint"] == endpoint]
    label, unit = str(rows["label"].iloc[0]), str(rows["unit"].iloc[0])
    canvas = canvas_of()
    axes = canvas.subplots()
    said: list[str] = []
    for index, arm in enumerate(result.arms):
        chosen = rows[rows["arm"] == arm.label].sort_values("interval_days")
        if not len(chosen):
            continue
        color = ARM_COLORS[index % len(ARM_COLORS)]
        axes.fill_between(
            chosen["interval_days"], chosen["q05"], chosen["q95"], color=color, alpha=BAND[0], linewidth=0
        )
        axes.plot(
            chosen["interval_days"], chosen["median"], color=color, marker="o", markersize=4, label=arm.label
        )
        said.append(
            f"{arm.label}: "
            + ", ".join(f"{row.interval_days:g} d {plain_number(row.median)}" for row in chosen.itertuples())
        )
    axes.axvline(result.interval_days, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_title(
        f"{label}{'' if unit in {'', '1'} else f', {unit}'}", loc="left", fontsize=9.5, fontweight="bold"
    )
    axes.set_xlabel("days from one infusion to the next (scenario)")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    axes.legend(fontsize=8, loc="best")
    panel_id = f"interval-{endpoint.replace('_', '-')}"
    return Panel(
        id=panel_id,
        title=label,
        svg=svg_text(canvas, panel_id),
        description=f"Median of {label} by interval. {'; '.join(said)}.",
    )
