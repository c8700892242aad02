"""Cases of the SBML semantic test suite, each at its own tolerances."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from vivocart.formats.sbml_suite import SuiteSettings, read_settings
from vivocart.ground.errors import SimulationError, UnsupportedError
from vivocart.simulation.run_model import run_suite_case

PARTS = 24  # so that processes can share the work


def _cases(suites: Path, scope: str, part: int) -> list[Path]:
    folder = suites / "sbml-odd"
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        names = [row["case"] for row in csv.DictReader(file) if row["scope"] == scope]
    return [folder / name for name in names[part::PARTS]]


def _expected(folder: Path) -> tuple[list[str], np.ndarray]:
    with (folder / "results.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    return [name.strip() for name in rows[0]], np.array([[float(cell) for cell in row] for row in rows[1:]])


def _difference(folder: Path, settings: SuiteSettings) -> str:
    """What is wrong with our results, or nothing."""
    header, expected = _expected(folder)
    table = run_suite_case(folder / "model.xml", folder / "settings.txt")
    if list(table.columns) != header[1:]:
        return f"columns {list(table.columns)}, not {header[1:]}"
    found = table.to_numpy()
    if found.shape != expected[:, 1:].shape:
        return f"shape {found.shape}"
    if not np.allclose(table.index.to_numpy(), expected[:, 0], rtol=1e-9, atol=1e-9):
        return "other times"
    wrong = ~np.isclose(
        found, expected[:, 1:], rtol=settings.relative, atol=settings.absolute, equal_nan=True
    )
    if not wrong.any():
        return ""
    row, column = np.argwhere(wrong)[0]
    name, time = table.columns[column], expected[row, 0]
    return f"{name} at {time}: {found[row, column]!r}, expected {expected[row, column + 1]!r}"


def _check(folder: Path) -> str:
    try:
        return _difference(folder, read_settings((folder / "settings.txt").read_text()))
    except SimulationError as error:
        return str(error)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_core_case_passes(suites: Path, part: int) -> None:
    cases = _cases(suites, "core", part)
    wrong = {case.name: message for case in cases if (message := _check(case))}
    assert cases
    assert not wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_every_other_case_passes_or_names_what_is_not_supported(suites: Path, part: int) -> None:
    wrong: dict[str, str] = {}
    for case in _cases(suites, "beyond", part):
        try:
            message = _check(case)
        except UnsupportedError as error:
            message = (
                "" if str(error).startswith("not supported: ") and "\n" not in str(error) else str(error)
            )
        if message:
            wrong[case.name] = message
    assert not wrong


def test_the_suite_is_whole(suites: Path) -> None:
    assert sum(len(_cases(suites, "core", part)) for part in range(PARTS)) == 692
    assert sum(len(_cases(suites, "beyond", part)) for part in range(PARTS)) == 93
