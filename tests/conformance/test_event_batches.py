"""Cases of the SBML semantic test suite that have events, three patients at once, against the suite's own results."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from vivocart.engine.doses import no_doses
from vivocart.engine.event_batch import compile_events, run_events
from vivocart.formats.sbml_suite import read_settings, reported
from vivocart.simulation.run_model import read_model_file

_PARTS = 24


def _cases(suites: Path) -> list[Path]:
    folder = suites / "sbml-odd"
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        names = [row["case"] for row in csv.DictReader(file) if row["scope"] == "core"]
    return [folder / name for name in names if "<event" in (folder / name / "model.xml").read_text()]


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, _PARTS))]
)
def test_patients_with_events_give_the_results_of_the_suite(suites: Path, part: int) -> None:
    cases = _cases(suites)[part::_PARTS]
    assert cases
    for case in cases:
        settings = read_settings((case / "settings.txt").read_text())
        model = read_model_file(case / "model.xml")
        times = np.array(settings.times)
        compiled = compile_events(model.system, reported(model, settings), span=float(times[-1]) or 1.0)
        patients = np.tile([parameter.value for parameter in model.system.parameters], (3, 1))
        found = run_events(
            compiled,
            patients,
            times,
            doses=no_doses(3),
            relative=min(1e-6, 1e-3 * settings.relative),
            absolute=min(1e-9, 1e-4 * settings.absolute),
        )
        assert not found.failures, case.name
        with (case / "results.csv").open(encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
        expected = np.array([[float(cell) for cell in row[1:]] for row in rows[1:]])
        for values in found.values:
            np.testing.assert_allclose(
                values, expected, rtol=settings.relative, atol=settings.absolute, err_msg=case.name
            )
