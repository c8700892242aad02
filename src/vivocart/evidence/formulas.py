"""Formulas over quantities: how a shipped number follows from what the sources state.

A formula names quantities by id. A bare id is the quantity's value in the unit of the shipped number; ``id[unit]`` is its
value in that unit. ``lower(id)``, ``upper(id)``, ``spread(id)`` and ``n(id)`` read the other columns; ``log``, ``sqrt``,
``mean``, ``geometric_mean`` and the four operations do the rest. Several results are parted by commas.
"""

from __future__ import annotations

import ast
import math
import operator
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from vivocart.evidence.quantities import Quantity
from vivocart.ground import units
from vivocart.ground.errors import InputError, UnknownNameError

_OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "log": math.log,
    "sqrt": math.sqrt,
    "mean": lambda *values: statistics.fmean(values),
    "geometric_mean": lambda *values: statistics.geometric_mean(values),
}
_COLUMNS = ("lower", "upper", "spread", "n")
_LONGEST = 500  # characters; a formula is a line, and a deep one would exhaust the parser


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a formula is evaluated against."""

    text: str
    unit: str
    quantities: Mapping[str, Quantity]
    where: str


def evaluate(
    formula: str, quantities: Mapping[str, Quantity], *, unit: str, where: str = ""
) -> tuple[float, ...]:
    """Results of a formula, one for each part between top-level commas.

    Parameters
    ----------
    formula
        Such as ``log(2) / zhang2020_t12b[d]``.
    quantities
        Quantities by id.
    unit
        Unit of the results; a bare id is converted to it.

    Raises
    ------
    InputError
        If the formula cannot be read, a unit does not fit, a quantity states no such number, or the result is no number.
    UnknownNameError
        If a quantity does not exist; names the nearest three.
    """
    tree = _parsed(formula, where)
    reading = _Reading(text=formula.strip(), unit=unit, quantities=quantities, where=where)
    parts = tree.elts if isinstance(tree, ast.Tuple) else [tree]
    try:
        results = tuple(_value(part, reading) for part in parts)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise InputError(f"cannot compute '{formula}' ({error})", where=where) from error
    if not all(math.isfinite(result) for result in results):
        raise InputError(f"'{formula}' gives no number", where=where, mend="check the quantities it names")
    return results


def quantity_names(formula: str, *, where: str = "") -> tuple[str, ...]:
    """Ids of the quantities that a formula names, each once, in order of first mention.

    Raises
    ------
    InputError
        If the formula cannot be read.
    """
    found: dict[str, None] = {}

    def collect(node: ast.AST) -> None:
        if isinstance(node, ast.Subscript):
            collect(node.value)  # what stands in brackets is a unit
        elif isinstance(node, ast.Call):
            for argument in node.args:
                collect(argument)
        elif isinstance(node, ast.Name):
            found[node.id] = None
        else:
            for inner in ast.iter_child_nodes(node):
                collect(inner)

    if formula.strip():
        collect(_parsed(formula, where))
    return tuple(found)


def _parsed(formula: str, where: str) -> ast.expr:
    if len(formula) > _LONGEST:
        raise InputError(f"a formula of {len(formula)} characters", where=where, mend=f"at most {_LONGEST}")
    try:
        return ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        mend = "such as log(2) / zhang2020_t12b[d]"
        raise InputError(f"'{formula}' is no formula", where=where, mend=mend) from error


def _value(node: ast.expr, reading: _Reading) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name | ast.Subscript):
        return _column(node, "value", reading)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, reading)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left, reading), _value(node.right, reading))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id in _COLUMNS and len(node.args) == 1:
            return _column(node.args[0], node.func.id, reading)
        if node.func.id in _FUNCTIONS:
            return _FUNCTIONS[node.func.id](*(_value(argument, reading) for argument in node.args))
    part = ast.get_source_segment(reading.text, node) or reading.text
    mend = f"use + - * /, {', '.join([*_FUNCTIONS, *_COLUMNS])} and ids of quantities"
    raise InputError(f"'{part}' is not understood in '{reading.text}'", where=reading.where, mend=mend)


def _column(node: ast.expr, column: str, reading: _Reading) -> float:
    """A number of a quantity in the unit asked for."""
    unit = reading.unit
    if isinstance(node, ast.Subscript):
        unit = ast.get_source_segment(reading.text, node.slice) or ""
        node = node.value
    if not isinstance(node, ast.Name):
        raise InputError(f"{column} of what?", where=reading.where, mend="give the id of a quantity")
    if node.id not in reading.quantities:
        raise UnknownNameError("quantity", node.id, reading.quantities, where=reading.where)
    quantity = reading.quantities[node.id]
    number: float | None = getattr(quantity, column)
    if number is None:
        raise InputError(f"{node.id} states no {column}", where=reading.where, mend="use what it states")
    if column == "n" or (column == "spread" and quantity.spread_kind != "sd"):
        return float(number)
    return units.convert(number, quantity.unit, unit)
