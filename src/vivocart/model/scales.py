"""Units checked by number: everything computed once in the model's units and once in SI must agree.

libSBML compares dimensions; a milligram where a microgram is meant has the right dimension and the wrong size. Here every
quantity gets an arbitrary number, the same number in SI units, and both are put through every rate, rule, start value and
observable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import libsbml
import sympy

from vivocart.equations.system import TIME, System, symbol
from vivocart.ground.errors import InputError
from vivocart.model.load import parse_observable
from vivocart.model.rows import ObservableRow

_TOLERANCE = 1e-9


def wrong_scales(
    system: System, sbml: str, observables: Sequence[ObservableRow], unit_names: Mapping[str, str]
) -> dict[str, float]:
    """Factor by which the number of each inconsistent quantity is off; empty if all agree.

    Parameters
    ----------
    system
        The symbolic system of ``sbml``.
    sbml
        SBML text with the unit definitions that the system names.
    observables
        Rows whose expressions are checked too.
    unit_names
        Id of the unit definition for each unit that a row may name.

    Raises
    ------
    InputError
        If a quantity has no unit, or one that is not defined.
    """
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    rules = {rule.id: rule.expression for rule in system.rules}
    start = {entry.id: entry.expression for entry in system.start if entry.expression.free_symbols}
    units = {
        entry.id: entry.unit
        for entry in (*system.states, *system.parameters, *system.start, *system.rules)
        if entry.unit
    }
    factor = {name: _si_factor(model, unit) for name, unit in units.items()}
    own = {symbol(name): _arbitrary(position) for position, name in enumerate(sorted(factor))}
    si = {key: value * factor[key.name] for key, value in own.items()}
    day = _si_factor(model, system.time_unit or "day")
    checked = {f"rate of {state.id}": (state.rate, factor[state.id] / day) for state in system.states}
    checked |= {f"rule {name}": (expression, factor[name]) for name, expression in rules.items()}
    checked |= {f"start of {name}": (expression, factor[name]) for name, expression in start.items()}
    for row in observables:
        unit = unit_names.get(row.unit, row.unit)
        checked[f"observable {row.id}"] = (parse_observable(row, system), _si_factor(model, unit))
    keys = list(own)
    used = {name for entry, _ in checked.values() for name in entry.free_symbols} - {TIME, *keys}
    if used:
        names = ", ".join(sorted(map(str, used)))
        raise InputError(f"no unit for {names}", where="model", mend="declare it")
    evaluate = sympy.lambdify(
        [TIME, *keys], [entry for entry, _ in checked.values()], modules="math", cse=True
    )
    in_own = evaluate(0.0, *(own[key] for key in keys))
    in_si = evaluate(0.0, *(si[key] for key in keys))
    wrong: dict[str, float] = {}
    for (name, (_, size)), a, b in zip(checked.items(), in_own, in_si, strict=True):
        if not math.isclose(a * size, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE * size):
            wrong[name] = a * size / b if b else math.inf
    return wrong


def _arbitrary(position: int) -> float:
    """Numbers between 0.2 and 0.4, no two alike: differences keep their sign and no term drowns another."""
    return 0.2 + 0.2 * ((position * 0.6180339887498949) % 1.0)


def _si_factor(model: libsbml.Model, unit: str) -> float:
    definition = model.getUnitDefinition(unit)
    if definition is None:
        kind = libsbml.UnitKind_forName(unit)
        if kind == libsbml.UNIT_KIND_INVALID:
            raise InputError(f"unknown unit '{unit}'", where="units.csv", mend="add it")
        definition = libsbml.UnitDefinition(3, 2)
        base = definition.createUnit()
        base.setKind(kind)
        base.setExponent(1)
        base.setScale(0)
        base.setMultiplier(1)
    converted = libsbml.UnitDefinition.convertToSI(definition)
    factor = 1.0
    for index in range(converted.getNumUnits()):
        part = converted.getUnit(index)
        factor *= (part.getMultiplier() * 10.0 ** part.getScale()) ** part.getExponentAsDouble()
    return factor
