"""What the credibility page shows: the table of ``vivocart validate``, row by row, and how often its intervals held."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vivocart.calibration.observations import observations
from vivocart.evidence.citations import cite
from vivocart.evidence.library import records
from vivocart.report.record_page import DISCLAIMER
from vivocart.report.spelling import in_print, number, unit_words
from vivocart.scenarios.credibility import FITTED, IN_VIEW, STATUS_WORDS, Credibility, CredibilityRow
from vivocart.scenarios.validation import validate_studies

COHORTS = 200
_SEED = 1
_NOTE = (
    "What was in view while constants were set, or what a fit moved the parameters towards, is no independent test. "
    "An interval holds both what patients differ in and what nobody knows."
)


def credibility_data(
    study: str, *, own: Path | None = None, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """The table of one study, or of all where ``study`` is ``all``, as plain data.

    Parameters
    ----------
    own
        A table of the user's own observations, which is then judged alone.

    Raises
    ------
    UnknownNameError
        If no observation is of that study.
    """
    chosen = () if study.lower() == "all" else (study,)
    found = validate_studies(
        studies=chosen,
        own=own,
        only_own=own is not None,
        n_cohorts=COHORTS,
        seed=_SEED,
        on_progress=on_progress,
    )
    shared = f"--cohorts {COHORTS} --seed {_SEED}"
    return {
        "study": study,
        "table": [_row(row, found) for row in found.rows],
        "coverage": [
            {**dataclasses.asdict(row), "share": _plain(row.share), "is_plausible": row.is_plausible}
            for row in found.coverage
        ],
        "bounds": [dataclasses.asdict(row) for row in found.bounds],
        "status_words": dict(STATUS_WORDS),
        "sources": dict(found.sources),
        "n_cohorts": dict(found.n_cohorts),
        "n_failed": found.n_failed,
        "note": _NOTE,
        "notes": list(found.notes),
        "model_hash": found.provenance.model_hash,
        "provenance": found.provenance.as_dict(),
        "command": f"vivocart validate {'' if own is None else '--observations FILE --only-own '}{shared}",
        "disclaimer": DISCLAIMER,
    }


def _row(row: CredibilityRow, found: Credibility) -> dict[str, Any]:
    known = {entry.id: entry for entry in observations()}
    stated = known.get(row.observation_id)
    first = row.parts[0] if row.parts else None
    return {
        "observation_id": row.observation_id,
        "study": row.study_id,
        "arm": row.arm,
        "n": row.n,
        "measure": row.measure,
        "label": in_print(row.label),
        "unit": row.unit,
        "unit_printed": unit_words(row.unit),
        "time_days": row.time_days,
        "statistic": row.statistic,
        "observed": in_print(row.observed_text),
        "observed_value": stated.value if stated else None,
        "observed_lower": stated.lower if stated else None,
        "observed_upper": stated.upper if stated else None,
        "predicted": "; ".join(_part_text(part) for part in row.parts) or "not predicted",
        "predicted_median": _plain(first.median) if first else None,
        "low90": _plain(first.low90) if first else None,
        "high90": _plain(first.high90) if first else None,
        "low90_uncertain": _plain(first.low90) if first else None,
        "high90_uncertain": _plain(first.high90) if first else None,
        "is_inside": all(part.is_inside for part in row.parts) if row.parts else None,
        "is_inside_uncertain": all(part.is_inside for part in row.parts) if row.parts else None,
        "parts": [
            {key: _plain(value) for key, value in dataclasses.asdict(part).items()} for part in row.parts
        ],
        "status": row.status,
        "status_words": STATUS_WORDS.get(row.status, ""),
        "kind": "seen" if row.status in (FITTED, IN_VIEW) else row.status,
        "source": row.source,
        "trust": row.trust,
        "record_id": row.record_id,
        "citation": cite([row.record_id], "short")[0] if row.record_id in records() else "",
        "note": row.reason or row.note,
        "n_cohorts": found.n_cohorts.get(row.study_id, 0),
    }


def _part_text(part: Any) -> str:
    return f"{number(part.median)} ({number(part.low90)} to {number(part.high90)})"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
