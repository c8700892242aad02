"""The report of an exploration: one HTML file with what the page showed, what was given, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vivocart.evidence.citations import cite
from vivocart.evidence.library import records
from vivocart.report.drawing import STYLE, canvas_of, svg_text
from vivocart.report.palette import ARM_COLORS, BAND, MUTED, theme_css
from vivocart.report.record_page import DISCLAIMER, environment, read_template
from vivocart.scenarios.explorer import SLEDAI, Chart, Panel, explorer_settings

_POINTS = ("value", "at most", "at least")


def render_exploration(data: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The HTML text of an exploration's report; nothing outside it is needed.

    Parameters
    ----------
    data
        What the API answered: arms, marks, provenance.
    asked
        The request, printed so that it can be asked again.
    """
    names = dict.fromkeys(
        [mark["record_id"] for mark in data["marks"]] + list(data["provenance"]["record_ids"])
    )
    ids = [name for name in names if name in records()]
    types = {entry.id: entry for entry in explorer_settings().patient_types}
    who = types.get(str(asked.get("patient_type", "")))
    return environment().get_template("exploration.html.j2").render(
        arms=data["arms"],
        marks=_together(data["marks"], data["arms"]),
        drawings=[
            {"title": chart.title, "svg": draw_chart(chart, data), "words": _words(chart, data)}
            for chart in explorer_settings().charts
        ],
        rows=endpoint_rows(data["arms"]),
        references=list(zip(ids, cite(ids, "ama"), strict=True)) if ids else [],
        provenance=data["provenance"],
        patients="patients of an uploaded table" if asked.get("patients") else (who.note if who else ""),
        n_patients=data["n_patients"],
        days=data["days"],
        asked=asked,
        disclaimer=DISCLAIMER,
        theme=theme_css(),
        css=read_template("trial.css"),
    )  # fmt: skip


def endpoint_rows(arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each endpoint that any arm answers, a cell for each arm."""
    named = {row["id"]: row for arm in arms for row in arm["endpoints"]}
    cells = [{row["id"]: row["text"] for row in arm["endpoints"]} for arm in arms]
    return [
        {
            "label": row["label"],
            "unit": row["unit_printed"],
            "cells": [found.get(name, "–") for found in cells],
        }
        for name, row in named.items()
    ]


def draw_chart(chart: Chart, data: Mapping[str, Any]) -> str:
    """SVG text of a chart: median, 50 % and 90 % band of every arm."""
    import matplotlib

    panel = chart.panels[0]
    with matplotlib.rc_context(STYLE):
        canvas = canvas_of()
        axes = canvas.add_subplot()
        for place, arm in enumerate(data["arms"]):
            _draw_arm(axes, panel, arm, ARM_COLORS[place % len(ARM_COLORS)])
        for level in panel.levels:
            axes.axhline(level.value, color=MUTED, linewidth=0.7, linestyle="--")
        for mark in data["marks"]:
            is_here = (mark["chart"], mark["observable"]) == (chart.id, panel.observable)
            if is_here and mark["kind"] in _POINTS and mark["value"] is not None:
                axes.plot(mark["time_days"], mark["value"] * panel.factor, "D", color=MUTED, markersize=4)
        if panel.log:
            axes.set_yscale("log")
            axes.set_ylim(bottom=panel.floor)
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlim(right=min(chart.days or data["days"], data["days"]))
        axes.set_xlabel("days after the first infusion")
        axes.set_title(f"{panel.label} ({panel.unit})", loc="left", fontsize=9.5, fontweight="bold")
        return svg_text(canvas, f"exploration-{chart.id}")


def _draw_arm(axes: Any, panel: Panel, arm: Mapping[str, Any], color: str) -> None:
    times = arm["item_days"] if panel.observable == SLEDAI else arm["times"]
    band = {
        name: panel.factor * np.array(values, dtype=float)
        for name, values in arm["bands"][panel.observable].items()
    }
    if panel.log:
        band = {name: np.maximum(values, panel.floor) for name, values in band.items()}
    axes.fill_between(times, band["q05"], band["q95"], color=color, alpha=BAND[0], linewidth=0)
    axes.fill_between(times, band["q25"], band["q75"], color=color, alpha=BAND[1], linewidth=0)
    axes.plot(times, band["q50"], color=color, linewidth=1.6)


def _words(chart: Chart, data: Mapping[str, Any]) -> str:
    """The chart for those who do not see it: where each arm's median begins, and its extremes."""
    panel = chart.panels[0]
    parts: list[str] = []
    for arm in data["arms"]:
        middle = panel.factor * np.array(arm["bands"][panel.observable]["q50"], dtype=float)
        parts.append(
            f"{arm['label']}: median {middle[0]:.3g} at first, lowest {middle.min():.3g}, highest {middle.max():.3g}, "
            f"{middle[-1]:.3g} at the end"
        )
    return f"{panel.label} in {panel.unit}. {'; '.join(parts)}."


def _together(marks: list[dict[str, Any]], arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**mark, "arm_label": arms[mark["arm"]]["label"]} for mark in marks]
