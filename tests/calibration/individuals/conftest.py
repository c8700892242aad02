from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivocart.calibration.individuals.data_map import map_from_words
from vivocart.calibration.individuals.problem import Problem, state_problem
from vivocart.formats.nonmem import parse_nonmem, read_nonmem
from vivocart.model.load import Model, load_model

THEOPHYLLINE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "theophylline"
LINE = """
model line
  x' = 0
  x = 0
  a = 5
  b = 0.5
  y := a + b * time
end
"""


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A straight line in time, with intercept ``a`` and slope ``b``: its mixed model is known in closed form."""
    path = tmp_path_factory.mktemp("models") / "line.ant"
    path.write_text(LINE)
    return load_model(path)


@pytest.fixture(scope="session")
def theophylline() -> Model:
    return load_model(THEOPHYLLINE / "theophylline.ant")


@pytest.fixture(scope="session")
def theophylline_problem(theophylline: Model) -> Problem:
    data_map = map_from_words(
        observe=["concentration:additive"], doses=["depot"], estimate=["ka=1", "CL=4", "V=20"]
    )
    return state_problem(read_nonmem(THEOPHYLLINE / "theophylline.csv"), theophylline, data_map)


def _line_table(n_subjects: int, *, seed: int, limit: float | None = None, slope_spread: float = 0.2) -> str:
    """Patients on lines of their own; below ``limit`` only that is told."""
    random = np.random.default_rng(seed)
    rows = ["ID,TIME,DV,CENS"]
    for subject in range(n_subjects):
        intercept = 5.0 + random.normal()
        slope = 0.5 + slope_spread * random.normal()
        for time in (0.0, 1.0, 2.0, 4.0, 7.0):
            value = intercept + slope * time + 0.4 * random.normal()
            if limit is not None and value < limit:
                rows.append(f"{subject},{time},{limit},1")
            else:
                rows.append(f"{subject},{time},{value:.6f},0")
    return "\n".join(rows)


def _line_problem(model: Model, text: str, *estimate: str, correlate: tuple[str, ...] = ()) -> Problem:
    from vivocart.calibration.individuals.data_map import DataMap

    start = DataMap.model_validate({"estimate": {name: {"distribution": "normal"} for name in ("a", "b")}})
    asked = start.model_dump(exclude_unset=True)
    for text_of in estimate:
        named = map_from_words(estimate=[text_of]).model_dump(exclude_unset=True)["estimate"]
        for name, fields in named.items():
            asked["estimate"][name] |= fields
    kept = {text_of.split("=")[0].split("~")[0] for text_of in estimate}
    asked["estimate"] = {name: fields for name, fields in asked["estimate"].items() if name in kept}
    data_map = map_from_words(
        observe=["y:additive"], correlate=correlate, start=DataMap.model_validate(asked)
    )
    return state_problem(parse_nonmem(text, name="line.csv"), model, data_map)


@pytest.fixture(scope="session")
def line_table():
    return _line_table


@pytest.fixture(scope="session")
def line_problem():
    return _line_problem
