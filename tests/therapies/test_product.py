from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import read_document
from vivocart.therapies.product import find_product, load_products
from vivocart.therapies.regimen import Regimen

SHIPPED = resources.files("vivocart.therapies") / "products"


def rituximab_text(**changes: str) -> str:
    lines = (SHIPPED / "rituximab.yaml").read_text(encoding="utf-8").splitlines()
    for key, value in changes.items():
        lines = [f"{key}: {value}" if line.startswith(f"{key}:") else line for line in lines]
    return "\n".join(lines) + "\n"


def test_a_new_product_is_one_file(tmp_path: Path):
    (tmp_path / "ublituximab.yaml").write_text(rituximab_text(id="ublituximab", name="ublituximab"))
    products = load_products(tmp_path)
    assert set(products) == {*load_products(), "ublituximab"}
    regimen = Regimen.parse("ublituximab 700 mg x 2 every 14 d", products)
    assert [row.product_id for row in regimen.infusions_table] == ["ublituximab"] * 2
    assert Regimen.from_dict(regimen.as_dict(), products) == regimen


def test_a_product_file_can_be_named_directly(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(rituximab_text(id="mine"))
    assert Regimen(str(path), dose_mg=500).infusions_table[0].product_id == "mine"


def test_a_shipped_product_is_found_by_its_file_and_the_same_among_all():
    folder = resources.files("vivocart.therapies") / "products"
    products = load_products()
    assert {f"{name}.yaml" for name in products} == {entry.name for entry in folder.iterdir()}
    for name, product in products.items():
        assert product.id == name
        assert find_product(name) is product


def test_an_id_written_exactly_reads_one_file_only(monkeypatch: pytest.MonkeyPatch):
    import vivocart.therapies.product as room

    read: list[str] = []

    def reading(source: Path, kind: type) -> object:
        read.append(source.name)
        return read_document(source, kind)

    for cached in (room._shipped, room._shipped_product):
        cached.cache_clear()
    monkeypatch.setattr(room, "read_document", reading)
    Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)
    assert read == ["HN2301.yaml"]
    assert find_product("Rituximab").id == "rituximab"
    assert len(read) == len(load_products())


def test_names_are_found_in_any_case():
    assert find_product("hn2301").id == "HN2301"
    with pytest.raises(UnknownNameError, match="did you mean rituximab"):
        find_product("ritoximab")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"dose_limits": "[10, ten]"}, ["bad.yaml, dose_limits[1]", "ten"]),
        ({"dose_limits": "[10, 1]"}, ["bad.yaml", "positive and ascending"]),
        ({"basis": "weekly"}, ["bad.yaml, basis", "weekly"]),
        ({"basis": "per_kg"}, ["bad.yaml", "does not fit the dose unit"]),
        ({"records": "[]"}, ["bad.yaml, records"]),
        ({"infusion_hours": "yes"}, ["bad.yaml, infusion_hours", "must be a number"]),
        ({"infusion_hours": "0"}, ["bad.yaml, infusion_hours"]),
        ({"id": "'a b'"}, ["bad.yaml, id"]),
        ({"note": "x\ncolour: red"}, ["bad.yaml, colour: unknown key"]),
        ({"id": "rituximab"}, ["bad.yaml, id", "exists already"]),
        (
            {"note": "x\npreparation: [{product: nothing, day: -1, dose: 1}]", "id": "new"},
            ["new, preparation[0]"],
        ),
    ],
)
def test_a_malformed_product_is_refused_by_place(tmp_path: Path, changes: dict[str, str], parts: list[str]):
    (tmp_path / "bad.yaml").write_text(rituximab_text(**{"id": "bad", **changes}))
    with pytest.raises(InputError) as caught:
        load_products(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        load_products(tmp_path / "nowhere")


def test_a_width_without_its_value_is_refused():
    from vivocart.therapies.product import Product, find_product

    told = find_product("patisiran").model_dump()
    assert told["widths"]["lnp_loss"] == 2
    with pytest.raises(ValueError, match="widths of lnp_hill, which parameters does not set"):
        Product.model_validate(told | {"widths": {"lnp_hill": 2.0}})
    with pytest.raises(ValueError, match="greater than 0"):
        Product.model_validate(told | {"widths": {"lnp_loss": 0.0}})


def test_products_under_the_skin_go_into_a_depot():
    from vivocart.therapies.product import load_products

    depots = {name: product.state for name, product in load_products().items() if "depot" in product.state}
    assert depots == {"ofatumumab": "anti_cd20_depot_amount", "teclistamab": "engager_depot_amount"}
