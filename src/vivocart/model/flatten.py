"""From fragments and tables to one Antimony text, SBML and a symbolic system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import final

from vivocart.ground.errors import InputError
from vivocart.ground.tables import read_text
from vivocart.model.rows import ObservableRow, ParameterRow, UnitRow

MODULES = (
    "body",
    "lnp",
    "car_t",
    "killing",
    "b_lineage",
    "antibody",
    "complement",
    "cytokines",
    "steroid",
    "disease",
    "ex_vivo_car_t",
    "t_cell_engager",
    "anti_cd20",
    "clinical",
)
"""Fragments in the order in which they are joined; the order of their statements does not change the model."""

TABLES = ("parameters.csv", "observables.csv", "sledai_items.csv", "units.csv")

MODEL_UNITS = {"time_unit": "day", "substance": "giga_cell", "extent": "giga_cell", "volume": "litre"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The text of every fragment (by module) and table (by file name)."""

    fragments: Mapping[str, str]
    tables: Mapping[str, str]


def read_sources(folder: Path | Traversable | None = None) -> Sources:
    """Text of a model's fragments and tables; the shipped model's if no folder is given.

    Raises
    ------
    InputError
        If a file is missing or is not UTF-8 text.
    """
    place = folder or files("vivocart.model")
    return Sources(
        fragments={name: read_text(place.joinpath(f"{name}.ant")) for name in MODULES},
        tables={name: read_text(place.joinpath(name)) for name in TABLES},
    )


def flatten(
    fragments: Mapping[str, str],
    parameters: Sequence[ParameterRow],
    units: Sequence[UnitRow],
    *,
    observables: Sequence[ObservableRow] = (),
) -> str:
    """One Antimony text: unit definitions, the fragments, and the value and unit of every parameter.

    Parameters
    ----------
    fragments
        Text by module; joined in the order given.
    parameters, units
        Rows of the two tables.
    observables
        Rows to write as rules ``observable_<id>``, so that their units can be checked or exported.

    Raises
    ------
    InputError
        If a row has a unit that the table of units does not know.
    """
    names = {row.unit: row.antimony_id for row in units}
    lines = ["model vivocart()", ""]
    lines += [f"unit {row.antimony_id} = {row.antimony};" for row in units if row.antimony]
    lines += [f"unit {role} = {unit};" for role, unit in MODEL_UNITS.items()]
    for text in fragments.values():
        lines += ["", text.rstrip("\n")]
    lines += ["", "// PARAMETERS: generated from parameters.csv"]
    for row in parameters:
        unit = _unit_name(names, row.unit, f"parameters.csv, {row.id}, column unit")
        lines.append(f"{row.id} = {row.value!r}; {row.id} has {unit};")
    if observables:
        lines += ["", "// OBSERVABLES: generated from observables.csv"]
    for row in observables:
        unit = _unit_name(names, row.unit, f"observables.csv, {row.id}, column unit")
        lines.append(f"observable_{row.id} := {row.expression}; observable_{row.id} has {unit};")
    lines += ["", "end", ""]
    return "\n".join(lines)


def _unit_name(names: Mapping[str, str], unit: str, where: str) -> str:
    if unit not in names:
        raise InputError(
            f"unknown unit '{unit}'",
            where=where,
            mend=f"add it to units.csv or use one of: {', '.join(names)}",
        )
    return names[unit]
