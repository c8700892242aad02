from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.forward import ModelForward, Patients, model_forward
from vivocart.calibration.observations import observations
from vivocart.endpoints.table import endpoints
from vivocart.model.load import load_model
from vivocart.patients.draws import spread_multipliers, typical_values
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.calibrate import design_of
from vivocart.simulation.run import simulate
from vivocart.trials.protocol import load_study

MODEL = load_model()
STUDY = load_study("hn2301")
DESIGN = design_of(STUDY, observations())


@pytest.fixture(scope="module")
def forward() -> ModelForward:
    return model_forward(MODEL, DESIGN)


def _patients(forward: ModelForward, n: int, seed: int = 1) -> Patients:
    rng = np.random.default_rng(seed)
    width = DESIGN.n_patients
    return Patients(
        typical=0.5 * rng.standard_normal((n, forward.n_uncertain)),
        spread=rng.standard_normal((n, forward.n_varying)),
        scenario=np.arange(n) % len(DESIGN.intervals_days),
        population=np.repeat(np.arange(n), width),
        position=np.tile(np.arange(width), n),
        eta=rng.standard_normal((n * width, forward.n_varying)),
        numbers=rng.standard_normal((n * width, forward.n_covariates)),
    )


def test_the_lean_path_gives_what_simulate_and_endpoints_give(forward):
    patients = _patients(forward, 6)
    values = forward.measure(patients, 1)
    who = forward.who
    covariates = who.covariates(patients.numbers)
    multipliers = spread_multipliers(patients.spread)
    parameters = who.parameters(
        covariates,
        patients.eta,
        {
            name: typical_values(MODEL.parameters[name], patients.typical[:, k])[patients.population]
            for k, name in enumerate(who.uncertain)
        },
        {name: multipliers[patients.population, k] for k, name in enumerate(who.varying)},
    )
    for place in range(6):
        rows = np.flatnonzero(patients.population == place)
        days = DESIGN.intervals_days[patients.scenario[place]]
        for arm, regimen in STUDY.regimens(days).items():
            start = 0 if arm == "2 mg x 3" else 2
            chosen = rows[start : start + STUDY.arm(arm).n_patients]
            population = VirtualPopulation(
                ids=np.arange(len(chosen)),
                covariates={name: array[chosen] for name, array in covariates.items()},
                parameters={name: array[chosen] for name, array in parameters.items()},
                weights=np.ones(len(chosen)),
                seed=0,
                attempts=np.zeros(len(chosen), dtype=np.int64),
            )
            simulation = simulate(MODEL, regimen, population, days=DESIGN.days, rescue=STUDY.rescues)
            table = endpoints(simulation, forward.columns).to_numpy(dtype=float)
            for k, name in enumerate(forward.columns):
                _same(name, values[chosen, k], table[:, k])


# what a coarser grid and a looser solver may move, in the endpoint's unit or as a share
_ABSOLUTE = {"car_peak_hour_first": 1.01, "car_detected_hour": 0.1, "car_return_days": 0.15}


def _same(name: str, lean: np.ndarray, full: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isfinite(lean), np.isfinite(full), err_msg=name)
    known = np.isfinite(full)
    allowed = np.maximum(_ABSOLUTE.get(name, 0.02), 0.02 * np.abs(full[known]))
    if name.startswith("sledai"):
        allowed = np.full(known.sum(), 0.5)  # whole scores
    assert (np.abs(lean[known] - full[known]) <= allowed).all(), (name, lean, full)


def test_a_patient_does_not_depend_on_the_others_or_on_threads(forward):
    patients = _patients(forward, 4)
    values = forward.measure(patients, 1)
    np.testing.assert_array_equal(values, forward.measure(patients, 2))
    chosen = np.array([3, 11, 17])
    some = Patients(
        typical=patients.typical,
        spread=patients.spread,
        scenario=patients.scenario,
        population=patients.population[chosen],
        position=patients.position[chosen],
        eta=patients.eta[chosen],
        numbers=patients.numbers[chosen],
    )
    np.testing.assert_array_equal(forward.measure(some, 1), values[chosen])


def test_parameters_of_therapies_that_are_not_given_are_not_read(forward):
    read = dict(zip(forward.who.uncertain, forward.reads_typical.tolist(), strict=True))
    assert not any(read[name] for name in read if name.startswith(("engager_", "ev_", "anti_cd20_")))
    assert all(read[name] for name in ("car_loss", "lnp_loss", "il6_loss", "tocilizumab_clearance"))
    assert read["crs_grade3_threshold"], "an endpoint reads it, no equation does"
    patients = _patients(forward, 3)
    moved = patients.typical.copy()
    moved[:, ~forward.reads_typical] += 1.0
    other = Patients(
        **{name: getattr(patients, name) for name in Patients.__slots__ if name != "typical"}, typical=moved
    )
    np.testing.assert_allclose(forward.measure(other, 1), forward.measure(patients, 1), rtol=1e-3, atol=1e-3)


def test_entry_criteria_are_those_of_the_study(forward):
    numbers = np.random.default_rng(2).standard_normal((400, forward.n_covariates))
    taken = forward.accepted(numbers)
    covariates = forward.who.covariates(numbers)
    assert 0 < taken.sum() < 400
    np.testing.assert_array_equal(taken, STUDY.entry.accepted(covariates))


def test_rows_find_their_patients_in_the_cohort():
    by_id = {row.id: row for row in DESIGN.fitted}
    assert DESIGN.widths == {"2 mg x 3": 2, "4 mg x 3": 3}
    assert DESIGN.positions(by_id["hn2301_car_percent_peak"]) == (0, 1, 2, 3, 4)
    assert DESIGN.positions(by_id["hn2301_b_cell_depletion_days"]) == (2, 3, 4)
    assert {row.id for row in DESIGN.predicted} == {"hn2301_sledai_before", "hn2301_sledai_after"}
