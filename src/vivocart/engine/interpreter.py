"""Nodes of a graph evaluated one patient at a time in plain Python.

For what happens seldom (the conditions, delays and assignments of events, a model's first look) compiling would take
longer than evaluating. The numbers follow IEEE 754 as the kernels' do: no exception, but infinite or not a number.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from scipy.special import digamma

from vivocart.engine.graph import MODE, NUMBER, PARAMETER, STATE, TIME_NODE, Graph
from vivocart.ground.errors import UnsupportedError


def _quiet(function: Callable[..., float]) -> Callable[..., float]:
    def call(*values: float) -> float:
        try:
            return function(*values)
        except (ValueError, ZeroDivisionError):
            return math.nan
        except OverflowError:
            return math.inf

    return call


def _reciprocal(a: float) -> float:
    return 1.0 / a if a != 0.0 else math.copysign(math.inf, a)


def _log(a: float) -> float:
    return math.log(a) if a > 0.0 else -math.inf if a == 0.0 else math.nan


def _sqrt(a: float) -> float:
    return math.sqrt(a) if a >= 0.0 else math.nan


def _power(a: float, b: float) -> float:
    try:
        value = a**b
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return -math.inf if a < 0.0 and b % 2.0 == 1.0 else math.inf
    return math.nan if isinstance(value, complex) else value


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda a: float(function(a)) if math.isfinite(a) else a


def _sign(a: float) -> float:
    return math.copysign(1.0, a) if a else a


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "neg": operator.neg,
    "mul": operator.mul,
    "reciprocal": _reciprocal,
    "pow": _power,
    "exp": _quiet(math.exp),
    "log": _log,
    "sqrt": _sqrt,
    "sin": _quiet(math.sin),
    "cos": _quiet(math.cos),
    "tan": _quiet(math.tan),
    "asin": _quiet(math.asin),
    "acos": _quiet(math.acos),
    "atan": math.atan,
    "sinh": _quiet(math.sinh),
    "cosh": _quiet(math.cosh),
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": _quiet(math.acosh),
    "atanh": _quiet(math.atanh),
    "abs": abs,
    "sign": _sign,
    "floor": _whole(math.floor),
    "ceiling": _whole(math.ceil),
    "gamma": _quiet(math.gamma),
    "digamma": lambda a: float(digamma(a)),
    "erf": math.erf,
    "atan2": math.atan2,
    "max": lambda a, b: a if a > b else b,
    "min": lambda a, b: a if a < b else b,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": operator.not_,
    "true": lambda: True,
    "false": lambda: False,
    "select": lambda c, a, b: a if c else b,
}


@final
@dataclass(frozen=True, slots=True)
class Formulas:
    """Nodes to be evaluated together: call it with parameters, states, time and held modes."""

    size: int
    leaves: tuple[tuple[int, str, int], ...]  # slot, kind, index
    template: tuple[float, ...]  # numbers in their slots
    operations: tuple[tuple[int, Callable[..., float], tuple[int, ...]], ...]
    roots: tuple[int, ...]

    def __call__(
        self, parameters: Sequence[float], states: Sequence[float], time: float, modes: Sequence[bool] = ()
    ) -> list[float]:
        """Values of the roots, truths as Booleans."""
        values = list(self.template)
        sources: dict[str, Sequence[float]] = {
            PARAMETER: parameters,
            STATE: states,
            TIME_NODE: (time,),
            MODE: modes,
        }
        for slot, kind, index in self.leaves:
            values[slot] = sources[kind][index]
        for slot, function, inputs in self.operations:
            values[slot] = function(*[values[i] for i in inputs])
        return [values[i] for i in self.roots]


def formulas(graph: Graph, roots: Sequence[int]) -> Formulas:
    """The evaluator of these nodes.

    Raises
    ------
    UnsupportedError
        If a node's operation is not known here.
    """
    nodes = graph.reachable(list(roots))
    slots = {node: slot for slot, node in enumerate(nodes)}
    leaves: list[tuple[int, str, int]] = []
    template = [math.nan] * len(nodes)
    operations: list[tuple[int, Callable[..., float], tuple[int, ...]]] = []
    for node, slot in slots.items():
        entry = graph.nodes[node]
        if entry.operation == NUMBER:
            template[slot] = entry.value
        elif entry.operation in (PARAMETER, STATE, TIME_NODE, MODE):
            leaves.append((slot, entry.operation, int(entry.value)))
        elif entry.operation in _FUNCTIONS:
            operations.append((slot, _FUNCTIONS[entry.operation], tuple(slots[i] for i in entry.inputs)))
        else:
            raise UnsupportedError("function", entry.operation)
    return Formulas(
        len(nodes), tuple(leaves), tuple(template), tuple(operations), tuple(slots[r] for r in roots)
    )
