from __future__ import annotations

import numpy as np
import pytest

from vivocart.endpoints import b_cells
from vivocart.endpoints.table import endpoints
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen


@pytest.fixture
def depleted(fakes, read_fake):
    """Blood B cells fall as exp(-4t) from 100 to 0.5 per uL, stay, and rise as exp((t - 12) / 5) from day 12."""
    times = np.arange(0.0, 180.25, 0.25)
    fall, rise = 100.0 * np.exp(-4.0 * times), 0.5 * np.exp((times - 12.0) / 5.0)
    curve = np.clip(np.where(times < 12.0, np.maximum(fall, 0.5), np.minimum(rise, 100.0)), 0.5, None)
    return read_fake(
        1,
        times=times,
        b_cells_blood=curve,
        naive_b_blood=0.9 * curve,
        b_cells_tissue_fraction=np.where((times > 5) & (times < 20), 0.2, 1.0),
    )


def test_closed_forms(depleted):
    first, back = np.log(20.0) / 4.0, 12.0 + 5.0 * np.log(10.0)
    deep, deep_back = np.log(100.0) / 4.0, 12.0 + 5.0 * np.log(2.0)
    assert b_cells.b_cells_nadir(depleted)[0] == 0.5
    assert b_cells.b_cells_nadir_day(depleted)[0] == pytest.approx(1.5)
    assert b_cells.b_cell_first_depleted_day(depleted)[0] == pytest.approx(first, rel=1e-9)
    assert b_cells.b_cell_return_day(depleted)[0] == pytest.approx(back, rel=1e-9)
    assert b_cells.b_cell_depletion_days(depleted)[0] == pytest.approx(back - first, rel=1e-9)
    assert b_cells.b_cells_days_below_5(depleted)[0] == pytest.approx(back - first, rel=1e-9)
    assert b_cells.b_cell_first_deeply_depleted_day(depleted)[0] == pytest.approx(deep, rel=1e-9)
    assert b_cells.b_cells_days_below_1(depleted)[0] == pytest.approx(deep_back - deep, rel=1e-9)
    assert b_cells.b_cell_deep_depletion_days(depleted)[0] == pytest.approx(deep_back - deep, rel=1e-9)
    assert b_cells.b_cell_deeply_depleted(depleted)[0] == 1.0


def test_tissue_and_types(depleted):
    assert b_cells.b_cells_tissue_nadir(depleted)[0] == 0.2
    assert b_cells.b_cells_tissue_free(depleted)[0] == 0.0
    assert b_cells.b_cells_tissue(depleted, 28)[0] == 1.0
    assert b_cells.naive_b_percent(depleted, 90)[0] == pytest.approx(90.0)
    assert np.isnan(b_cells.naive_b_percent(depleted, 10)[0])


def test_several_dips_and_the_longest(read_fake):
    times = np.arange(0.0, 181.0)
    dips = np.full(times.shape, 100.0)
    dips[10:13] = 1.0
    dips[30:37] = 1.0
    readings = read_fake(1, times=times, b_cells_blood=dips)
    edge = 1.0 - np.log(20.0) / np.log(100.0)  # share of a day below 5 while falling from 100 to 1
    assert b_cells.b_cell_depletion_days(readings)[0] == pytest.approx(6.0 + 2 * edge)
    assert b_cells.b_cells_days_below_5(readings)[0] == pytest.approx(8.0 + 4 * edge)


def test_never_and_forever(read_fake):
    never = read_fake(1)
    assert b_cells.b_cell_depletion_days(never)[0] == 0.0
    assert np.isinf(b_cells.b_cell_first_depleted_day(never)[0])
    assert b_cells.b_cell_return_day(never)[0] == 0.0
    forever = read_fake(1, b_cells_blood=0.1)
    assert b_cells.b_cell_depletion_days(forever)[0] == 180.0
    assert np.isinf(b_cells.b_cell_return_day(forever)[0])


def test_recovery_counts_from_the_last_infusion_to_the_lower_of_forty_and_the_start():
    model = load_model()
    regimen = Regimen.parse("ofatumumab 20 mg x 3 every 7 d then ofatumumab 20 mg x 2 every 28 d after 14 d")
    patients = VirtualPopulation.sample(model, n_patients=60, seed=8)
    simulation = simulate(model, regimen, patients, days=700)
    names = [
        "b_cell_recovery_days",
        "b_cell_first_below_8_day",
        "b_cells_fraction_d28",
        "b_cell_never_deeply_depleted",
    ]
    table = endpoints(simulation, names)
    last = regimen.last_infusion_day
    counts = simulation["b_cells_blood"]
    limit = np.minimum(40.0, counts.isel(time=0).values)
    for patient, days in enumerate(table["b_cell_recovery_days"]):
        if np.isfinite(days) and days > 0:
            assert counts.isel(patient=patient).interp(time=last + days).item() == pytest.approx(
                limit[patient], rel=0.02
            )
    assert np.isfinite(table["b_cell_recovery_days"]).mean() > 0.5
    assert np.all(
        counts.interp(time=28).values / counts.isel(time=0).values
        == pytest.approx(table["b_cells_fraction_d28"].to_numpy())
    )
    reached = np.isfinite(table["b_cell_first_below_8_day"].to_numpy())
    assert np.array_equal(reached, counts.min("time").values < 8)
    never = table["b_cell_never_deeply_depleted"].to_numpy() == 1
    assert np.array_equal(never, counts.min("time").values >= 1)
