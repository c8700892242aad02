"""Every shipped observation rests on a quantity of the evidence library and names something the model can show."""

from __future__ import annotations

import csv
import re
from importlib.resources import files

import pytest

from vivocart.calibration.observations import observations
from vivocart.endpoints.registry import find_endpoint, known_endpoints
from vivocart.evidence.library import quantities, records
from vivocart.ground.units import factor

ROWS = observations()
# rows whose quantity states the same fact in other words
OTHER_WORDS = {
    "lunar_depleted_count": "a percentage in the abstract, its count in the note",
    "acr2023_sledai_zero": "a value for everybody, read as a bound",
    "hn2301_tocilizumab_count": "no number found",
    "hn2301_il6_raised": "no number found",
    "hn2301_crp_raised": "no number found",
    "alexander2024_anti_dsdna": "the quantity is the day, the row the level on it",
    "alexander2024_b_cells": "the quantity is the day, the row the level on it",
    "yu2022_b_cells_left": "one over one and the largest lysis, 159 times the natural loss",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_rests_on_a_record_and_a_quantity(row):
    assert row.record_id in records()
    quantity = quantities()[row.quantity_id]
    assert quantity.record_id == row.record_id
    assert quantity.trust == row.trust


@pytest.mark.parametrize("row", [row for row in ROWS if row.id not in OTHER_WORDS], ids=lambda row: row.id)
def test_says_the_number_of_its_quantity(row):
    quantity = quantities()[row.quantity_id]
    scale = 1.0 if row.unit in ("score", "1/d") else factor(quantity.unit, row.unit)
    if row.statistic == "range":
        stated = (quantity.lower * scale, quantity.upper * scale)
        assert (row.lower, row.upper) == pytest.approx(stated)
    else:
        assert row.value == pytest.approx(_stated(row, quantity) * scale, rel=1e-5)


def _stated(row, quantity):
    """The number of the quantity that the statistic of the row is: its value, its spread or a quartile beside it."""
    if row.statistic == "sd":
        assert quantity.spread_kind == "sd"
        return quantity.spread
    if row.statistic == "quantile" and row.level != 0.5:
        assert quantity.spread_kind == "iqr"
        return {0.25: quantity.lower, 0.75: quantity.upper}[row.level]
    return quantity.value


@pytest.mark.parametrize("row", [row for row in ROWS if row.measure], ids=lambda row: row.id)
def test_measure_is_an_endpoint_or_an_observable_on_a_day(row):
    if row.measure in known_endpoints() or re.search(r"_d\d", row.measure):
        entry = find_endpoint(row.measure)
        assert row.unit == ("%" if row.statistic == "fraction" else entry.unit)
        if entry.day is not None:
            assert row.time_days == entry.day
        return
    with (files("vivocart.model") / "observables.csv").open(newline="") as handle:
        units = {entry["id"]: entry["unit"] for entry in csv.DictReader(handle)}
    assert units[row.measure] == row.unit
    assert row.time_days is not None


def test_every_published_statement_of_the_letter_is_there():
    """What the library holds of the letter stands here, but for facts of its design."""
    design = {
        "wang2025_n_patients",
        "wang2025_dose_low",
        "wang2025_dose_high",
        "wang2025_n_doses",
        "wang2025_n_nephritis",
    }
    stated = {id for id, quantity in quantities().items() if quantity.record_id == "wang2025"}
    assert stated - design == {row.quantity_id for row in ROWS if row.record_id == "wang2025"}
