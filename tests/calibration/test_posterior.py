from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from vivocart.calibration.insight import contraction, predicted, scenario_shares, trade_offs
from vivocart.calibration.observations import observations
from vivocart.calibration.posterior import GROUPS, Posterior, load_posterior, posterior_names
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.calibrate import FitProgress, calibrate

MODEL = load_model()
ASKED = {"n_particles": 20, "sweeps": 1, "seed": 7}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Posterior, Path, list[FitProgress]]:
    told: list[FitProgress] = []
    posterior = calibrate("hn2301", **ASKED, threads=1, on_progress=told.append)
    path = tmp_path_factory.mktemp("posterior") / "small.nc"
    posterior.write(path)
    return posterior, path, told


def test_a_posterior_is_read_as_it_was_written(small):
    posterior, path, _ = small
    again = Posterior.read(path)
    assert tuple(again.tree.children) == GROUPS
    for name in posterior.draws.typical:
        np.testing.assert_array_equal(again.draws.typical[name], posterior.draws.typical[name])
    assert again.provenance == posterior.provenance
    assert again.command == "vivocart calibrate hn2301 --particles 20 --sweeps 1 --seed 7"
    fitted = {row.id for row in observations("HN2301") if row.measure} - set(again.held_out)
    assert set(again.fitted_ids) == fitted
    second = path.with_name("second.nc")
    again.write(second)
    assert second.read_bytes() == path.read_bytes()


def test_arviz_reads_it(small):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        found = arviz.from_netcdf(str(small[1]))
        assert set(GROUPS) <= set(found.groups())
        summary = arviz.summary(found, var_names=["scenario_interval_days"], kind="stats")
    assert 1.0 <= float(summary["mean"].iloc[0]) <= 7.0


def test_draws_make_patients(small):
    draws = small[0].draws
    patients = VirtualPopulation.sample(
        MODEL, n_patients=len(draws), seed=1, draws=draws, draw=np.arange(len(draws))
    )
    assert all(np.isfinite(values).all() for values in patients.parameters.values())
    assert set(np.unique(draws.scenario["interval_days"])) <= {1.0, 2.0, 3.0, 4.0, 5.0, 7.0}


def test_threads_and_interruptions_change_no_byte(small, tmp_path):
    _, path, _ = small
    checkpoint = tmp_path / "here.npz"

    class Stop(Exception):
        pass

    def stop(now: FitProgress) -> None:
        if now.temperature >= 1.0 and now.sweep == 2:
            raise Stop

    with pytest.raises(Stop):
        calibrate("hn2301", **ASKED, threads=2, checkpoint=checkpoint, on_progress=stop)
    assert checkpoint.exists()
    with pytest.raises(InputError, match="another fit"):
        calibrate("hn2301", **(ASKED | {"seed": 8}), checkpoint=checkpoint, resume=True)
    resumed = calibrate("hn2301", **ASKED, threads=2, checkpoint=checkpoint, resume=True)
    other = tmp_path / "resumed.nc"
    resumed.write(other)
    assert other.read_bytes() == path.read_bytes()


def test_progress_rises_to_one(small):
    told = small[2]
    temperatures = [now.temperature for now in told]
    assert temperatures == sorted(temperatures) and temperatures[-1] == 1.0
    assert "effective" in str(told[-1])


def test_insight_has_every_unknown_once(small):
    posterior, _, _ = small
    table = contraction(posterior, MODEL)
    assert len(table) == len(posterior.draws.typical) + len(posterior.draws.spread)
    assert not table.duplicated(["part", "parameter"]).any()
    assert not table.loc[~table["read"], "informed"].any()
    shares = scenario_shares(posterior)["interval_days"]
    assert shares["posterior"].sum() == pytest.approx(1.0)
    rows = predicted(posterior)
    assert set(rows.loc[~rows["fitted"], "reading"]) == set(posterior.held_out)
    assert (rows["q05"] <= rows["median"]).all() and (rows["median"] <= rows["q95"]).all()
    pairs = trade_offs(posterior, MODEL, least=0.0)
    assert (pairs["correlation"].abs() <= 1.0).all()


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UnknownNameError, match="hn2301"):
        load_posterior("hn2302")
    with pytest.raises(InputError, match="no such file"):
        load_posterior(tmp_path / "none.nc")
    wrong = tmp_path / "wrong.nc"
    wrong.write_text("no netcdf")
    with pytest.raises(InputError, match="not a posterior"):
        Posterior.read(wrong)
    import xarray as xr

    other = tmp_path / "other.nc"
    xr.Dataset({"a": 1}).to_netcdf(other, engine="h5netcdf")
    with pytest.raises(InputError, match="no posterior"):
        Posterior.read(other)


def test_a_posterior_of_another_model_is_refused(small, tmp_path):
    import json

    posterior, path, _ = small
    assert load_posterior(path).command == posterior.command
    told = json.loads(posterior.tree.attrs["provenance"]) | {"model_hash": "0" * 64}
    tree = posterior.tree.copy()
    tree.attrs["provenance"] = json.dumps(told)
    stranger = tmp_path / "stranger.nc"
    Posterior(tree=tree).write(stranger)
    with pytest.raises(InputError, match=r"another version of the model.*run again: vivocart calibrate"):
        load_posterior(stranger)


def test_wrong_numbers_are_refused():
    with pytest.raises(InputError, match="n_particles"):
        calibrate("hn2301", n_particles=3)
    with pytest.raises(InputError, match="sweeps"):
        calibrate("hn2301", sweeps=0)
    with pytest.raises(InputError, match="name the checkpoint"):
        calibrate("hn2301", resume=True)
    with pytest.raises(InputError, match="no observation of HN2301_taper is fitted"):
        calibrate("hn2301_taper")


def test_the_shipped_posterior_is_small_and_says_how_it_was_made():
    from importlib import resources

    assert "hn2301" in posterior_names()
    with resources.as_file(resources.files("vivocart.calibration") / "posteriors" / "hn2301.nc") as path:
        assert path.stat().st_size < 1_000_000
        posterior = Posterior.read(path)
    assert posterior.command.startswith("vivocart calibrate hn2301 ")
    assert posterior.provenance.seed is not None
    assert len(posterior.draws) >= 400
    assert posterior.provenance.model_hash == MODEL.hash, "the model changed: run make posterior"
