"""The answer in plain words: sentences made of the result's own numbers, never of fixed ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vivocart.report.drawing import infusion_words
from vivocart.report.spelling import as_printed, in_print, number, percent, summary_cell
from vivocart.scenarios.result import ArmResult, ComparisonRow, TrialResult
from vivocart.scenarios.summary import kinds

if TYPE_CHECKING:
    import pandas as pd

HEADLINE = (
    "car_percent_peak",
    "car_peak_hour_first",
    "car_return_days",
    "b_cells_nadir",
    "b_cell_depletion_days",
    "b_cell_return_day",
    "b_cells_tissue_nadir",
    "autoantibody_d90",
    "c3_d90",
    "sledai_baseline",
    "sledai_d90",
    "sledai_d180",
    "upcr_d90",
    "il6_peak",
    "crp_peak",
    "crs_grade_max",
    "crs_severe",
    "tocilizumab_given",
)
"""Endpoints of the table at the top of the report, as far as the result has them."""

_NOTHING = {"–", "0 (0 to 0)"}
_FAMILIES = {
    "carrier": "Particles in plasma",
    "car_t": "CAR-T cells",
    "b_cells": "B cells",
    "antibodies": "Antibodies",
    "complement": "Complement",
    "renal": "Kidney",
    "sledai": "Disease activity (SLEDAI-2K)",
    "steroid": "Prednisone",
    "safety": "Safety",
    "time_to_event": "Time to event",
}


def headline_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows at the top of the report, without CAR-T endpoints where no arm has such cells."""
    by_id = {row["endpoint"]: row for row in rows}
    found = [by_id[name] for name in HEADLINE if name in by_id]
    return [
        row for row in found if not (row["family"] == _FAMILIES["car_t"] and set(row["cells"]) <= _NOTHING)
    ]


def grade_rows(result: TrialResult) -> list[dict[str, Any]]:
    """Share of patients of each arm by highest CRS grade; no row if the grade was not read."""
    if not all("crs_grade_max" in arm.table for arm in result.arms):
        return []
    grades = [_grades(arm) for arm in result.arms]
    words = ("none", "grade 1", "grade 2", "grade 3", "grade 4", "grade 5")
    top = max(4, int(max(values.max() for values in grades if values.size)))
    return [
        {"words": words[grade], "cells": [float((values == grade).mean()) for values in grades]}
        for grade in range(top + 1)
    ]


def _grades(arm: ArmResult) -> np.ndarray:
    grades = arm.table.column("crs_grade_max")
    return grades[~np.isnan(grades)]


def endpoint_rows(tables: Sequence[pd.DataFrame]) -> list[dict[str, Any]]:
    """Every endpoint with a cell for each arm: ``family, endpoint, label, unit, cells, not_applicable``."""
    tables = [table.set_index("endpoint", drop=False) for table in tables]
    rows: list[dict[str, Any]] = []
    for endpoint in tables[0].index:
        found = [table.loc[endpoint].to_dict() for table in tables if endpoint in table.index]
        first = found[0]
        rows.append(
            {
                "endpoint": endpoint,
                "family": _FAMILIES.get(first["family"], first["family"]),
                "label": in_print(first["label"]),
                "unit": "" if first["is_flag"] else as_printed(endpoint, first["label"], first["unit"])[1],
                "cells": [summary_cell(row) for row in found],
                "not_applicable": max(int(row["not_applicable"]) for row in found),
            }
        )
    return rows


def answer(result: TrialResult, tables: Sequence[pd.DataFrame]) -> list[str]:
    """The plain-words answer: a sentence or three for each arm, heaviest dose first, then how it stands to the source."""
    by_dose = sorted(zip(result.arms, tables, strict=True), key=lambda pair: -_amount(pair[0]))
    said = [_arm_sentences(arm, table) for arm, table in by_dose]
    if any(row.is_predicted for row in result.comparison):
        said.append(_against_source(result.comparison, is_fitted=result.fitted is not None))
    return [*said, _resting_on(result)]


def _amount(arm: ArmResult) -> float:
    return sum(row.amount for row in arm.regimen.infusions_table)


def _arm_sentences(arm: ArmResult, endpoints: pd.DataFrame) -> str:
    table = endpoints.set_index("endpoint")
    rows: dict[str, dict[str, Any]] = {str(name): table.loc[name].to_dict() for name in table.index}

    def said(endpoint: str, template: str, shown: Callable[[float], str] = number) -> str | None:
        row = rows.get(endpoint)
        if row is None or math.isnan(row["median"]) or row["q95"] == 0:
            return None
        return template.format(m=shown(row["median"]), a=shown(row["q05"]), b=shown(row["q95"]))

    n = len(arm.table) - len(arm.failures)
    opening = f"**{arm.label}** ({infusion_words(arm)}; {n:,} virtual patients): "
    cells = [
        said(
            "car_percent_peak",
            "**{m} %** of CD8 cells in blood carry the CAR at the peak (90 % of patients {a} to {b} %)",
        ),
        said(
            "b_cell_depletion_days",
            "B cells in blood stay below 5 per µL for **{m} days** without break ({a} to {b})",
        ),
        said(
            "b_cells_tissue_nadir",
            "**{m} %** of B cells in lymphoid tissue are left at the lowest point ({a} to {b})",
            percent,
        ),
    ]
    text = opening + "; ".join(cell for cell in cells if cell) + "."
    activity = _activity_sentence(arm)
    return " ".join(part for part in (text, activity, _safety_sentence(arm)) if part)


def _activity_sentence(arm: ArmResult) -> str:
    visits = arm.sledai_visits.set_index("day")
    if 0 not in visits.index or 90 not in visits.index:
        return ""
    start, later = visits.loc[0], visits.loc[90]
    return (
        f"SLEDAI-2K goes from **{start['median']:.0f}** ({start['q05']:.0f} to {start['q95']:.0f}) to "
        f"**{later['median']:.0f}** ({later['q05']:.0f} to {later['q95']:.0f}) at day 90."
    )


def _safety_sentence(arm: ArmResult) -> str:
    if "crs_grade_max" not in arm.table:
        return ""
    grades = _grades(arm)
    any_grade, severe = percent(float((grades >= 1).mean())), percent(float((grades >= 3).mean()))
    return f"Cytokine release syndrome: **{any_grade} %** of any grade, {severe} % grade 3 or higher."


def _resting_on(result: TrialResult) -> str:
    counted = kinds(result.assumptions)
    return (
        f"**{counted['assumed']}** of the model's {sum(counted.values())} parameters are assumed. The numbers say what "
        "these assumptions imply in virtual patients, not what a patient will experience."
    )


def _against_source(rows: tuple[ComparisonRow, ...], *, is_fitted: bool) -> str:
    predicted = [row for row in rows if row.is_predicted]
    outside = [row for row in predicted if not row.is_inside]
    inside = len(predicted) - len(outside)
    verb = "lies" if inside == 1 else "lie"
    noun = "observation" if len(predicted) == 1 else "observations"
    text = (
        f"Of {len(predicted)} published {noun} that the model can show **{inside}** {verb} inside the central 90 % of "
        "simulated cohorts of the same size"
    )
    named = "; ".join(f"{in_print(row.label)} ({row.arm})" for row in outside)
    outside_words = f"; outside: {named}" if outside else ""
    made = (
        "were fitted to most of these observations, or set with them"
        if is_fitted
        else "were set with these observations"
    )
    return f"{text}{outside_words}. Constants {made} in view, so this is no independent test."
