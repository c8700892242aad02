"""``vivocart validate``: table, files, a user's own study, refusals."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from vivocart.cli.main import run

ROWS = """study_id,arm,n,measure,unit,statistic,value,lower,upper,time_days,regimen,population,doctor
Mine,a,4,car_percent_peak,%,median,30,,,,HN2301 4 mg x 2 every 3 d,age 18 to 65; in remission,x
Mine,a,4,b_cell_depletion_days,d,range,,3,12,,,,
Mine,a,4,autoantibdy,1,mean,0.4,,,90,,,
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "my.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def arguments(own: Path, folder: Path) -> list[str]:
    return ["validate", "--observations", str(own), "--only-own", "--cohorts", "20", "--out", str(folder)]


def test_a_users_study_is_judged_by_the_same_command(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "judged"
    assert run([*arguments(own, folder), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["purpose"] == "for research, not for treatment decisions"
    assert [row["status"] for row in data["rows"]] == ["new"] * 4  # a range has two parts
    first = data["rows"][0]
    assert first["low90"] <= first["low50"] <= first["median"] <= first["high50"] <= first["high90"]
    assert isinstance(first["inside90"], bool)
    assert 0 <= first["pit"] <= 1
    assert "autoantibody" in data["rows"][-1]["not_predicted"]
    assert any("doctor" in note for note in data["notes"])
    assert any("in remission" in note for note in data["studies"][0]["notes"])
    assert {file.name for file in folder.iterdir()} == {"credibility.csv", "credibility.json", "report.html"}
    with (folder / "credibility.csv").open(newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 4
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("For research", "Coverage", "not applied", "Highest CAR+ share", "did you mean"):
        assert words in page
    assert "<script" not in page


def test_the_table_is_printed(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run([*arguments(own, tmp_path / "judged"), "--draws", "prior"]) == 0
    told = capsys.readouterr().out
    for words in ("Mine", "inside", "Not predicted (1)", "Nothing was fitted", "For research"):
        assert words in told


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["validate", "--study", "LUNA"], "LUNAR"),
        (["validate", "--observations", "none.csv"], "no such file"),
        (["validate", "--draws", "guess"], "prior"),
        (["validate", "--only-own"], "--observations"),
    ],
)
def test_refusals_are_one_line(
    changed: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run([*changed, "--out", str(tmp_path / "judged")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert not (tmp_path / "judged").exists()
