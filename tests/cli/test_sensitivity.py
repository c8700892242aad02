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
