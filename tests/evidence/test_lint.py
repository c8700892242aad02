"""Every check finds the fault it is there for, and none finds one in what ships."""

from __future__ import annotations

import datetime

import pytest

from vivocart.evidence import library
from vivocart.evidence.lint import QUANTITY_CHECKS, RECORD_CHECKS, lint, lint_shipped
from vivocart.evidence.quantities import Quantity
from vivocart.evidence.records import Record
from vivocart.ground import units

READ = {"read_by": "a reader", "read_on": datetime.date(2026, 11, 24)}


def record(**fields):
    return Record(**{"id": "li2020", "held": "text", "doi": "10.1000/x", **fields})


def quantity(**fields):
    base = {"id": "li2020_k", "record_id": "li2020", "place": "Table 1", "quantity": "rate", "value": 1.0, "unit": "1/d",
            "trust": "primary", **READ}  # fmt: skip
    return Quantity(**{**base, **fields})


def test_what_ships_is_clean():
    assert lint_shipped() == []


def test_a_sound_pair_is_clean():
    assert lint([record()], [quantity()]) == []


SEEDED_QUANTITIES = [
    ("records_are_known", {"record_id": "nobody2020", "id": "nobody2020_k"}, "nobody2020"),
    ("records_are_known", {"record_id": ""}, None),
    ("records_are_known", {"id": "other_k"}, "other_k"),
    ("units_are_known", {"unit": "flops/dd"}, "flops/dd"),
    ("units_are_known", {"unit": ""}, None),
    ("values_lie_between_their_bounds", {"lower": 2.0}, "1.0"),
    ("values_lie_between_their_bounds", {"upper": 0.5}, "1.0"),
    ("values_lie_between_their_bounds", {"value": None, "lower": 3.0, "upper": 2.0}, "3.0"),
    ("spreads_have_a_kind", {"spread": 40.0}, "none"),
    ("spreads_have_a_kind", {"spread_kind": "cv_percent"}, None),
    ("spreads_have_a_kind", {"spread_kind": "iqr", "lower": 0.5}, "0.5"),
    ("trust_and_place_are_said", {"trust": None}, None),
    ("trust_and_place_are_said", {"place": ""}, None),
    ("trust_and_place_are_said", {"read_on": None}, None),
    ("trust_and_place_are_said", {"value": None}, None),
]


@pytest.mark.parametrize(("check", "fault", "value"), SEEDED_QUANTITIES)
def test_a_seeded_fault_in_a_quantity_is_found(check, fault, value):
    issues = [issue for issue in lint([record()], [quantity(**fault)]) if issue.check == check]
    assert len(issues) == 1
    assert issues[0].level == "error"
    assert issues[0].file == "quantities.csv"
    assert issues[0].row == 2
    assert issues[0].value == value
    assert issues[0].mend


SEEDED_RECORDS = [
    ("identifiers_have_their_form", {"pmid": "PMID 123"}),
    ("identifiers_have_their_form", {"pmid": "0123"}),
    ("identifiers_have_their_form", {"pmcid": "123"}),
    ("identifiers_have_their_form", {"doi": "https://doi.org/10.1000/x"}),
    ("records_can_be_found", {"doi": ""}),
]


@pytest.mark.parametrize(("check", "fault"), SEEDED_RECORDS)
def test_a_seeded_fault_in_a_record_is_found(check, fault):
    issues = lint([record(**fault)], [quantity()])
    assert [issue.check for issue in issues] == [check]
    assert issues[0].file == "records.json"
    assert "li2020" in str(issues[0])


def test_duplicates_are_found():
    found = {issue.check for issue in lint([record(), record()], [quantity(), quantity()])}
    assert {"record_ids_are_unique", "identifiers_are_used_once", "quantity_ids_are_unique"} <= found


def test_an_unused_record_is_found():
    issues = lint([record(), record(id="idle2020", doi="10.1000/y")], [quantity()])
    assert [(issue.check, issue.value) for issue in issues] == [("records_are_used", "idle2020")]


@pytest.mark.parametrize(
    ("held", "trust"), [("none", "primary"), ("abstract", "primary"), ("none", "abstract")]
)
def test_trust_beyond_what_is_held_is_found(held, trust):
    issues = lint([record(held=held)], [quantity(trust=trust)])
    assert [issue.check for issue in issues] == ["unread_texts_are_not_primary"]


def test_memory_needs_no_record():
    row = quantity(id="memory_k", record_id="", trust="memory", read_by="", read_on=None)
    assert [issue.check for issue in lint([], [row])] == []


def test_the_letter_cannot_be_raised_to_primary():
    rows = [row.model_copy(update={"trust": "primary"}) if row.id == "wang2025_peak_hours" else row
            for row in library.quantities().values()]  # fmt: skip
    issues = lint(list(library.records().values()), rows)
    assert [issue.check for issue in issues] == ["unread_texts_are_not_primary"]
    assert issues[0].row == 2 + list(library.quantities()).index("wang2025_peak_hours")


def test_cells_that_cannot_be_read_are_findings(monkeypatch, tmp_path):
    header = "id,record_id,place,quantity,value,unit,trust\n"
    (tmp_path / "quantities.csv").write_text(
        header + "li2020_k,li2020,Table 1,rate,fast,1/d,hearsay\n", encoding="utf-8"
    )
    (tmp_path / "records.json").write_text("[]", encoding="utf-8")
    monkeypatch.setattr("vivocart.evidence.lint.shipped", lambda file: tmp_path / file)
    found = {(issue.column, issue.value) for issue in lint_shipped()}
    assert found == {("value", "fast"), ("trust", "hearsay")}


def test_every_unit_of_the_shipped_table_has_a_spelling_that_pint_reads():
    for unit in {row.unit for row in library.quantities().values()} - {""}:
        assert units.factor(unit, unit) == 1.0
        assert units.is_known(unit)


def test_every_check_is_seeded_above():
    seeded = {check for check, *_ in SEEDED_QUANTITIES} | {check for check, _ in SEEDED_RECORDS}
    seeded |= {"record_ids_are_unique", "identifiers_are_used_once", "quantity_ids_are_unique", "records_are_used",
               "unread_texts_are_not_primary"}  # fmt: skip
    assert {check.__name__ for check in (*RECORD_CHECKS, *QUANTITY_CHECKS)} == seeded
