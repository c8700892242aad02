"""From a number on a chart or in a table to its parameters, their quantities, places and records."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from vivocart.calibration.observations import Observation
from vivocart.evidence.citations import short
from vivocart.evidence.library import quantities, records
from vivocart.report.spelling import in_print, unit_words
from vivocart.scenarios.numbers import NumberSupport, number_support
from vivocart.web.library_answers import parameter_data
from vivocart.web.number_weights import weights_of

router = APIRouter(prefix="/api/v1", tags=["evidence"])
_SHOWN = 24
_WEIGHED = (
    "Weight: change of the number's mean over the same patients when the parameter's typical value moves by one standard "
    "deviation of its uncertainty, in standard deviations between patients; HN2301 4 mg x 3."
)
_NEAREST = "Not weighed yet: in the order of their distance in the model's equations."


@router.get("/numbers/{name}")
def number_route(request: Request, name: Annotated[str, Path(max_length=100)]) -> dict[str, Any]:
    """What an endpoint or an observable rests on; weights are simulated once for a model, in the background."""
    weights = weights_of(request)
    found = number_support(name, weights.shifts)
    return {
        "id": found.id,
        "label": in_print(found.label),
        "unit": found.unit,
        "unit_printed": unit_words(found.unit),
        "definition": in_print(found.definition),
        "is_weighed": found.is_weighed,
        "is_weighing": weights.is_running,
        "order": _WEIGHED if found.is_weighed else _NEAREST,
        "parameters": _parameters(found),
        "observations": [_observation(row) for row in found.published],
    }


def _parameters(found: NumberSupport) -> list[dict[str, Any]]:
    chosen = list(found.weights.items())[:_SHOWN]
    return [
        {**parameter_data(name), "weight": None if weight is None else round(weight, 4)}
        for name, weight in chosen
    ]


def _observation(row: Observation) -> dict[str, Any]:
    record, quantity = records().get(row.record_id), quantities().get(row.quantity_id)
    return {
        "id": row.id,
        "study_id": row.study_id,
        "arm": row.arm,
        "text": in_print(row.observed_text),
        "place": quantity.place if quantity is not None else "",
        "quantity_id": row.quantity_id,
        "record_id": row.record_id if record is not None else "",
        "citation": short(record) if record is not None else "",
    }
