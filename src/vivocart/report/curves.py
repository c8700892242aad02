"""Observables over time: bands over patients, reference lines, published marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from vivocart.report.drawing import (
    Figure,
    Panel,
    axes_of,
    canvas_of,
    draw_mark,
    frame,
    infusion_words,
    one_panel,
    plain_number,
    svg_text,
)
from vivocart.report.marks import Mark, marks_for
from vivocart.report.palette import ARM_COLORS, BAND, MUTED
from vivocart.scenarios.result import ArmResult, TrialResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import MultipleLocator


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How one observable is drawn over time.

    ``factor`` turns the observable's unit into ``unit``; ``levels`` are reference lines with their words; ``floor`` is
    the lowest value that a logarithmic axis shows.
    """

    id: str
    observable: str
    title: str
    axis: str
    unit: str
    days: float
    reading: str
    factor: float = 1.0
    is_log: bool = False
    floor: float = 0.1
    levels: tuple[tuple[float, str], ...] = ()


CURVES = (
    Curve(
        id="car",
        observable="car_percent_cd8",
        title="CAR-T cells in blood",
        axis="CAR+ share of CD8 cells in blood",
        unit="%",
        days=14,
        reading="The mRNA is gone within days: each infusion makes its own short wave of CAR-T cells.",
    ),
    Curve(
        id="b-blood",
        observable="b_cells_blood",
        title="B cells in blood",
        axis="CD19+ B cells in blood",
        unit="1/µL",
        days=60,
        is_log=True,
        floor=0.1,
        levels=((5.0, "5 per µL"), (1.0, "1 per µL")),
        reading="Below 5 per µL a laboratory reports B cells as depleted; below 1 per µL as absent.",
    ),
    Curve(
        id="b-tissue",
        observable="b_cells_tissue_fraction",
        title="B cells in lymphoid tissue",
        axis="B lineage in lymphoid tissue",
        unit="% of baseline",
        factor=100,
        days=180,
        reading="Blood says little about tissue: autoantibody follows what is left here.",
    ),
    Curve(
        id="autoantibody",
        observable="autoantibody",
        title="Autoantibody",
        axis="Autoantibody",
        unit="% of baseline",
        factor=100,
        days=180,
        reading="Antibody falls as fast as plasma cells and IgG turn over, weeks after the B cells.",
    ),
    Curve(
        id="c3",
        observable="c3",
        title="Complement C3",
        axis="C3",
        unit="g/L",
        days=180,
        levels=((0.9, "lower limit of normal, 0.9 g/L"),),
        reading="C3 rises when immune complexes stop consuming it.",
    ),
    Curve(
        id="upcr",
        observable="upcr",
        title="Proteinuria",
        axis="Urine protein-to-creatinine ratio (UPCR)",
        unit="g/g",
        days=180,
        levels=((0.5, "0.5 g/g"),),
        reading="Proteinuria above 0.5 g/g counts 4 points of SLEDAI-2K. Patients without nephritis are in the bands too.",
    ),
    Curve(
        id="il6",
        observable="il6",
        title="Interleukin-6",
        axis="IL-6 in plasma",
        unit="pg/mL",
        days=14,
        is_log=True,
        floor=1.0,
        reading="IL-6 rises within hours of an infusion, while there are B cells to kill.",
    ),
    Curve(
        id="crp",
        observable="crp",
        title="C-reactive protein",
        axis="CRP in plasma",
        unit="mg/L",
        days=21,
        is_log=True,
        floor=0.3,
        reading="CRP follows IL-6 by a day.",
    ),
)


def curve_figure(curve: Curve, result: TrialResult) -> Figure:
    """One panel for each arm on the same axes, so that arms compare at a glance."""
    limits = _limits(curve, result)
    canvas = _curve_canvas(curve, limits)
    panels: list[Panel] = []
    for index in range(len(result.arms)):
        with one_panel(canvas):
            panels.append(_curve_panel(curve, result, index, canvas))
    return Figure(id=curve.id, title=curve.title, reading=curve.reading, panels=tuple(panels))


def _curve_canvas(curve: Curve, limits: tuple[float, float]) -> Canvas:
    """The axes of every panel of a curve, without what is drawn."""
    canvas = canvas_of()
    axes = axes_of(canvas)
    if curve.is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: plain_number(value))
        axes.yaxis.set_minor_formatter(lambda *_: "")
    axes.set_ylim(*limits)
    axes.grid(axis="y")
    return canvas


def _limits(curve: Curve, result: TrialResult) -> tuple[float, float]:
    """Lowest and highest value of the axis, the same for every arm."""
    highest = max(float(_band(arm, curve, 0.95).max()) for arm in result.arms)
    lowest = min(float(_band(arm, curve, 0.05).min()) for arm in result.arms)
    marked = [
        value
        for arm in result.arms
        for mark in marks_for(result.comparison, curve.id, arm)
        for value in mark.values
    ]
    highest = max([highest, *marked, *(value for value, _ in curve.levels)])
    if not curve.is_log:
        return 0.0, 1.08 * highest
    return max(curve.floor, 0.7 * min([lowest, *(value for value, _ in curve.levels)])), 2.0 * highest


def _times(arm: ArmResult, curve: Curve) -> np.ndarray:
    times = np.asarray(arm.bands["time"].values, dtype=np.float64)
    return times[times <= curve.days + 1e-9]


def _band(arm: ArmResult, curve: Curve, quantile: float) -> np.ndarray:
    values = arm.bands[curve.observable].sel(quantile=quantile, method="nearest").values
    return np.asarray(values, dtype=np.float64)[: len(_times(arm, curve))] * curve.factor


def _curve_panel(curve: Curve, result: TrialResult, index: int, canvas: Canvas) -> Panel:
    (axes,) = canvas.axes
    arm = result.arms[index]
    color = ARM_COLORS[index % len(ARM_COLORS)]
    times = _times(arm, curve)
    floor = axes.get_ylim()[0] if curve.is_log else -np.inf
    band = {
        quantile: np.maximum(_band(arm, curve, quantile), floor) for quantile in (0.05, 0.25, 0.5, 0.75, 0.95)
    }
    axes.fill_between(times, band[0.05], band[0.95], color=color, alpha=BAND[0], linewidth=0)
    axes.fill_between(times, band[0.25], band[0.75], color=color, alpha=BAND[1], linewidth=0)
    axes.plot(times, band[0.5], color=color, linewidth=1.8, solid_capstyle="round")
    axes.set_xlim(0, min(curve.days, float(times[-1])))
    axes.xaxis.set_major_locator(_whole_weeks(axes.get_xlim()[1]))
    for value, words in curve.levels:
        axes.axhline(value, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(
            words,
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=MUTED,
            fontsize=8,
        )
    frame(axes, f"{curve.axis}, {curve.unit}", arm, result.interval_days)
    marks = marks_for(result.comparison, curve.id, arm)
    for mark in marks:
        draw_mark(axes, mark)
    panel_id = f"{curve.id}-{index + 1}"
    return Panel(
        id=panel_id,
        title=arm.label,
        svg=svg_text(canvas, panel_id),
        description=_in_words(curve, arm, times, band, marks),
    )


def _whole_weeks(days: float) -> MultipleLocator:
    """Ticks that a clinician counts in: days, weeks or months."""
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(
        next(step for step in (2, 7, 14, 30, 90) if days <= 9 * step) if days <= 810 else 180
    )


def _in_words(
    curve: Curve, arm: ArmResult, times: np.ndarray, band: dict[float, np.ndarray], marks: Sequence[Mark]
) -> str:
    middle = band[0.5]
    low, high = int(np.argmin(middle)), int(np.argmax(middle))
    published = "".join(f" {mark.words}." for mark in marks)
    last = f"{plain_number(band[0.05][-1])} to {plain_number(band[0.95][-1])}"
    return (
        f"{curve.axis} in {curve.unit}, {arm.label}, {infusion_words(arm)}. Median highest "
        f"{plain_number(middle[high])} on day {times[high]:.3g}, lowest {plain_number(middle[low])} on day "
        f"{times[low]:.3g}, {plain_number(middle[-1])} on day {times[-1]:.3g} (90 % of patients {last}).{published}"
    )
