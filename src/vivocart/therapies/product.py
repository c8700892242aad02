"""Products as data: one YAML file each, so that a new one touches no code."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, Self, final

from pydantic import BeforeValidator, Field, model_validator

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.names import letters_of
from vivocart.ground.tables import Document, read_document


def _refuse_flag(value: object) -> object:
    if isinstance(value, bool):  # YAML 1.1 reads yes and no as flags, and a flag would pass for 1 or 0
        raise ValueError("must be a number")
    return value


Number = Annotated[float, BeforeValidator(_refuse_flag)]
"""A finite number of a product or study file; ``yes`` and ``no`` are refused."""


@final
class Preparation(Document):
    """What is given before a product, such as lymphodepletion before ex vivo CAR-T."""

    product: str
    day: Number = Field(lt=0)  # start, in days from the first infusion of the product it prepares for
    dose: Number = Field(gt=0)  # in the dose unit of the preparing product
    infusion_hours: Number | None = Field(default=None, gt=0)


@final
class Product(Document):
    """What is given: a mechanism of the model, the unit it is dosed in and the records it rests on.

    ``state`` is the state of the model that receives the infusion; ``amount_per_dose_unit`` turns the dose (times body
    weight when ``basis`` is ``per_kg``) into that state's unit. ``maximum_dose`` caps a dose per kg, in the dose unit
    without ``/kg``. ``parameters`` are values of the model that this product sets for every patient (a typical value:
    variability between patients stays). ``quantities`` names the quantities of the evidence that such a value rests on, by
    parameter; one without is assumed. ``widths`` says by which factor such a parameter is wider than in ``parameters.csv``,
    in what is unsure of its typical value and between patients alike, on the scale where it is normal; 1 if left out.
    ``names`` are what sources call it beside ``id`` and ``name``: brands and codes.
    """

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    name: str
    names: tuple[str, ...] = ()
    product_class: str
    mechanism: str
    state: str
    state_unit: str
    dose_unit: str
    basis: Literal["flat", "per_kg"]
    amount_per_dose_unit: Number = Field(gt=0)
    dose_limits: tuple[Number, Number]
    maximum_dose: Number | None = Field(default=None, gt=0)
    infusion_hours: Number = Field(gt=0)
    infusions: int | None = Field(default=None, ge=1)
    interval_days: Number | None = Field(default=None, gt=0)
    parameters: dict[str, Number] = Field(default_factory=dict)
    quantities: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    widths: dict[str, Annotated[Number, Field(gt=0)]] = Field(default_factory=dict)
    preparation: tuple[Preparation, ...] = ()
    records: tuple[str, ...] = Field(min_length=1)
    assumed: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.dose_limits
        if not 0 < low < high:
            raise ValueError(f"dose_limits {low:g} to {high:g} must be positive and ascending")
        if (self.basis == "per_kg") != self.dose_unit.endswith("/kg"):
            raise ValueError(f"basis '{self.basis}' does not fit the dose unit '{self.dose_unit}'")
        if self.interval_days is not None and self.interval_days * 24 < self.infusion_hours:
            raise ValueError("interval_days is shorter than the infusion")
        for name, named in (("quantities", self.quantities), ("widths", self.widths)):
            if unset := sorted(set(named) - set(self.parameters)):
                raise ValueError(f"{name} of {unset[0]}, which parameters does not set")
        return self

    def __hash__(self) -> int:
        """Hash of the id; two products of one id that differ in content are unequal all the same."""
        return hash(self.id)

    def __str__(self) -> str:
        """Name, class, dose unit and records, as a colleague would say them."""
        return f"{self.name} ({self.product_class}), dosed in {self.dose_unit}; rests on {', '.join(self.records)}"

    def check_dose(self, dose: float, *, where: str = "dose") -> None:
        """Refuse a dose that is not a positive finite number within ``dose_limits``."""
        if not math.isfinite(dose) or dose <= 0:
            raise InputError(f"{dose:g} {self.dose_unit}", where=where, mend="give a positive finite number")
        low, high = self.dose_limits
        if not low <= dose <= high:
            raise InputError(
                f"{dose:g} {self.dose_unit} of {self.id}",
                where=where,
                mend=f"the model is meant for {low:g} to {high:g} {self.dose_unit}",
            )


def load_products(folder: Path | None = None) -> Mapping[str, Product]:
    """Products by id: the shipped ones and, with ``folder``, those of its YAML files.

    Raises
    ------
    InputError
        If a file is malformed, or an id stands twice; the file and place are named.
    """
    products = dict(_shipped())
    if folder is None:
        return products
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), mend="give a folder of product YAML files")
    for path in sorted(folder.glob("*.y*ml")):
        product = read_document(path, Product)
        if product.id in products:
            raise InputError(
                f"product '{product.id}' exists already", where=f"{path.name}, id", mend="take another id"
            )
        products[product.id] = product
    _check_preparations(products, _shipped())
    return products


def find_product(name: str, products: Mapping[str, Product] | None = None) -> Product:
    """The product called ``name``, or read from the YAML file of that path.

    Raises
    ------
    UnknownNameError
        With the nearest three names.
    """
    if name.endswith((".yaml", ".yml")):
        return read_document(Path(name), Product)
    return named_product(name, products)


def named_product(name: str, products: Mapping[str, Product] | None = None) -> Product:
    """The product of that id, name or other name, however its words are joined; never a file.

    Raises
    ------
    UnknownNameError
        With the nearest three names.
    """
    if products is None and name in _files():
        return _shipped_product(name)  # the others' files need not be read
    known = _shipped() if products is None else products
    if name in known:
        return known[name]
    spelled = {
        letters_of(called): product
        for product in reversed([*known.values()])  # of two products of one name, the first
        for called in (*product.names, product.name, product.id)
    }
    if letters_of(name) not in spelled:
        raise UnknownNameError("product", name, known, where="product")
    return spelled[letters_of(name)]


@functools.cache
def _shipped() -> Mapping[str, Product]:
    products = {product.id: product for product in map(_shipped_product, _files())}
    _check_preparations(products, products)
    return products


@functools.cache
def _shipped_product(name: str) -> Product:
    return read_document(_files()[name], Product)


@functools.cache
def _files() -> Mapping[str, Traversable]:
    """The shipped files by the id of their product, which each is named after."""
    folder = resources.files("vivocart.therapies") / "products"
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name
    )
    return {entry.name.removesuffix(".yaml"): entry for entry in files}


def _check_preparations(products: Mapping[str, Product], shipped: Mapping[str, Product]) -> None:
    for product in products.values():
        for position, step in enumerate(product.preparation):
            if step.product not in shipped:
                place = f"{product.id}, preparation[{position}].product"
                raise UnknownNameError("product", step.product, shipped, where=place)
