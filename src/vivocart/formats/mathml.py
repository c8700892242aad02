"""MathML, as libSBML's syntax tree, walked into SymPy expressions.

Every node is built by a function chosen from a table: no text of a model is parsed, evaluated or executed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import libsbml
import sympy
from sympy.logic.boolalg import Boolean

from vivocart.equations.system import TIME
from vivocart.formats.mathml_functions import (
    CONSTANTS,
    FALSE,
    JOINS,
    LITERALS,
    NUMERIC,
    RELATIONS,
    TRUE,
    as_boolean,
    as_number,
    conjunction,
    disjunction,
    logic,
    negation,
    number,
    relation,
    select,
)
from vivocart.ground.errors import InputError, UnsupportedError

# of an expression with its functions written out: deeper ones meet recursion limits further on
MAXIMUM_DEPTH = 128
# of a model with its functions written out: functions that call functions grow exponentially
MAXIMUM_NODES = 1_000_000


@final
@dataclass(slots=True, kw_only=True)
class MathReader:
    """Reads the math of one model: knows its functions and what its names stand for.

    Parameters
    ----------
    resolve
        The expression an identifier stands for, or nothing if the model has no such identifier.
    rate
        What stands for the rate of change of an identifier.
    functions
        Function definitions by id: libSBML objects.
    file
        Name for the messages.
    time
        What the symbol for time stands for; 0 where initial values are worked out.
    """

    resolve: Callable[[str], sympy.Expr | None]
    rate: Callable[[str], sympy.Expr]
    functions: Mapping[str, Any]
    time: sympy.Expr = TIME
    file: str = ""
    nodes: int = 0

    def number(self, node: Any, where: str, local: Mapping[str, sympy.Basic] | None = None) -> sympy.Expr:
        """The expression of a math element where a number is wanted; ``local`` names come before the model's."""
        return as_number(self._read(node, where, local or {}, 0))

    def boolean(self, node: Any, where: str) -> Boolean:
        """The condition of a math element where a truth is wanted."""
        return as_boolean(self._read(node, where, {}, 0))

    def _at(self, where: str) -> str:
        return f"{self.file}, {where}" if self.file else where

    def _read(self, node: Any, where: str, local: Mapping[str, sympy.Basic], depth: int) -> sympy.Basic:
        self.nodes += 1
        if self.nodes > MAXIMUM_NODES:
            raise InputError(f"the model's math has more than {MAXIMUM_NODES} parts", where=self._at(where))
        if depth > MAXIMUM_DEPTH:
            raise InputError(
                f"math nested deeper than {MAXIMUM_DEPTH}", where=self._at(where), mend="split it into rules"
            )
        kind = node.getType()
        leaf = self._leaf(node, kind, where, local)
        if leaf is not None:
            return leaf
        if kind == libsbml.AST_FUNCTION_PIECEWISE:
            return self._piecewise([self._read(c, where, local, depth + 1) for c in _children(node)])
        arguments = [self._read(child, where, local, depth + 1) for child in _operands(node, kind)]
        if kind == libsbml.AST_FUNCTION:
            return self._call(node.getName(), arguments, where, depth)
        return self._apply(node, kind, arguments, where)

    def _leaf(self, node: Any, kind: int, where: str, local: Mapping[str, sympy.Basic]) -> sympy.Basic | None:
        if kind in LITERALS:
            return number(node.getValue())
        if kind == libsbml.AST_NAME_TIME:
            return self.time
        if kind in CONSTANTS:
            return CONSTANTS[kind]
        if kind == libsbml.AST_NAME:
            return self._name(node.getName(), where, local)
        if kind == libsbml.AST_FUNCTION_RATE_OF:
            return self._rate_of(node, where, local)
        if kind == libsbml.AST_FUNCTION_DELAY:
            raise UnsupportedError("csymbol delay", where)
        return None

    def _apply(self, node: Any, kind: int, arguments: list[sympy.Basic], where: str) -> sympy.Basic:
        if kind in NUMERIC:
            least, most, build = NUMERIC[kind]
            if not least <= len(arguments) <= most:
                raise InputError(
                    f"<{node.getName() or kind}> with {len(arguments)} arguments", where=self._at(where)
                )
            return build(*map(as_number, arguments))
        if kind in RELATIONS:
            pairs = itertools.pairwise(arguments)
            return conjunction([relation(kind, left, right) for left, right in pairs])
        made = logic(kind, [as_boolean(a) for a in arguments])
        if made is None:
            raise UnsupportedError("math", node.getName() or f"type {kind}", why=where)
        return made

    def _name(self, name: str, where: str, local: Mapping[str, sympy.Basic]) -> sympy.Basic:
        if name in local:
            return local[name]
        found = self.resolve(name)
        if found is None:
            raise InputError(
                f"'{name}' is used in math and defined nowhere", where=self._at(where), mend="define it"
            )
        return found

    def _rate_of(self, node: Any, where: str, local: Mapping[str, sympy.Basic]) -> sympy.Basic:
        child = node.getChild(0)
        if node.getNumChildren() != 1 or child.getType() != libsbml.AST_NAME:
            raise InputError("rateOf takes one identifier", where=self._at(where))
        target = self._name(child.getName(), where, local)
        if not isinstance(target, sympy.Symbol):
            return sympy.S.Zero  # a number, by way of a function's argument
        return self.rate(target.name)

    def _piecewise(self, parts: list[sympy.Basic]) -> sympy.Basic:
        pieces: list[tuple[sympy.Basic, sympy.Basic]] = []
        for value, condition in zip(parts[0::2], parts[1::2], strict=False):
            truth = as_boolean(condition)
            if truth != FALSE:
                pieces.append((value, truth))
            if truth == TRUE:
                break
        else:
            pieces.append((parts[-1] if len(parts) % 2 else sympy.nan, TRUE))
        if len(pieces) == 1:
            return pieces[0][0]
        if all(isinstance(value, Boolean) and not isinstance(value, sympy.Symbol) for value, _ in pieces):
            chosen: sympy.Basic = pieces[-1][0]
            for value, truth in pieces[-2::-1]:
                chosen = disjunction((conjunction((truth, value)), conjunction((negation(truth), chosen))))
            return chosen
        return select([(as_number(value), truth) for value, truth in pieces])

    def _call(self, name: str, arguments: list[sympy.Basic], where: str, depth: int) -> sympy.Basic:
        definition = self.functions.get(name)
        if definition is None:
            raise InputError(
                f"function '{name}' is called and defined nowhere", where=self._at(where), mend="define it"
            )
        if definition.getNumArguments() != len(arguments):
            wanted = definition.getNumArguments()
            raise InputError(
                f"function '{name}' takes {wanted} arguments, {len(arguments)} given", where=self._at(where)
            )
        body = definition.getBody()
        if body is None:
            return sympy.nan
        names = [definition.getArgument(i).getName() for i in range(len(arguments))]
        # a function that calls itself, directly or round a circle, meets the limit of depth
        return self._read(body, where, dict(zip(names, arguments, strict=True)), depth + 1)


def math_of(element: Any) -> Any:
    """The math of an SBML element, or nothing if it has none or an empty one."""
    node = None if element is None else element.getMath()
    is_empty = node is None or (node.getType() == libsbml.AST_UNKNOWN and node.getNumChildren() == 0)
    return None if is_empty else node


def _children(node: Any) -> list[Any]:
    return [node.getChild(i) for i in range(node.getNumChildren())]


def _operands(node: Any, kind: int) -> list[Any]:
    """Children of a node; of a sum in a sum (in a sum ...) the terms, as deep as they lie."""
    if kind not in JOINS:
        return _children(node)
    found: list[Any] = []
    waiting = _children(node)[::-1]
    while waiting:
        child = waiting.pop()
        if child.getType() == kind:
            waiting.extend(_children(child)[::-1])
        else:
            found.append(child)
    return found
