from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivocart.endpoints import sledai
from vivocart.endpoints.readings import MissingReadingError
from vivocart.model.rows import SledaiItemRow


@pytest.fixture(scope="module")
def table(fakes):
    return fakes.item_table()


def _row(**cells):
    return SledaiItemRow(unit="1", prevalence=0.1, kind="assumed", **cells)


def _present(items, table, patient=0):
    return {entry.item for entry, seen in zip(table, items[patient], strict=True) if seen}


def test_shipped_items_are_the_instrument(suites):
    with (suites / "endpoints" / "sledai2k_items.csv").open(newline="") as handle:
        published = {row["item"]: row for row in csv.DictReader(handle)}
    shipped = sledai.sledai_table()
    assert {entry.item: entry.weight for entry in shipped} == {
        item: int(row["weight"]) for item, row in published.items()
    }
    assert {entry.item for entry in shipped if entry.serological} == {
        item
        for item, row in published.items()
        if row["serological_item_excluded_from_clinical_SLEDAI"] == "1"
    }
    assert sledai.weights().sum() == 105


def test_published_scores_add_up(suites, table):
    names = [entry.item for entry in table]
    with (suites / "endpoints" / "endpoint_cases.csv").open(newline="") as handle:
        for case in csv.DictReader(handle):
            for visit in ("baseline", "visit"):
                present = set(case[f"{visit}_items"].split())
                items = np.array([[name in present for name in names]])
                assert sledai.sledai_score(items, table)[0] == int(case[f"exp_{visit}_sledai"])
            assert sledai.clinical_sledai_score(items, table)[0] == int(case["exp_visit_clinical_sledai"])


@given(st.lists(st.lists(st.booleans(), min_size=24, max_size=24), min_size=1, max_size=5))
def test_score_is_a_whole_number_of_the_items_present(rows):
    weights = [8] * 8 + [4] * 6 + [2] * 7 + [1] * 3
    table = tuple(
        _row(item=f"i{k}", weight=w, organ="x", serological=k in (19, 20), driver="d", rule="threshold")
        for k, w in enumerate(weights)
    )
    items = np.array(rows)
    score, clinical = sledai.sledai_score(items, table), sledai.clinical_sledai_score(items, table)
    assert score.dtype.kind == "i"
    assert score.tolist() == [sum(w for w, seen in zip(weights, row, strict=True) if seen) for row in rows]
    assert ((clinical >= 0) & (clinical <= score) & (score <= 105)).all()
    assert set((score - clinical).tolist()) <= {0, 2, 4}


def test_baseline_visit_counts_what_is_present_then(read_fake, table):
    readings = read_fake(1)
    seen = _present(sledai.sledai_items(readings, 0.0, table), table)
    assert seen == {"arthritis", "rash", "proteinuria", "anti_dsdna", "low_complement"}
    assert sledai.sledai_score(sledai.sledai_items(readings, 0.0, table), table)[0] == 4 + 2 + 4 + 2 + 2


def test_an_item_stays_for_thirty_days_after_it_is_gone(read_fake, fakes, table):
    times = np.arange(0.0, 181.0, 0.5)
    readings = read_fake(1, times=times, tissue_inflammation=np.where(times < 40.0, 1.0, 0.1))
    for day, there in ((28, True), (41, True), (69, True), (69.4, True), (70.5, False), (90, False)):
        assert ("arthritis" in _present(sledai.sledai_items(readings, day, table), table)) is there, day


def test_a_short_flare_counts_for_its_window_only(read_fake, table):
    times = np.arange(0.0, 181.0, 0.25)
    flare = np.where(np.abs(times - 100.0) < 1.0, 3.0, 1.0)
    readings = read_fake(1, times=times, present=(), tissue_inflammation=flare)
    days = np.arange(0, 180, 5)
    there = [bool(sledai.sledai_items(readings, day, table)[0, 0]) for day in days]
    assert [day for day, seen in zip(days, there, strict=True) if seen] == [100, 105, 110, 115, 120, 125, 130]


def test_until_day_thirty_the_baseline_counts(read_fake, table):
    times = np.arange(0.0, 181.0, 1.0)
    readings = read_fake(1, times=times, tissue_inflammation=np.exp(-times), upcr=2.0 * np.exp(-times / 20))
    assert "arthritis" in _present(sledai.sledai_items(readings, 28, table), table)
    assert "arthritis" not in _present(sledai.sledai_items(readings, 60, table), table)
    # upcr falls through 0.5 at 20 ln 4 = 27.7 d
    assert "proteinuria" in _present(sledai.sledai_items(readings, 57, table), table)
    assert "proteinuria" not in _present(sledai.sledai_items(readings, 58, table), table)


def test_window_start_is_interpolated(read_fake, table):
    times = np.array([0.0, 50.0, 60.0, 180.0])
    readings = read_fake(1, times=times, anti_dsdna=np.array([200.0, 200.0, 0.0, 0.0]))
    # linear from 200 at 50 to 0 at 60: 30 IU/mL at day 58.5
    assert "anti_dsdna" in _present(sledai.sledai_items(readings, 88.4, table), table)
    assert "anti_dsdna" not in _present(sledai.sledai_items(readings, 88.6, table), table)


def test_complement_is_low_if_either_is(read_fake, table):
    normal = {"c3": 1.2, "c4": 0.3}
    for low, there in (({}, False), ({"c3": 0.8}, True), ({"c4": 0.1}, True)):
        readings = read_fake(1, **(normal | low))
        assert ("low_complement" in _present(sledai.sledai_items(readings, 90, table), table)) is there


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_higher_activity_never_lowers_a_score(fakes, seed):
    from vivocart.endpoints.readings import read

    rng = np.random.default_rng(seed)
    times = np.arange(0.0, 181.0, 2.0)
    low = rng.uniform(0.0, 2.5, (4, times.size))
    high = low + rng.uniform(0.0, 1.0, low.shape)
    table = fakes.item_table()
    scores = [
        sledai.sledai_score(
            sledai.sledai_items(
                read(fakes.simulation(4, times=times, tissue_inflammation=curve))[0], 90.0, table
            ),
            table,
        )
        for curve in (low, high)
    ]
    assert (scores[0] <= scores[1]).all()


def test_a_visit_beyond_the_end_is_refused(read_fake, table):
    readings = read_fake(1, times=np.arange(0.0, 61.0))
    with pytest.raises(MissingReadingError, match="ends at day 60 and the visit is at day 90"):
        sledai.sledai_items(readings, 90.0, table)


def test_many_visits_in_one_go_are_those_read_one_by_one(fakes):
    from vivocart.endpoints.readings import read

    rng = np.random.default_rng(3)
    times = np.arange(0.0, 181.0)
    curves = {
        name: np.maximum(rng.normal(1.0, 0.8, (30, times.size)), 0.01)
        for name in ("tissue_inflammation", "renal_inflammation", "upcr", "c3", "c4")
    }
    simulation = fakes.simulation(30, times=times, **curves)
    single, many = read(simulation)[0], read(simulation)[0]
    sledai.read_visits(many, (28.0, 45.5, 180.0, 365.0))
    for day in (0.0, 7.0, 28.0, 45.5, 60.0, 180.0):
        items = sledai.sledai_items(single, day)
        np.testing.assert_array_equal(sledai.sledai_items(many, day), items)
        np.testing.assert_array_equal(sledai.sledai(many, day), sledai.sledai_score(items))
        np.testing.assert_array_equal(sledai.clinical_sledai(many, day), sledai.clinical_sledai_score(items))
        np.testing.assert_array_equal(sledai.scores_at_visits(single, (day,))[0], sledai.sledai_score(items))
    for one, other in zip(sledai.weekly_scores(single), sledai.weekly_scores(many), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(sledai.sledai_items(many, 33.0), sledai.sledai_items(single, 33.0))
