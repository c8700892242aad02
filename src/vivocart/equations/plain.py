"""Expressions and systems as plain data: to name what depends on them, and to keep on disk what took long to read.

A symbol is its name, a number itself, anything else a list of its kind and its arguments in the order in which SymPy holds
them, so that what is read back is what was written and not what SymPy would simplify it to today.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy
from sympy.functions.elementary.piecewise import ExprCondPair

from vivocart.equations.system import Assignment, Parameter, State, System, symbol

Plain = str | int | float | list[Any]
"""An expression as plain data: name, number, or kind with arguments."""

# what a system that is kept may hold; a name that is not here is never looked up anywhere else
_EVALUATED: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (sympy.Add, sympy.Mul, sympy.Pow, sympy.exp, sympy.log, sympy.Abs, sympy.Max, sympy.Min)
}
_AS_WRITTEN: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (
        sympy.Piecewise,
        ExprCondPair,
        sympy.StrictLessThan,
        sympy.StrictGreaterThan,
        sympy.LessThan,
        sympy.GreaterThan,
    )
}
_OTHER = ""
_CONSTANTS: Mapping[str, sympy.Basic] = {
    sympy.srepr(constant): constant for constant in (sympy.true, sympy.false, sympy.oo, -sympy.oo, sympy.nan)
}


def plain(expression: sympy.Basic, known: dict[sympy.Basic, Plain] | None = None) -> Plain:
    """An expression as plain data; equal data, equal expressions.

    Parameters
    ----------
    expression
        Any SymPy expression or condition whose symbols :func:`vivocart.equations.system.symbol` made.
    known
        Parts that were written before, added to; give the same to several calls to write what they share once.
    """
    done: dict[sympy.Basic, Plain] = {} if known is None else known
    found = done.get(expression)
    if found is None:
        found = done[expression] = _leaf(expression) if not expression.args else _node(expression, done)
    return found


def _node(expression: sympy.Basic, done: dict[sympy.Basic, Plain]) -> Plain:
    return [type(expression).__name__, *(plain(argument, done) for argument in expression.args)]


def _leaf(expression: sympy.Basic) -> Plain:
    match expression:
        case sympy.Symbol():
            is_ours = expression == symbol(expression.name)
            return expression.name if is_ours else [_OTHER, sympy.srepr(expression)]
        case sympy.Integer():
            return int(expression)
        case sympy.Float():
            number = float(expression)
            return number if sympy.Float(number) == expression else [_OTHER, sympy.srepr(expression)]
        case _:
            return [_OTHER, sympy.srepr(expression)]


def expression_of(data: Plain) -> Any:
    """The expression that :func:`plain` wrote.

    Raises
    ------
    KeyError
        If it holds a kind of expression that systems on disk may not hold.
    """
    if isinstance(data, str):
        return symbol(data)
    if isinstance(data, int):
        return sympy.Integer(data)
    if isinstance(data, float):
        return sympy.Float(data)
    kind, *arguments = data
    if kind == _OTHER:
        return _CONSTANTS[arguments[0]]
    parts = [expression_of(argument) for argument in arguments]
    if kind in _AS_WRITTEN:  # SymPy's own constructors would look into the conditions
        return sympy.Basic.__new__(_AS_WRITTEN[kind], *parts)
    return _EVALUATED[kind](*parts, evaluate=False)


def write_system(system: System) -> str | None:
    """A system as a text; nothing if it holds what would not be read back as the same, an event for one."""
    if system.events:
        return None
    known: dict[sympy.Basic, Plain] = {}
    data = {
        "id": system.id,
        "parameters": [dataclasses.astuple(entry) for entry in system.parameters],
        "states": [(state.id, plain(state.rate, known), state.unit) for state in system.states],
        "start": _written(system.start, known),
        "rules": _written(system.rules, known),
        "time_unit": system.time_unit,
        "names": dict(system.names),
    }
    text = json.dumps(data)
    try:
        is_same = read_system(text) == system
    except ValueError:
        return None
    return text if is_same else None


def _written(entries: Iterable[Assignment], known: dict[sympy.Basic, Plain]) -> list[tuple[str, Plain, str]]:
    return [(entry.id, plain(entry.expression, known), entry.unit) for entry in entries]


def read_system(text: str) -> System:
    """The system that :func:`write_system` wrote.

    Raises
    ------
    ValueError
        If the text is another one.
    """
    try:
        return _system(json.loads(text))
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("not a system as it is kept") from error


def _system(data: Any) -> System:
    return System(
        id=data["id"],
        parameters=tuple(
            Parameter(id=name, value=value, unit=unit) for name, value, unit in data["parameters"]
        ),
        states=tuple(
            State(id=name, rate=expression_of(rate), unit=unit) for name, rate, unit in data["states"]
        ),
        start=_read(data["start"]),
        rules=_read(data["rules"]),
        time_unit=data["time_unit"],
        names=data["names"],
    )


def _read(entries: Sequence[Any]) -> tuple[Assignment, ...]:
    return tuple(
        Assignment(id=name, expression=expression_of(expression), unit=unit)
        for name, expression, unit in entries
    )
