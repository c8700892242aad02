"""A system turned into machine code, from disk where it has been before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, final

import sympy

from vivocart.engine.batch import Kernels
from vivocart.engine.cache import read_object, write_object
from vivocart.engine.layout import Layout, lay_out, sizes_of
from vivocart.engine.machine import Loaded, compile_object, describe_machine, load_object, vector_lanes
from vivocart.engine.program import Program, build_program, states_that_stay_zero
from vivocart.equations.plain import Plain, plain
from vivocart.equations.system import Parameter, State, System, symbol
from vivocart.equations.triggers import Trigger
from vivocart.ground.errors import UnknownNameError

Precision = Literal["double", "single"]
"""Of the arithmetic within a step; states, times and outputs are double in either case."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSystem:
    """Machine code of a system, and what is needed to call it.

    ``conditions`` are numbered as given to :func:`compile_system`, those of ``triggers`` come after them. ``program`` makes
    the graph again that the code was written from, for another kind of machine. ``in_double`` compiles the same in double
    precision, for patients that single precision cannot hold; nothing if it is in double.
    """

    system: System
    observable_ids: tuple[str, ...]
    dosed: tuple[int, ...]  # places among all states
    kept: tuple[int, ...]  # places of the states that are integrated; the others stay zero
    conditions: tuple[sympy.Basic, ...]
    triggers: tuple[Trigger, ...]
    layout: Layout
    kernels: Kernels
    key: str
    from_cache: bool
    loaded: Loaded
    program: Callable[[], Program]
    in_double: Callable[[], CompiledSystem] | None = None

    @property
    def precision(self) -> Precision:
        """Of the arithmetic within a step."""
        return "single" if self.layout.is_single else "double"


def compile_system(
    system: System,
    *,
    observables: Mapping[str, sympy.Expr] | None = None,
    dosed: Sequence[str] = (),
    triggers: Sequence[Trigger] = (),
    conditions: Sequence[sympy.Basic] = (),
    lanes: int | None = None,
    precision: Precision = "double",
    on_compile: Callable[[str], None] | None = None,
) -> CompiledSystem:
    """Machine code for a system, compiled now or taken from disk.

    Parameters
    ----------
    system
        States, rates, rules and start values. Its ``events`` are not looked at: pass their triggers as ``conditions``.
    observables
        Id -> expression in states, parameters, derived constants, rules and time; default: all states.
    dosed
        Ids of the states that doses may go into; the targets of triggers are added.
    triggers
        Doses set off by conditions.
    conditions
        Boolean expressions at whose turning :func:`vivocart.engine.solve.advance` stops a patient.
    lanes
        Patients a kernel works on at once; default: what the machine's registers hold. Results do not depend on it.
    precision
        ``"single"`` takes steps in numbers of 32 bits: about twice as fast, for relative tolerances from 1e-5 on. A system
        whose rates are functions of time stays in double, which the result's ``precision`` says.
    on_compile
        Called with a sentence before a compilation that takes seconds; not called when the code is on disk.

    Raises
    ------
    UnknownNameError
        ``dosed`` or a trigger names a state that does not exist.
    UnsupportedError
        An expression uses a function that kernels do not have.
    """
    states = system.state_ids
    observed = dict(observables) if observables is not None else {s: symbol(s) for s in states}
    doses_into = tuple(dict.fromkeys([*dosed, *(t.state for t in triggers)]))
    for state in doses_into:
        if state not in states:
            raise UnknownNameError("state", state, states, where="dosed")
    watched = (*conditions, *(t.condition for t in triggers))
    amounts = tuple(t.amount for t in triggers)
    single = precision == "single"
    # a host that stops at conditions may change any state
    absent = frozenset[str]() if conditions or system.events else states_that_stay_zero(system, doses_into)
    kind = (lanes or vector_lanes(), "single" if single else "plain", *sorted(absent))
    key = _key(system, observed, doses_into, (*watched, *amounts), kind)

    def build() -> Program:
        return build_program(system, tuple(observed.values()), doses_into, watched, amounts, absent)

    def in_double() -> CompiledSystem:
        return compile_system(
            system,
            observables=observables,
            dosed=dosed,
            triggers=triggers,
            conditions=conditions,
            on_compile=on_compile,
        )

    layout, loaded, stored = _code(key, build, lanes, system, on_compile, single=single)
    return CompiledSystem(
        system=system,
        observable_ids=tuple(observed),
        dosed=tuple(states.index(s) for s in doses_into),
        kept=tuple(i for i, s in enumerate(states) if s not in absent),
        conditions=tuple(conditions),
        triggers=tuple(triggers),
        layout=layout,
        kernels=Kernels(*loaded.addresses),
        key=key,
        from_cache=stored,
        loaded=loaded,
        program=build,
        in_double=cache(in_double) if layout.is_single else None,
    )


def compile_tangent(
    system: System,
    *,
    observables: Mapping[str, sympy.Expr] | None,
    dosed: Sequence[str],
    lanes: int | None,
    on_compile: Callable[[str], None] | None,
) -> tuple[CompiledSystem, tuple[str, ...]]:
    """A system with its derivative in one direction as a system of twice the size, and the ids of its observables.

    Its parameters are those of the system, then the direction along them, then that along all initial values; its
    observables are those asked for, then their derivatives.
    """
    states = system.state_ids
    observed = dict(observables) if observables is not None else {s: symbol(s) for s in states}
    for state in dosed:
        if state not in states:
            raise UnknownNameError("state", state, states, where="dosed")
    key = _key(system, observed, dosed, (), (lanes or vector_lanes(), "tangent"))

    def build() -> Program:
        return build_program(system, tuple(observed.values()), dosed, (), (), tangent=True)

    layout, loaded, stored = _code(key, build, lanes, system, on_compile)
    directions = [f"<d {name}>" for name in (*system.parameter_ids, *states)]
    doubled = replace(
        system,
        parameters=(*system.parameters, *(Parameter(id=name, value=0.0) for name in directions)),
        states=(*system.states, *(State(id=f"<d {s}>", rate=sympy.Integer(0)) for s in states)),
    )
    compiled = CompiledSystem(
        system=doubled,
        observable_ids=(*observed, *(f"<d {name}>" for name in observed)),
        dosed=tuple(states.index(s) for s in dosed),
        kept=tuple(range(2 * len(states))),
        conditions=(),
        triggers=(),
        layout=layout,
        kernels=Kernels(*loaded.addresses),
        key=key,
        from_cache=stored,
        loaded=loaded,
        program=build,
    )
    return compiled, tuple(observed)


def _code(
    key: str,
    build: Callable[[], Program],
    lanes: int | None,
    system: System,
    on_compile: Callable[[str], None] | None,
    *,
    single: bool = False,
) -> tuple[Layout, Loaded, bool]:
    """Layout and machine code under a key, from disk or made now; says whether they came from disk."""
    stored = read_object(key)
    if stored is not None:
        return lay_out(stored[0]), load_object(stored[1], Kernels._fields), True
    if on_compile is not None:
        on_compile(
            f"Compiling {len(system.states)} equations of {system.id or 'the model'} for this machine (once)"
        )
    from vivocart.engine.kernels import plan, reads_time, write_module  # late: most processes find their code

    program = build()
    single = single and not reads_time(program)
    layout = plan(program, lanes or vector_lanes() * (2 if single else 1), is_single=single)
    code = compile_object(write_module(program, layout))
    write_object(key, sizes_of(layout), code)
    return layout, load_object(code, Kernels._fields), False


@cache
def _own_source() -> str:
    """A hash of this room's source: object code of another version of it is of no use."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _key(
    system: System,
    observables: Mapping[str, sympy.Basic],
    dosed: Sequence[str],
    watched: Sequence[sympy.Basic],
    kind: Sequence[object],
) -> str:
    """A name for what object code depends on."""
    known: dict[sympy.Basic, Plain] = {}
    expressions = {
        "states": [(state.id, state.rate) for state in system.states],
        "start": [(entry.id, entry.expression) for entry in system.start],
        "rules": [(entry.id, entry.expression) for entry in system.rules],
        "observables": observables.items(),
        "watched": [("", entry) for entry in watched],
    }
    parts: list[object] = [_own_source(), describe_machine(), *kind, system.parameter_ids, tuple(dosed)]
    parts += [
        (role, name, plain(expression, known))
        for role, entries in expressions.items()
        for name, expression in entries
    ]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()
