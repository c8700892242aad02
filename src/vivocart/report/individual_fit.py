"""A fit of individual patients on one page, and the files that go with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vivocart.calibration.individuals.analysis import IndividualAnalysis, fit_summary
from vivocart.calibration.individuals.posterior_tree import posterior_tree
from vivocart.report.individual_figures import MOST_PATIENTS, individual_figures
from vivocart.report.palette import theme_css
from vivocart.report.record_page import environment, read_template
from vivocart.report.spelling import exact
from vivocart.scenarios.files import replace_folder
from vivocart.scenarios.summary import records, to_json

FILES = (
    "estimates.csv",
    "fit.json",
    "individual.csv",
    "measurements.csv",
    "posterior.nc",
    "predictive_check.csv",
    "report.html",
)
"""Names of the files, in alphabetical order."""

_RESEARCH = "For research, not for treatment decisions."
_FEW_PATIENTS = 15
_STRONG_SHRINKAGE = 30.0
_LARGE_CONDITION = 1000.0
_FEW_EFFECTIVE = 50.0
_WORDS = {
    "typical": "typical value",
    "effect": "effect of a covariate",
    "spread": "spread between patients",
    "correlation": "correlation between patients",
    "additive": "residual error, constant",
    "proportional": "residual error, proportional",
}


def write_individual_fit(analysis: IndividualAnalysis, folder: Path) -> None:
    """Write page, tables, JSON and draws into ``folder``: all of them new and whole, or none changed.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    page = render_individual_fit(analysis)
    tree = posterior_tree(analysis.fit, analysis.vectors, analysis.provenance)
    with replace_folder(folder) as staging:
        for name, table in (
            ("estimates.csv", analysis.estimates),
            ("individual.csv", analysis.patients),
            ("measurements.csv", analysis.measurements),
            ("predictive_check.csv", analysis.check),
        ):
            table.to_csv(staging / name, index=False, float_format="%.8g")
        (staging / "fit.json").write_text(to_json(fit_summary(analysis)), encoding="utf-8")
        (staging / "report.html").write_text(page, encoding="utf-8")
        tree.to_netcdf(staging / "posterior.nc", engine="h5netcdf")


def render_individual_fit(analysis: IndividualAnalysis) -> str:
    """The HTML text of the page; the same analysis gives the same bytes."""
    summary = fit_summary(analysis)
    problem = analysis.fit.problem
    return (
        environment()
        .get_template("individual_fit.html.j2")
        .render(
            research=_RESEARCH,
            theme=theme_css(),
            css=read_template("trial.css"),
            summary=summary,
            answer=_answer(analysis, summary),
            warnings=fit_warnings(analysis),
            estimates=[_estimate(row) for row in records(analysis.estimates)],
            patients=_patients(analysis),
            parameters=[entry.id for entry in problem.layout.parameters],
            figures=individual_figures(analysis),
            n_hidden=max(0, problem.n_subjects - MOST_PATIENTS),
            history=[
                _round(number, row) for number, row in enumerate(analysis.fit.history.tolist(), start=1)
            ],
            provenance=analysis.provenance.as_dict(),
        )
    )


def fit_warnings(analysis: IndividualAnalysis) -> list[str]:
    """What a reader must know before trusting a number of the fit, one sentence each."""
    fit, uncertainty = analysis.fit, analysis.uncertainty
    found: list[str] = []
    if not fit.settled:
        found.append(
            "The rounds did not settle: run again with other start values before reading the numbers."
        )
    if not uncertainty.is_known:
        found.append(
            "The data cannot tell some of the numbers apart, so there are no standard errors: hold or drop one."
        )
    elif uncertainty.condition > _LARGE_CONDITION:
        found.append(
            f"Some numbers can hardly be told apart (condition number {uncertainty.condition:,.0f})."
        )
    if float(fit.weighed.effective.min()) < _FEW_EFFECTIVE:
        found.append("A patient is represented by few draws: ask for more with --draws.")
    for row in records(analysis.estimates):
        kind, _, of = str(row["name"]).partition(":")
        if row.get("note") and row["note"] != "held":
            found.append(f"{_WORDS[kind]} of {of}: {row['note']}.")
        shrunk = row.get("shrinkage_percent")
        if shrunk is not None and not math.isnan(shrunk) and shrunk > _STRONG_SHRINKAGE:
            found.append(
                f"The patients' own values of {of} are drawn to the typical one (shrinkage {shrunk:.0f} %): "
                "do not read covariates off them."
            )
    n = fit.problem.n_subjects
    if n + fit.problem.prior_patients < _FEW_PATIENTS:
        who = "1 patient says" if n == 1 else f"{n} patients say"
        found.append(f"{who} little about how patients differ; spreads tend to come out too small.")
    if not fit.problem.uses_prior and n < len(fit.vector):
        found.append("There are fewer patients than numbers to find: use what is known beforehand (--prior).")
    return found


def _answer(analysis: IndividualAnalysis, summary: Mapping[str, Any]) -> list[str]:
    data = summary["data"]
    typical = [row for row in records(analysis.estimates) if str(row["name"]).startswith("typical:")]
    said = ", ".join(
        f"{row['name'].partition(':')[2]} {exact(row['estimate'])}{_plus_minus(row)}" for row in typical
    )
    censored = data["beyond_a_limit"]
    beyond = f", {censored} of them beyond a limit of quantification and counted as such" if censored else ""
    return [
        f"{data['patients']} patients with {data['measurements']} measurements{beyond}. Typical values: {said}.",
        f"Minus twice the log-likelihood is {summary['minus_two_log_likelihood']:.2f} "
        f"(Monte Carlo error {summary['minus_two_log_likelihood_monte_carlo_error']:.2f}) with "
        f"{summary['numbers_estimated']} numbers found.",
    ]


def _plus_minus(row: Mapping[str, Any]) -> str:
    error = row.get("standard_error")
    unit = "" if row["unit"] in ("1", "") else f" {row['unit']}"
    return unit if error is None or math.isnan(error) else f"{unit} (± {exact(error)})"


def _estimate(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, _, of = str(row["name"]).partition(":")

    def shown(key: str, form: str = "{}") -> str:
        value = row.get(key)
        return "–" if value is None or math.isnan(value) else form.format(exact(value))

    return {
        "of": of,
        "what": _WORDS[kind],
        "unit": "" if row["unit"] in ("1", "") else row["unit"],
        "estimate": exact(row["estimate"]),
        "error": shown("standard_error"),
        "relative": shown("relative_standard_error_percent"),
        "interval": "–" if shown("lower") == "–" else f"{shown('lower')} to {shown('upper')}",
        "cv": shown("cv_percent"),
        "shrinkage": shown("shrinkage_percent"),
        "note": row.get("note") or "",
    }


def _patients(analysis: IndividualAnalysis) -> list[dict[str, Any]]:
    rows: dict[str, list[str]] = {}
    for row in records(analysis.patients):
        cell = (
            exact(row["mode"])
            if row["sd"] == 0
            else f"{exact(row['mode'])} ({exact(row['lower'])} to {exact(row['upper'])})"
        )
        rows.setdefault(str(row["id"]), []).append(cell)
    return [{"id": name, "cells": cells} for name, cells in rows.items()]


def _round(number: int, row: list[float]) -> dict[str, str]:
    return {
        "round": str(number),
        "objective": f"{row[0]:.3f}",
        "change": f"{row[1]:.4f}",
        "share": f"{100 * row[2]:.0f} %",
    }
