"""Local sensitivities of the shipped model: the same as small changes give."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model, load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation import run
from vivocart.simulation.run import simulate
from vivocart.simulation.sensitivity import local_sensitivity
from vivocart.therapies.regimen import Regimen

LETTER = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
NAMES = ("transfection_half_concentration", "car_loss", "b_exit_lymphoid", "autoantibody_short_share")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def test_elasticities_are_those_of_small_changes(model: Model, monkeypatch: pytest.MonkeyPatch):
    table = local_sensitivity(model, LETTER, observable="autoantibody", days=[30.0, 90.0], parameters=NAMES)
    monkeypatch.setattr(run, "RELATIVE_TOLERANCE", 1e-10)
    monkeypatch.setattr(run, "ABSOLUTE_TOLERANCE", 1e-13)
    typical = VirtualPopulation.typical(model)
    for name in NAMES:
        readings = []
        for factor in (1 - 1e-4, 1 + 1e-4):
            value = typical.parameters.get(name, np.array([model.parameters[name].value])) * factor
            moved = VirtualPopulation(
                ids=typical.ids,
                covariates=typical.covariates,
                parameters=dict(typical.parameters) | {name: value},
                weights=typical.weights,
                seed=0,
                attempts=typical.attempts,
            )
            sim = simulate(model, LETTER, moved, days=90, times_days=[30.0, 90.0])
            readings.append(np.log(sim["autoantibody"].values[0]))
        differences = (readings[1] - readings[0]) / (np.log1p(1e-4) - np.log1p(-1e-4))
        for day, difference in zip((30.0, 90.0), differences, strict=True):
            row = table[(table["parameter_id"] == name) & (table["day"] == day)].iloc[0]
            assert row["elasticity"] == pytest.approx(difference, rel=2e-5, abs=1e-6)


def test_the_largest_comes_first_and_kinds_are_told(model: Model):
    table = local_sensitivity(model, LETTER, observable="b_cells_blood", days=[28.0], parameters=NAMES)
    assert table["elasticity"].abs().is_monotonic_decreasing
    assert set(table["kind"]) <= {"measured", "estimated", "assumed", "scenario"}


def test_wrong_names_and_days_are_refused(model: Model):
    with pytest.raises(UnknownNameError, match="autoantibody"):
        local_sensitivity(model, LETTER, observable="autoantibodies", days=[10.0])
    with pytest.raises(UnknownNameError, match="car_loss"):
        local_sensitivity(model, LETTER, observable="autoantibody", days=[10.0], parameters=["car_los"])
    with pytest.raises(InputError, match="ascending"):
        local_sensitivity(model, LETTER, observable="autoantibody", days=[10.0, 5.0])
