"""What every drawing shares: style, frame, marks, and SVG text that is the same for the same result."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from vivocart.report.marks import Mark
from vivocart.report.palette import GRID, INK, MUTED, SURFACE, as_css
from vivocart.scenarios.result import ArmResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

INCHES = (4.55, 2.95)
# fixed rather than computed: axes of one size line up, and layout engines cost more than the drawing
_MARGINS = {"left": 0.11, "right": 0.975, "top": 0.83, "bottom": 0.155}
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vivocart",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "path.simplify": True,
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing: SVG text without prolog, and the same in words for those who do not see it."""

    id: str
    title: str
    svg: str
    description: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Panels that belong together, with a title and one sentence on how to read them."""

    id: str
    title: str
    reading: str
    panels: tuple[Panel, ...]


def infusion_words(arm: ArmResult) -> str:
    """Infusion days of an arm in a few words: ``infusions on days 0, 3 and 6``."""
    days = [f"{row.day:g}" for row in arm.regimen.infusions_table]
    shown = days if len(days) <= 5 else [*days[:4], f"… {days[-1]}"]
    if len(shown) == 1:
        return f"infusion on day {shown[0]}"
    return f"infusions on days {', '.join(shown[:-1])} and {shown[-1]}"


def load_drawing() -> None:
    """Load the drawing library, which takes half a second; the first figure does so otherwise."""
    importlib.import_module("matplotlib.figure")
    importlib.import_module("matplotlib.backends.backend_svg")


def canvas_of(inches: tuple[float, float] = INCHES) -> Canvas:
    """An empty drawing of that size; no window, no global state."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=inches)
    canvas.subplots_adjust(**_MARGINS)
    return canvas


def axes_of(canvas: Canvas) -> Axes:
    """The one pair of axes of a canvas; titles say what the vertical axis is, so nothing is written along it."""
    axes = canvas.subplots()
    axes.yaxis.set_label_coords(
        0, 0.5
    )  # where nothing is written; finding the place took a tenth of a drawing
    return axes


@contextmanager
def one_panel(canvas: Canvas) -> Generator[None]:
    """What is drawn meanwhile is taken off again: new axes and their ticks take longer than what is drawn in them."""
    (axes,) = canvas.axes
    before = {id(artist) for artist in axes.get_children()}
    yield
    for artist in axes.get_children():
        if id(artist) not in before:
            artist.remove()


def svg_text(canvas: Canvas, panel_id: str) -> str:
    """SVG text of a canvas: no prolog, no metadata, ids of its own, colors that follow the page's theme."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    FigureCanvasSVG(canvas).print_svg(
        buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|href="#|url\(#)', lambda found: f"{found.group(1)}{panel_id}-", text)
    text = re.sub(r"font: (?:[a-z]+ )?([\d.]+)px [^;\"]*", r"font: \1px var(--font)", text)
    text = re.sub(r' d="[^"]*"', lambda found: re.sub(r"\d+\.\d{3,}", _short, found.group()), text)
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        r'<svg viewBox="\1" aria-hidden="true" focusable="false">',
        text,
    )
    return as_css(text).strip()


def _short(number: re.Match[str]) -> str:
    return f"{float(number.group()):.2f}".rstrip("0").rstrip(".")


def frame(axes: Axes, label: str, arm: ArmResult, interval_days: float | None) -> None:
    """Axis words, infusion ticks and the sentence that says when the infusions were."""
    axes.set_title(label, loc="left", fontsize=9.5, fontweight="bold", pad=20, y=1.0)
    scenario = f"; interval {interval_days:g} d is a scenario" if interval_days is not None else ""
    shown = infusion_words(arm) + scenario
    axes.annotate(
        f"▼ {shown}",
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 9),
        textcoords="offset points",
        ha="left",
        va="bottom",
        color=MUTED,
        fontsize=8,
    )
    days = [row.day for row in arm.regimen.infusions_table]
    visible = [day for day in days if axes.get_xlim()[0] <= day <= axes.get_xlim()[1]]
    axes.plot(
        visible,
        [1.0] * len(visible),
        transform=axes.get_xaxis_transform(),
        marker="v",
        linestyle="none",
        color=INK,
        markersize=5,
        clip_on=False,
        zorder=5,
    )
    axes.set_xlabel("days after the first infusion")


def draw_mark(axes: Axes, mark: Mark) -> None:
    """One published observation: a diamond at a value, a bar along time for a duration, an arrow for a bound."""
    if mark.kind == "duration":
        _draw_duration(axes, mark)
        return
    left, right = axes.get_xlim()
    x = min(max(mark.x, left), right)
    axes.plot(
        [x],
        [mark.y],
        marker="D",
        color=INK,
        markersize=5.5,
        markeredgecolor=SURFACE,
        zorder=7,
        linestyle="none",
        clip_on=False,
    )
    if mark.kind in {"at most", "at least"}:
        step = -16 if mark.kind == "at most" else 16
        arrow = {"arrowstyle": "<-", "color": INK, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            "", (x, mark.y), xytext=(0, step), textcoords="offset points", arrowprops=arrow, zorder=6
        )
    near_right = x > left + 0.55 * (right - left)
    _say(
        axes,
        mark.words,
        (x, mark.y),
        (-8 if near_right else 8, 0),
        "right" if near_right else "left",
        "center",
    )


def _draw_duration(axes: Axes, mark: Mark) -> None:
    """A bar as long as the shorter duration, paler up to the longer one."""
    shared: dict[str, Any] = {"color": INK, "linewidth": 2.6, "zorder": 6, "solid_capstyle": "butt"}
    ends = (mark.start, mark.start + mark.low, mark.start + mark.high)
    axes.plot(ends[:2], [mark.y] * 2, **shared)
    axes.plot(ends[1:], [mark.y] * 2, alpha=0.4, **shared)
    left, right = axes.get_xlim()
    if ends[2] > left + 0.4 * (right - left):  # no room beside it
        _say(axes, mark.words, (right, mark.y), (0, 4), "right", "bottom")
    else:
        _say(axes, mark.words, (ends[2], mark.y), (5, 0), "left", "center")


def _say(
    axes: Axes, words: str, place: tuple[float, float], offset: tuple[float, float], ha: str, va: str
) -> None:
    axes.annotate(
        words, place, xytext=offset, textcoords="offset points", ha=ha, va=va, color=INK, fontsize=8, zorder=8
    )


def plain_number(value: float) -> str:
    """A number with three significant digits and no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
