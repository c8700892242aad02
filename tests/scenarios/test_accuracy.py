"""What a trial's tolerance and output times cost its endpoints, against a solver a hundred thousand times as strict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vivocart.endpoints.table import endpoints
from vivocart.model.load import load_model
from vivocart.scenarios.arms import Setting
from vivocart.simulation.run import simulate
from vivocart.trials.protocol import load_study

N_PATIENTS = 60
QUARTER_HOUR = 1 / 96


def _days(setting: Setting, infusions: list[float], days: float) -> np.ndarray:
    """Every quarter of an hour after an infusion and every six hours throughout."""
    fine = [start + np.arange(0.0, 10.0, QUARTER_HOUR) for start in infusions]
    times = np.unique(np.round(np.concatenate([np.arange(0.0, days, 0.25), [days], *fine]), 9))
    return times[times <= days]


def _errors(strict: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """For each endpoint the error that 95 % of patients keep, as it is and in SDs between patients, and who is missed."""
    rows = {}
    for name in strict.columns:
        wanted, found = strict[name].to_numpy(), other[name].to_numpy()
        both = np.isfinite(wanted) & np.isfinite(found)
        missed = (np.isnan(wanted) != np.isnan(found)) | (np.isinf(wanted) != np.isinf(found))
        error = float(np.quantile(np.abs(wanted[both] - found[both]), 0.95)) if both.any() else 0.0
        spread = float(wanted[both].std()) if both.any() else 0.0
        rows[name] = (error, error / spread if spread > 1e-12 else 0.0, float(missed.mean()))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["error", "in_sd", "missed"])


@pytest.mark.parametrize("name", ["hn2301", "mueller2024"])
def test_endpoints_are_as_good_as_those_of_a_strict_solver_at_many_times(name: str):
    study = load_study(name)
    setting = Setting(
        model=load_model(),
        seed=1,
        days=study.follow_up_days,
        visits_days=study.visits_days,
        criteria=study.entry,
        rescue=study.rescues,
        observations=(),
        threads=1,
        on_message=None,
    )
    regimen = list(study.regimens(None).values())[-1]
    patients = setting.patients(0, N_PATIENTS)
    days = setting.days + regimen.first_infusion_day
    fine = _days(setting, [row.day for row in regimen.infusions_table], days)
    asked = {"days": days, "rescue": setting.rescue, "threads": 1}
    strict = endpoints(
        simulate(setting.model, regimen, patients, times_days=fine, relative_tolerance=1e-8, **asked)
    )
    usual = _errors(strict, endpoints(simulate(setting.model, regimen, patients, **asked)))
    course = _errors(strict, endpoints(setting.course(regimen, patients)))
    units = pd.Series(strict.attrs["units"])
    is_when = units.isin(["d", "h"])
    assert (course["missed"] <= 0.05).all()
    assert (course.loc[~is_when, "in_sd"] <= np.maximum(0.02, 1.2 * usual.loc[~is_when, "in_sd"])).all()
    hours = course["error"].where(units != "d", 24 * course["error"])[is_when]
    usual_hours = usual["error"].where(units != "d", 24 * usual["error"])[is_when]
    assert (hours <= np.maximum(12.0, 1.2 * usual_hours)).all()
    assert len(setting.times(regimen)) < 0.6 * len(fine)
