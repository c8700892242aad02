"""What a row measures: endpoints at any day, observables on a day, limits kept or not."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.measures import find_measure, plain_unit
from vivocart.endpoints.table import endpoints
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model, load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.result import Simulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def simulation(model: Model) -> Simulation:
    patients = VirtualPopulation.sample(model, n_patients=8, seed=2)
    return simulate(model, Regimen.parse("ex_vivo_cd19_car_t 1e6 cells/kg"), patients, days=65)


def test_an_endpoint_reads_what_the_endpoint_reads(model: Model, simulation: Simulation):
    found = find_measure("b_cells_nadir", None, model).values(simulation)
    assert (found == endpoints(simulation, ["b_cells_nadir"])["b_cells_nadir"].to_numpy()).all()
    at_visit = find_measure("sledai", 60.0, model)
    assert (at_visit.name, at_visit.day) == ("sledai_d60", 60.0)
    assert (at_visit.values(simulation) == find_measure("sledai_d60", None, model).values(simulation)).all()


def test_an_observable_is_read_on_its_day_after_the_first_infusion(model: Model, simulation: Simulation):
    measure = find_measure("il6", 10.0, model)
    expected = simulation["il6"].interp(time=15.0).values  # lymphodepletion begins five days before
    assert measure.values(simulation) == pytest.approx(expected)
    assert (measure.unit, measure.is_endpoint) == ("pg/mL", False)


@pytest.mark.parametrize(("text", "flag"), [("il6 < 5", np.less), ("il6 >= 5 ng/L", np.greater_equal)])
def test_a_limit_makes_a_flag(model: Model, simulation: Simulation, text: str, flag: np.ufunc):
    measure = find_measure(text, 10.0, model)
    expected = flag(simulation["il6"].interp(time=15.0).values, 5.0)
    assert (measure.values(simulation) == expected).all()
    assert measure.unit == "1"


def test_a_reading_after_the_end_is_refused(model: Model, simulation: Simulation):
    with pytest.raises(InputError, match="90"):
        find_measure("il6", 90.0, model).values(simulation)


@pytest.mark.parametrize(
    ("text", "time", "words"),
    [
        ("autoantibdy", 90.0, "autoantibody"),
        ("il6", None, "give the day"),
        ("sledai", None, "sledai_d90"),
        ("sledai_d90", 60.0, "make them agree"),
        ("upcr_d90 < 1 pg/mL", None, "cannot convert"),
    ],
)
def test_what_cannot_be_measured_says_why(model: Model, text: str, time: float | None, words: str):
    with pytest.raises(InputError, match=words):
        find_measure(text, time, model)


def test_unknown_measures_are_told_as_such(model: Model):
    with pytest.raises(UnknownNameError, match="did you mean"):
        find_measure("car_peak_percent", None, model)


def test_units_as_people_write_them():
    assert plain_unit(" /µL", "g/L") == "1/uL"
    assert plain_unit("Months", "d") == "mo"
    assert plain_unit("", "g/L") == "g/L"
