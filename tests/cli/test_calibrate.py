from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivocart.calibration.posterior import Posterior
from vivocart.cli.main import run

SMALL = ["--particles", "20", "--sweeps", "1", "--seed", "3", "--threads", "1"]


def test_a_study_becomes_a_file_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "deep" / "hn.nc"
    assert run(["calibrate", "hn2301", *SMALL, "--out", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["command"] == "vivocart calibrate hn2301 --particles 20 --sweeps 1 --seed 3"
    assert {row["reading"] for row in told["predicted"] if not row["fitted"]} == set(told["held_out"])
    assert told["observations_that_would_help"]
    assert told["run"]["particles"] == 20
    assert Posterior.read(path).command == told["command"]
    assert [entry.name for entry in path.parent.iterdir()] == ["hn.nc"], "no checkpoint is left"


def test_ctrl_c_leaves_a_checkpoint_and_resume_goes_on(tmp_path: Path, monkeypatch, capsys):
    from vivocart.scenarios import calibrate as home

    path = tmp_path / "hn.nc"
    usual = home._Keeper.step
    seen: list[int] = []

    def interrupted(keeper, state):
        usual(keeper, state)
        seen.append(1)
        if len(seen) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(home._Keeper, "step", interrupted)
    assert run(["calibrate", "hn2301", *SMALL, "--out", str(path)]) == 130
    told = capsys.readouterr().err
    assert "--resume goes on" in told and "stopped" in told
    assert not path.exists()
    monkeypatch.setattr(home._Keeper, "step", usual)
    assert run(["calibrate", "hn2301", *SMALL, "--out", str(path), "--resume", "--quiet"]) == 0
    assert path.exists()
    assert capsys.readouterr().out == ""


def test_all_fits_hn2301_and_every_family_into_one_folder(tmp_path: Path, monkeypatch, capsys):
    from vivocart.calibration import fits

    shipped = fits.shipped_fits()
    one = shipped.model_copy(update={"families": {"patisiran": shipped.families["patisiran"]}})
    monkeypatch.setattr(fits, "shipped_fits", lambda: one)
    assert run(["calibrate", "all", *SMALL, "--out", str(tmp_path), "--quiet"]) == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["hn2301.nc", "patisiran.nc"]
    base, own = (Posterior.read(tmp_path / f"{name}.nc") for name in ("hn2301", "patisiran"))
    assert own.provenance.asked["base"] == base.command
    assert own.command == "vivocart calibrate patisiran --particles 20 --sweeps 1 --seed 3"
    assert set(own.draws.typical) == {"lnp_loss", "lnp_exit", "lnp_return"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["calibrate"], "name a study"),
        (["calibrate", "hn2302"], "did you mean"),
        (["calibrate", "hn2301", "--data", "mine.csv"], "leave one of them out"),
        (["calibrate", "hn2301", "--resume", "--out", "{tmp}/none.nc"], "start without --resume"),
        (["calibrate", "hn2301", "--particles", "3"], "20"),
        (["calibrate", "rituximab", "--mechanisms"], "name studies instead"),
        (["calibrate", "patisiran", "--cohorts", "2"], "--cohorts"),
        (["calibrate", "all", "--json"], "name one of them"),
        (["calibrate", "all", "--resume"], "name one of them"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words, said, tmp_path, capsys):
    assert run([word.format(tmp=tmp_path) for word in words]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert said in told[-1]
