"""``vivocart sensitivity local``: table, JSON, figure, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivocart.cli.main import run

REGIMEN = "HN2301 4 mg x 3 every 3 d"
ARGUMENTS = ["sensitivity", "local", REGIMEN, "--observable", "autoantibody", "--day", "30"]


def test_json_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    figure = tmp_path / "tornado.svg"
    assert run([*ARGUMENTS, "--json", "--out", str(figure)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["purpose"] == "for research, not for treatment decisions"
    sizes = [abs(row["elasticity"]) for row in data["sensitivities"]]
    assert sizes == sorted(sizes, reverse=True)
    text = figure.read_text(encoding="utf-8")
    assert "transfection_half_concentration" in text
    assert "For research" in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["sensitivity", "local", REGIMEN, "--observable", "autoantibodies", "--day", "30"], "autoantibody"),
        ([*ARGUMENTS[:-1], "-3"], "days"),
        ([*ARGUMENTS, "--out", "tornado.pdf"], ".svg or .png"),
        (["sensitivity", "local", "HN2301", "--observable", "autoantibody", "--day", "30"], "HN2301"),
    ],
)
def test_refusals_are_one_line(changed: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    assert run(changed) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]


GLOBAL = ["sensitivity", "global", REGIMEN, "--parameter", "car_loss", "--parameter", "car_display"]
SHORT = ["--endpoint", "car_return_days", "--endpoint", "car_percent_peak", "--samples", "16", "--days", "20"]


def test_global_writes_tables_figure_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "sobol"
    assert run([*GLOBAL, *SHORT, "--json", "--out", str(folder)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["purpose"] == "for research, not for treatment decisions"
    assert data["n_runs"] == 64
    assert {row["parameter_id"] for row in data["indices"]} == {"car_loss", "car_display"}
    names = {file.name for file in folder.iterdir()}
    assert names == {
        "indices.csv",
        "inputs.csv",
        "outputs.csv",
        "sensitivity.html",
        "sensitivity.json",
        "sensitivity.svg",
    }
    page = (folder / "sensitivity.html").read_text(encoding="utf-8")
    for words in ("For research", "car_display", "CAR+ cells back at baseline"):
        assert words in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert json.loads((folder / "sensitivity.json").read_text(encoding="utf-8")) == data


def test_global_prints_the_strongest(capsys: pytest.CaptureFixture[str]):
    assert run([*GLOBAL, *SHORT, "--patients", "2"]) == 0
    told = capsys.readouterr()
    assert "car_loss" in told.out
    assert "For research" in told.out
    assert "simulating" in told.err


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ([*GLOBAL, "--samples", "100"], "power of two"),
        ([*GLOBAL, "--endpoint", "sledai_e90"], "sledai_d90"),
        (["sensitivity", "global", REGIMEN, "--parameter", "car_los"], "car_loss"),
        (["sensitivity", "global", "HN2302 4 mg"], "HN2301"),
    ],
)
def test_global_refusals_are_one_line(changed: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    assert run(changed) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
