"""Any model for a table of patients: each as alone, doses in amounts, and the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from stand_in import StandIn

from vivocart.cli.main import cli
from vivocart.ground.errors import InputError, SimulationError, UnknownNameError, VivocartError
from vivocart.scenarios.patient_results import file_provenance, write_patients
from vivocart.simulation import device, run_patients
from vivocart.simulation.run_model import read_model_file, run_model

PK = """
model pk
  compartment V = 10; compartment W; W := V/2;
  species C in V; substanceOnly species A in V;
  species D in W;
  A = 0; C = 3*base; D = 0; base = 0.5;
  ka = 1; k = 0.2;
  absorbed: A -> C; ka*A;
  lost: C -> ; k*C*V;
  effect := C/(C + e50); e50 = 2;
end
"""
EVENTS = """
model halving
  x = 10; k = 1; level = 5; n = 0;
  x' = -k*x;
  at (x < level): x = 10, n = n + 1;
end
"""
DEATH = "model burst; x = 1; y = 1; k = 0.1; x' = k*x^2; y' = -y; end"


@pytest.fixture
def model(tmp_path):
    def written(text: str):
        (tmp_path / "model.ant").write_text(text)
        return read_model_file(tmp_path / "model.ant")

    return written


def all_of(*args, **named):
    parts = list(run_patients.run_patients(*args, **named))
    return (
        np.concatenate([part.values for part in parts]),
        sum((part.patients for part in parts), ()),
        sum((part.failures for part in parts), ()),
    )


def test_each_patient_is_as_alone(model, monkeypatch):
    pk, times = model(PK), np.linspace(0, 20, 11).tolist()
    k = np.array([0.1, 0.3, 0.9])
    monkeypatch.setattr(run_patients, "_NUMBERS_AT_ONCE", 2 * 11 * 2)  # two patients a part
    values, names, failures = all_of(
        pk,
        pd.DataFrame({"k": k, "base": [1.0, 2.0, 3.0]}),
        times=times,
        observables=["C", "effect"],
        relative_tolerance=1e-9,
    )
    assert names == ("1", "2", "3")
    assert not failures
    for place in range(3):
        alone = run_model(pk.system, times, parameters={"k": k[place], "base": 1.0 + place})
        np.testing.assert_allclose(values[place, :, 0], alone["C"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(values[..., 1], values[..., 0] / (values[..., 0] + 2), rtol=1e-12)


def test_doses_are_amounts_of_substance_whatever_the_species_is_in(model):
    """Into a concentration in 10 or 20 l, at once and over 2 h, and into an amount."""
    table = {"patient": ["a", "b"], "V": [10.0, 20.0], "k": [0.2, 0.2], "C": [0.0, 0.0]}
    doses = {"time": [1.0, 5.0], "amount": [100.0, 60.0], "into": ["C", "C"], "duration": [0.0, 2.0]}
    times = [0.0, 1.0, 2.0, 5.0, 6.0, 7.0, 9.0]
    values, _, _ = all_of(
        model(PK), table, times=times, doses=doses, observables=["C"], relative_tolerance=1e-10
    )
    t, k = np.array(times), 0.2
    bolus = np.where(t >= 1, 10 * np.exp(-k * (t - 1)), 0)
    on = np.clip(t - 5, 0, 2)
    infused = 3.0 / k * (1 - np.exp(-k * on)) * np.exp(-k * np.clip(t - 7, 0, None))
    np.testing.assert_allclose(values[0, :, 0], bolus + infused, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(values[1, :, 0], values[0, :, 0] / 2, rtol=1e-7, atol=1e-9)
    amount, _, _ = all_of(
        model(PK),
        table,
        times=[0.0, 1.0],
        doses={"time": [1.0], "amount": [7.0], "into": ["A"]},
        observables=["A"],
    )
    np.testing.assert_allclose(amount[:, 1, 0], 7.0)


def test_doses_of_each_patient(model):
    doses = {
        "patient": ["b", "b", "a"],
        "time": [2.0, 0.0, 1.0],
        "amount": [1.0, 2.0, 4.0],
        "into": ["A", "A", "A"],
    }
    values, _, _ = all_of(
        model(PK),
        {"patient": ["a", "b", "c"], "ka": [0.0, 0.0, 0.0]},
        times=[0.0, 1.0, 2.0],
        doses=doses,
        observables=["A"],
    )
    np.testing.assert_allclose(values[..., 0], [[0, 4, 4], [2, 2, 3], [0, 0, 0]])


def test_a_model_with_events_is_as_alone_and_takes_doses(model, monkeypatch):
    halving, times = model(EVENTS), [0.0, 0.5, 1.0, 2.0]
    monkeypatch.setattr(run_patients, "_PATIENTS_WITH_EVENTS", 2)
    done: list[tuple[int, int]] = []
    table = {"k": [0.5, 1.0, 0.5], "level": [5.0, 2.0, 5.0]}
    values, _, _ = all_of(
        halving, table, times=times, observables=["x", "n"], on_progress=lambda *a: done.append(a)
    )
    for place, given in enumerate(({"k": 0.5, "level": 5.0}, {"k": 1.0, "level": 2.0})):
        alone = run_model(halving.system, times, parameters=given)
        np.testing.assert_allclose(values[place], alone[["x", "n"]].to_numpy(), rtol=1e-5)
    np.testing.assert_array_equal(values[2], values[0])
    assert done == [(2, 3), (3, 3)]
    doses = {"time": [0.5, 1.0], "amount": [4.0, 2.0], "into": ["x", "n"]}
    dosed, _, _ = all_of(
        halving, {"k": [0.5], "level": [1.0]}, times=times, doses=doses, observables=["x", "n"]
    )
    x = np.array([10, 10 * np.exp(-0.25) + 4, 0, 0])
    x[2:] = x[1] * np.exp(-0.5 * (np.array([1.0, 2.0]) - 0.5))
    np.testing.assert_allclose(dosed[0], np.column_stack([x, [0, 0, 2, 2]]), rtol=1e-5)
    for wrong in ({"precision": "single"}, {"device": "gpu"}):
        with pytest.raises(InputError, match="events"):
            all_of(halving, {"k": [1.0]}, times=times, **wrong)


def test_a_failure_is_that_patients_alone(model):
    values, _, failures = all_of(
        model(DEATH), {"patient": ["slow", "fast"], "k": [0.1, 0.5]}, times=[0.0, 1.0, 3.0], observables=["x"]
    )
    assert [one.patient for one in failures] == ["fast"]
    assert "state 'x'" in failures[0].reason
    assert np.isfinite(values[0]).all()
    assert np.isnan(values[1, 2, 0])


def test_a_card_gives_the_same_bits(model, monkeypatch):
    monkeypatch.setattr(device, "find_gpu", StandIn)
    table = {"k": np.linspace(0.1, 1, 33)}
    asked = {"times": [0.0, 1.0, 5.0], "doses": {"time": [0.5], "amount": [1.0], "into": ["A"]}}
    here, there = (all_of(model(PK), table, **asked, device=name)[0] for name in ("cpu", "gpu"))
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize(
    ("table", "doses", "words"),
    [
        ({"kk": [1.0]}, None, "'kk'; did you mean"),
        ({"effect": [1.0]}, None, "computed by the model"),
        ({"patient": ["a", "a"], "k": [1.0, 2.0]}, None, "there twice"),
        ({"k": [1.0]}, {"time": [0.0], "amount": [1.0]}, "'into' is missing"),
        ({"k": [1.0]}, {"time": [0.0], "amount": [1.0], "into": ["effect"]}, "no state"),
        ({"k": [1.0]}, {"time": [0.0], "amount": [1.0], "into": ["Q"]}, "'Q'"),
        ({"k": [1.0]}, {"time": [-1.0], "amount": [1.0], "into": ["A"]}, "below zero"),
        ({"k": [1.0]}, {"time": [0.0], "amount": [1.0], "into": ["A"], "dose": [1.0]}, "'dose'"),
        ({"k": [1.0]}, {"time": [0.0], "amount": [1.0], "into": ["A"], "patient": ["2"]}, "patient '2'"),
    ],
)
def test_wrong_tables_are_refused_in_words(model, table, doses, words):
    with pytest.raises(InputError, match=words):
        all_of(model(PK), table, times=[0.0, 1.0], doses=doses)
    with pytest.raises(UnknownNameError, match="'Z'"):
        all_of(model(PK), {"k": [1.0]}, times=[0.0, 1.0], observables=["Z"])


def test_the_command_writes_what_it_was_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m.ant").write_text(DEATH)
    Path("p.csv").write_text("patient,k\nslow,0.1\nfast,0.5\n")
    ask = ["model", "run", "m.ant", "--until", "3", "--points", "4", "--patients", "p.csv"]
    run = CliRunner().invoke
    said = run(cli, [*ask, "--out", "r.parquet"])
    assert said.exit_code == 0
    assert "2 patients, 4 times, 2 observables: r.parquet" in said.output
    assert "failed: patient fast" in said.output
    table = pq.read_table("r.parquet")
    assert table.column_names == ["patient", "time", "x", "y"]
    told = json.loads(table.schema.metadata[b"vivocart"])
    assert set(told["files"]) == {"m.ant", "p.csv"}
    plain = run(cli, [*ask, "--quiet", "--observe", "y"])
    lines = plain.stdout.splitlines()
    assert lines[0] == "patient,time,y"
    assert len(lines) == 9
    strict = run(cli, [*ask, "--strict", "--out", "s.csv"])
    assert isinstance(strict.exception, SimulationError)
    assert not Path("s.csv").exists()
    assert json.loads(run(cli, [*ask, "--out", "j.csv", "--json"]).stdout)["failures"][0]["patient"] == "fast"
    for wrong in (["--out", "r.txt"], ["--json"], ["--doses", "none.csv"]):
        ended = run(cli, [*ask, *wrong])
        assert ended.exit_code == 2 or isinstance(ended.exception, VivocartError)
    assert "goes with --patients" in run(cli, ["model", "run", "m.ant", "--until", "3", "--strict"]).output


def test_doses_at_the_last_time_are_given_with_events_too(model):
    made = model("model m; S = 1; n = 0; S' = -0.5*S; at (time >= 2): n = n + 1, S = 0; end")
    for last in (0.0, 2.0):  # the start, and the moment of the event
        doses = {"time": [last], "amount": [5.0], "into": ["S"]}
        longer, ended = (
            all_of(made, {"patient": ["a"]}, times=times, doses=doses)[0][0]
            for times in ([last, 3.0], [last])
        )
        np.testing.assert_array_equal(ended[-1], longer[0])


def test_what_would_end_in_a_fault_of_ours_is_refused(model):
    pk = model(PK)
    with pytest.raises(InputError, match="twice"):
        all_of(pk, {"patient": ["a"]}, times=[0.0], observables=["C", "C"])
    with pytest.raises(InputError, match="has 2 rows"):
        all_of(pk, {"patient": ["a"], "k": [1.0, 2.0]}, times=[0.0])


def test_a_result_has_no_two_columns_of_one_name(tmp_path):
    with pytest.raises(InputError, match="'patient' is a column of every result"):
        write_patients([], tmp_path / "r.parquet", times=[0.0], observables=["patient"], provenance={})


def test_files_of_one_name_are_told_apart(tmp_path):
    files = [tmp_path / "patients" / "t.csv", tmp_path / "doses" / "t.csv", tmp_path / "m.ant"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(str(file))
    assert set(file_provenance(files, {})["files"]) == {str(files[0]), str(files[1]), "m.ant"}
