from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.patients.population import VirtualPopulation

from .fakes import MODEL

POPULATION = VirtualPopulation.sample(MODEL, n_patients=5, seed=8)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    return path


def test_what_was_written_is_read_back(tmp_path: Path):
    path = tmp_path / "mine.csv"
    POPULATION.to_frame().to_csv(path, index=False)
    again = VirtualPopulation.read(path, MODEL, seed=1)
    for name, values in POPULATION.covariates.items():
        np.testing.assert_array_equal(again.covariates[name], values)
    np.testing.assert_array_equal(again.parameter_matrix(MODEL), POPULATION.parameter_matrix(MODEL))


def test_what_the_file_leaves_out_is_drawn_for_that_patient(tmp_path: Path):
    path = written(tmp_path, "patient,age,upcr\n3,50,2.5\n1,20,0.1\n")
    own = VirtualPopulation.read(str(path), MODEL, seed=8)
    assert list(own.ids) == [3, 1]
    np.testing.assert_array_equal(own.covariates["age"], [50, 20])
    np.testing.assert_array_equal(own.parameters["upcr_baseline"], [2.5, 0.1])
    for name in ("c3", "body_weight", "nephritis"):
        np.testing.assert_array_equal(own.covariates[name], POPULATION.covariates[name][[3, 1]])
    np.testing.assert_array_equal(own.parameters["rate"], POPULATION.parameters["rate"][[3, 1]])


def test_a_parameter_column_sets_covariate_and_parameter(tmp_path: Path):
    own = VirtualPopulation.read(written(tmp_path, "upcr_baseline,rate\n3.5,1\n"), MODEL)
    assert own.covariates["upcr"][0] == 3.5
    assert own.parameters["upcr_baseline"][0] == 3.5
    assert own.parameters["rate"][0] == 1


def test_thresholds_decide_the_score(tmp_path: Path):
    text = "sledai_threshold_rash\n0.4\n1.4\n"
    own = VirtualPopulation.read(written(tmp_path, text), MODEL, seed=8)
    with_rash, _ = own.covariates["sledai_baseline"]
    other = VirtualPopulation.read(written(tmp_path, "sledai_threshold_rash\n1.4\n1.4\n"), MODEL, seed=8)
    assert with_rash - other.covariates["sledai_baseline"][0] == 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["mine.csv", "no patients"]),
        ("age\n", ["no patients"]),
        ("age,height\n30,1\n", ["row 1", "unknown column 'height'"]),
        ("age,age\n30,31\n", ["row 1", "stands twice"]),
        ("age\n30\nold\n", ["row 3, column age", "'old'"]),
        ("age,upcr\n30,\n", ["row 2, column upcr", "is empty"]),
        ("age\nnan\n", ["row 2, column age", "not finite"]),
        ("age\n30,1\n", ["row 2", "2 cells where the header has 1"]),
        ("patient,age\n1,30\n1,31\n", ["row 3, column patient", "stands twice"]),
        ("patient,age\n1.5,30\n", ["row 2, column patient", "whole number"]),
        ("weight,age\n-1,30\n", ["row 2, column weight", "negative"]),
        ("nephritis\n2\n", ["row 2, column nephritis", "0 or 1"]),
        ("level\n4\n", ["row 2, column level", "limits are -5 to -1"]),
        ("upcr,upcr_baseline\n1,2\n", ["'upcr' and 'upcr_baseline' say different things"]),
        ("sledai_baseline\n99\n", ["row 2, column sledai_baseline", "leave the column out"]),
        ('age\n"30\n', ["not CSV"]),
    ],
)
def test_faults_are_named_by_row_and_column(tmp_path: Path, text: str, parts: list[str]):
    with pytest.raises(InputError) as caught:
        VirtualPopulation.read(written(tmp_path, text), MODEL)
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in ["mine.csv", *parts] if part not in message] == []


def test_a_missing_file_and_a_near_name(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        VirtualPopulation.read(tmp_path / "none.csv", MODEL)
    with pytest.raises(UnknownNameError, match=r"did you mean.*upcr"):
        VirtualPopulation.read(written(tmp_path, "uprc\n1\n"), MODEL)
