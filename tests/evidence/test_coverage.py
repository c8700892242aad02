"""Coverage counts each number once, in the state of its weakest support."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivocart.evidence import library
from vivocart.evidence.coverage import STATES, coverage, quantity_state, records_behind, split_ids, state_of
from vivocart.ground.errors import UnknownNameError


@pytest.mark.parametrize(
    ("quantity_id", "state"),
    [
        ("apgar2018_kw", "checked"),
        ("gomezmendez2018_depleted_percent", "checked"),
        ("yu2022_kout", "place given, text not held"),
        ("wang2025_peak_hours", "secondary source only"),
        ("mueller2024_peak_days", "assumption"),
        ("prototype_kcar", "assumption"),
        ("wang2025_n_tocilizumab", "assumption"),
    ],
)
def test_a_state_follows_from_trust(quantity_id, state):
    assert quantity_state(library.quantity(quantity_id)) == state


def test_a_number_is_as_well_covered_as_its_weakest_support():
    rows = library.quantities()
    assert state_of(("apgar2018_kw", "yu2022_kout"), rows) == "place given, text not held"
    assert state_of(("apgar2018_kw", "prototype_kel"), rows) == "assumption"
    assert state_of((), rows) == "assumption"


def test_cells_and_sequences_are_read_alike():
    rows = library.quantities()
    assert split_ids(" apgar2018_kw ; yu2022_kout;") == ("apgar2018_kw", "yu2022_kout")
    assert coverage({"a": "apgar2018_kw;yu2022_kout"}, rows) == coverage(
        {"a": ("apgar2018_kw", "yu2022_kout")}, rows
    )


def test_what_is_called_assumed_stays_an_assumption():
    covered = coverage({"a": ("apgar2018_kw",)}, library.quantities(), kinds={"a": "assumed"})
    assert covered.counts["assumption"] == 1


def test_an_unknown_quantity_names_its_user_and_the_nearest():
    with pytest.raises(UnknownNameError, match=r"k_loss: unknown quantity 'apgar2018_kv'.*apgar2018_kw"):
        coverage({"k_loss": "apgar2018_kv"}, library.quantities())


def test_coverage_reads_as_one_line():
    covered = coverage({"a": "apgar2018_kw", "b": ""}, library.quantities())
    assert str(covered) == (
        "2 numbers: 1 checked, 0 place given, text not held, 0 secondary source only, 1 assumption"
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.text(min_size=1), st.lists(st.sampled_from(sorted(library.quantities())), max_size=4))
)
def test_every_number_is_counted_exactly_once(uses):
    covered = coverage(uses, library.quantities())
    assert covered.total == len(uses)
    assert sorted(name for state in STATES for name in covered.ids[state]) == sorted(uses)


def test_records_behind_numbers_come_once_and_in_order():
    ids = ("yu2022_kout", "apgar2018_kw", "yu2022_qb", "prototype_kel")
    assert records_behind(ids, library.quantities()) == ("yu2022", "apgar2018")
    with pytest.raises(UnknownNameError):
        records_behind(("nothing",), library.quantities())
