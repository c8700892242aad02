"""Every product, asked of the registry: a new file is tested without being named here."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.ground import units
from vivocart.model.load import load_model
from vivocart.therapies.product import Product, load_products
from vivocart.therapies.regimen import Regimen

PRODUCTS = load_products()
WEIGHTS = np.array([45.0, 70.0, 140.0])


def usual(product: Product) -> Regimen:
    low, high = product.dose_limits
    return Regimen(product, dose=(low * high) ** 0.5, infusions=3, interval_days=product.interval_days or 5)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_the_regimen_unrolls_and_reads_back(product: Product):
    regimen = usual(product)
    own = [row for row in regimen.infusions_table if row.product_id == product.id]
    assert len(own) == 3
    assert min(row.day for row in regimen.infusions_table) >= 0
    assert Regimen.parse(regimen.sentence) == regimen
    assert Regimen.from_dict(regimen.as_dict()) == regimen
    assert len(str(regimen).splitlines()) == 2 + len(regimen.infusions_table)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_amounts_add_up(product: Product):
    regimen = usual(product)
    total = sum(row.amount for row in regimen.doses(WEIGHTS) if row.product_id == product.id)
    dose = regimen.courses[0].dose * (WEIGHTS if product.basis == "per_kg" else np.ones(3))
    capped = np.minimum(dose, product.maximum_dose or np.inf)
    np.testing.assert_allclose(total, 3 * capped * product.amount_per_dose_unit, rtol=1e-12)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_units_agree_with_the_conversion(product: Product):
    flat = product.dose_unit.removesuffix("/kg")
    if flat != "course":
        arrives = product.amount_per_dose_unit / units.factor(flat, product.state_unit)
        # what is given under the skin arrives in part, and the product says which
        said = any(f"{arrives:g}" in sentence for sentence in product.assumed)
        assert arrives == pytest.approx(1.0) or (arrives < 1.0 and said)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_it_cites_and_owns_up(product: Product):
    assert product.records
    assert all(sentence.endswith(".") for sentence in product.assumed)
    assert product.id in str(usual(product))


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_state_and_parameters_are_those_of_the_model(product: Product):
    model = load_model()
    assert product.state in model.system.state_ids
    assert set(product.parameters) <= set(model.parameters)
    for name, value in product.parameters.items():
        row = model.parameters[name]
        assert row.lower is None or value >= row.lower
        assert row.upper is None or value <= row.upper
