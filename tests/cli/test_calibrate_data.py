"""``vivocart calibrate --data`` on the theophylline example, as the page on own data shows it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from vivocart.cli.main import run
from vivocart.report.individual_fit import FILES

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "theophylline"


def _words(out: Path, *more: str) -> list[str]:
    return [
        "calibrate",
        *("--data", str(EXAMPLE / "theophylline.csv"), "--model", str(EXAMPLE / "theophylline.ant")),
        *("--parameters", str(EXAMPLE / "parameters.csv"), "--map", str(EXAMPLE / "map.yaml")),
        *("--draws", "150", "--out", str(out), *more),
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fit") / "theophylline"
    assert run(_words(out, "--quiet")) == 0
    return out


def test_the_files_are_there_and_whole(written):
    assert sorted(path.name for path in written.iterdir()) == sorted(FILES)
    estimates = pd.read_csv(written / "estimates.csv").set_index("name")
    assert estimates.loc["typical:ka", "estimate"] == pytest.approx(1.59, rel=0.05)
    assert estimates.loc["typical:CL", "unit"] == "L/h"
    assert len(pd.read_csv(written / "individual.csv")) == 36
    assert len(pd.read_csv(written / "measurements.csv")) == 132
    fit = json.loads((written / "fit.json").read_text())
    assert fit["settled"]
    assert fit["purpose"] == "for research, not for treatment decisions"
    assert fit["provenance"]["seed"] == 1
    assert fit["minus_two_log_likelihood"] == pytest.approx(360.7, abs=0.5)


def test_the_page_on_own_data_shows_what_its_command_finds(written):
    """150 draws here, 600 there: the last digit may differ."""
    estimates = pd.read_csv(written / "estimates.csv").set_index("name")
    page = (EXAMPLE.parents[1] / "own_data.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| (\w+) typical value \| \S+ \| \S+ \(log ([\d.]+) ", page, re.MULTILINE))
    assert set(shown) == {"ka", "CL", "V"}
    for name, value in shown.items():
        assert float(value) == pytest.approx(estimates.loc[f"typical:{name}", "normal_scale"], abs=0.01)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.outside += [
            value for key, value in attrs if key in ("src", "href") and value and not value.startswith("#")
        ]
        if found.get("role") == "img":
            self.images.append(found.get("aria-label") or "")


def test_the_page_stands_alone_and_says_its_figures_in_words(written):
    text = (written / "report.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.outside == []
    assert len(page.images) == 1 + 4 + 12 + 3
    assert all(page.images)
    assert "For research, not for treatment decisions." in text
    assert "12 patients say little about how patients differ" in text
    assert "nan" not in text.lower().replace("nanoparticle", "").replace("covenant", "")


def test_the_same_call_gives_the_same_bytes(written, tmp_path):
    assert run(_words(tmp_path / "again", "--quiet", "--threads", "1")) == 0
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (written / name).read_bytes(), name


def test_json_is_one_object(tmp_path, capsys):
    assert run(_words(tmp_path / "json", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in found["estimates"]} >= {"typical:ka", "spread:V"}
    assert found["warnings"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["calibrate", "--data", "no.csv", "--observe", "x"], "no.csv: no such file"),
        (["calibrate", "hn2301", "--data", "x.csv"], "given with --data"),
    ],
)
def test_a_call_that_cannot_be_done_is_told_in_one_line(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_stopping_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    from vivocart.calibration.individuals import analysis

    def stopped(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(analysis, "observed_uncertainty", stopped)
    assert run(_words(tmp_path / "stopped", "--quiet")) == 130
    assert not (tmp_path / "stopped").exists()
    assert "no result was changed" in capsys.readouterr().err
