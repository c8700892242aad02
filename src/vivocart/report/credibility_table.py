"""The credibility table as page, figures, CSV and JSON: what was published, what cohorts of that size show, what holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vivocart.calibration.prediction import READINGS, PredictedStatistic
from vivocart.report.drawing import STYLE, Panel, svg_text
from vivocart.report.palette import ARM_COLORS, BAND, GRID, INK, MUTED, theme_css
from vivocart.report.record_page import environment, read_template
from vivocart.report.spelling import in_print, number, unit_words
from vivocart.scenarios.credibility import (
    LEVELS,
    STATUS_WORDS,
    Coverage,
    Credibility,
    CredibilityRow,
    flat_rows,
)
from vivocart.scenarios.files import replace_folder
from vivocart.scenarios.summary import to_json

FILES = ("credibility.csv", "credibility.json", "report.html")
"""Names of the files, in alphabetical order."""

RESEARCH = "For research, not for treatment decisions."
STATUS_COLORS = dict(
    zip(STATUS_WORDS, (ARM_COLORS[0], ARM_COLORS[2], ARM_COLORS[1], ARM_COLORS[3]), strict=True)
)
_BINS = 10
_WIDTH, _HEIGHT, _EDGE = 180, 26, 8


def write_credibility(result: Credibility, folder: Path) -> None:
    """Write page, CSV and JSON into ``folder``: all of them new and whole, or none changed.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    import pandas as pd

    page = render_credibility(result)
    table = pd.DataFrame(flat_rows(result))
    with replace_folder(folder) as staging:
        table.to_csv(staging / "credibility.csv", index=False, float_format="%.6g")
        (staging / "credibility.json").write_text(to_json(credibility_summary(result)), encoding="utf-8")
        (staging / "report.html").write_text(page, encoding="utf-8")


def credibility_summary(result: Credibility) -> dict[str, Any]:
    """All of the result as plain data."""
    return {
        "purpose": "for research, not for treatment decisions",
        "rows": flat_rows(result),
        "coverage": [
            {
                "status": entry.status,
                "level": entry.level,
                "n": entry.n,
                "n_inside": entry.n_inside,
                "share": entry.share,
                "low": entry.low,
                "high": entry.high,
            }
            for entry in result.coverage
        ],
        "bounds": [{"status": entry.status, "n": entry.n, "n_kept": entry.n_kept} for entry in result.bounds],
        "studies": [
            {
                "study_id": plan.study_id,
                "title": plan.title,
                "source": result.sources[plan.study_id],
                "n_cohorts": result.n_cohorts[plan.study_id],
                "arms": [
                    {"arm": arm, "n_patients": n, "regimen": regimen} for arm, n, regimen in plan.regimens
                ],
                "population": str(plan.criteria) if plan.criteria else "",
                "days": plan.days,
                "notes": list(plan.notes),
            }
            for plan in result.plans
        ],
        "n_failed": result.n_failed,
        "notes": list(result.notes),
        "provenance": result.provenance.as_dict(),
    }


def render_credibility(result: Credibility) -> str:
    """The page; the same result gives the same bytes."""
    return (
        environment()
        .get_template("credibility.html.j2")
        .render(
            result=result,
            css=read_template("trial.css"),
            theme=theme_css(),
            research=RESEARCH,
            **credibility_parts(result),
        )
    )


def credibility_parts(result: Credibility) -> dict[str, Any]:
    """What the page and the model analysis report show of the table."""
    return {
        "answers": answers(result),
        "coverage_rows": [coverage_row(entry) for entry in result.coverage],
        "bound_rows": result.bounds,
        "status_words": {status: STATUS_WORDS[status] for status in statuses(result)},
        "figures": figures(result),
        "studies": [_study(result, plan.study_id) for plan in result.plans],
        "left_out": [row for row in result.rows if row.prediction is None],
        "readings": {
            name.replace("_", " "): words
            for name, words in READINGS.items()
            if name in {row.statistic for row in result.rows}
        },
        "colors": {
            status: f"var(--arm-{place})" for status, place in zip(STATUS_WORDS, (1, 3, 2, 4), strict=True)
        },
        "provenance": result.provenance.as_dict(),
    }


def statuses(result: Credibility) -> tuple[str, ...]:
    """What rows are to the parameters, as far as it occurs."""
    return tuple(status for status in STATUS_WORDS if any(row.status == status for row in result.rows))


def answers(result: Credibility) -> list[str]:
    """What a hurried reader needs: how many published numbers lie where the model says."""
    said: list[str] = []
    for entry in result.coverage:
        if entry.level != LEVELS[-1]:
            continue
        half = next(c for c in result.coverage if c.status == entry.status and c.level == LEVELS[0])
        if entry.status == "fitted":
            said.append(
                f"Fitted: **{entry.n_inside} of {entry.n}** published numbers lie in the central 90 % of predicted cohorts "
                f"and **{half.n_inside} of {half.n}** in the central half: the fit did its work, which tests nothing."
            )
            continue
        verdict = "as many as expected within its error" if entry.is_plausible else "not what is expected"
        said.append(
            f"{STATUS_SENTENCES[entry.status]}: **{entry.n_inside} of {entry.n}** published numbers lie in the central 90 % "
            f"of predicted cohorts and **{half.n_inside} of {half.n}** in the central half ({verdict})."
        )
    for bound in result.bounds:
        said.append(
            f"{STATUS_SENTENCES[bound.status]}: **{bound.n_kept} of {bound.n}** published bounds or ranges without a number "
            "are kept by at least 5 % of cohorts, which is a weak test."
        )
    if not said:
        said.append("No observation could be predicted; the reasons stand below.")
    return said


STATUS_SENTENCES = {
    "fitted": "Fitted",
    "held out": "Held out of the fit",
    "in view": "In view when constants were set by hand, not fitted",
    "new": "New, brought by the user",
}
"""How a sentence begins that speaks of rows of one status."""


def coverage_row(entry: Coverage) -> dict[str, Any]:
    """One line of the coverage table."""
    return {
        "status": entry.status,
        "level": f"{100 * entry.level:.0f} %",
        "inside": f"{entry.n_inside} of {entry.n}",
        "share": f"{100 * entry.share:.0f} %",
        "interval": f"{100 * entry.low:.0f} to {100 * entry.high:.0f} %",
        "is_plausible": entry.is_plausible,
    }


def predicted_words(row: CredibilityRow, part: PredictedStatistic) -> str:
    """Median and central 90 % of a predicted statistic."""
    unit = f" of {row.n}" if row.statistic == "count" else f" {unit_words(row.unit)}"
    return f"{number(part.median)} ({number(part.low90)} to {number(part.high90)}){unit}".rstrip()


def verdict_words(part: PredictedStatistic) -> str:
    """Inside the central half, the central 90 %, or outside; for a bound, kept or not."""
    if not part.is_number:
        return "kept" if part.is_inside else "not kept"
    return "inside 50 %" if part.is_inside_half else "inside 90 %" if part.is_inside else "outside"


def _study(result: Credibility, study_id: str) -> dict[str, Any]:
    plan = next(plan for plan in result.plans if plan.study_id == study_id)
    rows = [row for row in result.rows if row.study_id == study_id and row.prediction is not None]
    return {
        "plan": plan,
        "source": result.sources[study_id],
        "n_cohorts": result.n_cohorts[study_id],
        "arms": plan.regimens,
        "rows": [
            {
                "row": row,
                "label": in_print(row.label),
                "citation": _citation(row.record_id),
                "parts": [
                    {
                        "name": part.name if len(row.parts) > 1 else "",
                        "predicted": predicted_words(row, part),
                        "half": f"{number(part.low50)} to {number(part.high50)}",
                        "strip": interval_strip(part),
                        "verdict": verdict_words(part),
                        "is_inside": part.is_inside,
                        "place": f"{part.p:.2f}" if part.is_number else f"{100 * part.p:.0f} % keep it",
                    }
                    for part in row.parts
                ],
            }
            for row in rows
        ],
    }


def _citation(record_id: str) -> str:
    from vivocart.evidence.citations import cite
    from vivocart.evidence.library import records

    return cite([record_id], "short")[0] if record_id in records() else record_id


def interval_strip(part: PredictedStatistic) -> Markup:
    """SVG of one prediction on its own scale: pale bar 90 %, dark bar half of cohorts, line median, diamond published."""
    observed = [value for value in (part.observed_low, part.observed_high) if math.isfinite(value)]
    predicted = [value for value in (part.low90, part.low50, part.median, part.high50, part.high90)]
    finite = [value for value in (*observed, *predicted) if math.isfinite(value)]
    if not observed or not math.isfinite(part.low90):
        return Markup("")
    low, high = min(finite), max(finite)

    def x(value: float) -> float:
        if value == math.inf:
            return _WIDTH - 2.0
        return round(
            _EDGE + (_WIDTH - 2 * _EDGE) * (value - low) / (high - low) if high > low else _WIDTH / 2, 1
        )

    middle = _HEIGHT / 2
    bars = [
        f'<rect x="{x(a)}" y="{middle - 5}" width="{max(x(b) - x(a), 2.0):.1f}" height="10" rx="2" class="{name}"/>'
        for a, b, name in ((part.low90, part.high90, "wide"), (part.low50, part.high50, "narrow"))
    ]
    at = x(part.median)
    marks = [f'<line x1="{at}" x2="{at}" y1="{middle - 7}" y2="{middle + 7}" class="median"/>']
    if len(set(observed)) == 2:
        marks.append(
            f'<line x1="{x(observed[0])}" x2="{x(observed[1])}" y1="{middle}" y2="{middle}" class="range"/>'
        )
    for value in dict.fromkeys(observed):
        place = x(value)
        marks.append(
            f'<path d="M{place - 5:.1f} {middle} L{place} {middle - 5} L{place + 5:.1f} {middle} L{place} {middle + 5} Z" '
            'class="observed"/>'
        )
    axis = f'<line x1="2" x2="{_WIDTH - 2}" y1="{middle}" y2="{middle}" class="axis"/>'
    head = f'<svg class="strip" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true" focusable="false">'
    return Markup("".join([head, axis, *bars, *marks, "</svg>"]))


def figures(result: Credibility) -> tuple[Panel, ...]:
    """Where published numbers lie in their predictions, one by one and as a histogram; none without a number."""
    import matplotlib as mpl

    if not len(result.pit_values()):
        return ()
    with mpl.rc_context(STYLE):
        return (_places(result), _histogram(result))


def _places(result: Credibility) -> Panel:
    """A line for each published number: its place among predicted cohorts, over the central half and 90 %."""
    from matplotlib.figure import Figure

    shown = [(row, part) for row in result.rows for part in row.parts if part.is_number]
    canvas = Figure(figsize=(9.2, 0.9 + 0.26 * len(shown)))
    axes = canvas.subplots()
    canvas.subplots_adjust(
        left=0.52, right=0.97, top=1 - 0.25 / canvas.get_figheight(), bottom=0.55 / canvas.get_figheight()
    )
    axes.axvspan(0.05, 0.95, color=ARM_COLORS[0], alpha=BAND[0], linewidth=0)
    axes.axvspan(0.25, 0.75, color=ARM_COLORS[0], alpha=BAND[0], linewidth=0)
    axes.axvline(0.5, color=GRID)
    for place, (row, part) in enumerate(shown):
        axes.plot(
            part.p, -place, "D", color=STATUS_COLORS[row.status], markersize=5.5, clip_on=False, zorder=5
        )
    names = [_short(row, part) for row, part in shown]
    axes.set_yticks([-place for place in range(len(shown))], names, fontsize=8)
    axes.set_ylim(-len(shown) + 0.4, 0.6)
    axes.set_xlim(0.0, 1.0)
    axes.set_xticks([0.05, 0.25, 0.5, 0.75, 0.95], ["5 %", "25 %", "50 %", "75 %", "95 %"])
    axes.set_xlabel("share of predicted cohorts below the published number")
    words = "; ".join(f"{_short(row, part)}: {100 * part.p:.0f} % of cohorts below" for row, part in shown)
    return Panel(
        id="places",
        title="Each published number among its predicted cohorts",
        svg=svg_text(canvas, "places"),
        description=words,
    )


def _short(row: CredibilityRow, part: PredictedStatistic) -> str:
    which = f", {'lowest' if part.name == 'minimum' else 'highest'}" if len(row.parts) > 1 else ""
    label = in_print(row.label)
    label = label if len(label) <= 46 else label[:44].rstrip() + " …"
    return f"{row.study_id}: {label}{which}"


def _histogram(result: Credibility) -> Panel:
    """Histogram of the places by status, beside what chance leaves of a flat one."""
    from matplotlib.figure import Figure
    from scipy.stats import binom

    groups = [
        (status, result.pit_values(status)) for status in STATUS_WORDS if len(result.pit_values(status))
    ]
    columns = max(2, len(groups))  # one alone would fill the page
    canvas = Figure(figsize=(9.2, 2.9))
    canvas.subplots_adjust(left=0.06, right=0.98, top=0.86, bottom=0.2, wspace=0.25)
    drawn = canvas.subplots(1, columns, squeeze=False).ravel()
    for axes in drawn[len(groups) :]:
        axes.set_axis_off()
    said: list[str] = []
    for axes, (status, values) in zip(drawn, groups, strict=False):
        counts = [
            int(((values * _BINS).clip(max=_BINS - 1e-9).astype(int) == place).sum())
            for place in range(_BINS)
        ]
        low, high = binom.interval(0.95, len(values), 1.0 / _BINS)
        axes.axhspan(low, high, color=MUTED, alpha=0.15, linewidth=0)
        axes.axhline(len(values) / _BINS, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.bar(
            [(place + 0.5) / _BINS for place in range(_BINS)],
            counts,
            0.92 / _BINS,
            color=STATUS_COLORS[status],
        )
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(0, max(*counts, high) + 1)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_title(f"{status}, {len(values)} numbers", loc="left", fontsize=9, fontweight="bold")
        axes.set_xlabel("place (PIT)")
        axes.tick_params(axis="x", colors=INK)
        said.append(f"{status}: counts in tenths {', '.join(map(str, counts))}")
    return Panel(
        id="pit", title="Histogram of places", svg=svg_text(canvas, "pit"), description="; ".join(said)
    )
