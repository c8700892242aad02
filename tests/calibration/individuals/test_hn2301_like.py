"""Patients like those of the HN2301 letter, simulated from the shipped model and fitted again.

CAR-T cells and B cells in blood are counted until they fall below a limit. Three fits of the same counts: as if the assay
had no limit, with what lies below told as below (M3), and with it dropped.
"""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.calibration.individuals.data_map import map_from_words
from vivocart.calibration.individuals.fit import Fit, fit_individuals
from vivocart.calibration.individuals.problem import Problem, state_problem
from vivocart.calibration.individuals.uncertainty import observed_uncertainty
from vivocart.formats.nonmem import parse_nonmem
from vivocart.ground.streams import normals
from vivocart.model.load import load_model

N_PATIENTS = 20
DAYS = {"1": (0.25, 1, 2, 4, 5, 7, 8, 9, 10, 12, 14), "2": (1, 3, 6, 9, 14, 21, 28, 42, 60)}
LIMIT = {"1": 20.0, "2": 10.0}
TRUTH = {"car_loss": 1.5, "transfection_half_concentration": 0.9, "car_kill_tissue": 3.0}
SPREAD = (0.25, 0.3, 0.3)
ERROR = 0.3


def _table(counts: np.ndarray | None, how: str) -> str:
    rows, place = ["ID,TIME,AMT,TINF,DVID,DV,EVID,CENS"], 0
    for patient in range(1, N_PATIENTS + 1):
        events = [(float(day), "0") for day in (0, 3, 6)]
        events += [(float(day), kind) for kind, days in DAYS.items() for day in days]
        for day, kind in sorted(events):
            if kind == "0":
                rows.append(f"{patient},{day},4,0.0416666667,.,.,1,.")
                continue
            count = 1.0 if counts is None else float(counts[place])
            place += 1
            if how == "no limit" or count >= LIMIT[kind]:
                rows.append(f"{patient},{day},.,.,{kind},{count:.8g},0,0")
            elif how == "told":
                rows.append(f"{patient},{day},.,.,{kind},{LIMIT[kind]},0,1")
    return "\n".join(rows)


def _problem(text: str, factor: float = 1.0) -> Problem:
    start = [
        f"{name}={factor * value}~{spread}"
        for (name, value), spread in zip(TRUTH.items(), SPREAD, strict=True)
    ]
    words = map_from_words(
        observe=["1=car_t_blood:lognormal", "2=b_cells_blood:lognormal"],
        doses=["lnp_plasma_amount"],
        estimate=start,
    )
    return state_problem(parse_nonmem(text, name="hn2301_like.csv"), load_model(), words)


@pytest.fixture(scope="module")
def fits() -> dict[str, Fit]:
    blank = _problem(_table(None, "no limit"))
    center = blank.layout.values(blank.layout.start).center
    z = normals(7, "own-data/patients", 0, N_PATIENTS, draws=3)
    seen = blank.predictions((center + z * SPREAD)[None])[0]
    counts = seen * np.exp(ERROR * normals(7, "own-data/errors", 0, len(seen))[:, 0])
    return {
        how: fit_individuals(_problem(_table(counts, how), factor=0.8), seed=1, n_draws=250)
        for how in ("no limit", "told", "dropped")
    }


@pytest.mark.long
def test_known_values_come_back_from_counts_with_a_limit(fits):
    told = fits["told"]
    assert told.settled
    assert 0.3 < np.mean(told.problem.measured.censored == 1) < 0.7
    deviations = np.sqrt(np.diagonal(observed_uncertainty(told).covariance))
    truth = np.log([*TRUTH.values(), *SPREAD, ERROR, ERROR])
    assert told.problem.layout.names[:3] == tuple(f"typical:{name}" for name in TRUTH)
    assert np.abs((told.vector - truth) / deviations).max() < 3.0


@pytest.mark.long
def test_told_as_below_they_serve_better_than_dropped(fits):
    """Closer to the fit that saw every count, in the measure of that fit's own standard errors."""
    whole = fits["no limit"]
    deviations = np.sqrt(np.diagonal(observed_uncertainty(whole).covariance))
    away = {how: np.abs(fits[how].vector - whole.vector) / deviations for how in ("told", "dropped")}
    print({how: np.round(values, 2).tolist() for how, values in away.items()})  # noqa: T201
    assert np.sqrt(np.mean(away["told"] ** 2)) < 0.7 * np.sqrt(np.mean(away["dropped"] ** 2))
