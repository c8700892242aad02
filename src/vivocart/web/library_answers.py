"""Records, quantities and parameters as plain data: from a number to its parameter, quantity, place and record."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from vivocart.evidence.citations import nlm, short
from vivocart.evidence.coverage import quantity_state
from vivocart.evidence.library import quantities, records
from vivocart.evidence.quantities import Quantity
from vivocart.evidence.records import Record
from vivocart.evidence.uses import Use, rule_shown, use_state
from vivocart.ground.errors import UnknownNameError
from vivocart.model.load import load_model
from vivocart.report.record_page import record_view
from vivocart.report.spelling import in_print, unit_words
from vivocart.scenarios.explore_draws import fitted_values
from vivocart.scenarios.support import shipped_support
from vivocart.scenarios.what_if import without_record


def record_brief(record: Record, *, shipped_id: str = "") -> dict[str, Any]:
    """What a list of results says of a record; ``in_model`` is the id under which the shipped numbers rest on it."""
    return {
        "id": record.id,
        "pmid": record.pmid,
        "doi": record.doi,
        "title": record.title or record.described_as,
        "citation": nlm(record),
        "short": short(record),
        "year": record.year,
        "journal": record.journal_short or record.journal,
        "kind": record.kind,
        "held": record.held,
        "is_retracted": record.is_retracted,
        "in_model": shipped_id,
    }


@functools.cache
def shipped_names() -> Mapping[str, str]:
    """PMID, DOI or id of every shipped record, to its id."""
    found: dict[str, str] = {}
    for record in records().values():
        for name in (record.pmid, record.doi.casefold(), record.id):
            if name:
                found[name] = record.id
    return found


def shipped_id(record: Record) -> str:
    """Id of the shipped record that this is, or nothing."""
    names = shipped_names()
    for name in (record.pmid, record.doi.casefold(), record.id):
        if name and name in names:
            return names[name]
    return ""


def record_data(record: Record, *, is_shipped: bool) -> dict[str, Any]:
    """Everything that the page of a record shows, as plain data."""
    used = without_record(record.id) if is_shipped else None
    view = record_view(record, used)
    return {
        **record_brief(record, shipped_id=record.id if is_shipped else ""),
        "record": _plain(record),
        "authors": [{"name": name, "places": places} for name, places in view["authors"]],
        "places": view["places"],
        "dated": view["dated"],
        "held_words": view["held"],
        "notices": [{"kind": kind, "where": where} for kind, where in view["notices"]],
        "links": [{"name": name, "text": text, "url": url} for name, text, url in view["links"]],
        "citations": view["citations"],
        "formats": view["formats"],
        "permalink": view["permalink"],
        "sections": [dataclasses.asdict(section) for section in view["sections"]],
        "used": view["used"],
        "quantities": [
            quantity_data(row) for row in quantities().values() if is_shipped and row.record_id == record.id
        ],
    }


def _plain(record: Record) -> dict[str, Any]:
    return {
        key: value
        for key, value in dataclasses.asdict(record).items()
        if value not in ("", (), None, False) and key != "id"
    }


def quantity_data(row: Quantity) -> dict[str, Any]:
    """One numeric statement with its place, and the record it stands in."""
    record = records().get(row.record_id)
    return {
        **row.model_dump(mode="json"),
        "value_text": value_text(row),
        "state": quantity_state(row),
        "citation": short(record) if record is not None else "",
        "is_retracted": record.is_retracted if record is not None else False,
    }


def value_text(row: Quantity) -> str:
    """A quantity as it is printed: value, range and unit."""
    unit = unit_words(row.unit)
    ends = [f"{end:.6g}" for end in (row.lower, row.upper) if end is not None]
    if row.value is not None:
        text = f"{row.value:.6g}" + (f" ({' to '.join(ends)})" if len(ends) == 2 else "")
    elif len(ends) == 2:
        text = " to ".join(ends)
    elif ends:
        text = f"at {'most' if row.lower is None else 'least'} {ends[0]}"
    else:
        return "no number"
    return f"{text} {unit}".strip()


@functools.cache
def _uses() -> Mapping[str, Use]:
    """The use of each parameter's value."""
    return {
        use.number.id: use
        for use in shipped_support().uses
        if use.number.owner == "parameter" and use.number.part == "value"
    }


@functools.cache
def parameters_data() -> list[dict[str, Any]]:
    """Every parameter: value, unit, kind, and how well what it rests on was read."""
    return [_parameter(name) for name in load_model().parameters]


def _parameter(name: str) -> dict[str, Any]:
    row = load_model().parameters[name]
    use = _uses().get(name)
    return {
        "id": name,
        "label": in_print(name),
        "value": row.value,
        "unit": row.unit,
        "unit_printed": unit_words(row.unit),
        "module": row.module,
        "kind": row.kind,
        "distribution": row.distribution,
        "spread": row.spread,
        "spread_kind": row.spread_kind,
        "uncertainty": row.uncertainty,
        "uncertainty_kind": row.uncertainty_kind,
        "lower": row.lower,
        "upper": row.upper,
        "note": row.note,
        "quantity_ids": list(row.quantity_ids),
        "state": "assumption" if use is None else use_state(use, quantities()),
        "fitted": dict(fitted_values()[name]) if name in fitted_values() else None,
    }


def parameter_data(name: str) -> dict[str, Any]:
    """A parameter, the rule by which it follows, its quantities with their places, and their records.

    Raises
    ------
    UnknownNameError
        With the nearest three.
    """
    known = load_model().parameters
    if name not in set(known):
        raise UnknownNameError("parameter", name, known)
    use = _uses().get(name)
    named = dict.fromkeys(
        [*(use.quantity_ids if use else ()), *(use.beside if use else ()), *known[name].quantity_ids]
    )
    return {
        **_parameter(name),
        "rule": rule_shown(use, quantities()) if use is not None else "assumed",
        "formula": use.formula if use is not None else "",
        "rule_note": use.note if use is not None else "",
        "quantities": [
            {
                **quantity_data(quantities()[quantity]),
                "role": "claimed" if use is not None and quantity in use.quantity_ids else "beside",
            }
            for quantity in named
            if quantity in quantities()
        ],
    }
