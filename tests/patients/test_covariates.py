from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from vivocart.ground import units
from vivocart.ground.errors import InputError
from vivocart.ground.streams import normals
from vivocart.ground.tables import read_table
from vivocart.model.rows import ParameterRow
from vivocart.patients.covariates import CovariateTable, load_covariates

N = 100_000
TABLE = load_covariates()
TEXT = (resources.files("vivocart.patients") / "covariates.csv").read_text(encoding="utf-8")


def values_of(table: CovariateTable, n: int = N) -> dict[str, np.ndarray]:
    return table.values(lambda name: normals(11, f"patients/{name}", 0, n)[:, 0])


VALUES = values_of(TABLE)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    path = tmp_path / "covariates.csv"
    path.write_text(TEXT.replace(old, new))
    return path


@pytest.mark.parametrize("name", [name for name, rows in TABLE.rows.items() if len(rows) == 1])
def test_medians_and_spreads_are_those_of_the_table(name: str):
    row = TABLE.rows[name][0]
    if row.distribution == "bernoulli":
        assert VALUES[name].mean() == pytest.approx(row.median, abs=0.006)
        return
    assert np.median(VALUES[name]) == pytest.approx(row.median, rel=0.05)
    low = -np.inf if row.lower is None else row.lower
    high = np.inf if row.upper is None else row.upper
    assert ((VALUES[name] >= low) & (VALUES[name] <= high)).all()


def test_gaussian_copula_has_the_stated_correlations():
    numbers = TABLE.normal_numbers(lambda name: normals(11, f"patients/{name}", 0, N)[:, 0])
    for name, rows in TABLE.rows.items():
        assert numbers[name].std() == pytest.approx(1.0, abs=0.01)
        for partner, wanted in zip(rows[0].partners, rows[0].correlations, strict=True):
            assert np.corrcoef(numbers[name], numbers[partner])[0, 1] == pytest.approx(wanted, abs=0.012)


def test_proteinuria_has_two_humps_by_nephritis():
    with_nephritis = VALUES["nephritis"] > 0.5
    assert VALUES["upcr"][with_nephritis].min() > 0.5
    assert VALUES["upcr"][~with_nephritis].max() < 0.5
    assert np.median(VALUES["upcr"][with_nephritis]) == pytest.approx(1.9, rel=0.15)


def test_units_are_known_and_limits_lie_within_those_of_the_model():
    source = resources.files("vivocart.model") / "parameters.csv"
    parameters = {row.id: row for row in read_table(source, ParameterRow)}
    for name, rows in TABLE.rows.items():
        assert units.is_known(rows[0].unit), name
        for row in rows:
            if row.parameter:
                limits = parameters[row.parameter]
                assert limits.unit == row.unit
                assert limits.lower is not None and row.lower is not None and limits.lower <= row.lower
                assert limits.upper is not None and row.upper is not None and limits.upper >= row.upper


def test_every_baseline_that_patients_set_is_set():
    assert set(TABLE.parameters) == {
        "body_weight",
        "b_cells_blood_baseline",
        "cd8_blood_baseline",
        "anti_dsdna_baseline",
        "c3_baseline",
        "c4_baseline",
        "igg_baseline",
        "upcr_baseline",
        "il6_baseline",
        "crp_baseline",
        "prednisone_baseline",
    }


def test_a_new_covariate_is_one_row_and_changes_no_other_number(tmp_path: Path):
    for place in ("age,a,", "crp,mg/L,"):  # before and after the others
        new = "ferritin,ug/mL,lognormal,0.3,80,cv_percent,,,,,age,0.3,assumed,,Test\n" + place
        more = values_of(load_covariates(changed(tmp_path, place, new)), 1000)
        assert set(more) == {*VALUES, "ferritin"}
        for name, before in VALUES.items():
            np.testing.assert_array_equal(more[name], before[:1000])
        assert np.corrcoef(np.log(more["ferritin"]), np.log(more["age"]))[0, 1] == pytest.approx(0.3, abs=0.1)


def test_the_typical_patient_is_the_median():
    typical = TABLE.medians()
    assert typical["age"] == 35
    assert typical["nephritis"] == 1.0
    assert typical["upcr"] == 1.8


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("age,a,lognormal,35,", "age,a,lognormal,old,", ["row 2", "column median", "'old'"]),
        ("age,a,lognormal,35,0.35,", "age,a,lognormal,35,,", ["row 2", "positive spread"]),
        ("age,a,lognormal,35,", "age,a,lognormal,-35,", ["row 2", "must be positive"]),
        ("age,a,lognormal,35,0.35,omega_sd,16,80", "age,a,lognormal,35,0.35,omega_sd,80,16", ["lower 80"]),
        ("bernoulli,0.9", "bernoulli,9", ["not between 0 and 1"]),
        ("body_weight,female,-0.4", "body_weight,femal,-0.4", ["body_weight", "did you mean", "female"]),
        ("body_weight,female,-0.4", "body_weight,female,-1.4", ["body_weight", "cannot hold together"]),
        ("body_weight,female,-0.4", "body_weight,female,", ["1 covariates and 0 correlations"]),
        ("not nephritis,upcr_baseline", "no nephritis,upcr_baseline", ["upcr", "stands in several rows"]),
        ("id,unit,", "id,", ["column unit", "missing"]),
        (
            "0.9,,,,,,,,,assumed,,Lupus",
            "0.9,,,,,,,female,0.1,assumed,,Lupus",
            ["female", "depend on each other"],
        ),
    ],
)
def test_faults_of_the_table_are_named(tmp_path: Path, old: str, new: str, parts: list[str]):
    with pytest.raises(InputError) as caught:
        load_covariates(changed(tmp_path, old, new))
    message = str(caught.value)
    assert "covariates.csv" in message
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []
