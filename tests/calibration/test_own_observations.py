"""A user's own table of observations: read with good will, and nothing swallowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivocart.calibration.own_observations import OwnTable, read_own_observations
from vivocart.ground.errors import InputError
from vivocart.model.load import load_model

HEADER = "study_id,arm,n,measure,unit,statistic,value,lower,upper,time_days"


def read(tmp_path: Path, *rows: str, header: str = HEADER) -> OwnTable:
    path = tmp_path / "my.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return read_own_observations(path, load_model())


def only(table: OwnTable):
    (row,) = table.rows
    assert row.reason == ""
    return row.observation


@pytest.mark.parametrize(
    ("row", "value", "unit"),
    [
        ("S,a,6,b_cells_nadir,/µL,median,2,,,", 2.0, "1/uL"),
        ("S,a,6,b_cells_nadir,10^9/L,median,0.002,,,", 2.0, "1/uL"),
        ("S,a,6,b_cell_return_day,months,median,2,,,", 60.875, "d"),
        ("S,a,6,igg,mg/dL,mean,800,,,90", 8.0, "g/L"),
        ("S,a,6,autoantibody,%,mean,40,,,90", 0.4, "1"),
        ("S,a,6,upcr,,mean,1.5,,,90", 1.5, "g/g"),
        ("S,a,6,upcr,mg/g,sd,500,,,90", 0.5, "g/g"),
    ],
)
def test_units_are_converted_to_the_measures(tmp_path: Path, row: str, value: float, unit: str):
    observation = only(read(tmp_path, row))
    assert observation.value == pytest.approx(value)
    assert observation.unit == unit


def test_statistics_as_people_write_them(tmp_path: Path):
    table = read(
        tmp_path,
        "S,a,6,b_cells_nadir,1/uL,Max,2,,,",
        "S,a,6,b_cells_nadir,1/uL,q90,2,,,",
        "S,a,6,b_cells_nadir,1/uL,IQR,,1,4,",
        "S,a,6,crs_any,%,percent,50,,,",
        "S,a,6,crs_any,%,count,50,,,",
        "S,a,6,upcr < 0.5,,count,3,,,90",
    )
    found = [row.observation for row in table.rows]
    assert [row.statistic for row in found] == [
        "maximum",
        "quantile",
        "quantile",
        "quantile",
        "fraction",
        "fraction",
        "count",
    ]
    assert [row.level for row in found] == [None, 0.9, 0.25, 0.75, None, None, None]
    assert [row.value for row in found][2:4] == [1.0, 4.0]
    assert len({row.id for row in found}) == 7


def test_a_row_that_cannot_be_read_keeps_its_place_with_the_reason(tmp_path: Path):
    table = read(
        tmp_path,
        "S,a,6,autoantibdy,1,mean,0.4,,,90",
        "S,a,6,igg,mL,mean,8,,,90",
        "S,a,six,igg,g/L,mean,8,,,90",
        "S,a,6,igg,g/L,mode,8,,,90",
        "S,a,6,igg,g/L,mean,eight,,,90",
        "S,a,6,crs_any,1,count,7,,,",
        "S,a,6,crs_any,1,fraction,50,,,",
        "S,a,6,igg,g/L,mean,,,,90",
        "S,a,6,igg,g/L,mean,8,,,",
        "S,a,6,igg,g/L,mean,8,,,90",
    )
    reasons = [row.reason for row in table.rows]
    for reason, words in zip(
        reasons,
        ("autoantibody", "g/L", "n: 'six'", "mode", "eight", "from 0 to n = 6", "%", "needs a value", "day"),
        strict=False,
    ):
        assert words in reason
    assert reasons[-1] == ""
    assert [row.line for row in table.rows] == list(range(2, 12))


@pytest.mark.parametrize(
    ("text", "statistic"), [("<1", "upper_bound"), ("≤ 1", "upper_bound"), (">1", "lower_bound")]
)
def test_a_limit_written_as_a_number_names_the_statistic(tmp_path: Path, text: str, statistic: str):
    (row,) = read(tmp_path, f"S,a,6,b_cells_nadir,/µL,median,{text},,,").rows
    assert "is not a number" in row.reason
    assert f"write 1 and the statistic {statistic}" in row.reason


def test_headers_may_differ_and_what_is_not_used_is_said(tmp_path: Path):
    table = read(
        tmp_path, "S;a;6;igg;g/L;mean;8;90;x", header="Study;Arm;N;Endpoint;Unit;Statistic;Value;Time;Doctor"
    )
    assert only(table).time_days == 90.0
    assert table.notes == ("Not used: the column doctor.",)


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        ("study_id,arm,n,measure,value", ["S,a,6,igg,8"], "missing: unit, statistic"),
        (HEADER, [], "no row"),
        ("", [], "empty"),
        (HEADER, ["S,a,6,igg,g/L,mean,8,,,90,and,more"], "12 cells"),
        (HEADER + ",n", ["S,a,6,igg,g/L,mean,8,,,90,6"], "stands twice"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, header: str, rows: list[str], words: str
):
    with pytest.raises(InputError, match=words):
        read(tmp_path, *rows, header=header)


def test_comments_and_blank_lines_are_skipped_and_lines_are_counted(tmp_path: Path):
    table = read(tmp_path, "# a comment", "", "S,a,6,igg,g/L,mean,8,,,90")
    assert table.rows[0].line == 4
    assert table.rows[0].observation.id == "s_row_4"


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_own_observations(tmp_path / "none.csv", load_model())


def test_numbers_as_sources_print_them(tmp_path: Path):
    table = read(
        tmp_path,
        "S,a,12,crs_any,,count,5/12,,,",
        "S,a,,crs_any,,count,5 of 12,,,",
        "S,a,12,crs_any,,fraction,60 %,,,",
        "S,a,12,crs_any,,fraction,75,,,",
        "S,a,12,crs_any,,n,3,,,",
        "S,a,12,b_cells_nadir,1/uL,median (IQR),2,1,4,",
    )
    assert [row.reason for row in table.rows] == [""] * 8
    found = [row.observation for row in table.rows]
    assert [(row.statistic, row.value, row.n) for row in found] == [
        ("count", 5.0, 12),
        ("count", 5.0, 12),
        ("fraction", 60.0, 12),
        ("fraction", 75.0, 12),
        ("count", 3.0, 12),
        ("median", 2.0, 12),
        ("quantile", 1.0, 12),
        ("quantile", 4.0, 12),
    ]
    assert found[2].unit == "%"


def test_a_decimal_comma_is_read_where_semicolons_part_cells(tmp_path: Path):
    table = read(
        tmp_path, "S;a;6;igg;g/L;mean;8,5;90", header="study;arm;n;measure;unit;statistic;value;time"
    )
    assert only(table).value == 8.5
