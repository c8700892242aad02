"""Joining fragments and tables."""

from __future__ import annotations

import pytest

from vivocart.ground.errors import InputError
from vivocart.model.flatten import MODULES, flatten, read_sources
from vivocart.model.rows import ParameterRow, UnitRow

UNITS = [UnitRow(unit="1/d", antimony_id="per_day", antimony="1 / day")]


def _row(unit: str) -> ParameterRow:
    return ParameterRow(
        id="k", value=0.1, unit=unit, module="lnp", distribution="none", kind="assumed", note="test"
    )


def test_every_parameter_brings_its_value_and_unit():
    text = flatten({"lnp": "x' = -k * x;"}, [_row("1/d")], UNITS)
    assert "k = 0.1; k has per_day;" in text
    assert "unit per_day = 1 / day;" in text


def test_an_unknown_unit_names_row_and_mend():
    with pytest.raises(
        InputError, match=r"parameters\.csv, k, column unit: unknown unit '1/w'; add it to units\.csv"
    ):
        flatten({}, [_row("1/w")], UNITS)


def test_the_order_of_the_fragments_does_not_matter(model):
    from vivocart.formats.antimony import to_sbml
    from vivocart.formats.sbml import read_sbml
    from vivocart.model.load import table_rows

    sources = read_sources()
    parameters = table_rows(sources, "parameters.csv", ParameterRow)
    units = table_rows(sources, "units.csv", UnitRow)
    turned = {name: sources.fragments[name] for name in reversed(MODULES)}
    system = read_sbml(to_sbml(flatten(turned, parameters, units), numbers_have_no_unit=True))
    ours = {state.id: model.system.expand(state.rate) for state in model.system.states}
    for state in system.states:
        assert system.expand(state.rate) - ours[state.id] == 0


def test_a_folder_without_its_files_is_named(tmp_path):
    with pytest.raises(InputError, match=r"body\.ant"):
        read_sources(tmp_path)
