"""The numbers of a result as plain data whose JSON is the same, byte for byte, whenever the numbers are."""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vivocart.scenarios.endpoint_table import EndpointTable
from vivocart.scenarios.result import ArmResult, ComparisonRow, TrialResult

if TYPE_CHECKING:
    import pandas as pd

_DIGITS = 12  # far more than the solver's accuracy, fewer than the last bits that a printer may turn


def to_json(data: Mapping[str, Any]) -> str:
    """JSON text with sorted keys, floats of twelve significant digits and null where a number is missing."""
    return json.dumps(_plain(data), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def summary(result: TrialResult) -> dict[str, Any]:
    """What a program reads of a result: arms, endpoints, comparison, interval scenarios, what was only assumed."""
    from vivocart.scenarios.support import (
        coverage_of,
    )  # late: it reads the model, which printing JSON does not need

    return {
        "purpose": "for research, not for treatment decisions",
        "study": {"id": result.study.id, "title": result.study.title},
        "seed": result.seed,
        "n_patients": result.n_patients,
        "interval_days": result.interval_days,
        "interval_is_scenario": result.interval_days is not None,
        "model_hash": result.provenance.model_hash,
        "arms": [_arm(arm) for arm in result.arms],
        "comparison": [_comparison(row) for row in result.comparison],
        "intervals": records(result.intervals),
        "parameter_kinds": kinds(result.assumptions),
        "evidence_coverage": coverage_of(result),
        "fit": _fit(result),
        "heaviest_assumptions": heaviest(result.assumptions, 10),
        "notes": list(result.notes),
    }


def _fit(result: TrialResult) -> dict[str, Any] | None:
    """The posterior behind the result: its command, what it informed, how likely it finds each interval."""
    if result.fitted is None:
        return None
    return {
        "command": result.fitted.command,
        "n_observations": result.fitted.n_fitted,
        "n_unknowns": result.fitted.n_unknowns,
        "informed": records(result.fitted.informed),
        "intervals": records(result.fitted.intervals),
    }


def endpoint_table(endpoints: pd.DataFrame) -> pd.DataFrame:
    """Median and central 90 % of each endpoint, with its family and whether it is a flag (0 or 1).

    Columns as in :func:`vivocart.endpoints.table.summarize`, plus ``family`` and ``is_flag``; for a flag ``mean`` is the
    share of patients.
    """
    return EndpointTable.of(endpoints).summary()


def kinds(assumptions: pd.DataFrame) -> dict[str, int]:
    """Number of parameters that are measured, estimated, fitted, assumed and scenario; fitted only where some are."""
    counted = collections.Counter(str(kind) for kind in assumptions["kind"])
    named = ("measured", "estimated", "fitted", "assumed", "scenario")
    return {kind: counted[kind] for kind in named if kind != "fitted" or counted[kind]}


def heaviest(assumptions: pd.DataFrame, n: int) -> list[dict[str, Any]]:
    """The ``n`` assumed, fitted or scenario parameters that move the headline endpoints most, heaviest first."""
    chosen = [
        row
        for row in records(assumptions)
        if row["kind"] in {"assumed", "fitted", "scenario"} and not math.isnan(row["weight"])
    ]
    return sorted(chosen, key=lambda row: (-row["weight"], row["parameter_id"]))[:n]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict(orient="records")]


def _arm(arm: ArmResult) -> dict[str, Any]:
    return {
        "label": arm.label,
        "n_patients": arm.n_patients,
        "n_failed": len(arm.failures),
        "cohort_size": arm.cohort_size,
        "infusions": [
            {
                "day": row.day,
                "hours": row.hours,
                "amount": row.amount,
                "unit": row.unit,
                "product": row.product_id,
            }
            for row in arm.regimen.infusions_table
        ],
        "endpoints": {row["endpoint"]: row for row in records(arm.table.summary())},
        "sledai_visits": records(arm.sledai_visits),
        "sledai_items": records(arm.sledai_items),
        "failures": records(arm.failures),
    }


def _comparison(row: ComparisonRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ComparisonRow.__dataclass_fields__}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | Sequence) and not isinstance(value, str):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, str) or value is None else _number(value)


def _number(value: Any) -> bool | int | float | str | None:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):  # adding zero turns -0.0 into 0.0
        return float(f"{float(value):.{_DIGITS}g}") + 0.0 if math.isfinite(value) else None
    return str(value)
