"""A use is recomputed: what follows passes, what does not is found, and nothing else is."""

from __future__ import annotations

import dataclasses

import pytest

from vivocart.evidence.library import find_record, quantities, records
from vivocart.evidence.quantities import Quantity
from vivocart.evidence.records import Correction, Record
from vivocart.evidence.uses import Number, UseRow, check_uses, rule_shown, use_state, uses_coverage, uses_of
from vivocart.ground.errors import UnknownNameError

KNOWN = {
    row.id: row
    for row in (
        Quantity(id="r_rate", record_id="r", quantity="rate", value=0.5, unit="1/h", trust="primary"),
        Quantity(id="r_time", record_id="r", quantity="time", value=3.16, unit="d", trust="abstract"),
        Quantity(
            id="r_range", record_id="r", quantity="range", unit="1/d", lower=0, upper=20, trust="secondary"
        ),
        Quantity(id="memory_k", quantity="recalled", value=7, unit="1/d", trust="memory"),
    )
}
RECORDS = {"r": Record(id="r")}


def number(value, quantity_ids=(), **given):
    plain = {
        "owner": "parameter",
        "id": "k",
        "unit": "1/d",
        "kind": "measured",
        "note": "why",
        "file": "t.csv",
    }
    return Number(**(plain | {"value": value, "quantity_ids": quantity_ids} | given))


def row(rule, formula="", **given):
    return UseRow(
        **({"owner": "parameter", "id": "k", "rule": rule, "formula": formula, "note": "why"} | given)
    )


def findings(a_number, *rows, records=RECORDS):
    uses, issues = uses_of([a_number], rows)
    return [issue.message for issue in (*issues, *check_uses(uses, KNOWN, records))]


@pytest.mark.parametrize(
    ("shipped", "rows"),
    [
        (number(0.5, ("r_rate",), unit="1/h"), ()),
        (number(12, ("r_rate",)), ()),
        (number(0.22, ("r_time",)), (row("converted", "log(2) / r_time[d]"),)),
        (number(1.62, ("r_rate", "r_time")), (row("pooled", "geometric_mean(r_rate, log(2) / r_time[d])"),)),
        (number(20, ("r_range",), kind="assumed"), (row("prior", "lower(r_range), upper(r_range)"),)),
        (number(99, ("r_range",), kind="assumed"), (row("assumed"),)),
        (number(99, kind="assumed"), ()),
        (number(99, kind="scenario"), ()),
        (number(7, ("memory_k",), kind="assumed"), (row("copied", "memory_k"),)),
        (number(20, ("r_range",), part="upper", kind="", trust="secondary", record_id="r"), ()),
    ],
)
def test_what_follows_passes(shipped, rows):
    assert findings(shipped, *rows) == []


@pytest.mark.parametrize(
    ("shipped", "rows", "words"),
    [
        (number(0.501, ("r_rate",), unit="1/h"), (), "gives 0.5 1/h"),
        (number(12.1, ("r_rate",)), (), "gives 12 1/d"),
        (number(0.23, ("r_time",)), (row("converted", "log(2) / r_time[d]"),), "gives 0.21935"),
        (
            number(0.2, ("r_time",)),
            (row("converted", "log(2) / r_time[d]"),),
            "gives 0.21935",
        ),  # too few digits
        (
            number(21, ("r_range",), kind="assumed"),
            (row("prior", "lower(r_range), upper(r_range)"),),
            "outside 0 to 20",
        ),
        (number(12, ("r_rate",), kind="assumed"), (), "several quantities"),
        (number(12, ("r_rate", "r_time")), (), "several quantities"),
        (number(12, ("r_rate",), kind="assumed"), (row("copied", "r_rate"),), "kind assumed"),
        (number(12, ("r_rate",)), (row("assumed"),), "kind measured"),
        (number(12), (), "kind measured, but its use is assumed"),
        (number(12, kind="assumed", note=""), (), "assumed without a note"),
        (number(12, ("r_rate",)), (row("converted"),), "without a formula"),
        (number(12, ("r_rate",), kind="assumed"), (row("assumed", "r_rate"),), "is claimed"),
        (number(12, ("r_rate",), kind="assumed"), (row("prior", "r_rate"),), "needs a range"),
        (number(12, ("r_rate",)), (row("pooled", "r_rate, r_rate"),), "several numbers"),
        (number(12, ("r_time",)), (row("converted", "r_rate"),), "the table does not"),
        (number(12, ("r_gone",)), (), "unknown quantity 'r_gone'"),
        (number(12, ("r_rate",), kind="", trust="secondary"), (), "trust secondary, but r_rate has primary"),
        (number(12, ("r_rate",), kind="", record_id="s"), (), "record s, but r_rate is of r"),
        (number(12, ("r_range",)), (), "states no value"),
        (number(12, ("r_rate",)), (row("copied", "r_rate", id="other"),), "no such number ships"),
        (number(12, ("r_rate",)), (row("copied", "r_rate"), row("copied", "r_rate")), "stands twice"),
    ],
)
def test_what_does_not_follow_is_found(shipped, rows, words):
    found = findings(shipped, *rows)
    assert len(found) == 1
    assert words in found[0]


def test_a_retracted_record_breaks_its_uses_and_an_erratum_does_not():
    retracted = {"r": Record(id="r", publication_types=("Retracted Publication",))}
    corrected = {"r": Record(id="r", corrections=(Correction(kind="ErratumIn", reference="J. 2025;1:2"),))}
    assert "retracted" in findings(number(12, ("r_rate",)), records=retracted)[0]
    assert findings(number(12, ("r_rate",)), records=corrected) == []


def test_states_rules_and_what_stands_beside():
    rows = (row("converted", "r_rate", id="a"), row("prior", "0, r_rate", id="b"))
    numbers = [
        number(12, ("r_rate", "r_range"), id="a"),
        number(1, ("r_rate",), id="b", kind="assumed"),
        number(0, ("r_range",), owner="observation", id="c", part="lower", kind=""),
        number(30, owner="observation", id="c", part="upper", kind=""),
        number(30, owner="observation", id="d", part="n", kind=""),
        number(4, ("r_time",), owner="observation", id="c", part="time_days", kind=""),
    ]
    uses, issues = uses_of(numbers, rows)
    assert issues == []
    assert [use.number.part for use in uses].count("time_days") == 0  # no row speaks of it
    assert [use_state(use, KNOWN) for use in uses][:3] == ["checked", "assumption", "secondary source only"]
    assert uses[0].beside == ("r_range",)
    assert rule_shown(uses[0], KNOWN) == "converted"
    assert uses_coverage(uses, KNOWN, "parameter").counts["checked"] == 1
    assert uses_coverage(uses, KNOWN, "observation").ids["assumption"] == ("c",)  # the weaker of its two ends
    assert uses_coverage(uses, KNOWN).total == 3


def test_a_copy_in_another_unit_is_a_conversion():
    (use,), _ = uses_of([number(12, ("r_rate",))], ())
    assert (use.rule, rule_shown(use, KNOWN)) == ("copied", "converted")


@pytest.mark.parametrize(
    "name",
    [
        "wang2025",
        "40961420",
        "PMID 40961420",
        "pmid:40961420",
        "10.1056/nejmc2509522",
        "https://doi.org/10.1056/NEJMc2509522",
    ],
)
def test_a_record_is_found_by_any_of_its_names(name):
    assert find_record(name).id == "wang2025"


@pytest.mark.parametrize("name", ["", "4096142", "pmid"])
def test_a_record_that_we_do_not_have_is_said(name):
    with pytest.raises(UnknownNameError):
        find_record(name)


def test_shipped_quantities_have_records():
    assert all(row.record_id in records() for row in quantities().values() if row.record_id)
    assert dataclasses.is_dataclass(Number)
