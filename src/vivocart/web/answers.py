"""Answers as plain data for JSON: four digits are what a chart can show, and null is what has no number.

Null means that a time is not reached or that something does not apply; the fields beside it say which. Infinite and missing
numbers never leave the server.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pydantic_core

from vivocart.endpoints.registry import Endpoint
from vivocart.endpoints.sledai import sledai_table
from vivocart.endpoints.table import quantiles
from vivocart.report.record_page import DISCLAIMER
from vivocart.report.spelling import as_printed, in_print, summary_cell
from vivocart.scenarios.explore import QUANTILES, Answer, Arm, ArmAnswer, Asked, shown_endpoints
from vivocart.scenarios.explore_marks import PublishedMark, published_marks
from vivocart.scenarios.explore_patient import OwnValue, PatientView
from vivocart.scenarios.explore_words import second_sentence, sentence
from vivocart.scenarios.heat_map import HeatMap, is_share
from vivocart.therapies.regimen import Regimen

_DIGITS = 4


def to_json(data: Any) -> bytes:
    """JSON bytes; what is infinite or missing becomes null."""
    return pydantic_core.to_json(data, inf_nan_mode="null")


def rounded(values: np.ndarray, digits: int = _DIGITS) -> list[Any]:
    """Values with four significant digits, as lists of the same shape."""
    array = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.floor(np.log10(np.abs(array)))
        scale = 10.0 ** np.clip(digits - 1 - np.where(np.isfinite(size), size, 0.0), -15, 15)
        return (np.round(array * scale) / scale).tolist()


def explore_data(answer: Answer, *, server_ms: float = 0.0) -> dict[str, Any]:
    """What the charts of an exploration are drawn from."""
    asked = answer.asked
    arms = [Arm(label=arm.label, regimen=arm.regimen) for arm in answer.arms]
    return {
        "arms": [arm_data(arm, asked) for arm in answer.arms],
        "marks": [mark_data(mark) for mark in published_marks(arms, days=asked.days)],
        "days": asked.days,
        "population": asked.population,
        "n_patients": len(asked.patients) if asked.patients is not None else asked.n_patients,
        "server_ms": round(server_ms, 2),
        "provenance": answer.provenance.as_dict(),
        "disclaimer": DISCLAIMER,
    }


def arm_data(arm: ArmAnswer, asked: Asked) -> dict[str, Any]:
    """One arm's numbers."""
    course = arm.regimen.courses[0]
    return {
        "label": arm.label,
        "regimen": arm.regimen.sentence,
        "product": course.product.id,
        "dose": course.dose,
        "unit": course.dose_unit,
        **infusions_data(arm.regimen),
        "sentence": sentence(arm, days=asked.days),
        "sentence_more": second_sentence(arm),
        "times": rounded(arm.times, 7),
        "bands": _bands(arm),
        "item_days": arm.item_days.tolist(),
        "items": dict(zip(arm.items, rounded(np.stack(list(arm.items.values())), 3), strict=True)),
        "item_weights": {row.item: row.weight for row in sledai_table()},
        "crs": arm.crs,
        "endpoints": endpoints_data(arm),
        "left_out": dict(arm.left_out),
        "n_patients": arm.n_read,
        "n_failed": arm.n_failed,
    }


def _bands(arm: ArmAnswer) -> dict[str, Any]:
    """Every band, rounded in one go."""
    ends = np.cumsum([rows.shape[1] for rows in arm.bands.values()])
    whole = rounded(np.concatenate(list(arm.bands.values()), axis=1))
    return {
        name: {key: row[end - rows.shape[1] : end] for key, row in zip(QUANTILES, whole, strict=True)}
        for (name, rows), end in zip(arm.bands.items(), ends.tolist(), strict=True)
    }


def infusions_data(regimen: Regimen) -> dict[str, Any]:
    """Every infusion, and the days of those that are not preparation, after the first infusion."""
    start = regimen.first_infusion_day
    own = {course.product.id for course in regimen.courses}
    rows = regimen.infusions_table
    return {
        "infusions_days": [round(row.day - start, 6) for row in rows if row.product_id in own],
        "infusions": [
            {
                "day": round(row.day - start, 6),
                "hours": row.hours,
                "amount": row.amount,
                "unit": row.unit,
                "product": row.product_id,
            }
            for row in rows
        ],
    }


def endpoints_data(arm: ArmAnswer) -> list[dict[str, Any]]:
    """A row for each endpoint that this arm can answer, with its cell as it is printed."""
    known = {entry.id: entry for entry in shown_endpoints()}
    return [_endpoint(known[name], values) for name, values in arm.values.items()]


def _endpoint(entry: Endpoint, values: np.ndarray) -> dict[str, Any]:
    name, label, unit = entry.id, entry.label, entry.unit
    seen = values[~np.isnan(values)]
    low, middle, high = (float(value) for value in quantiles(seen, (0.05, 0.5, 0.95)))
    is_flag = seen.size > 0 and is_share(entry, seen)
    mean = float(seen.mean()) if is_flag else float("nan")
    cell = {"is_flag": is_flag, "mean": mean, "median": middle, "q05": low, "q95": high}
    printed = summary_cell({**cell, "endpoint": name, "label": label, "unit": unit})
    return {
        "id": name,
        "label": in_print(label),
        "unit": unit,
        "unit_printed": "" if is_flag else as_printed(name, label, unit)[1],
        "kind": "share" if is_flag else "number",
        "median": None if is_flag else finite(middle),
        "q05": None if is_flag else finite(low),
        "q95": None if is_flag else finite(high),
        "share": mean if is_flag else None,
        "text": printed if seen.size else "does not apply",
        "n": int(seen.size),
        "not_reached": int(np.isinf(seen).sum()),
        "not_applicable": int(np.isnan(values).sum()),
    }


def finite(value: float) -> float | None:
    """A number with four digits, or null."""
    return rounded(np.array([value]))[0] if np.isfinite(value) else None


def mark_data(mark: PublishedMark) -> dict[str, Any]:
    """One published statement."""
    return dataclasses.asdict(mark) | {"text": in_print(mark.text), "label": in_print(mark.label)}


def patient_data(view: PatientView) -> dict[str, Any]:
    """One virtual patient's view."""
    return {
        "patient": view.patient,
        "regimen": view.regimen.sentence,
        **infusions_data(view.regimen),
        "times": rounded(view.times, 7),
        "series": {name: rounded(values) for name, values in view.series.items()},
        "item_days": view.item_days.tolist(),
        "items": {name: flags.astype(int).tolist() for name, flags in view.items.items()},
        "item_weights": dict(view.item_weights),
        "sledai": view.sledai.tolist(),
        "crs_grade": view.crs_grade,
        "covariates": [_own_value(row) for row in view.covariates],
        "parameters": [_own_value(row) for row in view.parameters],
        "events": [{"day": round(day, 4), "words": in_print(words)} for day, words in view.events],
        "provenance": view.provenance.as_dict(),
        "disclaimer": DISCLAIMER,
    }


def _own_value(row: OwnValue) -> dict[str, Any]:
    data = dataclasses.asdict(row)
    typical = None if row.typical is None else finite(row.typical)
    return data | {"label": in_print(row.id), "value": finite(row.value), "typical": typical}


def heat_map_data(result: HeatMap) -> dict[str, Any]:
    """A heat map: for each endpoint rows by interval and columns by dose."""
    shown = [entry for entry in shown_endpoints() if entry.id in result.values]
    return {
        "doses": list(result.doses),
        "intervals": list(result.intervals),
        "endpoints": [
            {"id": entry.id, "label": in_print(entry.label), "unit": entry.unit} for entry in shown
        ],
        "values": {name: rounded(grid) for name, grid in result.values.items()},
        "meaning": "Median over patients, or the share of patients for a flag; null where it is not reached, does not "
        "apply, or the last infusion lies after the horizon.",
        "disclaimer": DISCLAIMER,
    }
