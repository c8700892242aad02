"""Visits of a study's file reach its rows: in a fit, in the credibility table and beside a trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vivocart.calibration.fits import find_family
from vivocart.calibration.observations import STUDY, observations
from vivocart.calibration.own_observations import read_own_observations
from vivocart.model.load import load_model
from vivocart.scenarios.arms import Setting, observed
from vivocart.scenarios.calibrate import design_of
from vivocart.scenarios.comparators import family_rows
from vivocart.scenarios.readings import with_visits
from vivocart.scenarios.validation_plans import own_plans, shipped_plans
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import load_study

MODEL = load_model()
LUNAR = load_study("lunar")


def test_rows_that_say_study_get_the_visits_of_its_file():
    rows = observations("LUNAR")
    assert {row.visits_days for row in rows} == {STUDY}
    assert LUNAR.readings is not None and LUNAR.readings.kind == "assumed"
    found = with_visits(rows, LUNAR)
    assert all(row.visits is not None and row.visits.days == LUNAR.readings.visits_days for row in found)
    assert all(row.counted_ul == LUNAR.readings.counted_ul for row in found)
    others = observations("Ng2006")
    assert with_visits(others, load_study("ng2006")) == tuple(others), "nothing is said, nothing changes"


def test_a_fit_and_the_table_read_at_the_same_visits():
    family = find_family("rituximab")
    design = design_of(LUNAR, family_rows(family, LUNAR), held_out_ids=family.held_out)
    (plan,) = shipped_plans(MODEL, ["LUNAR"])
    for row in (*design.fitted, *design.predicted):
        assert row.visits is not None and plan.measures[row.id].visits == row.visits
    given = plan.conditions["lunar_response_depleted"]
    assert given.visits is not None, "who is depleted is what the study saw"


def test_a_users_rows_may_take_the_visits_of_a_shipped_study(tmp_path: Path):
    path = tmp_path / "my.csv"
    path.write_text(
        "study_id,arm,n,measure,unit,statistic,value,visits_days,regimen\n"
        "LUNAR,rituximab,68,b_cell_deeply_depleted,1,count,50,study,\n"
        "Mine,a,6,b_cell_deeply_depleted,1,count,5,study,rituximab 1000 mg x 2 every 14 d\n"
        "Mine,a,6,b_cells_nadir,1/uL,median,5,0 200,rituximab 1000 mg x 2 every 14 d\n",
        encoding="utf-8",
    )
    of_lunar, mine = own_plans(MODEL, read_own_observations(path, MODEL))
    assert LUNAR.readings is not None
    (measure,) = of_lunar.measures.values()
    assert measure.visits is not None and measure.visits.days == LUNAR.readings.visits_days
    (reason,) = mine.reasons.values()
    assert "write the days" in reason
    assert mine.days == 200.0 and len(mine.measures) == 1


def test_a_trial_shows_what_the_study_saw():
    setting = Setting(
        model=MODEL,
        days=28.0,
        visits_days=(28.0,),
        seed=1,
        criteria=LUNAR.entry,
        rescue=(),
        threads=1,
        on_message=None,
        observations=tuple(
            row.model_copy(update={"visits_days": (0.0, 28.0), "counted_ul": 2.5})
            for row in observations("LUNAR")
            if row.id in ("lunar_time_to_depletion", "lunar_depleted_count")
        ),
    )
    simulation = setting.course(Regimen.parse("rituximab 1000 mg x 2 every 14 d"), setting.patients(0, 30))
    table = observed(setting, simulation)
    assert set(table.columns) == {
        "lunar_time_to_depletion",
        "lunar_time_to_depletion given",
        "lunar_depleted_count",
    }
    days = table["lunar_time_to_depletion"].to_numpy(dtype=float)
    assert np.isin(np.round(days, 3), [0.0, 28.0, np.inf]).all()
    given, counted = (
        table[name].to_numpy() for name in ("lunar_time_to_depletion given", "lunar_depleted_count")
    )
    np.testing.assert_array_equal(given, counted)
    np.testing.assert_array_equal(given == 1.0, np.isfinite(days))
