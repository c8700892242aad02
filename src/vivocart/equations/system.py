"""A dynamic system as symbols: what a file format is read into and what the engine compiles.

Every name in an expression is a real SymPy symbol made by :func:`symbol`; time is :data:`TIME`, whose name no file can
write. All numbers are in the units of the file the system came from; the system does not convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import final

import sympy

TIME = sympy.Symbol("<time>", real=True)
"""The independent variable."""


@lru_cache(maxsize=10_000)  # ten thousand times a model; SymPy checks the assumptions every time
def symbol(name: str) -> sympy.Symbol:
    """The symbol that stands for the quantity ``name`` in every expression."""
    return sympy.Symbol(name, real=True)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An independent number that does not change while the system runs, unless a caller varies it between patients."""

    id: str
    value: float
    unit: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A quantity with a rate of change; rate zero for one that only events change."""

    id: str
    rate: sympy.Expr
    unit: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """``id`` equals ``expression``: always (a rule), or once at the start, or when an event is executed.

    ``scale`` is for events only: the value is multiplied by it, evaluated when the event is executed and before any of its
    targets has its new value. So a concentration is assigned where the state is an amount.
    """

    id: str
    expression: sympy.Expr
    unit: str = ""
    scale: sympy.Expr | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of states when ``trigger`` turns from false to true, as in SBML Level 3 Version 2, section 4.11."""

    id: str
    trigger: sympy.Basic  # a SymPy Boolean
    assignments: tuple[
        Assignment, ...
    ]  # targets are states; all right-hand sides are evaluated before any is assigned
    initial_value: bool = True
    persistent: bool = True
    delay: sympy.Expr | None = None
    priority: sympy.Expr | None = None
    use_values_from_trigger_time: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """States, parameters, rules and events, ready to be differentiated and compiled.

    ``start`` is evaluated in order, once a patient, at time ``start_time`` conditions: it gives every state its initial
    value and every derived constant (an id that is neither state, parameter nor rule) its value; an expression may use
    parameters and what stands earlier in ``start``. ``rules`` are ordered too: each may use states, parameters, derived
    constants, :data:`TIME` and earlier rules.
    """

    id: str
    parameters: tuple[Parameter, ...]
    states: tuple[State, ...]
    start: tuple[Assignment, ...]
    rules: tuple[Assignment, ...] = ()
    events: tuple[Event, ...] = ()
    time_unit: str = ""
    names: Mapping[str, str] = field(default_factory=dict[str, str])  # id -> the name a person reads
    state_ids: tuple[str, ...] = field(init=False, repr=False, compare=False)  # in order of the states
    parameter_ids: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Notes the ids once: they are asked for in every run."""
        object.__setattr__(self, "state_ids", tuple(state.id for state in self.states))
        object.__setattr__(self, "parameter_ids", tuple(parameter.id for parameter in self.parameters))

    @property
    def constant_ids(self) -> tuple[str, ...]:
        """Ids of the derived constants, in the order in which ``start`` gives them."""
        states = set(self.state_ids)
        return tuple(entry.id for entry in self.start if entry.id not in states)

    def expand(self, expression: sympy.Basic) -> sympy.Basic:
        """``expression`` with every rule written out, so that only states, parameters, constants and time are left."""
        replaced: dict[sympy.Basic, sympy.Basic] = {}
        for rule in self.rules:
            replaced[symbol(rule.id)] = rule.expression.xreplace(replaced)
        return expression.xreplace(replaced)
