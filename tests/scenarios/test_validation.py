"""The credibility table: judged on data of its own making it must be right as often as it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, kstest

from vivocart.calibration.measures import find_measure
from vivocart.calibration.observations import Observation
from vivocart.calibration.own_observations import read_own_observations
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model, load_model
from vivocart.patients.draws import prior_draws
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.credibility import Credibility, binomial_interval, flat_rows
from vivocart.scenarios.validation import run_validation, validate_studies
from vivocart.scenarios.validation_draws import NamedDraws, draws_source, prior_source
from vivocart.scenarios.validation_plans import ValidationPlan, own_plans, shipped_plans
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

HEADER = "study_id,arm,n,measure,unit,statistic,value,lower,upper,time_days,regimen,population,rescue,follow_up_days"
REGIMEN = "HN2301 4 mg x 2 every 3 d"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def plans(tmp_path: Path, model: Model, *rows: str) -> list[ValidationPlan]:
    path = tmp_path / "my.csv"
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return own_plans(model, read_own_observations(path, model))


def judge(found: list[ValidationPlan], model: Model, n_cohorts: int = 30, seed: int = 1) -> Credibility:
    return run_validation(
        found,
        lambda plan: prior_source(model, plan, n_draws=n_cohorts, seed=seed),
        n_cohorts=n_cohorts,
        seed=seed,
    )


def test_numbers_drawn_from_the_prior_have_even_places(model: Model, tmp_path: Path):
    """Cohorts of six from the same prior under another seed: their medians are anywhere among the predicted ones."""
    n_studies, n = 60, 6
    patients = VirtualPopulation.sample(
        model,
        n_patients=n_studies * n,
        seed=77,
        draws=prior_draws(model, n_studies, seed=77),
        draw=np.repeat(np.arange(n_studies), n),
    )
    simulation = simulate(model, Regimen.parse(REGIMEN), patients, days=31)
    peaks = find_measure("car_percent_peak", None, model).values(simulation).reshape(n_studies, n)
    rows = [
        f"Made,a,{n},car_percent_peak,%,median,{value},,,,{REGIMEN},age 16 to 80,,31"
        for value in np.median(peaks, axis=1)
    ]
    result = judge(plans(tmp_path, model, *rows), model, n_cohorts=300)
    places = result.pit_values("new")
    assert len(places) == n_studies
    assert kstest(places, "uniform").pvalue > 0.001
    for entry in result.coverage:
        assert entry.low <= entry.level <= entry.high


def test_a_wrong_number_is_outside_and_a_bound_is_counted_apart(model: Model, tmp_path: Path):
    result = judge(
        plans(
            tmp_path,
            model,
            f"S,a,6,car_percent_peak,%,median,99.9,,,,{REGIMEN},,,",
            "S,a,6,car_percent_peak,%,upper_bound,100,,,,,,,",
        ),
        model,
    )
    number, bound = result.rows
    assert not number.parts[0].is_inside
    assert number.parts[0].p == 1.0
    assert bound.parts[0].is_inside
    assert [(entry.n, entry.n_inside) for entry in result.coverage] == [(1, 0), (1, 0)]
    assert [(entry.n, entry.n_kept) for entry in result.bounds] == [(1, 1)]


def test_arms_with_different_products_and_rows_of_all_arms(model: Model, tmp_path: Path):
    (plan,) = plans(
        tmp_path,
        model,
        "S,lnp,3,b_cells_nadir,1/uL,median,1,,,,HN2301 4 mg x 2 every 3 d,,,",
        "S,antibody,2,b_cells_nadir,1/uL,median,1,,,,rituximab 1000 mg,,,",
        "S,all,5,crs_any,1,count,1,,,,,,,",
    )
    assert [(arm.id, arm.n_patients) for arm in plan.arms] == [("lnp", 3), ("antibody", 2)]
    result = judge([plan], model)
    assert [row.reason for row in result.rows] == ["", "", ""]
    assert result.rows[2].prediction.observation.n == 5


def test_a_condition_and_a_visit_of_their_own(model: Model, tmp_path: Path):
    (plan,) = plans(tmp_path, model, f"S,a,6,sledai,score,median,4,,,45,{REGIMEN},nephritis,,")
    assert plan.measures[plan.observations[0].id].name == "sledai_d45"
    assert plan.criteria is not None
    assert plan.days >= 180


def test_an_interval_that_is_not_written_is_taken_from_scenarios(model: Model, tmp_path: Path):
    (plan,) = plans(tmp_path, model, "S,a,3,car_percent_peak,%,median,30,,,,HN2301 4 mg x 3,,,")
    assert plan.intervals_days == (1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
    assert "1, 2, 3, 4, 5 or 7 d" in plan.regimens[0][2]
    assert judge([plan], model).rows[0].reason == ""


def test_a_shipped_study_lends_its_arms_and_its_population(model: Model, tmp_path: Path):
    one, other = plans(
        tmp_path,
        model,
        "HN2301,4 mg x 3,3,b_cells_nadir,1/uL,median,1,,,,,,,",
        "S,a,3,b_cells_nadir,1/uL,median,1,,,,ex_vivo_cd19_car_t 1e6 cells/kg,Mueller2024,HN2301,",
    )
    assert one.study_id == "HN2301 (own rows)"
    assert [arm.id for arm in one.arms] == ["2 mg x 3", "4 mg x 3"]
    assert one.rescue and other.rescue
    assert str(other.criteria) == "age 18 to 60 a; sledai_baseline at least 6"


def test_what_cannot_be_given_has_its_reason_and_the_rest_is_judged(model: Model, tmp_path: Path):
    found = plans(
        tmp_path,
        model,
        "S,a,3,b_cells_nadir,1/uL,median,1,,,,HN2302 4 mg,,,",
        f"S,b,3,b_cells_nadir,1/uL,median,1,,,,{REGIMEN},,,",
        "S,b,3,autoantibdy,1,median,1,,,90,,,,",
        "T,a,3,b_cells_nadir,1/uL,median,1,,,,,,,",
        f"U,a,3,b_cells_nadir,1/uL,median,1,,,,{REGIMEN},sledai_basline >= 6,,",
        f"V,a,3,b_cells_nadir,1/uL,count,1,,,,{REGIMEN},,,",
        f"W,a,3,b_cells_nadir,1/uL,median,1,,,,{REGIMEN},age 18 to 18.001,,",
        f"X,a,3,b_cells_nadir,1/uL,median,1,,,,{REGIMEN},,tocilizumab sometimes,",
    )
    result = judge(found, model, n_cohorts=5)
    reasons = {f"{row.study_id} {row.arm} {row.measure}": row.reason for row in result.rows}
    assert "HN2301" in reasons["S a b_cells_nadir"]
    assert reasons["S b b_cells_nadir"] == ""
    assert "autoantibody" in reasons["S b autoantibdy"]
    assert "has no regimen" in reasons["T a b_cells_nadir"]
    assert "sledai_baseline" in reasons["U a b_cells_nadir"]
    assert "b_cells_nadir < 5" in reasons["V a b_cells_nadir"]
    assert "age 18 to 18.001" in reasons["W a b_cells_nadir"]
    assert "rescue" in reasons["X a b_cells_nadir"]
    assert len(flat_rows(result)) == 8


def test_two_regimens_of_one_arm_are_refused(model: Model, tmp_path: Path):
    (plan,) = plans(
        tmp_path,
        model,
        f"S,a,3,b_cells_nadir,1/uL,median,1,,,,{REGIMEN},,,",
        "S,a,3,b_cells_nadir,1/uL,median,1,,,,rituximab 1000 mg,,,",
    )
    assert all("two regimens" in reason for reason in plan.reasons.values())


def test_shipped_studies_are_all_in_the_table(model: Model):
    from vivocart.calibration.observations import observations

    found = shipped_plans(model)
    rows = [row for plan in found for row in plan.observations]
    assert len(rows) == len(observations())
    assert {plan.study_id for plan in shipped_plans(model, ["lunar"])} == {"LUNAR"}
    with pytest.raises(UnknownNameError, match="LUNAR"):
        shipped_plans(model, ["LUNA"])
    for plan in found:
        explained = {*plan.measures, *plan.reasons}
        assert {row.id for row in plan.observations} <= explained


def test_a_row_is_fitted_held_out_in_view_or_new():
    draws = NamedDraws(
        label="p", draws=prior_draws(load_model(), 2, seed=1), fitted=frozenset({"a"}), is_posterior=True
    )
    assert draws.status("a", is_own=False) == "fitted"
    assert draws.status("b", is_own=False) == "held out"
    assert draws.status("a", is_own=True) == "new"
    assert replace(draws, fitted=frozenset(), is_posterior=False).status("a", is_own=False) == "in view"


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (3, 17), (14, 17), (1, 1)])
def test_binomial_intervals_are_exact(k: int, n: int):
    found = binomtest(k, n).proportion_ci(0.95, method="exact")
    assert binomial_interval(k, n) == pytest.approx((found.low, found.high), abs=1e-12)


def test_same_seed_same_table(model: Model, tmp_path: Path):
    row = f"S,a,3,b_cells_nadir,1/uL,median,1,,,,{REGIMEN},,,"
    one, two = (judge(plans(tmp_path, model, row), model, n_cohorts=10, seed=s) for s in (5, 5))
    assert flat_rows(one) == flat_rows(two)


def test_sources_that_do_not_exist_are_refused(model: Model):
    with pytest.raises(InputError, match="posterior, prior"):
        draws_source(model, "guess", n_draws=3, seed=1)
    with pytest.raises(InputError, match="no such file"):
        draws_source(model, "none.nc", n_draws=3, seed=1)
    with pytest.raises(InputError, match="--observations"):
        validate_studies(only_own=True)
    with pytest.raises(InputError, match="2 or more"):
        run_validation([], lambda plan: prior_source(model, plan, n_draws=2, seed=1), n_cohorts=1)


def test_observation_type_is_the_shipped_one(model: Model, tmp_path: Path):
    (plan,) = plans(tmp_path, model, f"S,a,3,b_cells_nadir,1/uL,median,1,,,,{REGIMEN},,,")
    assert isinstance(plan.observations[0], Observation)


def test_the_example_of_the_documentation_is_judged_whole(model: Model):
    path = Path(__file__).resolve().parents[2] / "docs" / "examples" / "observations" / "my_study.csv"
    result = judge(own_plans(model, read_own_observations(path, model)), model, n_cohorts=10)
    assert [row.reason for row in result.rows] == [""] * 12
    assert {row.statistic for row in result.rows} >= {"quantile", "sd", "median_time", "count", "fraction"}
