"""Every shipped study runs from its file to its report."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from vivocart.calibration.observations import observations
from vivocart.calibration.posterior import Posterior, load_posterior
from vivocart.model.load import load_model
from vivocart.report.write import FILES, write_trial
from vivocart.scenarios import cohorts, shipped_fits, trial
from vivocart.trials.protocol import load_study, study_ids


@functools.cache
def _shipped(name: str) -> Posterior:
    """A file of half a megabyte takes half a second to read, and most studies ask for the same."""
    return load_posterior(name, model=load_model())


@pytest.mark.parametrize("name", study_ids())
def test_a_study_runs_to_its_report(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for constant, count in (("_UNCERTAIN_COHORTS", 4), ("_WEIGHT_PATIENTS", 2), ("_INTERVAL_PATIENTS", 4)):
        monkeypatch.setattr(trial, constant, count)
    monkeypatch.setattr(cohorts, "_COHORTS", 100)
    monkeypatch.setattr(shipped_fits, "load_posterior", lambda name, model: _shipped(name))
    study = load_study(name)
    result = trial.run_trial(name, n_patients=max(20, study.n_patients), seed=2)
    write_trial(result, tmp_path / name)
    assert tuple(sorted(path.name for path in (tmp_path / name).iterdir())) == FILES
    summary = json.loads((tmp_path / name / "summary.json").read_text(encoding="utf-8"))
    assert [arm["label"] for arm in summary["arms"]] == [arm.id for arm in study.arms]
    assert summary["interval_is_scenario"] is (study.interval is not None)
    published = [row for row in observations() if row.study_id.lower() == study.id.lower()]
    assert len(summary["comparison"]) == len(published)
