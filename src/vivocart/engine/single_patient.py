"""One set of parameters, moved by the kernels from event to event.

The same kernels and the same loop as for a million patients, one lane wide and compiled without optimization: in a single
run of a small model, compiling is what takes the time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import sympy
from numpy.typing import NDArray

from vivocart.engine.batch import Batch, Kernels
from vivocart.engine.compiled import CompiledSystem
from vivocart.engine.events import EventFormulas, EventQueue, event_expressions, event_formulas
from vivocart.engine.interpreter import Formulas, formulas
from vivocart.engine.kernels import KERNELS, plan, write_module
from vivocart.engine.machine import compile_object, load_object
from vivocart.engine.program import build_program
from vivocart.engine.solve import advance, begin
from vivocart.engine.status import REASONS, Status
from vivocart.engine.turning_points import turning_conditions
from vivocart.equations.system import System
from vivocart.ground.errors import SimulationError

Numbers = NDArray[np.float64]
_STEP_LIMIT, _TURN_LIMIT = 2_000_000, 100_000
_PIECES = 200


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SinglePatient:
    """A system compiled for one patient at a time, with its events."""

    moving: CompiledSystem
    start: Formulas
    observables: Formulas
    events: EventFormulas


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
    triggers = tuple(event.trigger for event in system.events)
    watched = (*triggers, *turning_conditions(system, triggers, span))
    wanted = [*observables, *event_expressions(system)]
    program = build_program(system, wanted, (), watched, ())
    graph, nodes = program.graph, program.observables
    observed = formulas(graph, nodes[: len(observables)])
    events = event_formulas(system, graph, dict(zip(wanted, nodes, strict=True)))
    program = dataclasses.replace(program, observables=())
    layout = plan(program, 1)
    loaded = load_object(compile_object(write_module(program, layout), optimize=False), KERNELS)
    moving = CompiledSystem(
        system=system,
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
    )
    return SinglePatient(
        moving=moving, start=formulas(graph, program.start), observables=observed, events=events
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
    given = [*map(float, parameters), start_time]
    queue = EventQueue(compiled.events, given, seed)
    first = [float(value) for value in compiled.start(given, (), start_time)]
    batch = begin(compiled.moving, given[:-1], (), start_time=start_time)
    _put(batch, queue.begin(start_time, first))
    values = np.empty((len(times), len(compiled.observables.roots)))
    piece, n_events = _piece(compiled, start_time, times), len(compiled.events.events)
    for row, time in enumerate(times):
        while batch.time[0] < time or queue.next_time <= time:
            until = min(time, queue.next_time, float(batch.time[0]) + piece)
            if until > batch.time[0]:
                advance(
                    compiled.moving,
                    batch,
                    until,
                    rtol=relative,
                    atol=absolute,
                    step_limit=_STEP_LIMIT,
                    turn_limit=_TURN_LIMIT,
                )
                _raise_if_failed(compiled, batch)
            before = batch.state[0].tolist()
            stopped = batch.status[0] == Status.STOPPED
            after = queue.settle(
                float(batch.time[0]), before, batch.truth[0, :n_events].tolist() if stopped else None
            )
            if after != before:
                _put(batch, after)
        values[row] = compiled.observables(given, batch.state[0].tolist(), float(batch.time[0]))
    return values


def _piece(compiled: SinglePatient, start_time: float, times: Sequence[float]) -> float:
    """How far the patient moves at a time.

    A condition is looked at twice a step: without a limit a system at rest, with long steps, would step over a condition
    that holds for a moment.
    """
    layout = compiled.moving.layout
    if not times or layout.n_conditions + layout.n_modes == 0:
        return math.inf
    return (times[-1] - start_time) / _PIECES or math.inf


def _put(batch: Batch, states: list[float]) -> None:
    """Gives the patient new states, from which it starts as if it had never moved."""
    batch.state[0] = states
    batch.peak[0] = np.abs(states)
    batch.step[0] = -1.0  # what step suits is not known
    batch.begun[0] = True


def _raise_if_failed(compiled: SinglePatient, batch: Batch) -> None:
    status = Status(int(batch.status[0]))
    if status in REASONS:
        reason, advice = REASONS[status]
        ids = compiled.moving.system.state_ids
        state = ids[int(batch.worst[0])] if ids else ""
        raise SimulationError(f"at time {batch.time[0]:g}, state '{state}': {reason}; {advice}")
