"""How numbers, units and names stand in print."""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

PERCENT = 100.0


def in_print(text: str) -> str:
    """A label or an item's name as it stands in print; ``in_print.csv`` says which names are more than their words."""
    for written, printed in _printed():
        text = text.replace(written, printed)
    return text.replace("_", " ")


@functools.cache
def _printed() -> tuple[tuple[str, str], ...]:
    text = (files("vivocart.report") / "in_print.csv").read_text(encoding="utf-8")
    return tuple((row["written"], row["printed"]) for row in csv.DictReader(text.splitlines()))


def number(value: float | None) -> str:
    """A number as a physician reads it: whole from 10 up, two digits below; "not reached" for infinity."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "not reached"
    if abs(value) >= 10 or float(value).is_integer():
        return f"{value:,.0f}"
    rounded = float(f"{value:.2g}")  # 0.999 is 1.0, not 1.00
    digits = max(0, 1 - math.floor(math.log10(abs(rounded))))
    return f"{value:.{digits}f}"


def percent(share: float) -> str:
    """A share in percent, without the sign; a tiny one says so instead of listing zeros."""
    return "<0.1" if 0 < share < 0.001 else number(PERCENT * share)


def exact(value: float) -> str:
    """A parameter's value with four significant digits."""
    return f"{value:.4g}"


def unit_words(unit: str) -> str:
    """A unit as it stands in print; a pure number has none."""
    return {"1": "", "score": "points", "d": "d", "1/uL": "/µL", "ug/mL": "µg/mL", "10*9/L": "×10⁹/L"}.get(
        unit, unit
    )


def as_printed(endpoint: str, label: str, unit: str) -> tuple[float, str]:
    """Factor and unit in which an endpoint is printed: a share of something is shown in percent."""
    is_share = unit == "1" and "share" in label.lower() and "grade_max" not in endpoint
    return (PERCENT, "%") if is_share else (1.0, unit_words(unit))


def summary_cell(row: Mapping[str, Any]) -> str:
    """One endpoint of one arm: median (5 to 95 % of patients), or the share of patients for a flag."""
    if row["is_flag"]:
        return f"{percent(row['mean'])} % of patients"
    if math.isnan(row["median"]):
        return "–"
    factor, _ = as_printed(row["endpoint"], row["label"], row["unit"])
    shown = percent if factor == PERCENT else number
    middle, low, high = (shown(row[name]) for name in ("median", "q05", "q95"))
    return f"{middle} ({low} to {high})"
