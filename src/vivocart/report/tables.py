"""Rows of the report's tables, as plain data that the template prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vivocart.report.spelling import as_printed, exact, in_print, number, unit_words
from vivocart.report.strips import strip_svg
from vivocart.scenarios.result import ArmResult, ExamplePatient, TrialResult
from vivocart.scenarios.summary import heaviest, records
from vivocart.therapies.course import plain_time

_HEAVIEST = 12  # the rest stand in the model's parameter table
_SHOWN_SHARE = 0.005


def comparison_rows(result: TrialResult) -> list[dict[str, Any]]:
    """Each published observation with its drawing and the number of its reference."""
    places = {reference.record_id: position for position, reference in enumerate(result.references, start=1)}
    return [
        {"row": row, "place": places.get(row.record_id), "strip": strip_svg(row)} for row in result.comparison
    ]


def infusion_rows(result: TrialResult) -> list[dict[str, Any]]:
    """A row for each arm and each run of equal infusions: ``arm, number, product, dose, over, days, cohort_size``."""
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
                "over": plain_time(hours),
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
    items = [records(arm.sledai_items) for arm in arms]
    days = spaced(sorted({float(row["day"]) for row in items[0]}))
    shares = [{(row["item"], row["day"]): float(row["share"]) for row in rows} for rows in items]
    rows = [
        {**named, "cells": [[share.get((named["item"], day), 0.0) for day in days] for share in shares]}
        for named in _named_items(items[0])
    ]
    shown = [row for row in rows if max(share for cells in row["cells"] for share in cells) >= _SHOWN_SHARE]
    return {
        "days": days,
        "arms": [arm.label for arm in arms],
        "rows": shown,
        "n_hidden": len(rows) - len(shown),
    }


def _named_items(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Item, weight and organ of each item, once, in the order of the rows."""
    found = {row["item"]: row for row in reversed(rows)}
    return [
        {"item": str(item), "weight": int(found[item]["weight"]), "organ": str(found[item]["organ"])}
        for item in dict.fromkeys(row["item"] for row in rows)
    ]


def example_table(example: ExamplePatient | None) -> dict[str, Any] | None:
    """Items that the example patient ever has, by visit, and the scores that they add up to."""
    if example is None:
        return None
    items = records(example.items)
    days = spaced(sorted({float(row["day"]) for row in items}))
    present = {(row["item"], row["day"]): bool(row["present"]) for row in items}
    shown: list[dict[str, Any]] = []
    for named in _named_items(items):
        cells = [present.get((named["item"], day), False) for day in days]
        if any(cells):
            shown.append(named | {"cells": cells})
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
    rows = heaviest(result.assumptions, _HEAVIEST)
    top = max((row["weight"] for row in rows), default=0.0)
    return [
        {
            **row,
            "width": 100 * row["weight"] / top if top else 0.0,
            "moves": labels.get(row["weight_endpoint"], in_print(row["weight_endpoint"])),
        }
        for row in rows
    ]


def interval_rows(result: TrialResult) -> dict[str, Any]:
    """Endpoints by dosing interval: ``days`` and a row for each arm and endpoint."""
    table = records(result.intervals)
    days = sorted({float(row["interval_days"]) for row in table})
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in table:
        factor, unit = as_printed(row["endpoint"], row["label"], row["unit"])
        middle, low, high = (number(factor * row[name]) for name in ("median", "q05", "q95"))
        head = {"arm": row["arm"], "label": in_print(row["label"]), "unit": unit, "cells": {}}
        group = groups.setdefault((row["endpoint"], row["arm"]), head)
        group["cells"][row["interval_days"]] = f"{middle} ({low} to {high})"
    order = list(dict.fromkeys(row["endpoint"] for row in table))
    ordered = sorted(groups, key=lambda key: order.index(key[0]))
    return {
        "days": days,
        "rows": [
            groups[key] | {"cells": [groups[key]["cells"].get(day, "–") for day in days]} for key in ordered
        ],
    }


def failure_rows(result: TrialResult) -> list[dict[str, Any]]:
    """Virtual patients of every arm who could not be integrated."""
    return [{"arm": arm.label, **row} for arm in result.arms for row in records(arm.failures)]


def fit_rows(result: TrialResult) -> dict[str, Any] | None:
    """What the fit behind the result informed, a row for each unknown, and how likely it finds each interval."""
    fitted = result.fitted
    if fitted is None:
        return None
    units = {
        str(row["parameter_id"]): str(row["unit"]) for row in result.assumptions.to_dict(orient="records")
    }
    rows = [
        {
            "name": row["parameter"] if row["part"] == "typical" else f"spread of {row['parameter']}",
            "unit": units.get(str(row["parameter"]), "1") if row["part"] == "typical" else "1",
            "before": row["prior_median"],
            "center": row["center"],
            "median": row["median"],
            "low": row["q05"],
            "high": row["q95"],
            "contraction": row["contraction"],
            "kind": row["kind"],
        }
        for row in fitted.informed.to_dict(orient="records")
    ]
    left = fitted.n_unknowns - len(rows)
    sentence = (
        f"{fitted.n_fitted} published observations of {fitted.sources} were fitted, by: {fitted.command}. Of "
        f"{fitted.n_unknowns} unknowns they inform {len(rows)}; the other {left} keep what was set by hand or taken from "
        "other sources, and widen the wide interval. Rows that were fitted agree because they were fitted: that is no test."
    )
    return {
        "sentence": sentence,
        "rows": rows,
        "intervals": fitted.intervals.to_dict(orient="records"),
    }
