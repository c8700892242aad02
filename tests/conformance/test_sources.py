"""Every product, study and covariate rests on records and quantities that exist."""

from __future__ import annotations

import csv
import json
from importlib import resources

import pytest

from vivocart.model.load import load_model
from vivocart.patients.covariates import load_covariates
from vivocart.patients.sledai_baseline import threshold_rows
from vivocart.therapies.product import load_products
from vivocart.trials.protocol import load_study, study_ids

EVIDENCE = resources.files("vivocart.evidence")
RECORDS = {record["id"] for record in json.loads((EVIDENCE / "records.json").read_text(encoding="utf-8"))}
QUANTITIES = {
    row["id"]
    for row in csv.DictReader((EVIDENCE / "quantities.csv").read_text(encoding="utf-8").splitlines())
}


def test_products_cite_records_that_exist():
    assert {record for product in load_products().values() for record in product.records} <= RECORDS


@pytest.mark.parametrize("name", study_ids())
def test_studies_cite_records_and_watch_what_the_model_has(name: str):
    study, model = load_study(name), load_model()
    assert set(study.record_ids) <= RECORDS
    for rule in study.rescue:
        assert rule.observable in model.observables
        assert isinstance(rule.threshold, float) or rule.threshold in model.parameters


def test_covariates_rest_on_quantities_that_exist():
    rows = [row for rows in load_covariates().rows.values() for row in rows]
    named = {
        part for row in [*rows, *threshold_rows().values()] for part in row.quantity_ids.split(";") if part
    }
    assert named <= QUANTITIES
    assert not [row.id for row in rows if row.kind in ("measured", "estimated") and not row.quantity_ids]


@pytest.mark.parametrize("name", study_ids())
def test_criteria_read_covariates_in_their_unit(name: str):
    table = load_covariates()
    for criterion in load_study(name).entry_criteria:
        if criterion.covariate in table.rows:
            assert table.rows[criterion.covariate][0].unit == criterion.unit
        else:
            assert criterion.covariate.startswith("sledai_")
