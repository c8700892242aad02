"""The report: one HTML file that opens offline, reads on paper and on a phone, and says what was only assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import jinja2

from vivocart.report.drawing import load_drawing
from vivocart.report.figures import figures
from vivocart.report.palette import theme_css
from vivocart.report.record_page import environment, report_parts
from vivocart.report.spelling import percent
from vivocart.report.tables import (
    assumption_rows,
    comparison_rows,
    example_table,
    failure_rows,
    fit_rows,
    infusion_rows,
    interval_rows,
    item_table,
)
from vivocart.report.words import answer, endpoint_rows, grade_rows, headline_rows
from vivocart.scenarios.result import TrialResult
from vivocart.scenarios.summary import kinds
from vivocart.scenarios.support import shipped_support

DISCLAIMER = "For research, not for treatment decisions."
_KIND_WORDS = {
    "measured": "read off an experiment or a trial",
    "estimated": "derived from published data, by their authors or by us",
    "fitted": "informed by published observations that were fitted, within an assumed prior",
    "assumed": "set by hand where nothing was found",
    "scenario": "chosen by the user",
}
_KIND_COLORS = {
    "measured": 3,
    "estimated": 1,
    "fitted": 5,
    "assumed": 2,
    "scenario": 4,
}  # of the arms' colors
_TEMPLATES = files("vivocart.report") / "templates"


def prepare_report() -> None:
    """Load what :func:`render_report` takes a second for, so that it can be done beside the simulation."""
    load_drawing()
    shipped_support()
    _environment().get_template("trial.html.j2")


def render_report(result: TrialResult) -> str:
    """The HTML text of the report; the same result gives the same bytes.

    Parameters
    ----------
    result
        What the main job returned.
    """
    with ThreadPoolExecutor(1) as pool:  # a million patients are read and sorted while figures are drawn
        summed = pool.submit(lambda: [arm.table.summary() for arm in result.arms])
        drawn = {figure.id: figure for figure in figures(result)}
        parts = report_parts(result)
        tables = summed.result()
    rows = endpoint_rows(tables)
    template = _environment().get_template("trial.html.j2")
    return template.render(
        result=result,
        disclaimer=DISCLAIMER,
        css=_read("trial.css"),
        theme=theme_css(),
        answer=answer(result, tables),
        headline=headline_rows(rows),
        endpoint_rows=rows,
        grades=grade_rows(result),
        infusions=infusion_rows(result),
        figures=drawn,
        curves=[figure for figure in drawn.values() if figure.id != "interval"],
        comparison=comparison_rows(result),
        item_table=item_table(result.arms),
        example=example_table(result.example_patient),
        kinds=kinds(result.assumptions),
        kind_words=_KIND_WORDS,
        kind_colors=_KIND_COLORS,
        fit=fit_rows(result),
        heaviest=assumption_rows(result, {row["endpoint"]: row["label"] for row in rows}),
        weight_meaning=result.assumptions.attrs.get("weight_meaning", ""),
        intervals=interval_rows(result),
        failures=failure_rows(result),
        notes=[note for note in result.notes if note != DISCLAIMER],
        provenance=result.provenance.as_dict(),
        **parts,
    )


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    found = environment(_read)
    printed: dict[str, Callable[..., Any]] = {"groupby_in_order": _in_order, "percent": percent}
    found.filters.update(printed)
    return found


def _in_order(rows: Iterable[Mapping[str, Any]], key: str) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Groups in the order in which their first row comes."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row[key]), []).append(row)
    return list(groups.items())
