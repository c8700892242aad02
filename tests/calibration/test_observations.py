from __future__ import annotations

from pathlib import Path

import pytest

from vivocart.calibration.observations import observations
from vivocart.ground.errors import InputError, UnknownNameError

HEADER = "id,study_id,arm,n,measure,label,unit,time_days,statistic,value,lower,upper,trust,record_id,quantity_id,note"


def _table(folder: Path, *rows: str) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_ids_are_unique_and_the_letter_is_there():
    ids = [row.id for row in observations()]
    assert len(ids) == len(set(ids))
    letter = {row.id: row for row in observations("HN2301")}
    assert letter["hn2301_car_percent_peak"].observed_text == "60 % (largest of 5)"
    assert letter["hn2301_b_cell_depletion_days"].observed_text == "7 to 10 d (range in 3)"
    assert letter["hn2301_b_cells_nadir"].observed_text == "at most 1 per uL (all 3)"
    assert letter["hn2301_serology_count"].observed_text == "2 of 5"
    assert letter["hn2301_tocilizumab_count"].observed_text == "1 to 5 of 5"
    assert letter["hn2301_sledai_before"].observed_text == "22 (one patient)"


def test_what_the_model_lacks_is_said():
    unmodelled = [row for row in observations("HN2301") if not row.measure]
    assert {row.label for row in unmodelled} >= {"Neurotoxicity", "Severe adverse events"}
    assert all(row.note.startswith("Not ") for row in observations() if not row.measure)


def test_unknown_study_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean HN2301"):
        observations("HN2031")


def test_own_observations_come_after_the_shipped_ones(tmp_path):
    path = _table(tmp_path, "mine_1,MyStudy,all,4,b_cells_nadir,Nadir,1/uL,,median,2.5,,,primary,,,")
    assert observations(extra=path)[-1].study_id == "MyStudy"
    assert [row.id for row in observations("MyStudy", extra=path)] == ["mine_1"]
    assert len(observations(extra=path)) == len(observations()) + 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,S,all,4,m,L,d,,range,,7,,primary,,,", "row 2.*a range needs lower and upper"),
        ("a,S,all,4,m,L,d,,range,,7,5,primary,,,", "lower 7 is above upper 5"),
        ("a,S,all,4,m,L,d,,maximum,,,,primary,,,", "a maximum needs a value"),
        ("a,S,all,4,m,L,1,,count,5,,,primary,,,", "whole number from 0 to n = 4, not 5"),
        ("a,S,all,4,m,L,1,,count,1.5,,,primary,,,", "not 1.5"),
        ("a,S,all,0,m,L,d,,maximum,1,,,primary,,,", "column n"),
        ("a,S,all,4,m,L,d,,mode,1,,,primary,,,", "column statistic"),
        ("a,S,all,4,m,L,d,,maximum,much,,,primary,,,", "column value.*'much'"),
        ("a,S,all,4,,L,d,,maximum,1,,,primary,,,", "needs a note"),
        ("a,S,all,4,m,L,d,,maximum,1,,,hearsay,,,", "column trust"),
        ("hn2301_car_peak_hour,S,all,4,m,L,d,,maximum,1,,,primary,,,", "'hn2301_car_peak_hour' is taken"),
    ],
)
def test_malformed_rows_name_the_place(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        observations(extra=_table(tmp_path, row))


def test_missing_file_and_column(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        observations(extra=tmp_path / "none.csv")
    path = tmp_path / "short.csv"
    path.write_text("id,study_id\na,b\n")
    with pytest.raises(InputError, match="column is missing"):
        observations(extra=path)


def test_statistics_that_need_more_than_a_value(tmp_path):
    header = HEADER.replace("statistic,", "statistic,level,given,")
    path = tmp_path / "mine.csv"
    rows = [
        "a,S,all,9,m,L,d,,quantile,0.25,,80,,,primary,,,",
        "b,S,all,9,m,L,d,,median_time,,,,180,,primary,,,",
        "c,S,all,9,m,L,d,,median,,b_cell_deeply_depleted,71,,,primary,,,",
        "d,S,all,9,m,L,%,,fraction,,,78,,,primary,,,",
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    found = {row.id: row.observed_text for row in observations("S", extra=path)}
    assert found == {
        "a": "80 d (0.25 quantile of 9)",
        "b": "not reached by 180 d (median of 9, time to event)",
        "c": "71 d (median of 9); of those with b_cell_deeply_depleted",
        "d": "78 % (share of 9)",
    }
    for wrong in (
        "e,S,all,9,m,L,d,,quantile,,,80,,,primary,,,",
        "e,S,all,9,m,L,d,,mean,0.5,,80,,,primary,,,",
    ):
        path.write_text("\n".join([header, wrong]) + "\n")
        with pytest.raises(InputError, match="a quantile needs its level"):
            observations(extra=path)
