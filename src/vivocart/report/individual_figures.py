"""Figures of a fit of individual patients: predictive check, goodness of fit, each patient's curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vivocart.calibration.individuals.analysis import IndividualAnalysis
from vivocart.calibration.individuals.diagnostics import individual_curves
from vivocart.ground.errors import InputError
from vivocart.report.drawing import STYLE, Figure, Panel, canvas_of, plain_number, svg_text
from vivocart.report.palette import ARM_COLORS, BAND, INK, MUTED, SURFACE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PATIENTS = 24
"""Patients whose own curves are drawn."""
_MOST_COVARIATES = 24
_WIDE_RANGE = 50.0  # from which on an axis is logarithmic
_PREDICTED, _OWN = ARM_COLORS[0], ARM_COLORS[1]


def individual_figures(analysis: IndividualAnalysis) -> tuple[Figure, ...]:
    """Every figure of the report in its order; the same analysis gives the same bytes."""
    import matplotlib as mpl

    kinds = list(dict.fromkeys(analysis.measurements["dvid"]))
    with mpl.rc_context(STYLE):
        check = tuple(
            panel for number, kind in enumerate(kinds) for panel in _check_panels(analysis, str(kind), number)
        )
        fits = tuple(
            panel for number, kind in enumerate(kinds) for panel in _fit_panels(analysis, str(kind), number)
        )
        curves = _curve_panels(analysis)
        covariates = _covariate_panels(analysis)
    figures = (
        Figure(
            id="vpc",
            title="Visual predictive check",
            reading="Lines: 10, 50 and 90 % of the measurements in each bin of time. Bands: where these lie in 90 % of the "
            "studies simulated with the fitted population. Points: the measurements. Dotted: a limit of quantification.",
            panels=check,
        ),
        Figure(
            id="gof",
            title="Goodness of fit",
            reading="Measured against predicted for the typical patient (pred) and for the patient's own parameters "
            "(ipred); prediction errors (npde) should scatter around 0 with 95 % of them between the dashed lines. "
            "Open triangles: values below or above a limit.",
            panels=fits,
        ),
        Figure(
            id="patients",
            title="Each patient",
            reading="Points: measured (triangles: beyond a limit). Solid: the patient's most likely parameters. Dashed: the "
            "typical patient with the same doses and covariates.",
            panels=curves,
        ),
        Figure(
            id="covariates",
            title="What covariates leave unexplained",
            reading="How far each patient's most likely parameter lies from what the fitted population says for its "
            "covariates, in standard deviations between patients. A slope asks for --covariate.",
            panels=covariates,
        ),
    )
    return tuple(figure for figure in figures if figure.panels)


def _table(analysis: IndividualAnalysis, kind: str) -> pd.DataFrame:
    return analysis.measurements.loc[analysis.measurements["dvid"] == kind]


def _logarithmic(analysis: IndividualAnalysis, kind: str) -> bool:
    """Whether a kind of measurement is shown on a logarithmic axis: it spans much, and its error grows with it."""
    error = next(entry for entry in analysis.fit.problem.layout.errors if entry.kind == kind)
    values = _series(_table(analysis, kind), "dv")
    positive = values[values > 0]
    if error.error == "additive":
        return False
    return bool(len(positive)) and bool((values >= 0).all()) and positive.max() / positive.min() > _WIDE_RANGE


def _named(analysis: IndividualAnalysis, kind: str) -> str:
    error = next(entry for entry in analysis.fit.problem.layout.errors if entry.kind == kind)
    unit = analysis.fit.problem.model.observables[error.observable].unit
    name = error.label.replace("_", " ")
    return f"{name} ({unit})" if unit not in ("", "1") else name


def _series(rows: pd.DataFrame, column: str) -> np.ndarray:
    return rows[column].to_numpy(dtype=float)


def _check_panels(analysis: IndividualAnalysis, kind: str, number: int) -> list[Panel]:
    rows = analysis.check.loc[analysis.check["dvid"] == kind]
    seen = _table(analysis, kind)
    label = _named(analysis, kind)
    canvas = canvas_of((6.2, 3.6))
    axes = canvas.subplots()
    clear = seen["censored"].to_numpy() == 0
    axes.plot(
        _series(seen, "time")[clear],
        _series(seen, "dv")[clear],
        linestyle="none",
        marker="o",
        markersize=2.6,
        color=MUTED,
        alpha=0.55,
    )
    for limit in np.unique(seen.loc[seen["censored"] == 1, "upper"].to_numpy()):
        axes.axhline(limit, color=MUTED, linewidth=0.8, linestyle=":")
    for statistic, color in (("p10", _PREDICTED), ("p50", _OWN), ("p90", _PREDICTED)):
        _band(axes, rows.loc[rows["statistic"] == statistic], color, dashed=statistic != "p50")
    if _logarithmic(analysis, kind):
        axes.set_yscale("log")
    axes.set_xlabel(_time_words(analysis))
    axes.set_title(label, loc="left", fontsize=9.5, fontweight="bold")
    axes.grid(axis="y")
    said = "; ".join(
        f"at {row['time']:g}: measured {_said(row['observed'])}, simulated {_said(row['simulated_low'])} to "
        f"{_said(row['simulated_high'])}"
        for row in rows.loc[rows["statistic"] == "p50"].to_dict(orient="records")
    )
    panels = [
        Panel(
            id=f"vpc-{number}",
            title=label,
            svg=svg_text(canvas, f"vpc-{number}"),
            description=f"Predictive check of {label}, medians by time: {said}",
        )
    ]
    below = rows.loc[rows["statistic"] == "below"]
    return [*panels, _below_panel(analysis, below, label, number)] if len(below) else panels


def _said(value: float) -> str:
    return "missing" if math.isnan(value) else plain_number(value)


def _band(axes: Axes, rows: pd.DataFrame, color: str, *, dashed: bool) -> None:
    time = _series(rows, "time")
    low, high = _series(rows, "simulated_low"), _series(rows, "simulated_high")
    axes.fill_between(time, low, high, color=color, alpha=BAND[0], linewidth=0)
    axes.plot(
        time,
        _series(rows, "observed"),
        color=color,
        linewidth=1.5,
        linestyle="--" if dashed else "-",
        marker="o",
        markersize=3,
    )


def _below_panel(analysis: IndividualAnalysis, below: pd.DataFrame, label: str, number: int) -> Panel:
    canvas = canvas_of((6.2, 2.2))
    axes = canvas.subplots()
    canvas.subplots_adjust(bottom=0.22)
    _band(axes, below, ARM_COLORS[3], dashed=False)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel(_time_words(analysis))
    axes.set_title("share below the limit of quantification", loc="left", fontsize=9.5, fontweight="bold")
    axes.grid(axis="y")
    said = "; ".join(
        f"at {row['time']:g}: measured {row['observed']:.2f}, simulated {row['simulated_low']:.2f} to "
        f"{row['simulated_high']:.2f}"
        for row in below.to_dict(orient="records")
    )
    panel_id = f"below-{number}"
    return Panel(
        id=panel_id,
        title=f"{label}: below the limit",
        svg=svg_text(canvas, panel_id),
        description=f"Share of {label} below the limit by time: {said}",
    )


def _time_words(analysis: IndividualAnalysis) -> str:
    unit = analysis.data_map.time_unit or analysis.fit.problem.model.system.time_unit
    return f"time ({unit})" if unit else "time"


def _fit_panels(analysis: IndividualAnalysis, kind: str, number: int) -> list[Panel]:
    seen, label = _table(analysis, kind), _named(analysis, kind)
    panels = [
        _against(seen, label, column, number, words, _logarithmic(analysis, kind))
        for column, words in (("pred", "typical patient"), ("ipred", "own parameters"))
    ]
    return [
        *panels,
        _errors_panel(seen, label, number, "time", _time_words(analysis), False),
        _errors_panel(
            seen, label, number, "pred", "predicted, typical patient", _logarithmic(analysis, kind)
        ),
    ]


def _against(
    seen: pd.DataFrame, label: str, column: str, number: int, words: str, logarithmic: bool
) -> Panel:
    canvas = canvas_of((3.6, 3.2))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.16)
    x, y = _series(seen, column), _series(seen, "dv")
    clear = seen["censored"].to_numpy() == 0
    _scatter(axes, x, y, clear)
    both = np.concatenate([x, y[clear]])
    if logarithmic and (x > 0).any():
        positive = both[both > 0]
        axes.set_xscale("log")
        axes.set_yscale("log")
        ends = (positive.min(), positive.max())
    else:
        ends = (both.min(), both.max())
    axes.plot(ends, ends, color=INK, linewidth=0.9)
    axes.set_xlabel(f"predicted, {words}")
    axes.set_title(f"measured {label}", loc="left", fontsize=9, fontweight="bold")
    axes.grid()
    panel_id = f"gof-{column}-{number}"
    correlation = (
        float(np.corrcoef(x[clear], y[clear])[0, 1]) if clear.sum() > 2 and x[clear].std() > 0 else math.nan
    )
    return Panel(
        id=panel_id,
        title=f"{label}, {column}",
        svg=svg_text(canvas, panel_id),
        description=f"Measured {label} against {column} of {len(seen)} measurements, correlation {correlation:.2f}",
    )


def _scatter(axes: Axes, x: np.ndarray, y: np.ndarray, clear: np.ndarray) -> None:
    shared: dict[str, Any] = {"linestyle": "none", "markersize": 3.4}
    axes.plot(
        x[clear],
        y[clear],
        marker="o",
        color=_PREDICTED,
        markeredgecolor=SURFACE,
        markeredgewidth=0.4,
        **shared,
    )
    axes.plot(x[~clear], y[~clear], marker="v", color=_OWN, markerfacecolor="none", **shared)


def _errors_panel(
    seen: pd.DataFrame, label: str, number: int, column: str, words: str, logarithmic: bool
) -> Panel:
    canvas = canvas_of((3.6, 3.2))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.16)
    clear = seen["censored"].to_numpy() == 0
    x, errors = _series(seen, column), _series(seen, "npde")
    _scatter(axes, x, errors, clear)
    axes.axhline(0.0, color=INK, linewidth=0.9)
    for edge in (-1.96, 1.96):
        axes.axhline(edge, color=MUTED, linewidth=0.8, linestyle="--")
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xlabel(words)
    axes.set_title("prediction error (npde)", loc="left", fontsize=9, fontweight="bold")
    panel_id = f"npde-{column}-{number}"
    outside = 100.0 * float(np.mean(np.abs(errors) > 1.96))
    return Panel(
        id=panel_id,
        title=f"{label}, npde",
        svg=svg_text(canvas, panel_id),
        description=f"Prediction errors of {label} against {words}: mean {errors.mean():.2f}, standard deviation "
        f"{errors.std():.2f}, {outside:.0f} % beyond 1.96",
    )


def _curve_panels(analysis: IndividualAnalysis) -> tuple[Panel, ...]:
    curves = individual_curves(analysis.fit)
    panels: list[Panel] = []
    errors = {entry.kind: entry.observable for entry in analysis.fit.problem.layout.errors}
    subjects = analysis.fit.problem.data.subjects[:MOST_PATIENTS]
    for number, (kind, observable) in enumerate(errors.items()):
        seen = _table(analysis, kind)
        mine = curves.loc[curves["observable"] == observable]
        logarithmic = _logarithmic(analysis, kind)
        for place, subject in enumerate(subjects):
            panels.append(_patient(analysis, seen, mine, subject, f"patient-{number}-{place}", logarithmic))
    return tuple(panels)


def _patient(
    analysis: IndividualAnalysis,
    seen: pd.DataFrame,
    curves: pd.DataFrame,
    subject: str,
    panel_id: str,
    logarithmic: bool,
) -> Panel:
    canvas = canvas_of((2.7, 2.1))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.17, bottom=0.2, top=0.86)
    own = seen.loc[seen["id"] == subject]
    for _, run in curves.loc[curves["id"] == subject].groupby("run"):
        axes.plot(run["time"], run["pred"], color=_PREDICTED, linewidth=1.0, linestyle="--")
        axes.plot(run["time"], run["ipred"], color=_OWN, linewidth=1.4)
    clear = own["censored"].to_numpy() == 0
    shared: dict[str, Any] = {"linestyle": "none", "markersize": 3.6, "color": INK}
    axes.plot(_series(own, "time")[clear], _series(own, "dv")[clear], marker="o", **shared)
    axes.plot(
        _series(own, "time")[~clear], _series(own, "dv")[~clear], marker="v", markerfacecolor="none", **shared
    )
    if logarithmic:
        axes.set_yscale("log")
        values = _series(seen, "dv")
        axes.set_ylim(bottom=0.3 * values[values > 0].min())
    several = len(analysis.fit.problem.layout.errors) > 1
    words = f"{subject}: {_named(analysis, str(own['dvid'].iloc[0]))}" if several and len(own) else subject
    axes.set_title(words, loc="left", fontsize=9, fontweight="bold")
    axes.set_xlabel(_time_words(analysis), fontsize=8)
    return Panel(
        id=panel_id,
        title=subject,
        svg=svg_text(canvas, panel_id),
        description=f"Patient {subject}: {len(own)} measurements; residuals of the own curve have a standard deviation of "
        f"{float(np.std(_series(own, 'iwres'))):.2f}",
    )


def _covariate_panels(analysis: IndividualAnalysis) -> tuple[Panel, ...]:
    problem = analysis.fit.problem
    values = analysis.fit.values
    spread = np.sqrt(np.diagonal(values.covariance))
    panels: list[Panel] = []
    for covariate in problem.data.covariates:
        try:
            x = problem.data.number(covariate)
        except InputError:
            continue  # not a number for each patient: nothing to draw
        if x.std() == 0:
            continue
        for index, place in enumerate(problem.layout.varying):
            away = (analysis.fit.modes.normal[:, place] - values.center[:, place]) / spread[index]
            name = problem.layout.parameters[place].id
            panels.append(_against_covariate(x, away, covariate, name, f"covariate-{len(panels)}"))
    return tuple(panels[:_MOST_COVARIATES])


def _against_covariate(x: np.ndarray, away: np.ndarray, covariate: str, name: str, panel_id: str) -> Panel:
    canvas = canvas_of((3.6, 2.9))
    axes = canvas.subplots()
    canvas.subplots_adjust(left=0.16)
    _scatter(axes, x, away, np.ones(len(x), dtype=bool))
    axes.axhline(0.0, color=INK, linewidth=0.9)
    axes.set_xlabel(covariate)
    axes.set_title(name, loc="left", fontsize=9, fontweight="bold")
    correlation = float(np.corrcoef(x, away)[0, 1])
    return Panel(
        id=panel_id,
        title=f"{name} against {covariate}",
        svg=svg_text(canvas, panel_id),
        description=f"What is unexplained of {name} against {covariate} in {len(x)} patients: correlation {correlation:.2f}",
    )
