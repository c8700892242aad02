"""One set of parameters, moved by the kernels from event to event.

The same kernels and the same loop as for a million patients, one lane wide and compiled without optimization: in a single
run of a small model, compiling is what takes the time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import sympy
from numpy.typing import NDArray

from vivocart.engine.batch import Batch, Kernels
from vivocart.engine.compiled import CompiledSystem
from vivocart.engine.events import EventFormulas, EventQueue, event_expressions, event_formulas
from vivocart.engine.graph import PARAMETER, STATE, Graph
from vivocart.engine.interpreter import Formulas, formulas
from vivocart.engine.kernels import KERNELS, plan, write_module
from vivocart.engine.machine import compile_object, load_object
from vivocart.engine.program import build_program
from vivocart.engine.solve import advance, begin
from vivocart.engine.status import REASONS, Status
from vivocart.engine.symbols import Reader
from vivocart.engine.turning_points import turning_conditions
from vivocart.equations.system import Assignment, Parameter, System, symbol
from vivocart.ground.errors import InputError, SimulationError

Numbers = NDArray[np.float64]
_STEP_LIMIT, _TURN_LIMIT = 500_000, 20_000
_PIECES = 200


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SinglePatient:
    """A system compiled for one patient at a time, with its events.

    What kernels move are the states with a rate. A state that only events change is a parameter to them, and so is a
    derived constant.
    """

    moving: CompiledSystem
    start: Formulas  # all states, then derived constants, from parameters and the start time
    observables: Formulas  # from parameters, start time and derived constants, and from all states
    events: EventFormulas
    moves: tuple[int, ...]  # places of the states that kernels move
    rests: tuple[int, ...]  # and of the others


def compile_single(system: System, observables: Sequence[sympy.Basic], *, span: float = 1.0) -> SinglePatient:
    """A system ready for :func:`run_single`.

    Parameters
    ----------
    system
        Any system, with its events.
    observables
        Expressions in its ids.
    span
        About how long it will run: what moves slower than that is not looked at closely.
    """
    graph = Graph()
    start, reader = read_start(system, graph)
    node_of = {expression: reader.read(expression) for expression in event_expressions(system)}
    at_rest = [graph.constant(reader.read(state.rate)) == 0.0 for state in system.states]
    rests = tuple(i for i, rest in enumerate(at_rest) if rest)
    return SinglePatient(
        moving=_compile_moving(system, rests, span),
        start=start,
        observables=formulas(graph, [reader.read(observable) for observable in observables]),
        events=event_formulas(system, graph, node_of),
        moves=tuple(i for i, rest in enumerate(at_rest) if not rest),
        rests=rests,
    )


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


def _compile_moving(system: System, rests: tuple[int, ...], span: float) -> CompiledSystem:
    """Kernels for the states with a rate; they stop where a trigger turns."""
    moved, watched = moving_part(system, rests), watched_conditions(system, span)
    program = build_program(moved, (), (), watched, ())
    layout = plan(program, 1)
    loaded = load_object(compile_object(write_module(program, layout), optimize=False), KERNELS)
    return CompiledSystem(
        system=moved,
        observable_ids=(),
        dosed=(),
        kept=program.kept,
        conditions=watched,
        triggers=(),
        layout=layout,
        kernels=Kernels(*loaded.addresses),
        key="",
        from_cache=False,
        loaded=loaded,
        program=lambda: program,
    )


def run_single(
    compiled: SinglePatient,
    parameters: Sequence[float],
    times: Sequence[float],
    *,
    start_time: float = 0.0,
    relative: float = 1e-8,
    absolute: float = 1e-12,
    seed: int = 0,
) -> Numbers:
    """Observables at the given times, shape ``(n_times, n_observables)``.

    Parameters
    ----------
    compiled
        The system.
    parameters
        One number for each of ``system.parameter_ids``.
    times
        Rising, none before ``start_time``; what happens at such a time has happened when it is read.
    start_time
        Where the system starts.
    relative, absolute
        Tolerances of the states; the absolute one holds for states of size 1 and grows with larger ones.
    seed
        Decides between events that happen at the same moment with the same priority.

    Raises
    ------
    SimulationError
        If the system cannot be moved further, naming time, state and reason.
    """
    first = [float(v) for v in compiled.start([*map(float, parameters), start_time], (), start_time)]
    n_states = len(compiled.moves) + len(compiled.rests)
    given = [*map(float, parameters), start_time, *first[n_states:]]
    queue = EventQueue(compiled.events, given, seed)
    states = queue.begin(start_time, first[:n_states])
    for i in compiled.moves:
        if math.isnan(states[i]):
            name = compiled.events.state_ids[i]
            raise SimulationError(
                f"state '{name}' is not a number at the start; give it and what it rests on a value"
            )
    batch = begin(
        compiled.moving,
        [*given[: len(parameters)], *given[len(parameters) + 1 :], *_rest(compiled, states)],
        (),
    )
    batch.time[0] = batch.start_time[0] = start_time
    _put(compiled, batch, states)
    values = np.empty((len(times), len(compiled.observables.roots)))
    piece, n_events = _piece(compiled, start_time, times), len(compiled.events.events)
    for row, time in enumerate(times):
        while batch.time[0] < time or queue.is_due(time):
            until = min(time, queue.next_time, float(batch.time[0]) + piece)
            seen = _move(compiled, batch, until, relative, absolute)
            before = _take(compiled, batch, states)
            states = queue.settle(float(batch.time[0]), before, None if seen is None else seen[:n_events])
            if states != before:
                _put(compiled, batch, states)
        values[row] = compiled.observables(given, states, float(batch.time[0]))
    return values


def _move(
    compiled: SinglePatient, batch: Batch, until: float, relative: float, absolute: float
) -> list[float] | None:
    """Moves the patient; gives the truth of the conditions where it stopped at one."""
    if until <= batch.time[0]:
        return None
    limits = {"step_limit": _STEP_LIMIT, "turn_limit": _TURN_LIMIT}
    advance(compiled.moving, batch, until, rtol=relative, atol=absolute, **limits)
    status = Status(int(batch.status[0]))
    if status in REASONS:
        reason, advice = REASONS[status]
        ids = compiled.moving.system.state_ids
        state = ids[int(batch.worst[0])] if ids else ""
        where = f", state '{state}'" if state else ""
        raise SimulationError(f"at time {batch.time[0]:g}{where}: {reason}; {advice}")
    return batch.truth[0].tolist() if status == Status.STOPPED else None


def _rest(compiled: SinglePatient, states: list[float]) -> list[float]:
    return [states[i] for i in compiled.rests]


def _take(compiled: SinglePatient, batch: Batch, states: list[float]) -> list[float]:
    """All states, those that move from the batch."""
    after = list(states)
    for i, value in zip(compiled.moves, batch.state[0].tolist(), strict=True):
        after[i] = value
    return after


def _put(compiled: SinglePatient, batch: Batch, states: list[float]) -> None:
    """Gives the patient new states, from which it starts as if it had never moved."""
    batch.state[0] = [states[i] for i in compiled.moves]
    batch.peak[0] = np.abs(batch.state[0])
    if compiled.rests:
        batch.parameters[0, -len(compiled.rests) :] = _rest(compiled, states)
    batch.step[0] = -1.0  # what step suits is not known
    batch.begun[0] = True


def _piece(compiled: SinglePatient, start_time: float, times: Sequence[float]) -> float:
    """How far the patient moves at a time.

    A condition is looked at twice a step: without a limit a system at rest, with long steps, would step over a condition
    that holds for a moment.
    """
    layout = compiled.moving.layout
    if not times or layout.n_conditions + layout.n_modes == 0:
        return math.inf
    return (times[-1] - start_time) / _PIECES or math.inf
