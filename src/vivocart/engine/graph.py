"""Expressions as a graph in which equal parts exist once, and its exact derivatives.

SymPy reads and writes models; this graph is what kernels are made from. Sharing is by construction (a node is looked up
before it is made), a derivative adds nodes to the same graph, and every node knows its level: 0 a number, 1 a number of
the patient (parameters only), 2 something that moves. What is of level 1 is worked out once a patient, not once a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import final

NUMBER, PARAMETER, STATE, TIME_NODE, MODE = "number", "parameter", "state", "time", "mode"
LEAVES = frozenset({NUMBER, PARAMETER, STATE, TIME_NODE, MODE})
COMPARISONS = frozenset({"lt", "le", "eq", "ne"})
LOGIC = frozenset({"and", "or", "not", "true", "false"})


@final
@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its name, the nodes it takes, and a number or index where the operation needs one."""

    operation: str
    inputs: tuple[int, ...] = ()
    value: float = 0.0


@final
@dataclass(slots=True)
class Graph:
    """Nodes in an order in which inputs come first."""

    nodes: list[Node] = field(default_factory=list[Node])
    level: list[int] = field(default_factory=list[int])
    depends: list[frozenset[tuple[str, int]]] = field(default_factory=list[frozenset[tuple[str, int]]])
    index: dict[tuple[str, tuple[int, ...], str], int] = field(
        default_factory=dict[tuple[str, tuple[int, ...], str], int]
    )

    def make(self, operation: str, *inputs: int, value: float = 0.0) -> int:
        """The node of this operation, made if it is not there yet."""
        key = (operation, inputs, float(value).hex())
        found = self.index.get(key)
        if found is not None:
            return found
        number = len(self.nodes)
        self.nodes.append(Node(operation, inputs, value))
        if operation in LEAVES:
            self.level.append({NUMBER: 0, PARAMETER: 1}.get(operation, 2))
            moving = operation not in (NUMBER, PARAMETER, MODE)
            self.depends.append(frozenset({(operation, int(value))}) if moving else frozenset())
        else:
            self.level.append(max((self.level[i] for i in inputs), default=0))
            self.depends.append(frozenset().union(*(self.depends[i] for i in inputs)))
        self.index[key] = number
        return number

    def number(self, value: float) -> int:
        """A constant."""
        return self.make(NUMBER, value=value)

    def constant(self, node: int) -> float | None:
        """The value of a node that is a constant, else nothing."""
        entry = self.nodes[node]
        return entry.value if entry.operation == NUMBER else None

    def negative(self, a: int) -> int:
        """Minus a."""
        value = self.constant(a)
        if value is not None:
            return self.number(-value)
        entry = self.nodes[a]
        if entry.operation == "neg":
            return entry.inputs[0]
        return self.make("neg", a)

    def add(self, a: int, b: int) -> int:
        """The sum a + b."""
        x, y = self.constant(a), self.constant(b)
        if x is not None and y is not None:
            return self.number(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        return self.make("add", min(a, b), max(a, b))

    def subtract(self, a: int, b: int) -> int:
        """The difference a - b."""
        return self.number(0.0) if a == b else self.add(a, self.negative(b))

    def multiply(self, a: int, b: int) -> int:
        """The product a · b."""
        x, y = self.constant(a), self.constant(b)
        if x is not None and y is not None:
            return self.number(x * y)
        if y is not None:
            a, b, x = b, a, y
        if x == 0.0:
            return self.number(0.0)
        if x == 1.0:
            return b
        if x == -1.0:
            return self.negative(b)
        sign = False
        for _ in range(2):  # a minus sign moves out of a product, so that x·(-y) and -(x·y) are one node
            if self.nodes[a].operation == "neg":
                a, sign = self.nodes[a].inputs[0], not sign
            a, b = b, a
        product = self._joined(a, b)
        if product is None:
            product = self.make("mul", min(a, b), max(a, b))
        return self.negative(product) if sign else product

    def _joined(self, a: int, b: int) -> int | None:
        """The product of a number of the patient and one that holds another: the two are multiplied once a patient."""
        if self.level[a] > self.level[b]:
            a, b = b, a
        if (self.level[a], self.level[b], self.nodes[b].operation) != (1, 2, "mul"):
            return None
        fixed, rest = sorted(self.nodes[b].inputs, key=self.level.__getitem__)
        return self.multiply(self.multiply(a, fixed), rest) if self.level[fixed] == 1 else None

    def reciprocal(self, a: int) -> int:
        """One over a."""
        value = self.constant(a)
        if value is not None and value != 0.0:
            return self.number(1.0 / value)
        return self.make("reciprocal", a)

    def divide(self, a: int, b: int) -> int:
        """The quotient a / b."""
        x, y = self.constant(a), self.constant(b)
        if x is not None and y is not None and y != 0.0:
            return self.number(x / y)
        return self.multiply(a, self.reciprocal(b))

    def whole_power(self, a: int, exponent: int) -> int:
        """The power a**exponent for a small whole exponent, by multiplications."""
        if exponent < 0:
            return self.reciprocal(self.whole_power(a, -exponent))
        result, factor = None, a
        while exponent:
            if exponent & 1:
                result = factor if result is None else self.multiply(result, factor)
            exponent >>= 1
            if exponent:
                factor = self.multiply(factor, factor)
        return self.number(1.0) if result is None else result

    def power(self, a: int, b: int) -> int:
        """The power a**b."""
        exponent = self.constant(b)
        if exponent is not None:
            if exponent == int(exponent) and abs(exponent) <= 16:
                return self.whole_power(a, int(exponent))
            if exponent in (0.5, -0.5):
                root = self.function("sqrt", a)
                return root if exponent > 0 else self.reciprocal(root)
        return self.make("pow", a, b)

    def function(self, name: str, *inputs: int) -> int:
        """A named function of nodes."""
        return self.make(name, *inputs)

    def select(self, condition: int, a: int, b: int) -> int:
        """The value a where the condition holds, else b; what is not chosen never reaches the result."""
        kind = self.nodes[condition].operation
        if kind == "true" or a == b:
            return a
        if kind == "false":
            return b
        return self.make("select", condition, a, b)

    def reachable(self, roots: list[int]) -> list[int]:
        """Every node that the roots need, inputs first."""
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(self.nodes[node].inputs)
        return sorted(seen)


@final
@dataclass(slots=True)
class Derivatives:
    """Derivatives of nodes to states and to time, worked out once a node (forward, sparse)."""

    graph: Graph
    done: dict[int, dict[tuple[str, int], int]] = field(default_factory=dict[int, dict[tuple[str, int], int]])

    def gradient(self, root: int) -> dict[tuple[str, int], int]:
        """``{("state", i) or ("time", 0): node of the derivative}``; what is missing is zero."""
        for node in self.graph.reachable([root]):
            if node not in self.done:
                self.done[node] = self._of(node)
        return self.done[root]

    def _of(self, node: int) -> dict[tuple[str, int], int]:
        graph, entry = self.graph, self.graph.nodes[node]
        if not graph.depends[node]:
            return {}
        if entry.operation in (STATE, TIME_NODE):
            return {(entry.operation, int(entry.value)): graph.number(1.0)}
        if entry.operation == "select":
            condition, a, b = entry.inputs
            zero = graph.number(0.0)
            left, right = self.done[a], self.done[b]
            return self._clean(
                {
                    key: graph.select(condition, left.get(key, zero), right.get(key, zero))
                    for key in sorted(left.keys() | right.keys())
                }
            )
        total: dict[tuple[str, int], int] = {}
        for position, source in enumerate(entry.inputs):
            if not self.done[source]:
                continue
            factor = partial_derivative(graph, node, position)
            for key, inner in self.done[source].items():
                term = graph.multiply(factor, inner)
                total[key] = graph.add(total[key], term) if key in total else term
        return self._clean(total)

    def _clean(self, gradient: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        return {key: node for key, node in gradient.items() if self.graph.constant(node) != 0.0}


def partial_derivative(graph: Graph, node: int, position: int) -> int:  # noqa: PLR0911 - a table in words
    """The derivative of a node to its input at ``position``, the others held.

    Where a derivative does not exist (the root of zero, a power at zero, a corner) the one that keeps a Newton matrix
    finite is taken.
    """
    entry = graph.nodes[node]
    operation, inputs = entry.operation, entry.inputs
    if operation == "add":
        return graph.number(1.0)
    if operation == "neg":
        return graph.number(-1.0)
    if operation == "mul":
        return inputs[1 - position]
    if operation == "reciprocal":
        return graph.negative(graph.multiply(node, node))
    if operation == "pow":
        return _power_derivative(graph, node, position)
    if operation in ("max", "min"):
        a, b = inputs
        first = graph.make("lt", b, a) if operation == "max" else graph.make("lt", a, b)
        one, zero = graph.number(1.0), graph.number(0.0)
        return graph.select(first, one, zero) if position == 0 else graph.select(first, zero, one)
    if operation == "atan2":
        y, x = inputs
        square = graph.add(graph.multiply(x, x), graph.multiply(y, y))
        return graph.divide(x if position == 0 else graph.negative(y), square)
    return _function_derivative(graph, operation, node, inputs[0])


def _power_derivative(graph: Graph, node: int, position: int) -> int:
    base, exponent = graph.nodes[node].inputs
    zero = graph.number(0.0)
    if position == 0:
        singular = graph.make("eq", base, zero)
        slope = graph.multiply(exponent, graph.multiply(node, graph.reciprocal(base)))
        # at a base of zero: 1 for exponent 1, else 0 (true above 1; below 1 the slope is infinite and of no use)
        at_zero = graph.select(graph.make("eq", exponent, graph.number(1.0)), graph.number(1.0), zero)
        return graph.select(singular, at_zero, slope)
    positive = graph.make("lt", zero, base)
    return graph.select(positive, graph.multiply(node, graph.function("log", base)), zero)


def _function_derivative(graph: Graph, name: str, node: int, x: int) -> int:  # noqa: C901, PLR0911, PLR0912 - a table in words
    one = graph.number(1.0)
    square = graph.multiply(x, x)
    match name:
        case "exp":
            return node
        case "log":
            return graph.reciprocal(x)
        case "sqrt":
            at_zero = graph.make("eq", node, graph.number(0.0))
            return graph.select(at_zero, graph.number(0.0), graph.divide(graph.number(0.5), node))
        case "abs":
            return graph.function("sign", x)
        case "tanh":
            return graph.subtract(one, graph.multiply(node, node))
        case "tan":
            return graph.add(one, graph.multiply(node, node))
        case "sin":
            return graph.function("cos", x)
        case "cos":
            return graph.negative(graph.function("sin", x))
        case "sinh":
            return graph.function("cosh", x)
        case "cosh":
            return graph.function("sinh", x)
        case "asin" | "acos":
            slope = graph.reciprocal(graph.function("sqrt", graph.subtract(one, square)))
            return slope if name == "asin" else graph.negative(slope)
        case "atan":
            return graph.reciprocal(graph.add(one, square))
        case "asinh":
            return graph.reciprocal(graph.function("sqrt", graph.add(square, one)))
        case "acosh":
            return graph.reciprocal(graph.function("sqrt", graph.subtract(square, one)))
        case "atanh":
            return graph.reciprocal(graph.subtract(one, square))
        case "gamma":
            return graph.multiply(node, graph.function("digamma", x))
        case "erf":
            gauss = graph.function("exp", graph.negative(square))
            return graph.multiply(graph.number(2.0 / math.sqrt(math.pi)), gauss)
        case _:  # floor, ceiling, sign: steps, flat between them
            return graph.number(0.0)
