"""Patients of a system with events: kernels move all to their next event, what happens there is settled one by one.

Outputs come from the kernels on the way; what is due at the moment of an event shows what the event left behind.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import sympy
from numpy.typing import NDArray

from vivocart.engine.batch import Batch, Kernels
from vivocart.engine.compiled import CompiledSystem, compile_system
from vivocart.engine.doses import Doses
from vivocart.engine.events import EventFormulas, EventQueue, event_expressions, event_formulas
from vivocart.engine.graph import Graph
from vivocart.engine.interpreter import Formulas
from vivocart.engine.kernels import KERNELS, plan, write_module
from vivocart.engine.machine import compile_object, load_object
from vivocart.engine.moving import moving_part, read_start, watched_conditions
from vivocart.engine.program import build_program
from vivocart.engine.solve import advance, begin, failures_of, record_now
from vivocart.engine.status import REASONS, Status, in_words
from vivocart.equations.system import System
from vivocart.ground.errors import SimulationError

Numbers = NDArray[np.float64]
_PIECES = 200  # longest steps in a run, so that a condition that holds for a moment is seen
_STEP_LIMIT, _TURN_LIMIT = 500_000, 20_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EventSystem:
    """A system with events compiled for many patients; ``moves`` and ``rests`` are places among its states."""

    moving: CompiledSystem
    start: Formulas  # all states, then derived constants, from parameters and the start time
    events: EventFormulas
    moves: tuple[int, ...]
    rests: tuple[int, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EventRun:
    """``values`` (n_patients, n_times, n_observables), missing from a failure on; ``failures`` by place of the patient."""

    values: Numbers
    failures: Mapping[int, str]


def compile_events(
    system: System,
    observables: Mapping[str, sympy.Expr],
    *,
    span: float,
    dosed: Sequence[str] = (),
    quick: bool = False,
    on_compile: Callable[[str], None] | None = None,
) -> EventSystem:
    """A system ready for :func:`run_events`.

    Parameters
    ----------
    observables
        Id -> expression in the system's ids.
    span
        About how long it will run.
    dosed
        Ids of the states that doses may go into.
    quick
        For one run: one patient a lane, compiled without optimization and not kept, since compiling is what takes the time.
    """
    graph = Graph()
    start, reader = read_start(system, graph)
    node_of = {expression: reader.read(expression) for expression in event_expressions(system)}
    at_rest = [
        state.id not in dosed and graph.constant(reader.read(state.rate)) == 0.0 for state in system.states
    ]
    rests = tuple(i for i, rest in enumerate(at_rest) if rest)
    moved, watched = moving_part(system, rests), watched_conditions(system, span)
    return EventSystem(
        moving=_compile_quickly(moved, observables, dosed, watched)
        if quick
        else compile_system(
            moved, observables=observables, dosed=dosed, conditions=watched, on_compile=on_compile
        ),
        start=start,
        events=event_formulas(system, graph, node_of),
        moves=tuple(i for i, rest in enumerate(at_rest) if not rest),
        rests=rests,
    )


def _compile_quickly(
    moved: System,
    observables: Mapping[str, sympy.Expr],
    dosed: Sequence[str],
    watched: tuple[sympy.Basic, ...],
) -> CompiledSystem:
    program = build_program(moved, tuple(observables.values()), tuple(dosed), watched, ())
    layout = plan(program, 1)
    loaded = load_object(compile_object(write_module(program, layout), optimize=False), KERNELS)
    return CompiledSystem(
        system=moved,
        observable_ids=tuple(observables),
        dosed=tuple(moved.state_ids.index(state) for state in dosed),
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


def run_events(
    compiled: EventSystem,
    parameters: Numbers,
    times: Numbers,
    *,
    doses: Doses,
    relative: float,
    absolute: float,
    start_time: float = 0.0,
    threads: int | None = None,
    seed: int = 0,
) -> EventRun:
    """Observables of every patient at the given times.

    Parameters
    ----------
    parameters
        (n_patients, n_parameters) of the whole system.
    times
        Ascending, none before ``start_time``.
    doses
        Doses of each patient; ``state`` counts the states of the whole system.
    seed
        Decides, in every patient alike, between events of one priority at the same moment.
    """
    run = _Run(compiled, np.ascontiguousarray(parameters, np.float64), times, doses, start_time, seed)
    end = float(times[-1]) if len(times) else start_time
    at = compiled.moving.layout
    # without a limit a system at rest, with long steps, would step over a condition that holds for a moment
    longest = (end - start_time) / _PIECES if at.n_conditions + at.n_modes else 0.0
    limits: dict[str, Any] = {
        "rtol": relative,
        "atol": absolute,
        "step_limit": _STEP_LIMIT,
        "turn_limit": _TURN_LIMIT,
        "max_step": longest or None,
    }
    status = run.batch.status
    status[status <= Status.STOPPED] = Status.STOPPED  # doses due at the start are still to be given
    while True:
        # who stopped at the very end is resumed there: doses due at it are given then
        going = np.flatnonzero(
            (status == Status.STOPPED) | ((status == Status.REACHED_END) & (run.batch.time < end))
        ).tolist()
        if not going:
            break
        # who has an event waiting goes alone to its time, so that no other patient's steps end there
        alone = [i for i in going if run.queues[i].next_time < end]
        before = status[alone]
        status[alone] = Status.STEP_LIMIT  # not taken along
        if len(alone) < len(going):
            advance(compiled.moving, run.batch, end, threads=threads, **limits)
        status[alone] = before
        for i in alone:
            advance(compiled.moving, _only(run.batch, i), run.queues[i].next_time, **limits)
        for i in going:
            run.settle(i)
    solver = {one.patient: in_words(one) for one in failures_of(compiled.moving, run.batch)}
    failures = solver | run.failures  # what went wrong at an event says more
    record_now(compiled.moving, run.batch)
    for i in failures:
        run.batch.values[i, int(run.batch.next_output[i]) :] = np.nan
    return EventRun(values=run.batch.values, failures=failures)


def _only(batch: Batch, i: int) -> Batch:
    """One patient of a batch, in the same memory."""
    shared = {"action_time", "action_target", "action_value", "action_bolus", "times"}
    own: dict[str, Any] = {
        name: array if name in shared else array[i : i + (2 if name == "offsets" else 1)]
        for name, array in batch._asdict().items()
    }
    return Batch(**own)


@final
class _Run:
    """Patients on their way, each with its queue of events."""

    def __init__(
        self,
        compiled: EventSystem,
        parameters: Numbers,
        times: Numbers,
        doses: Doses,
        start_time: float,
        seed: int,
    ) -> None:
        n_states = len(compiled.moves) + len(compiled.rests)
        self.compiled = compiled
        self.failures: dict[int, str] = {}
        self.queues: list[EventQueue] = []
        self.states: list[list[float]] = []
        constants: list[list[float]] = []
        for row in parameters.tolist():
            first = [float(v) for v in compiled.start([*row, start_time], (), start_time)]
            constants.append(first[n_states:])
            self.queues.append(EventQueue(compiled.events, [*row, start_time, *first[n_states:]], seed))
            self.states.append(first[:n_states])
        rest = np.array([[states[i] for i in compiled.rests] for states in self.states])
        known = np.hstack([parameters, np.array(constants).reshape(len(parameters), -1), rest])
        place = np.full(n_states, -1)
        place[list(compiled.moves)] = np.arange(len(compiled.moves))
        own = dataclasses.replace(doses, state=place[doses.state])
        self.batch: Batch = begin(compiled.moving, known, times, doses=own, start_time=start_time)
        for i, states in enumerate(self.states):
            self._guarded(
                i, lambda i=i, states=states: self.queues[i].begin(start_time, states), is_start=True
            )

    def settle(self, i: int) -> None:
        """What happens to a patient where it stands now."""
        batch, status = self.batch, Status(int(self.batch.status[i]))
        if status in REASONS:
            return
        time, queue = float(batch.time[i]), self.queues[i]
        if status != Status.STOPPED and not queue.is_due(time):
            return
        states = self.states[i]
        for place, value in zip(self.compiled.moves, batch.state[i].tolist(), strict=True):
            states[place] = value
        n_events = len(self.compiled.events.events)
        seen = batch.truth[i, :n_events].tolist() if status == Status.STOPPED else None
        self._guarded(i, lambda: queue.settle(time, states, seen))

    def _guarded(self, i: int, settled: Callable[[], list[float]], *, is_start: bool = False) -> None:
        """Puts a patient where events leave it; one in whom they go wrong has failed."""
        try:
            after = settled()
            wrong = [place for place in self.compiled.moves if is_start and math.isnan(after[place])]
            if wrong:
                name = self.compiled.events.state_ids[wrong[0]]
                raise SimulationError(
                    f"state '{name}' is not a number at the start; give it and what it rests on a value"
                )
        except SimulationError as error:
            self.failures[i] = str(error)
            self.batch.status[i] = Status.TRIGGER_STORM
            return
        if is_start or after != self.states[i]:
            self._put(i, after)

    def _put(self, i: int, states: list[float]) -> None:
        """Gives a patient new states, from which it starts as if it had never moved."""
        batch, compiled = self.batch, self.compiled
        self.states[i] = states
        batch.state[i] = [states[place] for place in compiled.moves]
        batch.peak[i] = np.abs(batch.state[i])
        if compiled.rests:
            batch.parameters[i, -len(compiled.rests) :] = [states[place] for place in compiled.rests]
        batch.step[i] = -1.0  # what step suits is not known
        batch.begun[i] = True
