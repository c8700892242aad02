from __future__ import annotations

import pytest

from vivocart.calibration.measure_names import measure_names, model_name
from vivocart.calibration.measures import find_measure
from vivocart.endpoints.registry import endpoint_at, known_endpoints
from vivocart.model.load import load_model


def test_every_name_leads_to_a_measure_and_hides_none():
    model = load_model()
    known = {*known_endpoints(), *model.observables}
    for row in measure_names().values():
        assert row.measure in known or endpoint_at(row.measure, 90.0) is not None, row
        assert row.called not in known, row


@pytest.mark.parametrize(
    ("written", "time_days", "name"),
    [
        ("DORIS", 180.0, "doris_without_pga_d180"),
        ("B-cell aplasia duration", None, "b_cell_depletion_days"),
        ("sledai_2k_d90", None, "sledai_d90"),
        ("CRS grade 3 or more", None, "crs_severe"),
        ("CD19 B cells < 5", 28.0, "b_cells_blood_d28"),
        ("upcr", 90.0, "upcr_d90"),
    ],
)
def test_names_of_sources_are_found(written: str, time_days: float | None, name: str):
    assert find_measure(written, time_days, load_model()).name == name


def test_a_name_of_nothing_stays():
    assert model_name("happiness_d90") == "happiness_d90"
