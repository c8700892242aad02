"""Cases of the SBML semantic test suite, each at its own tolerances, as ``vivocart model run`` answers them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from vivocart.cli.main import run
from vivocart.formats.sbml_suite import read_settings

PARTS = 24  # so that processes can share the work


def _cases(suites: Path, scope: str, part: int) -> list[Path]:
    folder = suites / "sbml-odd"
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        names = [row["case"] for row in csv.DictReader(file) if row["scope"] == scope]
    return [folder / name for name in names[part::PARTS]]


def _table(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    return [name.strip() for name in rows[0]], np.array([[float(cell) for cell in row] for row in rows[1:]])


def _answer(folder: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and error message."""
    settings = str(folder / "settings.txt")
    code = run(("model", "run", str(folder / "model.xml"), "--settings", settings, "--out", str(out)))
    return code, capsys.readouterr().err


def _difference(folder: Path, written: Path) -> str:
    """What is wrong with our results, or nothing."""
    settings = read_settings((folder / "settings.txt").read_text())
    header, expected = _table(folder / "results.csv")
    names, found = _table(written)
    if names[1:] != header[1:] or found.shape != expected.shape:
        return f"columns {names} and shape {found.shape}, not {header} and {expected.shape}"
    if not np.allclose(found[:, 0], expected[:, 0], rtol=1e-9, atol=1e-9):
        return "other times"
    wrong = ~np.isclose(found, expected, rtol=settings.relative, atol=settings.absolute, equal_nan=True)
    if not wrong.any():
        return ""
    row, column = np.argwhere(wrong)[0]
    return f"{names[column]} at {found[row, 0]}: {found[row, column]!r}, expected {expected[row, column]!r}"


@pytest.mark.parametrize("part", range(PARTS))
def test_every_core_case_passes(
    suites: Path, part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, wrong = _cases(suites, "core", part), {}
    assert cases
    for case in cases:
        code, message = _answer(case, tmp_path / case.name, capsys)
        problem = message if code else _difference(case, tmp_path / case.name)
        if problem:
            wrong[case.name] = problem
    assert not wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_every_other_case_passes_or_names_what_is_not_supported(
    suites: Path, part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {}
    for case in _cases(suites, "beyond", part):
        code, message = _answer(case, tmp_path / case.name, capsys)
        refused = code == 2 and "not supported: " in message and message.count("\n") == 1
        problem = "" if refused else message if code else _difference(case, tmp_path / case.name)
        if problem:
            wrong[case.name] = problem
    assert not wrong


def test_the_suite_is_whole(suites: Path) -> None:
    assert sum(len(_cases(suites, "core", part)) for part in range(PARTS)) == 692
    assert sum(len(_cases(suites, "beyond", part)) for part in range(PARTS)) == 93
