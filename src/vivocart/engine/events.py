"""Events with the meaning of SBML Level 3 Version 2: triggers, delays, priorities, persistence and cascades.

An :class:`EventQueue` knows when which event happens and what it does to the states; what moves the states in between,
and who finds the moment at which a trigger turns, is not its business. Whoever moves the system calls
:meth:`EventQueue.begin` once, moves until a trigger turns or :attr:`EventQueue.next_time` comes, and there calls
:meth:`EventQueue.settle`.

Source
------
Hucka et al. 2019, SBML Level 3 Version 2 Core Release 2, section 4.11, doi 10.1515/jib-2019-0021.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import sympy

from vivocart.engine.graph import Graph
from vivocart.engine.interpreter import Formulas, formulas
from vivocart.equations.system import Event, System
from vivocart.ground.errors import SimulationError
from vivocart.ground.streams import uniforms

MOST_EXECUTIONS = 10_000  # of events at one moment, before a storm is called
MOST_IN_ALL = 100_000  # of events in one run: more are events whose times draw together
_SAME = 1e-15  # of a time: nearer than that is the same moment
_DRAWS = 1024  # random numbers made at a time


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EventFormulas:
    """The formulas of the events of one system, ready to be evaluated."""

    events: tuple[Event, ...]
    state_ids: tuple[str, ...]
    triggers: Formulas
    delays: tuple[Formulas | None, ...]
    priorities: tuple[Formulas | None, ...]
    values: tuple[Formulas, ...]
    scales: tuple[Formulas, ...]
    targets: tuple[tuple[tuple[int, bool], ...], ...]  # per event: index of the state, whether it is scaled


def event_expressions(system: System) -> list[sympy.Basic]:
    """Every expression that the events of a system need, each once."""
    found: dict[sympy.Basic, None] = {}
    for event in system.events:
        parts = [event.trigger, event.delay, event.priority]
        for assignment in event.assignments:
            parts += [assignment.expression, assignment.scale]
        found |= dict.fromkeys(part for part in parts if part is not None)
    return list(found)


def event_formulas(system: System, graph: Graph, node_of: Mapping[sympy.Basic, int]) -> EventFormulas:
    """The events of a system as formulas; ``node_of`` gives the graph's node for each of :func:`event_expressions`."""

    def ready(*expressions: sympy.Basic | None) -> Formulas:
        return formulas(graph, [node_of[e] for e in expressions if e is not None])

    events, position = system.events, {state: i for i, state in enumerate(system.state_ids)}
    return EventFormulas(
        events=events,
        state_ids=system.state_ids,
        triggers=ready(*(event.trigger for event in events)),
        delays=tuple(None if event.delay is None else ready(event.delay) for event in events),
        priorities=tuple(None if event.priority is None else ready(event.priority) for event in events),
        values=tuple(ready(*(a.expression for a in event.assignments)) for event in events),
        scales=tuple(ready(*(a.scale for a in event.assignments)) for event in events),
        targets=tuple(
            tuple((position[a.id], a.scale is not None) for a in event.assignments) for event in events
        ),
    )


@final
@dataclass(slots=True, kw_only=True)
class _Pending:
    """An event that was triggered and waits to be executed."""

    event: int
    time: float
    values: list[float] | None  # what it will assign, if that was worked out when it was triggered


def _at_once(due: float, time: float) -> bool:
    """Whether an event that is due is due now: 0.82 + 0.38 and 1.2 differ by a rounding and mean the same moment."""
    return due <= time + _SAME * abs(time)


@final
@dataclass(slots=True)
class EventQueue:
    """The events of one system and one set of parameters, while it runs.

    ``parameters`` holds the start time as its last entry. Events of the same priority at the same moment are executed in
    random order, as the specification has it; the order follows from ``seed``.
    """

    formulas: EventFormulas
    parameters: Sequence[float]
    seed: int = 0
    truths: list[bool] = field(default_factory=list[bool])
    pending: list[_Pending] = field(default_factory=list[_Pending])
    draws: list[float] = field(default_factory=list[float])
    drawn: int = 0
    executed: int = 0

    @property
    def next_time(self) -> float:
        """When the next delayed event is due; infinite if none waits."""
        return min((entry.time for entry in self.pending), default=math.inf)

    def is_due(self, time: float) -> bool:
        """Whether a delayed event is to be executed at this time."""
        return _at_once(self.next_time, time)

    def begin(self, time: float, states: list[float]) -> list[float]:
        """The states after what happens at the start: an event whose trigger holds there and was said not to, before."""
        self.truths = [event.initial_value for event in self.formulas.events]
        return self.settle(time, states)

    def settle(self, time: float, states: list[float], truths: Sequence[float] | None = None) -> list[float]:
        """The states after all that happens at this moment, one event after the other.

        ``truths`` are those of the triggers now, as seen by whoever found the crossing: at the crossing itself, another
        evaluation may differ by a rounding and miss it.

        Raises
        ------
        SimulationError
            If events set each other off without end, at one moment or in ever shorter time, or a delay is negative or
            not a number.
        """
        states = list(states)
        self._notice(time, states, truths)
        for _ in range(MOST_EXECUTIONS):
            due = [entry for entry in self.pending if _at_once(entry.time, time)]
            if not due:
                return states
            entry = self._first(due, time, states)
            self.pending.remove(entry)
            states = self._execute(entry, time, states)
            self._notice(time, states)
            self.executed += 1
            if self.executed > MOST_IN_ALL:
                name = self.formulas.events[entry.event].id
                raise SimulationError(
                    f"event '{name}' at time {time:g}: more than {MOST_IN_ALL} events have been executed; give the events a"
                    " delay or their triggers a margin, so that they do not follow each other ever faster"
                )
        raise SimulationError(
            f"events set each other off without end at time {time:g} (more than {MOST_EXECUTIONS} executions)"
        )

    def _notice(self, time: float, states: list[float], seen: Sequence[float] | None = None) -> None:
        """Compares every trigger with its truth before: queues what turned true, drops what may not persist."""
        if seen is None:
            seen = self.formulas.triggers(self.parameters, states, time)
        truths = [bool(value) for value in seen]
        for index, (before, now) in enumerate(zip(self.truths, truths, strict=True)):
            event = self.formulas.events[index]
            if now and not before:
                self.pending.append(self._triggered(index, time, states))
            elif before and not now and not event.persistent:
                self.pending = [entry for entry in self.pending if entry.event != index]
        self.truths = truths

    def _triggered(self, index: int, time: float, states: list[float]) -> _Pending:
        event, delay = self.formulas.events[index], self.formulas.delays[index]
        wait = 0.0 if delay is None else float(delay(self.parameters, states, time)[0])
        if not wait >= 0.0:
            raise SimulationError(f"the delay of event '{event.id}' is {wait:g} at time {time:g}")
        values = None
        if event.use_values_from_trigger_time:
            values = self.formulas.values[index](self.parameters, states, time)
        return _Pending(event=index, time=time + wait, values=values)

    def _first(self, due: list[_Pending], time: float, states: list[float]) -> _Pending:
        """The one of highest priority; one of them at random; without priorities the one that was triggered first."""
        formulas_ = self.formulas.priorities
        if len(due) == 1 or all(formulas_[entry.event] is None for entry in due):
            return due[0]
        best, highest = [due[0]], -math.inf
        for entry in due:
            priority = formulas_[entry.event]
            value = -math.inf if priority is None else float(priority(self.parameters, states, time)[0])
            if value > highest:
                best, highest = [entry], value
            elif value == highest and entry is not best[0]:
                best.append(entry)
        if len(best) == 1:
            return best[0]
        return best[int(self._draw() * len(best))]

    def _draw(self) -> float:
        """The next random number between 0 and 1."""
        if not self.draws:
            self.draws = uniforms(self.seed, "events/order", self.drawn, _DRAWS)[::-1, 0].tolist()
            self.drawn += _DRAWS
        return self.draws.pop()

    def _execute(self, entry: _Pending, time: float, states: list[float]) -> list[float]:
        values = entry.values
        if values is None:
            values = self.formulas.values[entry.event](self.parameters, states, time)
        scales = iter(self.formulas.scales[entry.event](self.parameters, states, time))
        after = list(states)
        for (state, is_scaled), value in zip(self.formulas.targets[entry.event], values, strict=True):
            after[state] = float(value) * float(next(scales)) if is_scaled else float(value)
        return after
