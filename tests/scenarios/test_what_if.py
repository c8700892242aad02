"""A record that goes takes with it what rests on it, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.observations import observations
from vivocart.evidence.library import quantities, records
from vivocart.ground.errors import UnknownNameError
from vivocart.scenarios.support import shipped_support
from vivocart.scenarios.weights import HEADLINE
from vivocart.scenarios.what_if import endpoints_moved, sensitivity, without_record


def test_the_letter_takes_its_observations_and_what_was_set_with_it_in_view():
    gone = without_record("40961420")
    assert gone.record.id == "wang2025"
    assert {entry.use.number.id for entry in gone.of("observation")} == {
        row.id for row in observations("HN2301")
    }
    assert "transfection_max" in gone.parameter_ids
    assert all(entry.role == "beside" for entry in gone.of("parameter"))
    assert gone.measures["b_cells_nadir"] == ("hn2301_b_cells_nadir",)
    assert {"product HN2301", "study HN2301", "covariate nephritis"} <= set(gone.elsewhere)


def test_a_parameter_loses_its_number_its_range_or_what_stood_beside_it():
    roles = {entry.use.number.id: entry.role for entry in without_record("hosseini2020").of("parameter")}
    assert roles["engager_volume"] == "number"
    assert roles["naive_b_regrowth"] == "range"
    assert roles["engager_death"] == "beside"
    assert "text of the model cytokines" in without_record("hosseini2020").elsewhere


@pytest.mark.parametrize("name", sorted(records()))
def test_every_use_of_a_record_is_told(name):
    gone = without_record(name)
    own = {row.id for row in quantities().values() if row.record_id == name}
    assert {row.id for row in gone.quantities} == own
    used = [use for use in shipped_support().uses if own & {*use.quantity_ids, *use.beside}]
    listed = {use.number.id for use in used if use.number.owner in ("parameter", "observation")}
    assert {entry.use.number.id for entry in gone.lost} == listed
    words = {"covariate": "covariate", "item": "SLEDAI-2K item"}
    others = {
        f"{words[use.number.owner]} {use.number.id.split()[0]}" for use in used if use.number.owner in words
    }
    told = {name for name in gone.elsewhere if name.startswith(("covariate ", "SLEDAI-2K item "))}
    assert told == others


def test_an_unknown_record_is_said():
    with pytest.raises(UnknownNameError, match="wang2025"):
        without_record("wang2026")


def test_endpoints_move_with_a_parameter_that_matters_and_not_with_one_that_is_not_there():
    shifts = sensitivity(["transfection_max", "engager_volume", "lymphoid_volume"], n_patients=4)
    assert list(shifts.columns) == list(HEADLINE)
    assert set(shifts.index) == {
        "transfection_max",
        "engager_volume",
    }  # no uncertainty of the third is stated
    assert shifts.loc["transfection_max", "car_percent_peak"] > 0.1
    assert np.allclose(shifts.loc["engager_volume"].to_numpy(dtype=float), 0, atol=1e-6)
    first = endpoints_moved(shifts)[0]
    assert first.parameter_id == "transfection_max"
    assert first.shift == pytest.approx(shifts.to_numpy().max())
    assert len(endpoints_moved(shifts)) == len(HEADLINE)


def test_nothing_to_move_is_not_simulated():
    shifts = sensitivity(["lymphoid_volume"])
    assert len(shifts) == 0
    assert all(row.parameter_id == "" and row.shift == 0 for row in endpoints_moved(shifts))
