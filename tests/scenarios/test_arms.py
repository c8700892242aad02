"""Chunks, threads and the number of patients change no number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vivocart.endpoints.table import endpoints, quantiles
from vivocart.model.load import load_model
from vivocart.scenarios import arms as module
from vivocart.scenarios.arms import Arm, Setting, run_arms
from vivocart.scenarios.result import ArmResult
from vivocart.trials.protocol import load_study


def _setting(threads: int) -> Setting:
    study = load_study("hn2301")
    return Setting(
        model=load_model(),
        seed=5,
        days=35.0,
        visits_days=(0.0, 7.0, 28.0),
        criteria=study.entry,
        rescue=study.rescues,
        observations=(),
        threads=threads,
        on_message=None,
    )


def _run(folder: Path, n_patients: int, threads: int = 1) -> list[ArmResult]:
    regimens = load_study("hn2301").regimens(None)
    folder.mkdir(exist_ok=True)
    results, _ = run_arms(
        _setting(threads),
        [Arm(label=label, regimen=regimen, cohort_size=None) for label, regimen in regimens.items()],
        n_patients=n_patients,
        n_observed=0,
        path=folder / "endpoints.parquet",
        is_temporary=False,
        tick=lambda _: None,
    )
    return results


def test_chunks_and_threads_change_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = _run(tmp_path / "whole", 40)
    monkeypatch.setattr(module, "CHUNK", 7)
    monkeypatch.setattr(module, "_DRAWN_AT_ONCE", 10)
    monkeypatch.setattr(module, "_PARTS_PER_THREAD", 1)
    assert [len(part) for part in module._parts(40, 3)] == [10, 7, 7, 7, 7, 2]
    cut = _run(tmp_path / "cut", 40, threads=3)
    assert (tmp_path / "whole/endpoints.parquet").read_bytes() == (
        tmp_path / "cut/endpoints.parquet"
    ).read_bytes()
    for one, other in zip(whole, cut, strict=True):
        assert one.bands.identical(other.bands)
        pd.testing.assert_frame_equal(one.sledai_visits, other.sledai_visits)
        pd.testing.assert_frame_equal(one.sledai_items, other.sledai_items)


def test_the_first_patients_of_many_are_those_of_few(tmp_path: Path):
    few, many = _run(tmp_path / "few", 9), _run(tmp_path / "many", 30, threads=2)
    for one, other in zip(few, many, strict=True):
        pd.testing.assert_frame_equal(one.endpoints, other.endpoints.iloc[:9], check_exact=True)


def test_counts_are_those_of_the_simulation_itself(tmp_path: Path):
    arm = _run(tmp_path / "x", 25)[1]
    setting = _setting(1)
    simulation = setting.course(arm.regimen, setting.patients(0, 25))
    table = endpoints(simulation)
    pd.testing.assert_frame_equal(table, arm.endpoints, check_exact=True)
    day28 = arm.sledai_visits.set_index("day").loc[28.0]
    exact = quantiles(table["sledai_d28"].to_numpy(), (0.05, 0.25, 0.5, 0.75, 0.95))
    assert day28.tolist() == exact.tolist()
    exact = np.quantile(simulation["b_cells_blood"].values, 0.5, axis=0, method="inverted_cdf")
    shown = arm.bands["b_cells_blood"].sel(quantile=0.5).values
    assert np.abs(np.log(shown / exact)).max() < 0.0051
