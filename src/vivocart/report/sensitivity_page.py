"""Global sensitivity on one page and in one figure: who decides an endpoint, alone and together with others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivocart.decisions.sensitivity import GlobalSensitivity
from vivocart.report.drawing import STYLE
from vivocart.report.palette import GRID, INK, MUTED, theme_css
from vivocart.report.record_page import environment, read_template
from vivocart.report.spelling import exact, in_print, number, unit_words
from vivocart.report.tornado import KIND_COLORS
from vivocart.scenarios.files import replace_folder
from vivocart.scenarios.summary import records, to_json
from vivocart.scenarios.weights import HEADLINE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FILES = (
    "indices.csv",
    "inputs.csv",
    "outputs.csv",
    "screening.csv",
    "sensitivity.html",
    "sensitivity.json",
    "sensitivity.svg",
)
"""Names of the files, in alphabetical order; ``screening.csv`` only where parameters were screened."""

RESEARCH = "For research, not for treatment decisions."
_PANELS = 9
_BARS = 8
_COLUMNS = 12  # parameters in the overview
_WIDE = 0.2  # a wider interval of the total order is said
_MATTERS = 0.01  # a total order below this is not listed


def write_sensitivity(result: GlobalSensitivity, folder: Path, *, top: int = _BARS) -> None:
    """Write tables, JSON, figure and page into ``folder``: all of them new and whole, or none changed.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    page = render_sensitivity(result)
    with replace_folder(folder) as staging:
        result.indices.to_csv(staging / "indices.csv", index=False, float_format="%.6g")
        result.inputs.to_csv(staging / "inputs.csv", index=False, float_format="%.6g")
        result.outputs.to_csv(staging / "outputs.csv", index=False, float_format="%.6g")
        if len(result.screening):
            result.screening.to_csv(staging / "screening.csv", index=False, float_format="%.6g")
        (staging / "sensitivity.json").write_text(to_json(sensitivity_summary(result)), encoding="utf-8")
        (staging / "sensitivity.html").write_text(page, encoding="utf-8")
        draw_sensitivity(result, staging / "sensitivity.svg", top=top)


def sensitivity_summary(result: GlobalSensitivity) -> dict[str, Any]:
    """All of the result as plain data."""
    return {
        "purpose": "for research, not for treatment decisions",
        "regimen": result.regimen.sentence,
        "days": result.days,
        "n_patients": result.n_patients,
        "n_runs": result.n_runs,
        "n_failed": result.n_failed,
        "indices": records(result.indices),
        "outputs": records(result.outputs),
        "inputs": records(result.inputs),
        "screening": records(result.screening),
        "left_out": dict(result.left_out),
        "provenance": result.provenance.as_dict(),
    }


def headline_endpoints(result: GlobalSensitivity, most: int = _PANELS) -> tuple[str, ...]:
    """The endpoints that a first look shows: the model's headline ones where they were asked for, then the others."""
    known = [str(name) for name in result.outputs["endpoint"]]
    first = [name for name in HEADLINE if name in known]
    return tuple(
        (first if len(first) > 2 else [*first, *(name for name in known if name not in first)])[:most]
    )


def draw_sensitivity(result: GlobalSensitivity, path: Path, *, top: int = _BARS) -> None:
    """Draw the indices of the headline endpoints into an SVG or PNG file, ``top`` parameters each."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    shown = headline_endpoints(result)
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    with mpl.rc_context(STYLE | {"figure.facecolor": "white"}):
        canvas = Figure(figsize=(5.2 * columns, 1.1 + rows * (0.9 + 0.24 * top)), layout="constrained")
        grid = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axes, name in zip(grid, shown, strict=False):
            _draw_panel(axes, result, name, top)
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        kinds = set(result.indices["kind"])
        handles = [Patch(color=color, label=kind) for kind, color in KIND_COLORS.items() if kind in kinds]
        canvas.legend(handles=handles, loc="outside upper right", ncols=len(handles), fontsize=8)
        canvas.supxlabel(f"{result.regimen.sentence}. {RESEARCH}", fontsize=8, color=MUTED)
        metadata: dict[str, str | None] = {"Date": None} if path.suffix.lower() == ".svg" else {}
        canvas.savefig(path, metadata=metadata, dpi=150)


def _draw_panel(axes: Axes, result: GlobalSensitivity, endpoint: str, top: int) -> None:
    table = result.of_endpoint(endpoint).head(top).iloc[::-1]
    labels = dict(zip(result.outputs["endpoint"], result.outputs["label"], strict=True))
    colors = [KIND_COLORS[str(kind)] for kind in table["kind"]]
    places = list(range(len(table)))
    total, first = table["total_order"].clip(lower=0.0), table["first_order"].clip(lower=0.0)
    axes.barh(places, total, color=colors, alpha=0.35, height=0.72)
    axes.barh(places, first, color=colors, height=0.36)
    reach = (table["total_order_high"] - table["total_order"]).to_numpy(dtype=float)
    axes.errorbar(total, places, xerr=reach, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2)
    axes.set_yticks(places, [str(name) for name in table["parameter_id"]], fontsize=7.5)
    axes.set_xlim(0.0, 1.02)  # a wider interval runs out of the frame
    axes.grid(axis="x", color=GRID)
    axes.set_title(in_print(str(labels[endpoint])), loc="left", fontsize=9, fontweight="bold")
    axes.set_xlabel("share of variance: dark alone, pale with interactions", fontsize=7.5)


def render_sensitivity(result: GlobalSensitivity) -> str:
    """The page: overview, every endpoint, what was varied, what has no indices."""
    return (
        environment()
        .get_template("sensitivity.html.j2")
        .render(
            result=result,
            css=read_template("trial.css"),
            theme=theme_css(),
            research=RESEARCH,
            overview=_overview(result),
            endpoints=[_endpoint_rows(result, row) for row in records(result.outputs)],
            inputs=[_input_row(row) for row in records(result.inputs)],
            n_varied=len(result.parameter_ids),
            left_out=sorted(result.left_out.items()),
            provenance=result.provenance.as_dict(),
            colors={kind: f"var(--arm-{place})" for kind, place in _KIND_PLACES.items()},
        )
    )


_KIND_PLACES = {"measured": 3, "estimated": 1, "assumed": 2, "scenario": 4}


def _overview(result: GlobalSensitivity) -> dict[str, Any]:
    """Headline endpoints by the parameters that matter most to them: total order in each cell."""
    shown = headline_endpoints(result, most=12)
    rows = [row for row in records(result.indices) if row["endpoint"] in shown]
    shares = {(row["endpoint"], row["parameter_id"]): max(0.0, row["total_order"]) for row in rows}
    surely: dict[str, float] = {}
    for row in rows:
        surely[row["parameter_id"]] = max(row["total_order_low"], surely.get(row["parameter_id"], 0.0))
    ranked = sorted(surely, key=lambda name: -surely[name])[:_COLUMNS]
    kinds = {row["parameter_id"]: row["kind"] for row in rows}
    labels = dict(zip(result.outputs["endpoint"], result.outputs["label"], strict=True))
    return {
        "parameters": [{"id": name, "kind": kinds[name]} for name in ranked],
        "rows": [
            {
                "label": in_print(str(labels[name])),
                "shares": [shares[name, parameter] for parameter in ranked],
            }
            for name in shown
        ],
    }


def _endpoint_rows(result: GlobalSensitivity, output: dict[str, Any]) -> dict[str, Any]:
    table: pd.DataFrame = result.of_endpoint(output["endpoint"])
    every = records(table)
    rows = [row for row in every if row["total_order_high"] >= _MATTERS][: 2 * _BARS]
    is_wide = max(row["total_order_high"] - row["total_order"] for row in every) > _WIDE
    capped = ""
    if output["n_capped"]:
        share = 100.0 * output["n_capped"] / result.n_runs
        capped = f"in {share:.2g} % of runs not reached; these count as {output['cap']:g} {unit_words(output['unit'])}"
    return {
        "id": output["endpoint"],
        "label": in_print(str(output["label"])),
        "spread": f"median {number(output['median'])}, 90 % of runs {number(output['q05'])} to {number(output['q95'])} "
        f"{unit_words(output['unit'])}".strip(),
        "capped": capped,
        "is_wide": is_wide,
        "alone": f"{100.0 * sum(max(row['first_order'], 0.0) for row in every):.0f}",
        "rows": [
            row
            | {
                "total": f"{row['total_order']:.2f} ({row['total_order_low']:.2f} to {row['total_order_high']:.2f})",
                "first": f"{row['first_order']:.2f} ({row['first_order_low']:.2f} to {row['first_order_high']:.2f})",
                "width": min(max(row["total_order"], 0.0), 1.0),
                "inner": min(max(row["first_order"], 0.0), 1.0),
            }
            for row in rows
        ],
    }


def _input_row(row: dict[str, Any]) -> dict[str, Any]:
    unit = unit_words(row["unit"])
    return row | {
        "text": f"{exact(row['value'])} {unit}".strip(),
        "range": f"{exact(row['low90'])} to {exact(row['high90'])} {unit}".strip(),
        "score_text": "" if row["score"] != row["score"] else f"{row['score']:.2g}",
    }


def strongest_rows(result: GlobalSensitivity, top: int) -> Sequence[tuple[str, str, str, str]]:
    """The strongest parameters as a terminal prints them: parameter, kind, endpoint, total order with its interval."""
    return [
        (
            str(row["parameter_id"]),
            str(row["kind"]),
            str(row["endpoint"]),
            f"{row['total_order']:.2f} ({row['total_order_low']:.2f} to {row['total_order_high']:.2f})",
        )
        for row in records(result.strongest.head(top))
    ]
