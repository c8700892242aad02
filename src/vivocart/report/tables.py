"""Rows of the report's tables, as plain data that the template prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vivocart.report.spelling import as_printed, exact, in_print, number, unit_words
from vivocart.report.strips import strip_svg
from vivocart.scenarios.result import ArmResult, ExamplePatient, TrialResult
from vivocart.scenarios.summary import heaviest

_HEAVIEST = 12  # the rest stand in the model's parameter table
_SHOWN_SHARE = 0.005


def comparison_rows(result: TrialResult) -> list[dict[str, Any]]:
    """Each published observation with its drawing and the number of its reference."""
    places = {reference.record_id: position for position, reference in enumerate(result.references, start=1)}
    return [
        {"row": row, "place": places.get(row.record_id), "strip": strip_svg(row)} for row in result.comparison
    ]


def infusion_rows(result: TrialResult) -> list[dict[str, Any]]:
    """A row for each arm and each run of equal infusions: ``arm, number, product, dose, hours, days, cohort_size``."""
    rows: list[dict[str, Any]] = []
    for position, arm in enumerate(result.arms, start=1):
        runs: dict[tuple[str, float, str, float], list[float]] = {}
        for entry in arm.regimen.infusions_table:
            runs.setdefault((entry.product_id, entry.amount, entry.unit, entry.hours), []).append(entry.day)
        rows += [
            {
                "arm": arm.label,
                "number": position,
                "is_first": index == 0,
                "product": product,
                "dose": f"{exact(amount)} {unit_words(unit)}".strip(),
                "hours": hours,
                "days": ", ".join(f"{day:g}" for day in days),
                "count": len(days),
                "cohort_size": arm.cohort_size,
            }
            for index, ((product, amount, unit, hours), days) in enumerate(runs.items())
        ]
    return rows


def spaced(days: Sequence[float], apart: float = 25.0) -> list[float]:
    """The first day and those at least ``apart`` days after the one kept before: what a table has room for."""
    kept = [days[0]]
    for day in days[1:]:
        if day - kept[-1] >= apart:
            kept.append(day)
    return kept


def item_table(arms: tuple[ArmResult, ...]) -> dict[str, Any]:
    """Share of patients with each SLEDAI-2K item by arm and visit; items that hardly anyone has are counted, not shown."""
    days = spaced(sorted(set(arms[0].sledai_items["day"])))
    shares = [_shares(arm) for arm in arms]
    named = arms[0].sledai_items.drop_duplicates("item")[["item", "weight", "organ"]]
    rows = [
        {
            "item": str(item),
            "weight": int(weight),
            "organ": str(organ),
            "cells": [[share.get((str(item), float(day)), 0.0) for day in days] for share in shares],
        }
        for item, weight, organ in named.itertuples(index=False)
    ]
    shown = [row for row in rows if max(share for cells in row["cells"] for share in cells) >= _SHOWN_SHARE]
    return {
        "days": days,
        "arms": [arm.label for arm in arms],
        "rows": shown,
        "n_hidden": len(rows) - len(shown),
    }


def _shares(arm: ArmResult) -> dict[tuple[str, float], float]:
    columns = arm.sledai_items[["item", "day", "share"]]
    return {(str(item), float(day)): float(share) for item, day, share in columns.itertuples(index=False)}


def example_table(example: ExamplePatient | None) -> dict[str, Any] | None:
    """Items that the example patient ever has, by visit, and the scores that they add up to."""
    if example is None:
        return None
    days = spaced(sorted(set(example.items["day"])))
    columns = example.items[["item", "day", "present"]]
    present = {(str(item), float(day)): bool(flag) for item, day, flag in columns.itertuples(index=False)}
    named = example.items.drop_duplicates("item")[["item", "weight", "organ"]]
    rows = [
        {
            "item": str(item),
            "weight": int(weight),
            "organ": str(organ),
            "cells": [present.get((str(item), float(day)), False) for day in days],
        }
        for item, weight, organ in named.itertuples(index=False)
    ]
    shown = [row for row in rows if any(row["cells"])]
    scores = [sum(row["weight"] for row in shown if row["cells"][visit]) for visit in range(len(days))]
    return {
        "patient": example.patient,
        "arm": example.arm,
        "note": example.note,
        "days": days,
        "rows": shown,
        "scores": scores,
    }


def assumption_rows(result: TrialResult, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The heaviest assumptions, with ``width`` (weight as percent of the heaviest) and ``moves`` (endpoint in words).

    Parameters
    ----------
    labels
        Endpoint to its label.
    """
    table = heaviest(result.assumptions, _HEAVIEST)
    top = float(table["weight"].max()) if len(table) else 0.0
    return [
        {
            **row,
            "width": 100 * row["weight"] / top if top else 0.0,
            "moves": labels.get(row["weight_endpoint"], in_print(row["weight_endpoint"])),
        }
        for row in table.to_dict(orient="records")
    ]


def interval_rows(result: TrialResult) -> dict[str, Any]:
    """Endpoints by dosing interval: ``days`` and a row for each arm and endpoint."""
    table = result.intervals
    days = sorted(set(table["interval_days"])) if len(table) else []
    rows: list[dict[str, Any]] = []
    for (endpoint, arm), group in table.groupby(["endpoint", "arm"], sort=False):
        factor, unit = as_printed(str(endpoint), str(group["label"].iloc[0]), str(group["unit"].iloc[0]))
        cells = {
            row.interval_days: f"{number(factor * row.median)} ({number(factor * row.q05)} to {number(factor * row.q95)})"
            for row in group.itertuples()
        }
        rows.append(
            {
                "arm": arm,
                "endpoint": endpoint,
                "label": in_print(str(group["label"].iloc[0])),
                "unit": unit,
                "cells": [cells.get(day, "–") for day in days],
            }
        )
    return {"days": days, "rows": rows}


def failure_rows(result: TrialResult) -> list[dict[str, Any]]:
    """Virtual patients of every arm who could not be integrated."""
    return [
        {"arm": arm.label, **row} for arm in result.arms for row in arm.failures.to_dict(orient="records")
    ]
