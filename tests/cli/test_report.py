"""``vivocart report credibility``: refusals before anything long is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivocart.cli.main import run


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["hn2302"], "hn2301"),
        (["--context", "none.yaml"], "no such file"),
        (["--cohorts", "1"], "cohorts"),
    ],
)
def test_refusals_are_one_line(
    changed: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["report", "credibility", *changed, "--out", str(tmp_path / "report")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert not (tmp_path / "report").exists()
