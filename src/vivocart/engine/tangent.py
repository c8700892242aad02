"""Directional derivatives of nodes, as nodes of the same graph: what forward sensitivities are integrated from.

To every state comes a second one that holds its derivative in a direction of parameter space, and to every parameter a
second one that holds the direction. The rates of the added states are the derivatives of the rates in that direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from vivocart.engine.graph import LEAVES, PARAMETER, STATE, Graph, partial_derivative


@final
@dataclass(frozen=True, slots=True)
class Tangent:
    """Directional derivatives, each node's worked out once.

    The direction of state i is state ``n_states + i``, that of parameter j is parameter ``n_parameters + j``; everything
    else has none.
    """

    graph: Graph
    n_states: int
    n_parameters: int
    done: dict[int, int] = field(default_factory=dict[int, int])

    def of(self, root: int) -> int:
        """The node of the directional derivative of a node."""
        for node in self.graph.reachable([root]):
            if node not in self.done:
                self.done[node] = self._derive(node)
        return self.done[root]

    def of_all(self, roots: Sequence[int]) -> tuple[int, ...]:
        """The same for many."""
        return tuple(self.of(root) for root in roots)

    def _derive(self, node: int) -> int:
        graph, entry = self.graph, self.graph.nodes[node]
        zero = graph.number(0.0)
        if entry.operation == STATE:
            return graph.make(STATE, value=self.n_states + int(entry.value))
        if entry.operation == PARAMETER and entry.value < self.n_parameters:
            return graph.make(PARAMETER, value=self.n_parameters + int(entry.value))
        if entry.operation in LEAVES:
            return zero
        if entry.operation == "select":
            condition, a, b = entry.inputs
            return graph.select(condition, self.done[a], self.done[b])
        total = zero
        for position, source in enumerate(entry.inputs):
            if self.done[source] != zero:
                factor = partial_derivative(graph, node, position)
                total = graph.add(total, graph.multiply(factor, self.done[source]))
        return total
