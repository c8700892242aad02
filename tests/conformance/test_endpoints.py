"""What every registered endpoint must do, asked of the registry and never of a list."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from vivocart.endpoints.registry import DEFINITION, FAMILIES, known_endpoints
from vivocart.endpoints.table import endpoints
from vivocart.ground.units import is_known

ENDPOINTS = sorted(known_endpoints())
FLAG_WORDS = ("1 if",)


@pytest.fixture(scope="module")
def fakes():
    name = "vivocart_endpoint_fakes"
    if name not in sys.modules:
        path = Path(__file__).resolve().parents[1] / "endpoints" / "fakes.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="module")
def treated(fakes):
    """Four patients whose every observable moves, each in its own way; the last patient fails half way."""
    rng = np.random.default_rng(5)
    times = fakes.default_times(days=560.0)
    decline = 1.0 - np.outer(rng.uniform(0.3, 0.95, 4), 1.0 - np.exp(-times / 20.0))
    pulse = np.exp(-np.abs(times - 0.25) * 3.0) + np.exp(-np.abs(times - 6.25) * 3.0)
    curves = {name: value * decline for name, value in fakes.OBSERVABLES.items()}
    curves |= {
        name: height * rng.uniform(0.5, 1.5, (4, 1)) * pulse
        for name, height in (
            ("car_percent_cd8", 50.0),
            ("car_percent_cd8_tissue", 10.0),
            ("car_t_blood", 150.0),
        )
    }
    curves |= {
        name: 8.0 + 100.0 * rng.uniform(0.5, 1.5, (4, 1)) * pulse for name in ("il6", "cytokine_signal")
    }
    curves["b_cells_blood"] = 100.0 * np.exp(-6.0 * pulse.cumsum()[None, :] / pulse.sum() * np.ones((4, 1)))
    simulation = fakes.simulation(4, times=times, **curves)
    simulation.data["b_cells_blood"].values[3, times.size // 2 :] = np.nan
    return simulation


@pytest.fixture(scope="module")
def table(treated):
    return endpoints(treated)


def test_every_family_has_endpoints():
    assert {entry.family for entry in known_endpoints().values()} == set(FAMILIES)


@pytest.mark.parametrize("id", ENDPOINTS)
def test_documented_with_a_known_unit(id):
    entry = known_endpoints()[id]
    assert len(entry.description) > 20
    assert entry.label[0].isupper()
    assert is_known(entry.unit), entry.unit
    assert id == id.lower()
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.\d+)?", id)  # a day may be a part of one: cd8_fraction_d0.5
    if entry.day is not None:
        assert id.endswith(f"_d{entry.day:g}")


@pytest.mark.parametrize("id", ENDPOINTS)
def test_source_is_a_record_or_the_definition(id):
    from vivocart.evidence.library import records

    entry = known_endpoints()[id]
    assert entry.source == DEFINITION or entry.source in records()


@pytest.mark.parametrize("id", ENDPOINTS)
def test_every_whole_patient_has_a_value_and_a_failed_one_none(table, id):
    values = table[id].to_numpy()
    assert np.isnan(values[3])
    seen = values[:3]
    may_be_missing = "missing" in known_endpoints()[id].description.lower()
    may_be_infinite = "infinite" in known_endpoints()[id].description.lower()
    assert may_be_missing or not np.isnan(seen).any()
    assert may_be_infinite or not np.isinf(seen).any()
    assert (seen[np.isfinite(seen)] >= 0).all() or "negative" in known_endpoints()[id].description.lower()


@pytest.mark.parametrize("id", ENDPOINTS)
def test_flags_are_zero_or_one_and_scores_are_whole(table, id):
    entry, seen = known_endpoints()[id], table[id].dropna().to_numpy()
    if entry.description.startswith(FLAG_WORDS):
        assert entry.unit == "1"
        assert set(seen.tolist()) <= {0.0, 1.0}
    if entry.unit == "score":
        assert (seen == np.round(seen)).all()


@pytest.mark.parametrize("id", [id for id in ENDPOINTS if known_endpoints()[id].day is not None])
def test_a_visit_reads_nothing_of_what_comes_after(fakes, treated, table, id):
    day = known_endpoints()[id].day
    later = treated.times_days > day
    changed = treated.data.copy(deep=True)
    for name in changed.data_vars:
        changed[name].values[:, later] = 1e3
    changed["b_cells_blood"].values[3, later] = np.nan
    from dataclasses import replace

    again = endpoints(replace(treated, data=changed), [id])
    np.testing.assert_array_equal(again[id].to_numpy(), table[id].to_numpy())


@pytest.mark.parametrize("id", ENDPOINTS)
def test_a_patient_is_read_alone(fakes, treated, table, id):
    """The value of one patient does not depend on who else is in the table."""
    from dataclasses import replace
    from types import SimpleNamespace

    one = SimpleNamespace(
        ids=treated.patients.ids[1:2],
        covariates={name: values[1:2] for name, values in treated.patients.covariates.items()},
        parameters={name: values[1:2] for name, values in treated.patients.parameters.items()},
    )
    alone = endpoints(replace(treated, data=treated.data.isel(patient=[1]), patients=one), [id])
    np.testing.assert_array_equal(alone[id].to_numpy(), table[id].to_numpy()[1:2])
