from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.endpoints.registry import endpoint, find_endpoint
from vivocart.endpoints.table import endpoints, quantiles, summarize
from vivocart.ground.errors import InputError, UnknownNameError


def test_a_failed_patient_is_missing_everywhere_and_counted(fakes):
    simulation = fakes.simulation(4)
    simulation.data["igg"].values[2, 50:] = np.nan
    table = endpoints(simulation)
    assert table.loc[2].isna().all()
    assert table.attrs["n_failed"] == 1
    assert table.loc[[0, 1, 3], "igg_nadir"].notna().all()


def test_a_listed_failure_counts_even_with_whole_curves(fakes):
    failures = pd.DataFrame({"patient": [11], "time_days": [20.0]})
    table = endpoints(fakes.simulation(3, failures=failures, first_patient=10), ["b_cells_nadir"])
    assert table["b_cells_nadir"].isna().tolist() == [False, True, False]
    assert table.index.tolist() == [10, 11, 12]


def test_every_patient_failed(fakes):
    simulation = fakes.simulation(2)
    simulation.data["igg"].values[:, 5:] = np.nan
    table = endpoints(simulation)
    assert table.isna().all(axis=None)
    assert table.attrs["n_failed"] == 2


def test_unknown_id_names_the_nearest(fakes):
    with pytest.raises(UnknownNameError, match="b_cell_depletion_days"):
        endpoints(fakes.simulation(1), ["b_cell_depletion_day"])


def test_a_visit_beyond_the_end_is_left_out_or_refused(fakes):
    simulation = fakes.simulation(2, times=np.arange(0.0, 91.0))
    table = endpoints(simulation)
    assert "c3_d90" in table
    assert "c3_d180" not in table
    assert "day 90" in table.attrs["left_out"]["c3_d180"]
    with pytest.raises(InputError, match=r"endpoint 'c3_d180'.*simulate at least 180 days"):
        endpoints(simulation, ["c3_d180"])


def test_an_observable_not_kept_is_left_out_or_refused(fakes):
    simulation = fakes.simulation(2)
    del simulation.data["crp"]
    table = endpoints(simulation)
    assert "crp_peak" not in table
    assert "crp" in table.attrs["left_out"]["crp_peak"]
    with pytest.raises(InputError, match="no observable 'crp'"):
        endpoints(simulation, ["crp_peak"])


def test_columns_say_their_units_and_what_is_no_number(fakes):
    table = endpoints(fakes.simulation(3), ["b_cells_nadir", "car_percent_peak", "b_cell_first_depleted_day"])
    assert table.attrs["units"] == {
        "b_cells_nadir": "1/uL",
        "car_percent_peak": "%",
        "b_cell_first_depleted_day": "d",
    }
    assert table.attrs["not_reached"]["b_cell_first_depleted_day"] == 3
    assert table.attrs["not_applicable"] == dict.fromkeys(table.columns, 0)


def test_chunks_and_the_whole_agree(fakes):
    rng = np.random.default_rng(1)
    times = fakes.default_times()
    curve = 100.0 * np.exp(-rng.gamma(1.0, 2.0, (7, 1)) * np.exp(-times / 30.0))
    whole = endpoints(fakes.simulation(7, times=times, b_cells_blood=curve))
    parts = [
        endpoints(
            fakes.simulation(stop - start, times=times, b_cells_blood=curve[start:stop], first_patient=start)
        )
        for start, stop in ((0, 3), (3, 4), (4, 7))
    ]
    pd.testing.assert_frame_equal(whole, pd.concat(parts), check_exact=True)


def test_summary_counts_what_it_leaves_out(fakes):
    simulation = fakes.simulation(5)
    simulation.data["anti_dsdna"].values[1, :] = 20.0
    simulation.data["igg"].values[4, -1] = np.nan
    summary = summarize(endpoints(simulation)).set_index("endpoint")
    row = summary.loc["seroconversion_d90"]
    assert (row["n"], row["not_applicable"], row["failed"]) == (3, 1, 1)
    assert row["mean"] == 0.0
    never = summary.loc["b_cell_first_depleted_day"]
    assert (never["not_reached"], never["median"]) == (4, np.inf)
    assert np.isnan(never["mean"])


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, np.inf, np.nan]), min_size=1, max_size=30))
def test_quantiles_are_values_and_never_interpolate(values):
    seen = sorted(value for value in values if not np.isnan(value))
    found = quantiles(np.array(values), (0.05, 0.5, 0.95))
    if not seen:
        assert np.isnan(found).all()
        return
    for probability, value in zip((0.05, 0.5, 0.95), found, strict=True):
        assert value in seen
        assert np.mean([entry <= value for entry in seen]) >= probability - 1e-9
        assert np.mean([entry < value for entry in seen]) < probability + 1e-9


def test_registering_twice_or_undocumented_is_refused():
    with pytest.raises(InputError, match="taken"):

        @endpoint(id="b_cells_nadir", unit="1/uL", label="x", family="b_cells", source="definition")
        def again(readings):
            """Documented."""

    with pytest.raises(InputError, match="docstring"):

        @endpoint(id="silent", unit="1", label="x", family="b_cells", source="definition")
        def silent(readings):
            return None

    with pytest.raises(UnknownNameError, match="b_cells"):

        @endpoint(id="strange", unit="1", label="x", family="b_cell", source="definition")
        def strange(readings):
            """Documented."""


def test_the_visit_stands_in_label_and_id():
    entry = find_endpoint("c3_d90")
    assert (entry.label, entry.day, entry.family) == ("C3, day 90", 90, "complement")


def test_a_visit_endpoint_can_be_read_at_any_day(fakes):
    from vivocart.endpoints.registry import endpoint_at, known_endpoints

    entry = find_endpoint("c3_d47")
    assert (entry.label, entry.unit, entry.day) == ("C3, day 47", "g/L", 47.0)
    simulation = fakes.simulation(2)
    at = endpoints(simulation, ["c3_d47", "c3_d90"])
    assert at["c3_d47"].to_numpy() == pytest.approx(simulation.data["c3"].interp(time=47.0).values)
    assert "c3_d47" not in known_endpoints()
    assert endpoint_at("c3", 47.5) == "c3_d47.5"
    assert endpoint_at("c3", -1.0) is None
    assert endpoint_at("b_cells_nadir", 47.0) is None
    with pytest.raises(UnknownNameError, match="b_cells_nadir"):
        find_endpoint("b_cells_nadir_d47")
