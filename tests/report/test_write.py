from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from vivocart.ground.errors import OutputError
from vivocart.report import write
from vivocart.report.write import FILES, write_trial
from vivocart.scenarios.result import TrialResult


@pytest.fixture(scope="module")
def folder(trial_result: TrialResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("results") / "hn2301"
    write_trial(trial_result, target)
    return target


def test_five_files(folder: Path):
    assert tuple(sorted(path.name for path in folder.iterdir())) == FILES


def test_tables_have_a_row_for_each_patient_and_for_each_time(folder: Path, trial_result: TrialResult):
    endpoints = pd.read_parquet(folder / "endpoints.parquet")
    assert list(endpoints.columns[:2]) == ["arm", "patient"]
    assert len(endpoints) == sum(len(arm.endpoints) for arm in trial_result.arms)
    bands = pd.read_parquet(folder / "trajectories.parquet")
    assert list(bands.columns) == [
        "arm",
        "observable",
        "unit",
        "time_days",
        "q05",
        "q25",
        "q50",
        "q75",
        "q95",
    ]
    assert len(bands) == sum(arm.bands.sizes["time"] * len(arm.bands.data_vars) for arm in trial_result.arms)
    assert (bands["q05"] <= bands["q95"]).all()


def test_summary_and_provenance_are_json(folder: Path, trial_result: TrialResult):
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["interval_is_scenario"] is True
    assert [arm["label"] for arm in summary["arms"]] == [arm.label for arm in trial_result.arms]
    assert len(summary["comparison"]) == len(trial_result.comparison)
    assert json.loads((folder / "provenance.json").read_text())["seed"] == trial_result.seed


def test_the_same_result_gives_the_same_bytes(folder: Path, trial_result: TrialResult, tmp_path: Path):
    write_trial(trial_result, tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_disk_that_fills_up_leaves_the_former_result(folder: Path, trial_result: TrialResult, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(_result: TrialResult) -> pd.DataFrame:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "band_frame", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_trial(trial_result, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
