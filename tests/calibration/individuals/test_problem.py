from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.individuals.data_map import map_from_words
from vivocart.calibration.individuals.problem import state_problem
from vivocart.formats.nonmem import parse_nonmem
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.model.rows import ParameterRow

TABLE = """ID,TIME,AMT,DV,EVID,DVID,WT
1,0,320,.,1,.,80
1,1,.,8,0,1,80
1,5,.,6,0,1,80
2,0,300,.,1,.,60
2,2,.,9,0,1,60
"""
WORDS = {"observe": ["1=concentration:additive"], "doses": ["depot"], "estimate": ["ka", "CL", "V"]}


def _state(model, text=TABLE, rows=None, **changes):
    return state_problem(
        parse_nonmem(text, name="my.csv"), model, map_from_words(**(WORDS | changes)), rows=rows
    )


def _closed_form(dose, time, ka, clearance, volume):
    k = clearance / volume
    return dose * ka / (volume * (ka - k)) * (np.exp(-k * time) - np.exp(-ka * time))


def test_predictions_are_the_closed_form_patient_by_patient(theophylline):
    problem = _state(theophylline)
    normal = np.log(np.array([[[1.5, 2.8, 32.0], [0.9, 4.0, 25.0]], [[2.0, 2.0, 30.0], [1.0, 3.0, 28.0]]]))
    seen = problem.predictions(normal)
    for index in range(2):
        first, second = np.exp(normal[index])
        expected = [
            _closed_form(320.0, 1.0, *first),
            _closed_form(320.0, 5.0, *first),
            _closed_form(300.0, 2.0, *second),
        ]
        np.testing.assert_allclose(seen[index], expected, rtol=1e-5)


def test_a_covariate_moves_a_parameter_as_written(theophylline):
    problem = _state(theophylline, covariates=["CL~WT/70^0.75", "V~WT"])
    assert "effect:V~WT" in problem.layout.names
    assert "effect:CL~WT" not in problem.layout.names  # held at 0.75
    center = np.exp(problem.layout.values(problem.layout.start).center[:, 1])
    np.testing.assert_allclose(center, 4.0 * (np.array([80.0, 60.0]) / 70.0) ** 0.75)


def test_a_reset_starts_with_empty_compartments(theophylline):
    text = TABLE + "2,0,300,.,4,.,60\n2,2,.,9,0,1,60\n"
    seen = _state(theophylline, text).predictions(np.log(np.full((1, 2, 3), [1.0, 4.0, 20.0])))
    assert seen[0, 3] == pytest.approx(seen[0, 2], rel=1e-6)


def test_lag_and_fraction_of_a_dose_are_parameters(tmp_path):
    path = tmp_path / "lagged.ant"
    path.write_text(
        "model lagged\n depot' = -ka*depot\n center' = ka*depot - CL/V*center\n y := center/V\n depot=0\n center=0\n"
        " ka=1\n CL=4\n V=20\n tlag=0.5\n F=0.8\nend\n"
    )
    model = load_model(path)
    problem = _state(model, observe=["1=y"], doses=["depot,lag=tlag,fraction=F"], estimate=["CL"])
    seen = problem.predictions(np.log(np.full((1, 2, 1), 4.0)))
    expected = [
        _closed_form(0.8 * 320.0, 0.5, 1.0, 4.0, 20.0),
        _closed_form(0.8 * 320.0, 4.5, 1.0, 4.0, 20.0),
        _closed_form(0.8 * 300.0, 1.5, 1.0, 4.0, 20.0),
    ]
    np.testing.assert_allclose(seen[0], expected, rtol=1e-5)


def test_hours_of_a_file_become_days_of_the_shipped_model():
    text = "ID,TIME,AMT,DV,EVID,WT\n1,0,4,.,1,55\n1,24,.,100,0,55\n"
    words = {
        "observe": ["car_t_blood:lognormal"],
        "doses": ["lnp_plasma_amount"],
        "estimate": ["car_loss"],
        "settings": ["body_weight=WT"],
    }
    hours = _state(load_model(), text, time_unit="h", **words)
    days = _state(load_model(), text.replace(",24,", ",1,"), **words)
    start = hours.layout.values(hours.layout.start).center[None]
    np.testing.assert_allclose(hours.predictions(start), days.predictions(start), rtol=1e-9)
    column = load_model().system.parameter_ids.index("body_weight")
    assert hours.fixed[0, column] == 55.0
    # distribution, start and spread come from the shipped table
    assert hours.layout.parameters[0].distribution == "lognormal"
    assert hours.layout.parameters[0].spread == pytest.approx(np.sqrt(np.log1p(0.25**2)))


def _row(name, **fields):
    plain = {"id": name, "value": 2.0, "unit": "1/h", "module": "mine", "distribution": "lognormal"}
    return ParameterRow.model_validate(plain | {"kind": "assumed", "note": "mine"} | fields)


def test_a_table_says_what_is_fitted_and_what_is_known(theophylline):
    rows = {
        "ka": _row("ka", spread=0.4, spread_kind="omega_sd", uncertainty=0.3, uncertainty_kind="omega_sd"),
        "CL": _row("CL", value=3.0, uncertainty=10, uncertainty_kind="cv_percent"),
        "V": _row("V", value=31.0),
    }
    problem = state_problem(
        parse_nonmem(TABLE, name="my.csv"),
        theophylline,
        map_from_words(observe=WORDS["observe"], doses=WORDS["doses"]),
        rows=rows,
        use_prior=True,
    )
    ka, clearance = problem.layout.parameters
    assert (ka.id, ka.spread, ka.prior_sd) == ("ka", 0.4, 0.3)
    assert (clearance.id, clearance.spread) == ("CL", 0.0)
    assert problem.fixed[0, theophylline.system.parameter_ids.index("V")] == 31.0


FAULTS = [
    ({"observe": []}, "nothing says what DV is"),
    ({"observe": ["2=concentration"]}, "my.csv, row 3, column DVID: nothing says what '1' is"),
    ({"observe": ["1=conc"]}, "unknown observable 'conc'; did you mean concentration"),
    ({"doses": ["2=depot"]}, "my.csv, row 2, column CMT: nothing says where a dose into '' goes"),
    ({"doses": ["deepot"]}, "unknown state 'deepot'; did you mean depot"),
    ({"doses": ["depot,lag=tlag"]}, "unknown parameter 'tlag'"),
    ({"estimate": ["Ka"]}, "unknown parameter 'Ka'; did you mean ka"),
    ({"estimate": ["ka=-1"]}, "--estimate ka: -1 is no start for a lognormal parameter"),
    ({"covariates": ["ka~AGE"]}, "my.csv, column AGE: there is no such covariate; the file has: WT"),
    ({"covariates": ["k~WT"]}, "unknown fitted parameter 'k'"),
    ({"covariates": ["ka~WT[90]"]}, "my.csv, column WT: nobody is '90'; found: 60, 80"),
    ({"correlate": ["ka,k"]}, "unknown parameter that varies 'k'"),
    ({"correlate": ["ka,CL", "CL,V"]}, "'CL' stands in two groups"),
    ({"settings": ["weight=WT"]}, "unknown parameter 'weight'"),
    ({"time_unit": "h"}, "the model does not name its unit of time"),
]


@pytest.mark.parametrize(("changes", "said"), FAULTS, ids=[said[:40] for _, said in FAULTS])
def test_a_map_that_does_not_fit_is_refused_in_one_line(theophylline, changes, said):
    with pytest.raises((InputError, UnknownNameError)) as error:
        _state(theophylline, **changes)
    assert said in str(error.value)


def test_a_patient_without_measurements_is_named(theophylline):
    with pytest.raises(InputError, match="patient 3 has no measurement; take the patient out"):
        _state(theophylline, TABLE + "3,0,300,.,1,.,60\n")


def test_zero_has_no_logarithm(theophylline):
    with pytest.raises(InputError, match=r"my.csv, row 3, column DV: 0 has no logarithm.*1 in CENS"):
        _state(theophylline, TABLE.replace("1,1,.,8,", "1,1,.,0,"), observe=["1=concentration:lognormal"])
