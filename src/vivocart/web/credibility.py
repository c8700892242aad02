"""What the credibility page shows: published observations beside cohorts of their size, and what kind of test that is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from vivocart.report.record_page import DISCLAIMER
from vivocart.report.spelling import in_print, number
from vivocart.scenarios.result import ComparisonRow
from vivocart.scenarios.trial import run_trial

_PATIENTS = 500
_NOTE = (
    "Constants were set by hand with these observations in view, so agreement is no independent test: what was seen before "
    "was not predicted."
)


def credibility_data(study: str, *, on_progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """The table of a study as plain data.

    Raises
    ------
    UnknownNameError
        If there is no such study.
    """
    from vivocart.trials.protocol import load_study, study_ids

    name = (
        study if study.lower() in study_ids() else load_study(study).id
    )  # never a path: see the request's pattern
    result = run_trial(name, n_patients=_PATIENTS, on_progress=on_progress)
    return {
        "study": {"id": result.study.id, "title": result.study.title},
        "table": [_row(row, result.study.id) for row in result.comparison],
        "n_patients": result.n_patients,
        "note": _NOTE,
        "notes": list(result.notes),
        "model_hash": result.provenance.model_hash,
        "provenance": result.provenance.as_dict(),
        "disclaimer": DISCLAIMER,
    }


def _row(row: ComparisonRow, study: str) -> dict[str, Any]:
    data = dataclasses.asdict(row)
    predicted = row.predicted_text
    if not predicted and row.is_predicted:
        predicted = f"{number(row.predicted_median)} ({number(row.low90)} to {number(row.high90)})"
    return {
        **{key: _plain(value) for key, value in data.items()},
        "study": study,
        "label": in_print(row.label),
        "observed": in_print(row.observed_text),
        "predicted": predicted or "not in the model",
        "kind": "seen",
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
