"""Units as our tables spell them, and the one place where they are converted.

Tables use a small UCUM-like spelling (``1/d``, ``ug/mL``, ``10*9/L``, ``%``, ``1``); :func:`convert` understands it through
Pint, so that no other room multiplies by 24 or by 1e3.
"""

from __future__ import annotations

import functools
from typing import Any

from vivocart.ground.errors import InputError

# our spelling -> Pint expression; anything else goes to Pint as it stands
_SPELLING = {
    "1": "dimensionless",
    "%": "percent",
    "10*9/L": "1e9 * cell / liter",
    "10*9": "1e9 * cell",
    "1/uL": "cell / microliter",
    "1/kg": "cell / kilogram",
    "d": "day",
    "1/d": "1 / day",
    "h": "hour",
    "1/h": "1 / hour",
    "L/d": "liter / day",
    "L/h": "liter / hour",
    "g/L": "gram / liter",
    "mg/L": "milligram / liter",
    "ug/mL": "microgram / milliliter",
    "ng/mL": "nanogram / milliliter",
    "pg/mL": "picogram / milliliter",
    "mg/d": "milligram / day",
    "g/g": "gram / gram",
    "IU/mL": "international_unit / milliliter",
    "10*9/d": "1e9 * cell / day",
    "a": "year",
    "score": "dimensionless",
    "wk": "week",
    "mo": "month",
    "min": "minute",
    "1/s": "1 / second",
    "L": "liter",
    "mL": "milliliter",
    "mL/h": "milliliter / hour",
    "m2": "meter ** 2",
    "L/m2": "liter / meter ** 2",
    "L/m2/d": "liter / meter ** 2 / day",
    "mL/m2": "milliliter / meter ** 2",
    "mL/m2/d": "milliliter / meter ** 2 / day",
    "L/kg": "liter / kilogram",
    "10*9.uL/L": "1e9 * microliter / liter",
    "pg.d/mL/10*9": "picogram * day / milliliter / (1e9 * cell)",
    "pg/mL/(ug/mL)": "picogram / microgram",
    "mg": "milligram",
    "mg/g": "milligram / gram",
    "mg/kg/h": "milligram / kilogram / hour",
    "nM": "nanomole / liter",
    "pg/d": "picogram / day",
    "pg/ug": "picogram / microgram",
    "pg/mL/h": "picogram / milliliter / hour",
    "pg.h/mL": "picogram * hour / milliliter",
    "pg.d/(mL.10*9)": "picogram * day / (milliliter * 1e9 * cell)",
    "ug.h/mL": "microgram * hour / milliliter",
    "1/(uL.h)": "cell / microliter / hour",
    "1/(10*9.d)": "1 / (1e9 * cell * day)",
    "1/(uL.d.mL)": "cell / (microliter * day * milliliter)",
    "mL.uL/d": "milliliter * microliter / (day * cell)",
    "{copies}/ug": "1 / microgram",
    "{molecules}/d": "1 / day",
    "{tablets}/d": "1 / day",
}


@functools.cache
def _registry() -> Any:
    import pint  # imported late: half a second that a help text should not pay

    registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    registry.define("cell = []")
    if "international_unit" not in registry:
        registry.define("international_unit = [biological_activity]")
    return registry


@functools.cache
def factor(from_unit: str, to_unit: str) -> float:
    """Number by which a value in ``from_unit`` is multiplied to stand in ``to_unit``.

    Raises
    ------
    InputError
        If a unit is unknown or the two differ in dimension.
    """
    if from_unit == to_unit:
        return 1.0
    registry = _registry()
    try:
        quantity = registry.Quantity(_SPELLING.get(from_unit, from_unit))
        target = registry.Quantity(_SPELLING.get(to_unit, to_unit))
        return float((quantity / target).to("").magnitude)
    except Exception as error:  # pint raises half a dozen unrelated classes for one user mistake
        raise InputError(
            f"cannot convert '{from_unit}' to '{to_unit}'",
            where="unit",
            mend=f"write a unit of the same dimension ({error})".replace("\n", " "),
        ) from error


def convert(value: float, from_unit: str, to_unit: str) -> float:
    """``value`` in ``from_unit``, expressed in ``to_unit``; errors as in :func:`factor`."""
    return value * factor(from_unit, to_unit)


def is_known(unit: str) -> bool:
    """Whether ``unit`` can be read at all."""
    if unit in _SPELLING:
        return True
    try:
        _registry().Quantity(unit)
    except Exception:  # see factor
        return False
    return True
