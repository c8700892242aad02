"""Simulations on a graphics card, played by the processor, and what is said where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from stand_in import StandIn

from vivocart.cli.main import cli
from vivocart.engine import nvidia
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation import device
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

LETTER = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
RESCUE = Rescue(product="tocilizumab", dose=8, observable="cytokine_signal", threshold="crs_fever_threshold")


@pytest.mark.parametrize("settings", [{}, {"precision": "single", "relative_tolerance": 1e-3}])
def test_a_card_gives_the_same_bits_and_stands_in_the_provenance(monkeypatch, settings):
    monkeypatch.setattr(device, "find_gpu", lambda: StandIn(threads=32))
    model = load_model()
    patients = VirtualPopulation.sample(model, n_patients=40, seed=5)
    asked = {"days": 30, "rescue": (RESCUE,), "observables": ["b_cells_blood", "il6", "igg"], **settings}
    here = simulate(model, LETTER, patients, **asked)
    there = simulate(model, LETTER, patients, **asked, device="gpu")
    np.testing.assert_array_equal(here.values, there.values)
    assert len(here.rescues)
    assert here.rescues.equals(there.rescues)
    assert there.provenance.asked["device"] == "stand-in"
    assert "device" not in here.provenance.asked


def test_where_there_is_no_card_it_says_so_and_how_to_go_on(monkeypatch):
    def none() -> nvidia.NvidiaDevice:
        raise InputError("this machine has no card", where="device", mend="leave the device out")

    monkeypatch.setattr(device, "find_gpu", none)
    assert device.graphics_card() == "none (this machine has no card)"
    for command in (["simulate", "--product", "HN2301", "--dose-mg", "4"], ["trial", "hn2301"]):
        found = CliRunner().invoke(cli, [*command, "--device", "gpu"])
        assert isinstance(found.exception, InputError)
        assert "this machine has no card" in str(found.exception)
    with pytest.raises(UnknownNameError, match="tpu"):
        device.find_device("tpu")  # type: ignore[arg-type]
