"""The translation of the shipped model: the same from disk as made anew, and never the wrong one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sympy

from vivocart.equations.plain import write_system
from vivocart.equations.system import System
from vivocart.model import translation
from vivocart.model.flatten import read_sources
from vivocart.model.load import build_model

DECAY = "model m(); x = 3; k = 0.5; x' = -k * x; end"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVOCART_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def _nobody_translates(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("translated again")

    monkeypatch.setattr(translation, "_to_sbml", refuse)
    monkeypatch.setattr(translation, "_to_system", refuse)


def _written(system: System) -> list[str]:
    entries = [(s.id, s.unit, s.rate) for s in system.states]
    entries += [(a.id, a.unit, a.expression) for a in (*system.start, *system.rules)]
    return [
        f"{name} {unit} {sympy.srepr(expression)} {expression.args}" for name, unit, expression in entries
    ]


def test_the_shipped_model_can_be_kept(model):
    assert (
        write_system(model.system) is not None
    )  # else a kind of expression is missing in equations/plain.py


def test_from_disk_it_is_the_same_model_to_the_last_term(folder, monkeypatch):
    anew = build_model(read_sources())
    assert not folder.exists()
    first = build_model(read_sources(), keep=True)
    assert len(list(folder.iterdir())) == 2
    _nobody_translates(monkeypatch)
    again = build_model(read_sources(), keep=True)
    for kept in (first, again):
        assert kept.hash == anew.hash
        assert kept.sbml == anew.sbml
        assert kept.system == anew.system
        assert kept.system.names == anew.system.names
        assert _written(kept.system) == _written(anew.system)


def test_another_text_and_other_versions_are_translated_anew(folder, monkeypatch):
    sbml, system = translation.kept_translation(DECAY, "m")
    other_sbml, other = translation.kept_translation(DECAY.replace("0.5", "0.25"), "m")
    assert (system.parameters[0].value, other.parameters[0].value) == (0.5, 0.25)
    assert sbml != other_sbml
    assert len(list(folder.iterdir())) == 4
    translation.kept_translation(DECAY, "m")
    assert len(list(folder.iterdir())) == 4
    monkeypatch.setattr(translation, "library_version", lambda name: f"{name} of tomorrow")
    assert translation.kept_translation(DECAY, "m") == (sbml, system)
    assert len(list(folder.iterdir())) == 6
    monkeypatch.setattr(translation, "source_of", lambda folder: f"{folder.name} of tomorrow")
    assert translation.kept_translation(DECAY, "m") == (sbml, system)
    assert len(list(folder.iterdir())) == 8


@pytest.mark.parametrize("damage", [b"", b"{}", b"0\n{}", None], ids=["empty", "short", "checksum", "cut"])
def test_a_damaged_file_is_ignored_and_written_again(folder, damage):
    good = translation.kept_translation(DECAY, "m")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for path, content in before.items():
        path.write_bytes(content[:-1] if damage is None else damage)
    assert translation.kept_translation(DECAY, "m") == good
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_written_only_costs_time(folder):
    folder.parent.joinpath("kept").write_text("a file where the folder should be")
    assert translation.kept_translation(DECAY, "m") == translation.translation(DECAY, "m")


def test_a_process_that_finds_the_model_on_disk_loads_no_reader_of_formats(folder):
    code = (
        "import sys; from vivocart.model.load import load_model; print(load_model().hash);"
        "print(*{'libsbml', 'antimony', 'matplotlib', 'xarray', 'scipy.stats'} & set(sys.modules))"
    )

    def printed() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
        )
        return done.stdout.splitlines()

    build_model(read_sources(), keep=True)
    assert printed() == [build_model(read_sources()).hash, ""]
