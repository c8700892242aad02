"""What is to be computed for a system: nodes of one graph, and the sizes that follow.

Boolean conditions come in three kinds. Relations inside rates are *modes*: held while a step is taken, turned at the
crossing. Conditions a caller watches stop a patient where they turn. Relations of time with a number of the patient give
*time boundaries*, which steps end at, whatever else depends on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import sympy

from vivocart.engine.graph import COMPARISONS, LOGIC, PARAMETER, STATE, TIME_NODE, Derivatives, Graph
from vivocart.engine.sparse import Factorization, factorize
from vivocart.engine.symbols import Reader
from vivocart.engine.tangent import Tangent
from vivocart.equations.system import System, symbol
from vivocart.ground.errors import InputError, UnknownNameError, UnsupportedError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Nodes to compute, by purpose."""

    graph: Graph
    start: tuple[int, ...]  # initial value of each state
    rates: tuple[int, ...]
    minus_matrix: Mapping[tuple[int, int], int]  # minus the derivatives of the rates to the states
    time_slopes: Mapping[int, int]
    observables: tuple[int, ...]
    mode_relations: tuple[int, ...]
    conditions: tuple[int, ...]
    amounts: tuple[int, ...]
    time_boundaries: tuple[int, ...]
    constants: tuple[int, ...]  # nodes of level 1 that kernels read from the workspace
    dosed: tuple[int, ...]
    kept: tuple[int, ...]  # places in the system of the states that are integrated
    factorization: Factorization
    n_parameters: int
    n_counted: int  # states that the norm of the error is a mean over: also those that stay zero


def build_program(
    system: System,
    observables: Sequence[sympy.Basic],
    dosed: Sequence[str],
    conditions: Sequence[sympy.Basic],
    amounts: Sequence[sympy.Basic],
    absent: frozenset[str] = frozenset(),
    *,
    tangent: bool = False,
) -> Program:
    """The program of a system; states in ``absent`` are zero for good and left out.

    With ``tangent`` the states are followed by their derivatives in one direction, and the parameters by the direction:
    first its parts along the parameters, then those along the initial values of all states.
    """
    graph = Graph()
    n_parameters = len(system.parameters)
    n_given = 2 * n_parameters + len(system.states) if tangent else n_parameters
    names: dict[sympy.Basic, int] = {
        symbol(p): graph.make(PARAMETER, value=i) for i, p in enumerate(system.parameter_ids)
    }
    all_start = _read_start(graph, system, names, n_given)
    kept = [i for i, state in enumerate(system.state_ids) if state not in absent]
    position = {system.state_ids[i]: place for place, i in enumerate(kept)}
    names |= _state_names(graph, position, absent)
    rules: dict[sympy.Basic, sympy.Basic] = {symbol(rule.id): rule.expression for rule in system.rules}
    modes: dict[int, sympy.Basic] = {}
    held = Reader(graph, dict(names), rules, modes)
    true = Reader(graph, dict(names), rules)
    start = tuple(all_start[i] for i in kept)
    rates = tuple(held.read(system.states[i].rate) for i in kept)
    observed = tuple(true.read(o) for o in observables)
    if tangent:
        start, rates, observed = _with_tangent(graph, system, kept, (start, rates, observed), modes)
    matrix, slopes = _derivatives(graph, rates)
    relations = tuple(true.read(relation) for relation in modes.values())
    watched = tuple(true.read(c) for c in conditions)
    given = tuple(true.read(a) for a in amounts)
    places = _places(dosed, position)
    moving = [*rates, *matrix.values(), *slopes.values(), *observed, *relations, *watched, *given]
    return Program(
        graph=graph,
        start=start,
        rates=rates,
        minus_matrix=matrix,
        time_slopes=slopes,
        observables=observed,
        mode_relations=relations,
        conditions=watched,
        amounts=given,
        time_boundaries=_time_boundaries(graph, [*relations, *watched]),
        constants=_constants_read(graph, moving),
        dosed=places,
        kept=(*kept, *(len(system.states) + i for i in kept)) if tangent else tuple(kept),
        factorization=factorize(matrix, len(rates)),
        n_parameters=n_given,
        n_counted=len(system.states) * (2 if tangent else 1),
    )


def _with_tangent(
    graph: Graph,
    system: System,
    kept: Sequence[int],
    parts: tuple[tuple[int, ...], ...],
    modes: Mapping[int, sympy.Basic],
) -> tuple[tuple[int, ...], ...]:
    """Start values, rates and observables, each followed by its derivative in the direction of the patient."""
    if modes:
        held = str(next(iter(modes.values())))
        raise UnsupportedError("sensitivities across a condition in the rates", held)
    n_parameters = len(system.parameters)
    derive = Tangent(graph, len(kept), n_parameters)
    start, rates, observed = (tuple(derive.of_all(part)) for part in parts)
    own = [graph.make(PARAMETER, value=2 * n_parameters + i) for i in kept]
    start = tuple(graph.add(d, o) for d, o in zip(start, own, strict=True))
    return tuple((*part, *more) for part, more in zip(parts, (start, rates, observed), strict=True))


def _state_names(graph: Graph, position: Mapping[str, int], absent: Iterable[str]) -> dict[sympy.Basic, int]:
    """Nodes of the states that are integrated, and zero for the others."""
    names: dict[sympy.Basic, int] = {symbol(s): graph.make(STATE, value=i) for s, i in position.items()}
    return names | {symbol(s): graph.number(0.0) for s in absent}


def _places(states: Sequence[str], position: Mapping[str, int]) -> tuple[int, ...]:
    """Places of states among those that are integrated."""
    for state in states:
        if state not in position:
            raise UnknownNameError("state", state, position, where="dosed")
    return tuple(position[state] for state in states)


def states_that_stay_zero(system: System, dosed: Sequence[str]) -> frozenset[str]:
    """States that start at zero, are not dosed and have no rate as long as all of them are zero.

    Products that are not given leave their states so; without them the rest is smaller and no number changes.
    """
    start = {entry.id: entry.expression for entry in system.start}
    absent = {s for s in system.state_ids if start.get(s) == 0 and s not in dosed}
    rules: dict[sympy.Basic, sympy.Basic] = {symbol(rule.id): rule.expression for rule in system.rules}
    while absent:
        graph = Graph()
        names: dict[sympy.Basic, int] = {
            symbol(p): graph.make(PARAMETER, value=i) for i, p in enumerate(system.parameter_ids)
        }
        more = [*system.constant_ids, *system.state_ids]
        names |= {symbol(s): graph.make(STATE, value=i) for i, s in enumerate(more) if s not in absent}
        names |= {symbol(s): graph.number(0.0) for s in absent}
        reader = Reader(graph, names, rules)
        moving = {
            s.id for s in system.states if s.id in absent and graph.constant(reader.read(s.rate)) != 0.0
        }
        if not moving:
            break
        absent -= moving
    return frozenset(absent)


def _read_start(
    graph: Graph, system: System, names: dict[sympy.Basic, int], start_time: int
) -> tuple[int, ...]:
    """Initial values in order of states; derived constants are added to ``names``."""
    states = set(system.state_ids)
    initial: dict[str, int] = {}
    # the start time is one more number of the patient
    reader = Reader(graph, dict(names), time=graph.make(PARAMETER, value=start_time))
    for entry in system.start:
        node = reader.read(entry.expression)
        reader.names[symbol(entry.id)] = node
        if entry.id in states:
            initial[entry.id] = node
        else:
            names[symbol(entry.id)] = node
    for state in system.state_ids:
        if state not in initial:
            raise InputError(f"state '{state}' has no initial value", where="system", mend="add it to start")
    return tuple(initial[state] for state in system.state_ids)


def _derivatives(graph: Graph, rates: Sequence[int]) -> tuple[dict[tuple[int, int], int], dict[int, int]]:
    """Minus the derivatives of the rates to the states (sparse), and those to time."""
    derivatives = Derivatives(graph)
    matrix: dict[tuple[int, int], int] = {}
    slopes: dict[int, int] = {}
    for i, rate in enumerate(rates):
        for (kind, j), node in derivatives.gradient(rate).items():
            if kind == STATE:
                matrix[i, j] = graph.negative(node)
            else:
                slopes[i] = node
    return matrix, slopes


def _constants_read(graph: Graph, roots: Sequence[int]) -> tuple[int, ...]:
    """Numbers of the patient at the border of what moves; truth values are worked out anew from the numbers in them."""
    border: set[int] = set()
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        logical = graph.nodes[node].operation in COMPARISONS | LOGIC
        if graph.level[node] == 1 and not logical:
            border.add(node)
        elif graph.level[node] > 0:
            stack.extend(graph.nodes[node].inputs)
    return tuple(sorted(border))


def _time_boundaries(graph: Graph, roots: Sequence[int]) -> tuple[int, ...]:
    """Times at which relations that are linear in time alone turn, as nodes of level 0 or 1."""
    found: dict[int, None] = {}
    for node in graph.reachable(list(roots)):
        entry = graph.nodes[node]
        if entry.operation not in COMPARISONS or graph.depends[node] != frozenset({(TIME_NODE, 0)}):
            continue
        left, right = (_linear_in_time(graph, i) for i in entry.inputs)
        if left is None or right is None:
            continue
        slope = graph.subtract(left[0], right[0])
        if graph.constant(slope) != 0.0:
            found[graph.divide(graph.subtract(right[1], left[1]), slope)] = None
    return tuple(found)


def _linear_in_time(graph: Graph, node: int) -> tuple[int, int] | None:  # noqa: PLR0911 - one case an operation
    """Slope and intercept, if the node is linear in time with numbers of the patient."""
    entry = graph.nodes[node]
    zero = graph.number(0.0)
    if graph.level[node] < 2:
        return zero, node
    if entry.operation == TIME_NODE:
        return graph.number(1.0), zero
    parts = (
        [_linear_in_time(graph, i) for i in entry.inputs]
        if entry.operation in ("add", "neg", "mul")
        else [None]
    )
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if entry.operation == "neg":
        return graph.negative(known[0][0]), graph.negative(known[0][1])
    (slope, intercept), (other_slope, other) = known
    if entry.operation == "add":
        return graph.add(slope, other_slope), graph.add(intercept, other)
    if slope == zero:
        return graph.multiply(intercept, other_slope), graph.multiply(intercept, other)
    if other_slope == zero:
        return graph.multiply(slope, other), graph.multiply(intercept, other)
    return None
