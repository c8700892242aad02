"""What numbers rest on: every number of the explorer leads to parameters, weighed or not."""

from __future__ import annotations

import pytest

from vivocart.ground.errors import UnknownNameError
from vivocart.model.load import load_model
from vivocart.scenarios.explore import shown_endpoints
from vivocart.scenarios.explorer import explorer_settings
from vivocart.scenarios.numbers import number_support

NAMES = [entry.id for entry in shown_endpoints()] + [
    panel.observable for chart in explorer_settings().charts for panel in chart.panels
]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_leads_to_parameters(name: str):
    found = number_support(name)
    assert found.label
    assert found.definition
    assert len(found.weights) >= 10
    assert set(found.weights) <= set(load_model().parameters)
    assert not found.is_weighed


def test_the_nearest_parameters_come_first():
    order = list(number_support("autoantibody").weights)
    assert order.index("autoantibody_loss") < order.index("plasma_cell_long_loss")


def test_weights_order_an_endpoint_and_its_observable():
    shifts = {"c3_d90": {"c3_loss": 0.5, "car_loss": 0.7, "lnp_loss": 0.1}, "crp_peak": {"crp_loss": 1.0}}
    assert list(number_support("c3_d90", shifts).weights) == ["car_loss", "c3_loss", "lnp_loss"]
    assert number_support("c3", shifts).weights == number_support("c3_d90", shifts).weights
    assert number_support("c3", shifts).is_weighed
    assert not number_support("il6", shifts).is_weighed


def test_published_counterparts_come_along():
    assert {row.record_id for row in number_support("b_cell_depletion_days").published} >= {"wang2025"}


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match="b_cells_blood"):
        number_support("b_cell_blood")
