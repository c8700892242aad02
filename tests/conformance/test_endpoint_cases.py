"""Every registered endpoint has worked cases in ``tests/endpoints/cases.csv``, and agrees with them."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vivocart.endpoints.registry import known_endpoints
from vivocart.endpoints.table import endpoints

FOLDER = Path(__file__).resolve().parents[1] / "endpoints"
VISITS = (28.0, 90.0, 180.0)


def _cases() -> list[dict[str, str]]:
    lines = [line for line in (FOLDER / "cases.csv").read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


CASES = _cases()


@pytest.fixture(scope="module")
def fakes():
    name = "vivocart_endpoint_fakes"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / "fakes.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def _points(text: str) -> dict[str, tuple[list[float], list[float]]]:
    curves = {}
    for part in text.split(";"):
        name, points = part.split("=")
        pairs = [tuple(map(float, point.split(":"))) for point in points.split()]
        curves[name] = ([day for day, _ in pairs], [value for _, value in pairs])
    return curves


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{number}-{case['endpoint']}" for number, case in enumerate(CASES)]
)
def test_worked_case(fakes, case):
    points = _points(case["curves"])
    times = np.unique([0.0, 3.0, 6.0, *VISITS, *(day for days, _ in points.values() for day in days)])
    curves = {name: np.interp(times, *pairs) for name, pairs in points.items()}
    own = [pair.split("=") for pair in case["own"].split(";") if pair]
    rescues = None
    if case["rescue"]:
        rescues = pd.DataFrame(
            {"patient": [0], "time_days": [float(case["rescue"])], "product": ["tocilizumab"]}
        )
    simulation = fakes.simulation(
        1,
        times=times,
        rescues=rescues,
        parameters={name: np.array([float(value)]) for name, value in own},
        **curves,
    )
    found = endpoints(simulation, [case["endpoint"]]).iloc[0, 0]
    assert found == pytest.approx(float(case["expected"]), rel=1e-9, abs=1e-12, nan_ok=True)


def test_no_endpoint_is_without_a_case():
    # the visits of one function are one endpoint here
    worked = {
        case["endpoint"].rsplit("_d", 1)[0] if _is_visit(case["endpoint"]) else case["endpoint"]
        for case in CASES
    }
    needed = {
        id.rsplit("_d", 1)[0] if entry.day is not None else id for id, entry in known_endpoints().items()
    }
    assert needed - worked == set()


def _is_visit(id: str) -> bool:
    return known_endpoints()[id].day is not None
