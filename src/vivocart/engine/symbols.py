"""From SymPy expressions to the graph kernels are made from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import sympy
from sympy.logic import boolalg

from vivocart.engine.graph import MODE, TIME_NODE, Graph
from vivocart.equations.system import TIME
from vivocart.ground.errors import InputError, UnsupportedError

_FUNCTIONS: dict[object, str] = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.asin: "asin",
    sympy.acos: "acos",
    sympy.atan: "atan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.asinh: "asinh",
    sympy.acosh: "acosh",
    sympy.atanh: "atanh",
    sympy.Abs: "abs",
    sympy.sign: "sign",
    sympy.floor: "floor",
    sympy.ceiling: "ceiling",
    sympy.gamma: "gamma",
    sympy.erf: "erf",
}
# written through a function above: 1/tan, atan(1/x), ...
_RECIPROCALS: dict[object, str] = {
    sympy.sec: "cos",
    sympy.csc: "sin",
    sympy.cot: "tan",
    sympy.sech: "cosh",
    sympy.csch: "sinh",
    sympy.coth: "tanh",
}
_OF_RECIPROCALS: dict[object, str] = {
    sympy.asec: "acos",
    sympy.acsc: "asin",
    sympy.acot: "atan",
    sympy.asech: "acosh",
    sympy.acsch: "asinh",
    sympy.acoth: "atanh",
}
_SPECIAL: dict[object, float] = {
    sympy.S.Infinity: math.inf,
    sympy.S.NegativeInfinity: -math.inf,
    sympy.S.NaN: math.nan,
    sympy.S.ComplexInfinity: math.nan,
}


@final
@dataclass(slots=True)
class Reader:
    """Turns SymPy expressions into nodes of one graph.

    ``names`` says which node a symbol stands for, ``rules`` what it is short for. With ``modes`` given, relations that
    move are replaced by a mode: a bit that is held while a step is taken and changed at the crossing.
    """

    graph: Graph
    names: dict[sympy.Basic, int]
    rules: Mapping[sympy.Basic, sympy.Basic] = field(default_factory=dict[sympy.Basic, sympy.Basic])
    modes: dict[int, sympy.Basic] | None = None  # node of a relation -> the relation; its place is its number
    time: int | None = None  # the node time stands for, when it is not the moving one
    done: dict[sympy.Basic, int] = field(default_factory=dict[sympy.Basic, int])
    reading: bool = False

    def read(self, expression: sympy.Basic) -> int:
        """The node of an expression."""
        found = self.done.get(expression)
        if found is None:
            if not self.reading:
                self._read_rules(expression)
            found = self._convert(expression)
            self.done[expression] = found
        return found

    def _read_rules(self, expression: sympy.Basic) -> None:
        """Reads the rules an expression rests on, from the bottom up: a chain of thousands must not recurse."""

        def missing(source: sympy.Basic) -> list[sympy.Basic]:
            return [
                s
                for s in source.free_symbols
                if s in self.rules and s not in self.names and s not in self.done
            ]

        waiting = sorted(missing(expression), key=str)
        self.reading = True
        while waiting:
            below = sorted(missing(self.rules[waiting[-1]]), key=str)
            if below:
                waiting.extend(below)
            else:
                self.read(waiting.pop())
        self.reading = False

    def _convert(self, e: sympy.Basic) -> int:  # noqa: C901, PLR0911, PLR0912 - one case a kind of expression
        graph = self.graph
        match e:
            case sympy.Symbol():
                if e == TIME:
                    return graph.make(TIME_NODE) if self.time is None else self.time
                if e not in self.names and e in self.rules:
                    return self.read(self.rules[e])
                if e not in self.names:
                    raise InputError(
                        f"'{e.name}' is neither state, parameter, derived constant nor rule",
                        where="system",
                        mend="declare it",
                    )
                return self.names[e]
            case sympy.Number() | sympy.NumberSymbol():
                return graph.number(_SPECIAL[e] if e in _SPECIAL else float(e))
            case _ if e in _SPECIAL:
                return graph.number(_SPECIAL[e])
            case sympy.Add():
                return self._sum(e)
            case sympy.Mul():
                return self._product(e)
            case sympy.Pow():
                return self._power(e)
            case sympy.Piecewise():
                return self._piecewise(e)
            case boolalg.BooleanAtom():
                return graph.make("true" if e == sympy.true else "false")
            case boolalg.Boolean():
                return self._boolean(e)
            case sympy.Max() | sympy.Min():
                name = "max" if isinstance(e, sympy.Max) else "min"
                inputs = [self.read(a) for a in _ordered(e.args)]
                node = inputs[0]
                for other in inputs[1:]:
                    node = graph.function(name, node, other)
                return node
            case _:
                return self._function(e)

    def _by_level(self, terms: list[int], join: str) -> int:
        """Joins terms, numbers first, then numbers of the patient, so that those are worked out once a patient."""
        combine = self.graph.add if join == "add" else self.graph.multiply
        groups: list[int] = []
        for level in range(3):
            members = [t for t in terms if self.graph.level[t] == level]
            for i, term in enumerate(members):
                if i == 0:
                    groups.append(term)
                else:
                    groups[-1] = combine(groups[-1], term)
        result = groups[0]
        for group in groups[1:]:
            result = combine(result, group)
        return result

    def _sum(self, e: sympy.Add) -> int:
        return self._by_level([self.read(a) for a in e.args], "add")

    def _product(self, e: sympy.Mul) -> int:
        graph = self.graph
        above: list[int] = []
        below: list[int] = []
        for a in e.args:
            if isinstance(a, sympy.Rational) and not isinstance(a, sympy.Integer):
                above.append(graph.number(float(a)))
            elif isinstance(a, sympy.Pow) and a.exp.is_Number and a.exp.is_negative:
                below.append(
                    self.read(sympy.Pow(a.base, -a.exp, evaluate=False)) if a.exp != -1 else self.read(a.base)
                )
            else:
                above.append(self.read(a))
        if not below:
            return self._by_level(above, "mul")
        # the patient's numbers and what moves get a reciprocal each: the first is worked out once a patient
        for moving in (False, True):
            part = [node for node in below if (graph.level[node] == 2) == moving]
            if part:
                above.append(graph.reciprocal(self._by_level(part, "mul")))
        return self._by_level(above, "mul")

    def _power(self, e: sympy.Pow) -> int:
        base, exponent = e.args
        if base == sympy.E:
            return self.graph.function("exp", self.read(exponent))
        return self.graph.power(self.read(base), self.read(exponent))

    def _piecewise(self, e: sympy.Piecewise) -> int:
        pieces = list(e.args)
        node = self.graph.number(math.nan)  # no condition holds and nothing is said for the rest
        for piece in reversed(pieces):
            value, condition = piece.args
            node = self.graph.select(self.read(condition), self.read(value), node)
        return node

    def _boolean(self, e: boolalg.Boolean) -> int:
        graph = self.graph
        if isinstance(e, sympy.core.relational.Relational):
            return self._relation(e)
        if isinstance(e, sympy.Not):
            return self._not(self.read(e.args[0]))
        if isinstance(e, (sympy.And, sympy.Or)):
            name = "and" if isinstance(e, sympy.And) else "or"
            inputs = [self.read(a) for a in _ordered(e.args)]
            node = inputs[0]
            for other in inputs[1:]:
                node = graph.make(name, node, other)
            return node
        if isinstance(e, sympy.ITE):
            c, a, b = (self.read(x) for x in e.args)
            return graph.make("or", graph.make("and", c, a), graph.make("and", self._not(c), b))
        if isinstance(e, (sympy.Xor, sympy.Implies, sympy.Equivalent, sympy.Nand, sympy.Nor)):
            return self.read(boolalg.to_nnf(e, simplify=False))
        raise UnsupportedError(f"Boolean function {type(e).__name__}")

    def _not(self, node: int) -> int:
        kind = self.graph.nodes[node].operation
        flipped = {"true": "false", "false": "true"}.get(kind)
        return self.graph.make(flipped) if flipped else self.graph.make("not", node)

    def _relation(self, e: sympy.core.relational.Relational) -> int:
        graph = self.graph
        a, b = self.read(e.args[0]), self.read(e.args[1])
        match e:
            case sympy.StrictLessThan():
                node = graph.make("lt", a, b)
            case sympy.StrictGreaterThan():
                node = graph.make("lt", b, a)
            case sympy.LessThan():
                node = graph.make("le", a, b)
            case sympy.GreaterThan():
                node = graph.make("le", b, a)
            case sympy.Equality():
                node = graph.make("eq", a, b)
            case _:
                node = graph.make("ne", a, b)
        if self.modes is None or graph.level[node] < 2:
            return node
        self.modes.setdefault(node, e)
        return graph.make(MODE, value=list(self.modes).index(node))

    def _function(self, e: sympy.Basic) -> int:  # noqa: PLR0911 - one case a kind of function
        graph, kind = self.graph, e.func
        if kind in _FUNCTIONS:
            if kind is sympy.log and len(e.args) == 2:
                return graph.divide(*(graph.function("log", self.read(a)) for a in e.args))
            return graph.function(_FUNCTIONS[kind], self.read(e.args[0]))
        if kind in _RECIPROCALS:
            return graph.reciprocal(graph.function(_RECIPROCALS[kind], self.read(e.args[0])))
        if kind in _OF_RECIPROCALS:
            return graph.function(_OF_RECIPROCALS[kind], graph.reciprocal(self.read(e.args[0])))
        if kind is sympy.factorial:
            return graph.function("gamma", graph.add(self.read(e.args[0]), graph.number(1.0)))
        if kind is sympy.atan2:
            return graph.function("atan2", *(self.read(a) for a in e.args))
        if kind is sympy.Mod:  # with the sign of the divisor, as SymPy and SBML's examples have it
            a, b = (self.read(x) for x in e.args)
            return graph.subtract(a, graph.multiply(b, graph.function("floor", graph.divide(a, b))))
        if kind is sympy.Heaviside:
            a, zero = self.read(e.args[0]), graph.number(0.0)
            return graph.select(graph.make("lt", a, zero), zero, graph.number(1.0))
        raise UnsupportedError("function", str(kind))


def _ordered(arguments: tuple[sympy.Basic, ...]) -> list[sympy.Basic]:
    """Arguments in an order that does not depend on hashes, so that one model gives one kernel."""
    return sorted(arguments, key=sympy.default_sort_key) if len(arguments) > 1 else list(arguments)
