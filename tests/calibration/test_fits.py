from __future__ import annotations

import pytest

from vivocart.calibration.fits import fit_of, parted, shipped_fits
from vivocart.calibration.observations import observations
from vivocart.ground.errors import UnknownNameError
from vivocart.trials.protocol import load_study, study_ids


def test_every_row_held_out_exists_and_has_a_reason():
    rows = observations()
    for study, fit in shipped_fits().studies.items():
        _, held_out = parted(study, rows)
        assert {row.id for row in held_out} == set(fit.held_out)
        assert all(reason for reason in fit.held_out.values())
        if study.lower() in study_ids() and fit.days is not None:
            assert fit.days <= load_study(study.lower()).follow_up_days


def test_a_row_that_is_added_is_fitted(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,study_id,arm,n,measure,label,unit,time_days,statistic,value,lower,upper,trust\n"
        "mine,HN2301,all,5,il6_peak,IL-6,pg/mL,,median,40,,,primary\n"
    )
    before, _ = parted("HN2301", observations())
    after, _ = parted("hn2301", observations(extra=path))
    assert {row.id for row in after} - {row.id for row in before} == {"mine"}


def test_a_study_without_an_entry_is_fitted_to_all_its_rows():
    rows = [row for row in observations() if row.study_id == "Ng2006"]
    assert parted("Ng2006", rows) == (tuple(rows), ())
    assert fit_of("nobody").held_out == {}


def test_a_row_that_is_not_there_cannot_be_held_out():
    with pytest.raises(UnknownNameError, match="hn2301_sledai_before"):
        parted("HN2301", [])
