"""What the commands print and write, on the shipped model with few patients."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from vivocart.cli.main import run
from vivocart.report.write import FILES

_LETTER = ("--product", "HN2301", "--dose-mg", "4", "--infusions", "3", "--interval-days", "3")


def test_simulate_prints_infusions_and_endpoints_and_writes_a_table(tmp_path: Path, capsys):
    target = tmp_path / "run.parquet"
    assert run(("simulate", *_LETTER, "--patients", "8", "--days", "30", "--out", str(target))) == 0
    text = capsys.readouterr().out
    assert "HN2301 4 mg x 3 every 3 d" in text
    assert "Highest CAR+ share of CD8 cells in blood" in text
    table = pd.read_parquet(target)
    assert {"patient", "time", "b_cells_blood"} <= set(table.columns)
    assert table["patient"].nunique() == 8
    assert table["time"].max() == 30.0


def test_simulate_gives_the_same_json_with_one_and_two_threads(capsys):
    texts = []
    for threads in ("1", "2"):
        arguments = ("simulate", *_LETTER, "--patients", "10", "--days", "30", "--json", "--threads", threads)
        assert run(arguments) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        texts.append(captured.out)
    assert texts[0] == texts[1]
    found = json.loads(texts[0])
    assert found["purpose"] == "for research, not for treatment decisions"
    assert {row["endpoint"] for row in found["endpoints"]} >= {"car_percent_peak", "b_cell_depletion_days"}


def test_quiet_prints_nothing(capsys):
    assert run(("simulate", *_LETTER, "--patients", "4", "--days", "20", "--quiet")) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_compare_sets_arms_side_by_side(tmp_path: Path, capsys):
    target = tmp_path / "compared.parquet"
    arms = ("--arm", "near: HN2301 4 mg x 3 every 2 d", "--arm", "rituximab 1000 mg x 2 every 14 d")
    assert run(("compare", *arms, "--patients", "6", "--days", "40", "--out", str(target))) == 0
    text = capsys.readouterr().out
    assert "near" in text
    assert "rituximab 1000 mg x 2 every 14 d" in text
    table = pd.read_parquet(target)
    assert list(table.columns[:2]) == ["arm", "patient"]
    assert len(table) == 12


def test_the_exported_model_is_read_back(tmp_path: Path, capsys):
    for kind, name in (("sbml", "model.xml"), ("antimony", "model.ant")):
        target = tmp_path / name
        assert run(("model", "export", "--format", kind, "--out", str(target))) == 0
        assert target.stat().st_size > 10_000
    capsys.readouterr()
    assert run(("model", "export", "--format", "sbml")) == 0
    assert capsys.readouterr().out == (tmp_path / "model.xml").read_text(encoding="utf-8")


def test_any_model_runs(tmp_path: Path, capsys):
    source = tmp_path / "decay.ant"
    source.write_text("species A; A = 10; A -> ; k*A; k = 0.5;\n")
    assert run(("model", "run", str(source), "--until", "2", "--points", "3", "--set", "k=1")) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(row["time"]) for row in rows] == [0.0, 1.0, 2.0]
    assert float(rows[-1]["A"]) == pytest.approx(10 * 2.718281828**-2, rel=1e-6)
    assert run(("model", "run", str(source), "--until", "2", "--set", "q=1")) == 2
    assert "unknown parameter 'q'" in capsys.readouterr().err
    assert run(("model", "run", str(source), "--until", "2", "--set", "k=fast")) == 2
    assert "write ID=VALUE with a number" in capsys.readouterr().err


def test_checks_say_that_all_is_well(capsys):
    assert run(("model", "check")) == 0
    assert "the model: no error" in capsys.readouterr().out
    assert run(("evidence", "check")) == 0
    assert "the evidence: no error" in capsys.readouterr().out


def test_show_filters_by_module_and_kind(capsys):
    assert run(("model", "show", "--module", "lnp", "--kind", "measured", "--json")) == 0
    rows = json.loads(capsys.readouterr().out)["parameters"]
    assert all(row["module"] == "lnp" and row["kind"] == "measured" for row in rows)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less of what the main job repeats many times; the same code runs."""
    from vivocart.scenarios import trial

    for name, count in (("_UNCERTAIN_COHORTS", 10), ("_WEIGHT_PATIENTS", 2), ("_INTERVAL_PATIENTS", 4)):
        monkeypatch.setattr(trial, name, count)


def test_a_scenario_with_arms_runs_to_files(tmp_path: Path, capsys):
    source, target = tmp_path / "mine.yaml", tmp_path / "result"
    source.write_text(
        "arms: [{regimen: HN2301 4 mg x 3 every 3 d, label: a}, {regimen: rituximab 1000 mg, label: b}]\n"
        "n_patients: 5\ndays: 30\nobservables: [b_cells_blood]\nendpoints: [b_cells_nadir]\n"
    )
    assert run(("run", str(source), "--out", str(target))) == 0
    assert "Lowest B-cell count in blood" in capsys.readouterr().out
    assert set(pd.read_parquet(target / "trajectories.parquet")["observable"]) == {"b_cells_blood"}
    assert list(pd.read_parquet(target / "endpoints.parquet").columns) == ["arm", "patient", "b_cells_nadir"]
    assert json.loads((target / "summary.json").read_text())["asked"]["n_patients"] == 5


def test_a_scenario_with_a_study_is_a_trial(tmp_path: Path, monkeypatch):
    from vivocart.cli import run as module

    seen = {}
    monkeypatch.setattr(
        module, "deliver_trial", lambda study, folder, **asked: seen.update(asked, study=study, folder=folder)
    )
    source = tmp_path / "mine.yaml"
    source.write_text("study: hn2301\nn_patients: 6\nseed: 4\ninterval_days: 2\nintervals: [1, 2]\n")
    assert run(("run", str(source), "--threads", "1")) == 0
    assert seen["study"].interval_scenarios_days == (1, 2)
    assert (seen["n_patients"], seen["seed"], seen["interval_days"], seen["threads"]) == (6, 4, 2, 1)
    assert seen["folder"] == Path("results/mine")


@pytest.mark.usefixtures("small")
def test_a_trial_from_command_to_files_is_the_same_with_one_and_two_threads(tmp_path: Path, capsys):
    for threads in ("1", "2"):
        arguments = ("--patients", "9", "--seed", "7", "--threads", threads, "--out", str(tmp_path / threads))
        assert run(("trial", "hn2301", *arguments)) == 0
    text = capsys.readouterr().out
    assert "For research, not for treatment decisions." in text
    assert f"Report: {tmp_path / '1' / 'report.html'}" in text.replace("\n", "")
    assert tuple(sorted(path.name for path in (tmp_path / "1").iterdir())) == FILES
    for name in FILES:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name
    page = (tmp_path / "1" / "report.html").read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "1" / "summary.json").read_text(encoding="utf-8"))
    assert [arm["n_patients"] for arm in summary["arms"]] == [9, 9]
    assert "For research, not for treatment decisions." in page
    for row in summary["comparison"]:
        assert f'id="observation-{row["observation_id"]}"' in page


def test_a_trial_as_json_prints_the_summary_and_nothing_else(tmp_path: Path, capsys, monkeypatch):
    from vivocart.report import write
    from vivocart.scenarios import summary, trial

    monkeypatch.setattr(trial, "run_trial", lambda *_, **__: None)
    monkeypatch.setattr(write, "write_files", lambda *_: None)
    monkeypatch.setattr(summary, "summary", lambda _: {"study": "hn2301"})
    assert run(("trial", "hn2301", "--json", "--out", str(tmp_path / "r"))) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"study": "hn2301"}
    assert captured.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "--arm", "HN2301 4 mg", "--days", "nan"), "nan is not a finite number"),
        (("simulate", "--product", "HN2301", "--dose-mg", "4", "--days", "inf"), "inf is not a finite number"),
        (("simulate", "--product", "HN2301", "--dose-mg", "4", "--out", "run.csv"), "name it run.parquet"),
        (("sensitivity", "local", "HN2301 4 mg", "--observable", "crp", "--day", "9", "--out", "t.pdf"), "t.svg"),
        (("report", "credibility", "--draws", "x"), "write posterior, prior"),
    ],
)  # fmt: skip
def test_what_would_not_do_is_said_before_any_work(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error:") and said in line
