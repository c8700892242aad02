"""Series as a study reads them: visits, counts of few cells, and the same numbers whatever the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, norm, poisson

from vivocart.calibration.design import DesignArm, StudyDesign, check_design
from vivocart.calibration.forward import Patients, column_of, condition_of, model_forward
from vivocart.calibration.measures import measures_of
from vivocart.calibration.observations import Observation, observations
from vivocart.calibration.own_observations import read_own_observations
from vivocart.calibration.visits import (
    START,
    Visits,
    as_read,
    counted,
    counted_observables,
    poisson_quantile,
    read_visit_days,
)
from vivocart.endpoints.readings import MissingReadingError, Readings
from vivocart.endpoints.registry import find_endpoint
from vivocart.ground.errors import InputError
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

MODEL = load_model()
REGIMEN = Regimen.parse("rituximab 1000 mg x 2 every 14 d")
VISITS = Visits(days=(0.0, 14.0, 28.0, 56.0, 84.0), counted_ul=2.5)


def row(**fields: object) -> Observation:
    usual = {
        "id": "seen",
        "study_id": "S",
        "arm": "a",
        "n": 4,
        "measure": "b_cell_first_deeply_depleted_day",
        "label": "L",
        "unit": "d",
        "statistic": "median",
        "value": 14.0,
        "trust": "primary",
    }
    return Observation.model_validate(usual | fields)


def series(*values: float, days: tuple[float, ...]) -> Readings:
    """One patient whose B cells are these at these days."""
    import pandas as pd

    return Readings(
        patients=np.zeros(1, dtype=np.int64),
        times=np.array(days),
        trajectories={"b_cells_blood": np.array([values])},
        covariates={},
        parameters={},
        dose_days={},
        regimen=REGIMEN,
        rescues=pd.DataFrame({"patient": [], "time_days": [], "product": []}),
    )


def seen(readings: Readings, visits: Visits, *, normal: float = 0.0) -> Readings:
    return as_read(readings, visits, counted_names={"b_cells_blood"}, normals=lambda *_: np.full(1, normal))


@settings(max_examples=60, deadline=None)
@given(mean=st.floats(0.0, 400.0), z=st.floats(-6.0, 6.0))
def test_quantiles_are_those_of_the_poisson_distribution(mean: float, z: float):
    found = poisson_quantile(np.array([mean]), np.array([z]))[0]
    exact = poisson.ppf(norm.cdf(z), mean)
    assert abs(found - exact) <= (1.0 if mean > 25.0 else 0.0)


def test_counts_have_the_chance_of_few_cells_and_print_whole_numbers():
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    printed = counted(np.full(z.shape, 1.0), 2.5, z)
    assert (printed == np.round(printed)).all()
    cells = np.arange(12)
    expected = poisson.pmf(cells, 2.5)
    whole = np.floor(cells / 2.5 + 0.5)
    shares = [expected[whole == number].sum() for number in range(4)]
    observed = [(printed == number).sum() for number in range(4)]
    scale = sum(observed) / sum(shares)
    assert chisquare(observed, [share * scale for share in shares]).pvalue > 0.99
    assert shares[0] == pytest.approx(poisson.cdf(1, 2.5)), "0 is one cell seen or none"


def test_a_first_day_and_a_time_without_cells_are_those_of_visits():
    true = series(100.0, 0.1, 0.1, 100.0, 100.0, days=(0.0, 1.0, 40.0, 41.0, 84.0))
    read = seen(true, Visits(days=(0.0, 14.0, 28.0, 56.0, 84.0)))
    assert find_endpoint("b_cell_first_deeply_depleted_day").compute(true)[0] < 1.0
    assert find_endpoint("b_cell_first_deeply_depleted_day").compute(read)[0] == pytest.approx(14.0, abs=1e-5)
    assert find_endpoint("b_cell_deep_depletion_days").compute(read)[0] == pytest.approx(42.0, abs=1e-5)
    assert find_endpoint("b_cells_nadir").compute(read)[0] == pytest.approx(0.1)
    assert read.at("b_cells_blood", 40.0)[0] == pytest.approx(0.1), "held to the next visit"
    between = seen(true, Visits(days=(60.0, 84.0)))
    assert find_endpoint("b_cell_deeply_depleted").compute(between)[0] == 0.0, "nobody looked"
    assert find_endpoint("b_cell_first_deeply_depleted_day").compute(between)[0] == np.inf
    with pytest.raises(MissingReadingError):
        read.at("b_cells_blood", 90.0)


def test_chance_makes_a_zero_of_two_cells_and_is_asked_for_by_name():
    true = series(2.0, 2.0, days=(0.0, 84.0))
    asked: list[tuple[str, str]] = []

    def normals(observable: str, visit: str) -> np.ndarray:
        asked.append((observable, visit))
        return np.full(1, -3.0 if visit == "28" else 0.0)

    read = as_read(true, VISITS, counted_names={"b_cells_blood"}, normals=normals)
    assert find_endpoint("b_cell_first_deeply_depleted_day").compute(read)[0] == pytest.approx(28.0, abs=1e-5)
    assert find_endpoint("b_cell_deep_depletion_days").compute(read)[0] == pytest.approx(28.0, abs=1e-5)
    assert asked == [("b_cells_blood", visit) for visit in (START, "14", "28", "56", "84")]


def test_a_visit_after_the_end_is_refused():
    read = seen(series(2.0, 2.0, days=(0.0, 50.0)), VISITS)
    with pytest.raises(MissingReadingError, match="ends at day 50"):
        read["b_cells_blood"]


@pytest.fixture(scope="module")
def patients() -> VirtualPopulation:
    return VirtualPopulation.sample(MODEL, n_patients=40, seed=3)


def test_counts_do_not_depend_on_the_batch(patients: VirtualPopulation):
    measure, given_measure = measures_of(
        row(visits_days="0 14 28 56 84", counted_ul=2.5, given="b_cell_deeply_depleted"), MODEL
    )
    assert given_measure is not None
    whole = simulate(MODEL, REGIMEN, patients, days=84)
    parts = [simulate(MODEL, REGIMEN, patients.take(places), days=84) for places in ([7], [30, 2, 11])]
    for one in (measure, given_measure):
        together = one.values(whole)
        np.testing.assert_array_equal(
            together[[7, 30, 2, 11]], np.concatenate([one.values(part) for part in parts])
        )
    days = measure.values(whole)
    assert np.isin(np.round(days, 3), [0.0, 14.0, 28.0, 56.0, 84.0, np.inf]).all()
    np.testing.assert_array_equal(np.isfinite(days), given_measure.values(whole) == 1.0)


def test_what_is_counted_scatters_as_counts_do_and_nothing_else_changes():
    patients = VirtualPopulation.sample(MODEL, n_patients=600, seed=5)
    simulation = simulate(MODEL, REGIMEN, patients, days=30)
    plain, _ = measures_of(row(measure="b_cells_blood", unit="1/uL", time_days=28, value=1), MODEL)
    read, _ = measures_of(
        row(measure="b_cells_blood", unit="1/uL", time_days=28, value=1, visits_days="28", counted_ul=1.0),
        MODEL,
    )
    true, printed = plain.values(simulation), read.values(simulation)
    some = true > 0.05
    assert ((printed - true)[some] ** 2 / true[some]).mean() == pytest.approx(1.0, abs=0.25)
    assert (printed - true).mean() == pytest.approx(0.0, abs=4.0 * np.sqrt(true.mean() / 600))
    igg, _ = measures_of(
        row(measure="igg", unit="g/L", time_days=28, value=1, visits_days="28", counted_ul=1.0), MODEL
    )
    exact, _ = measures_of(row(measure="igg", unit="g/L", time_days=28, value=1), MODEL)
    np.testing.assert_allclose(igg.values(simulation), exact.values(simulation), rtol=1e-9)


def design(*rows: Observation, days: float = 84.0) -> StudyDesign:
    return StudyDesign(
        id="S",
        arms=(DesignArm(id="a", n_patients=4, regimens=(REGIMEN,)),),
        intervals_days=(),
        criteria=None,
        rescue=(),
        taper=None,
        days=days,
        fitted=rows,
    )


def test_a_fit_reads_the_same_and_its_chance_is_part_of_the_patient():
    read = row(visits_days="0 14 28 56 84", counted_ul=2.5, given="b_cell_deeply_depleted")
    true = row(id="true")
    forward = model_forward(MODEL, design(read, true))
    own = len(forward.who.covariate_names)
    assert forward.columns == (column_of(MODEL, read), "b_cell_first_deeply_depleted_day", condition_of(read))
    assert forward.n_covariates == own + 5, "one number for every visit, whoever reads it"
    rng, n = np.random.default_rng(1), 60
    numbers = rng.standard_normal((n, forward.n_covariates))

    def measured(used: np.ndarray) -> np.ndarray:
        made = Patients(
            typical=np.zeros((1, forward.n_uncertain)),
            spread=np.zeros((1, forward.n_varying)),
            scenario=np.zeros(1, dtype=np.int64),
            population=np.zeros(n, dtype=np.int64),
            position=np.arange(n) % 4,
            eta=np.random.default_rng(2).standard_normal((n, forward.n_varying)),
            numbers=used,
        )
        return forward.measure(made, 1)

    values = measured(numbers)
    lucky = numbers.copy()
    lucky[:, own:] = -8.0  # fewer cells are seen than there are
    without = measured(lucky)
    np.testing.assert_array_equal(values[:, 1], without[:, 1])
    assert (
        (without[:, 0] <= values[:, 0]).all() and (without[:, 2] == 1.0).all() and (values[:, 2] == 0.0).any()
    )
    assert set(np.round(values[:, 0][np.isfinite(values[:, 0])], 3)) <= {0.0, 14.0, 28.0, 56.0, 84.0}
    np.testing.assert_array_equal(np.isfinite(values[:, 0]), values[:, 2] == 1.0)
    np.testing.assert_array_equal(forward.accepted(numbers), forward.accepted(lucky))


def test_a_design_refuses_visits_after_its_end():
    with pytest.raises(InputError, match="day 84, after the last day 60"):
        check_design(design(row(visits_days="0 84"), days=60.0))


@pytest.mark.parametrize(
    ("text", "words"),
    [("0 two", "'two' is not a day"), ("14 0", "ascend"), ("-1 3", "negative"), ("0 0", "once")],
)
def test_visits_that_cannot_be_read_are_refused(tmp_path: Path, text: str, words: str):
    with pytest.raises(ValueError, match=words):
        read_visit_days(text)
    own = tmp_path / "my.csv"
    own.write_text(
        "study_id,arm,n,measure,unit,statistic,value,visits_days\n"
        f"S,a,6,b_cells_nadir,1/uL,median,2,{text}\n",
        encoding="utf-8",
    )
    (only,) = read_own_observations(own, MODEL).rows
    assert only.observation is None and words in only.reason and "visits_days" in only.reason
    extra = tmp_path / "extra.csv"
    names = ",".join(name for name in Observation.model_fields if name != "counted_ul")
    cells = ",".join(
        text if name == "visits_days" else {"n": "6", "statistic": "median", "value": "2", "trust": "primary", "id": "x",
                                            "study_id": "S", "arm": "a", "label": "L", "unit": "d",
                                            "measure": "b_cells_nadir"}.get(name, "")
        for name in Observation.model_fields if name != "counted_ul"
    )  # fmt: skip
    extra.write_text(f"{names}\n{cells}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"extra.csv.*row 2.*visits_days.*{words}"):
        observations(extra=extra)


def test_rows_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="give visits_days"):
        row(counted_ul=2.5)
    with pytest.raises(ValueError, match="counted_ul"):
        row(visits_days="0 14", counted_ul=0)
    with pytest.raises(InputError, match="last visit is on day 56"):
        measures_of(row(measure="igg", unit="g/L", time_days=84, visits_days="0 56"), MODEL)
    with pytest.raises(InputError, match="study's file says nothing"):
        measures_of(row(visits_days="study"), MODEL)


def test_a_users_table_may_say_visits(tmp_path: Path):
    own = tmp_path / "my.csv"
    own.write_text(
        "study_id,arm,n,measure,unit,statistic,value,Visits,counted ul,time_days\n"
        "S,a,6,b_cells_nadir,1/uL,median,2,0 14 28,2.5,\n"
        "S,a,6,b_cells_nadir,1/uL,median,2,,,\n"
        "S,a,6,b_cells_nadir,1/uL,median,2,,2.5,\n"
        "S,a,6,b_cells_nadir,1/uL,median,2,0 14 28,much,\n",
        encoding="utf-8",
    )
    first, second, third, fourth = read_own_observations(own, MODEL).rows
    assert first.observation is not None and second.observation is not None
    assert first.observation.visits == Visits(days=(0.0, 14.0, 28.0), counted_ul=2.5)
    assert second.observation.visits is None
    assert "give visits_days" in third.reason
    assert "counted_ul: 'much' is not a number" in fourth.reason


def test_counts_are_cells_in_blood():
    names = counted_observables(MODEL)
    assert {"b_cells_blood", "cd8_blood", "car_t_blood"} <= names
    assert not names & {"igg", "upcr", "car_percent_cd8", "b_cells_tissue_fraction"}
