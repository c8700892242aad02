"""What kernels move of a system with events: the states with a rate. All else is given to them as numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

import sympy

from vivocart.engine.graph import PARAMETER, STATE, Graph
from vivocart.engine.interpreter import Formulas, formulas
from vivocart.engine.symbols import Reader
from vivocart.engine.turning_points import turning_conditions
from vivocart.equations.system import Assignment, Parameter, System, symbol
from vivocart.ground.errors import InputError


def read_start(system: System, graph: Graph) -> tuple[Formulas, Reader]:
    """The formulas of the start, and a reader for which parameters, start time and derived constants are given."""
    parameters, constants, states = system.parameter_ids, system.constant_ids, system.state_ids
    names: dict[sympy.Basic, int] = {
        symbol(p): graph.make(PARAMETER, value=i) for i, p in enumerate(parameters)
    }
    at_start = Reader(graph, dict(names), time=graph.make(PARAMETER, value=len(parameters)))
    values: dict[str, int] = {}
    for entry in system.start:
        values[entry.id] = at_start.read(entry.expression)
        at_start.names[symbol(entry.id)] = values[entry.id]  # type: ignore[index]
    missing = [state for state in states if state not in values]
    if missing:
        raise InputError(
            f"state '{missing[0]}' has no initial value", where=system.id, mend="add it to start"
        )
    first = len(parameters) + 1
    names |= {symbol(c): graph.make(PARAMETER, value=first + i) for i, c in enumerate(constants)}
    names |= {symbol(s): graph.make(STATE, value=i) for i, s in enumerate(states)}
    rules: dict[sympy.Basic, sympy.Basic] = {symbol(rule.id): rule.expression for rule in system.rules}
    return formulas(graph, [values[name] for name in (*states, *constants)]), Reader(graph, names, rules)


def watched_conditions(system: System, span: float) -> tuple[sympy.Basic, ...]:
    """The triggers of the events, and what helps not to miss a turn of one."""
    triggers = tuple(event.trigger for event in system.events)
    return (*triggers, *turning_conditions(system, triggers, span))


def moving_part(system: System, rests: Collection[int]) -> System:
    """The states with a rate; those that rest and the derived constants are parameters, and nothing happens at the start."""
    given = [*system.constant_ids, *(system.state_ids[i] for i in rests)]
    states = tuple(state for i, state in enumerate(system.states) if i not in rests)
    return dataclasses.replace(
        system,
        parameters=(*system.parameters, *(Parameter(id=name, value=math.nan) for name in given)),
        states=states,
        start=tuple(Assignment(id=state.id, expression=sympy.S.Zero) for state in states),
        events=(),
    )
