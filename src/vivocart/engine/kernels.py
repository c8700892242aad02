"""Kernels of one system as LLVM assembly.

Every kernel takes the address of a workspace (:mod:`vivocart.engine.layout`) and works on all its patients at once:

=============  ======================================================================================================
``start``      parameters -> initial states (in ``u``), constants, time boundaries
``guess``      length of a first step (in ``step``)
``step``       one step of the method from ``y``: stages, norm of the error, factor for the next step, and in double ``y1``
``accept``     the end of the step becomes its start where ``accepted`` is 1; whose step meets something (``meets``)
``locate``     states (in ``u``) at ``fraction`` of the step; with ``_observed`` or ``_watched`` only those read there
``observe``    observables of ``u`` at ``query_time``
``watch``      truth of modes and conditions, and triggered amounts, for ``u`` at ``query_time``
``glance``     whether a truth turns by the middle or the end of the step (``crosses``, ``low``, ``high``)
``report``     observables at the next output time, where the step passes it (``records``)
``take_peaks`` the largest sizes so far from the step's own rows to those in double; ``give_peaks`` back
=============  ======================================================================================================

``guess`` and ``step`` (:mod:`vivocart.engine.stepping`) may be in single precision. There a register holds twice as many
patients, and kernels that work in double do it for one half of them after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vivocart.engine import rosenbrock
from vivocart.engine.assembly import LARGEST_SINGLE, LIBM, SMALLEST_SINGLE, SYMBOL_PREFIX, Code, Emitter
from vivocart.engine.blocks import LENGTH_OF_DOUBLE, emitter, function, loop, single_rows
from vivocart.engine.graph import PARAMETER, STATE, TIME_NODE
from vivocart.engine.layout import Layout, lay_out
from vivocart.engine.program import Program
from vivocart.engine.single_math import single_functions
from vivocart.engine.stepping import StepWriter
from vivocart.engine.vector_math import vector_functions

KERNELS = (
    "start",
    "guess",
    "step",
    "accept",
    "locate",
    "locate_observed",
    "locate_watched",
    "observe",
    "watch",
    "glance",
    "report",
    "take_peaks",
    "give_peaks",
)
_MOST_INLINED = 16
_INTRINSICS = (("fma", 3), ("sqrt", 1), ("floor", 1), ("ceil", 1), ("roundeven", 1), ("fabs", 1))


def plan(program: Program, lanes: int, *, is_single: bool = False, stride: int = 0) -> Layout:
    """The workspace of a program; ``stride`` patients side by side, as many as lanes if not given."""
    return lay_out(
        {
            "lanes": lanes,
            "n_states": len(program.rates),
            "n_parameters": program.n_parameters + 1,
            "n_constants": len(program.constants),
            "n_observables": len(program.observables),
            "n_modes": len(program.mode_relations),
            "n_conditions": len(program.conditions),
            "n_time_boundaries": len(program.time_boundaries),
            "n_dosed": len(program.dosed),
            "n_factors": len(program.factorization.place),
            "n_amounts": len(program.amounts),
            "is_single": int(is_single),
            "stride": stride or lanes,
        }
    )


def reads_time(program: Program) -> bool:
    """Whether a rate is a function of time, and not only of doses and conditions: single precision would round the time."""
    graph, roots = program.graph, [*program.rates, *program.minus_matrix.values()]
    return any(graph.nodes[node].operation == TIME_NODE for node in graph.reachable(roots))


def write_module(program: Program, layout: Layout) -> str:
    """The text of the module with all kernels."""
    writer, stepping = _Writer(program, layout), StepWriter(program, layout)
    own = [stepping.rates(), stepping.matrix(), stepping.solve(), stepping.guess(), stepping.step()]
    own += [writer.start(), writer.accept(), writer.observe(), writer.watch()]
    own += [writer.locate(), writer.locate_observed(), writer.locate_watched()]
    own += [writer.glance(), writer.report(), writer.take_peaks(), writer.give_peaks()]
    calls = sum(text.count(f"@{kind}_") for text in own for kind in ("vector", "forgiving", "single"))
    # where there are few, their long chains run beside the arithmetic around them
    inline = calls <= _MOST_INLINED
    parts = [vector_functions(writer.width, inline=inline), *own]
    if layout.is_single:
        parts.append(single_functions(layout.lanes, inline=inline))
    kinds = {(layout.lanes, "double", 64), (writer.width, "double", 64)}
    kinds |= {(layout.lanes, "float", 32)} if layout.is_single else set()
    for lanes, element, bits in sorted(kinds):
        vector = f"<{lanes} x {element}>"
        for name, count in _INTRINSICS:
            parts.append(f"declare {vector} @llvm.{name}.v{lanes}f{bits}({', '.join([vector] * count)})")
    for name, symbol in LIBM.items():
        inputs = ", ".join(["double"] * (2 if name == "atan2" else 1))
        parts.append(f"declare double @{SYMBOL_PREFIX}{symbol}({inputs}) nounwind memory(none)")
    return "\n".join(parts)


def _entry(code: Code, name: str, place: str) -> str:
    """Where the number at a place of a kernel's list of rows stands."""
    return code.emit(f"getelementptr inbounds i64, ptr @rows_of_{name}, i64 {place}")


class _Writer:
    """Writes the kernels around the step; with a step in single precision for one half of the patients at a time."""

    def __init__(self, program: Program, layout: Layout) -> None:
        self.program, self.at = program, layout
        self.n = layout.n_states
        self.parts = 2 if layout.is_single and layout.lanes > 1 else 1
        self.width = layout.lanes // self.parts

    def _code(self) -> Code:
        return Code(self.width, stride=self.at.stride)

    def _function(self, name: str, code: Code) -> str:
        """The kernel of a body, which is run for each part of the patients."""
        if not self.at.is_single:
            return function(name, "ptr noalias %w", code)
        whole = Code(self.at.lanes, stride=self.at.stride)
        rows = single_rows(whole, self.at)
        for part in range(self.parts):
            place = part * self.width * LENGTH_OF_DOUBLE
            doubles = whole.emit(f"getelementptr inbounds i8, ptr %w, i64 {place}")
            singles = whole.emit(f"getelementptr inbounds i8, ptr {rows}, i64 {place // 2}")
            whole.do(f"call void @{name}_part(ptr {doubles}, ptr {singles})")
        body = function(f"{name}_part", "ptr noalias %w, ptr noalias %f", code, "internal")
        return body + function(name, "ptr %w", whole)

    def _emitter(self, code: Code, roots: Sequence[int], states: str, time: str) -> Emitter:
        """An emitter of what is worked out in double from the states asked for."""
        at = self.at

        def mode(row: int) -> str:
            return code.compare("une", code.load("%w", at.modes + row), code.number(0.0))

        return emitter(
            self.program,
            code,
            roots,
            lambda row: code.load("%w", at.constants + row),
            lambda row: code.load(states, row),
            mode,
            time,
            forgiving=False,
        )

    def start(self) -> str:
        """Initial states, constants and time boundaries from the parameters."""
        code, program, at = self._code(), self.program, self.at
        graph = program.graph
        roots = [*program.start, *program.constants, *program.time_boundaries]
        leaves = {
            node: code.load("%w", at.parameters + int(graph.nodes[node].value))
            for node in graph.reachable(roots)
            if graph.nodes[node].operation == PARAMETER
        }
        written = Emitter(graph, code, roots, leaves)
        for row, nodes in (
            (at.u, program.start),
            (at.constants, program.constants),
            (at.boundaries, program.time_boundaries),
        ):
            for i, node in enumerate(nodes):
                code.store("%w", row + i, written.value(node))
        if at.is_single:
            self._copy(code, at.constants, at.numbers, at.n_constants)
            self._copy(code, at.absolute, at.tolerance, self.n)
        return self._function("start", code)

    def _copy(self, code: Code, source: int, target: int, count: int) -> None:
        """Numbers in single precision; one too large or small for it is not a number there, so that no step stands."""
        single = Code(self.width, "float", self.at.stride, code.lines, prefix=f"s{len(code.lines)}.")
        start, end = code.address("%w", source), single.address("%f", target)
        zero, unknown = code.number(0.0), code.number(math.nan)

        def body(i: str) -> None:
            value = code.load(start, i)
            size = code.intrinsic("fabs", value)
            fits = code.logic(
                "and",
                code.compare("oge", size, code.number(SMALLEST_SINGLE)),
                code.compare("ole", size, code.number(LARGEST_SINGLE)),
            )
            fits = code.logic("or", fits, code.compare("oeq", size, zero))
            single.store(end, i, single.narrowed(code.choose(fits, value, unknown)))

        loop(code, count, body)

    def accept(self) -> str:
        """The end of the step becomes the start of the next, in the patients marked."""
        at = self.at
        steps = Code(at.lanes, "float" if at.is_single else "double", at.stride)
        code, rows, n = steps.wide, single_rows(steps, at), self.n
        mark = code.compare("une", code.load("%w", at.accepted), code.number(0.0))
        y, y1 = code.address("%w", at.y), code.address("%w", at.y1)
        gains, last = (steps.address(rows, row) for row in (at.increment, at.k + (rosenbrock.STAGES - 1) * n))

        def body(i: str) -> None:
            if at.is_single:
                before, gain = code.load(y, i), steps.add(steps.load(gains, i), steps.load(last, i))
                following = code.choose(mark, code.add(before, steps.widened(gain)), before)
            else:
                following = code.choose(mark, code.load(y1, i), code.load(y, i))
            code.part()  # else the write becomes a masked one, which takes as long as twenty others
            code.store(y, i, following)

        loop(steps, n, body)
        end, zero = code.load("%w", at.end), code.number(0.0)
        time = code.choose(mark, end, code.load("%w", at.time))
        code.part()
        code.store("%w", at.time, time)
        meets = code.compare("oge", end, code.load("%w", at.ahead))
        for truth in (
            code.compare("oge", code.load("%w", at.due), code.number(math.inf)),
            code.compare("oge", code.load("%w", at.taken), code.load("%w", at.limit)),
            code.compare("une", code.load("%w", at.crosses), zero),
        ):
            meets = code.logic("or", meets, truth)
        code.store_bits("%w", at.meets, code.logic("and", mark, meets))
        return function("accept", "ptr %w", steps)

    def locate(self) -> str:
        """All states at a fraction of the step."""
        return self._locate("locate", range(self.n))

    def locate_observed(self) -> str:
        """Those of the states at a fraction of the step that observables read."""
        return self._locate("locate_observed", self._states_in(self.program.observables))

    def locate_watched(self) -> str:
        """Those that modes, conditions and triggered amounts read."""
        program = self.program
        return self._locate(
            "locate_watched",
            self._states_in([*program.mode_relations, *program.conditions, *program.amounts]),
        )

    def _states_in(self, nodes: Sequence[int]) -> list[int]:
        graph = self.program.graph
        entries = [graph.nodes[node] for node in graph.reachable(list(nodes))]
        return sorted({int(entry.value) for entry in entries if entry.operation == STATE})

    def _locate(self, name: str, states: Sequence[int]) -> str:
        """States at a fraction of the step, by the dense output of the method."""
        at, n = self.at, self.n
        code = Code(at.lanes, "float" if at.is_single else "double", at.stride)
        wide, rows = code.wide, single_rows(code, at)
        x = wide.load("%w", at.fraction)
        rest = wide.sub(wide.number(1.0), x)
        both = wide.mul(x, rest)
        weights: list[str] = []
        for first, second, third in zip(*rosenbrock.DENSE, strict=True):
            inner = wide.fma(x, wide.number(third), wide.number(second))
            weights.append(wide.mul(both, wide.fma(x, inner, wide.number(first))))
        y, y1, u = (wide.address("%w", row) for row in (at.y, at.y1, at.u))
        parts = [code.address(rows, at.k + s * n) for s in range(rosenbrock.STAGES)]
        if at.is_single:  # what the states gain is the sum of a row of its own and the last stage
            weights[-1] = wide.add(weights[-1], x)
            parts.append(code.address(rows, at.increment))
            weights = [code.narrowed(weight) for weight in (*weights, x)]

        def body(i: str) -> None:
            if at.is_single:
                total = code.mul(weights[0], code.load(parts[0], i))
                others = list(zip(weights[1:], parts[1:], strict=True))
            else:
                total = wide.fma(rest, wide.load(y, i), wide.mul(x, wide.load(y1, i)))
                others = list(zip(weights, parts, strict=True))
            for weight, part in others:
                total = code.fma(weight, code.load(part, i), total)
            wide.store(u, i, wide.add(wide.load(y, i), code.widened(total)) if at.is_single else total)

        if len(states) == n:
            loop(code, n, body)
            return function(name, "ptr %w", code)
        loop(code, len(states), lambda place: body(code.emit(f"load i64, ptr {_entry(code, name, place)}")))
        table = ", ".join(f"i64 {state}" for state in states)
        head = f"@rows_of_{name} = internal constant [{len(states)} x i64] [{table}]\n" if states else ""
        return head + function(name, "ptr %w", code)

    def observe(self) -> str:
        """Observables of the states asked for."""
        code, at, nodes = self._code(), self.at, self.program.observables
        time, states = code.load("%w", at.query_time), code.address("%w", at.u)
        written = self._emitter(code, nodes, states, time)
        for i, node in enumerate(nodes):
            code.store("%w", at.observed + i, written.value(node))
        return self._function("observe", code)

    def watch(self) -> str:
        """Truth of modes and conditions, and triggered amounts."""
        code, at, program = self._code(), self.at, self.program
        bits = [*program.mode_relations, *program.conditions]
        time, states = code.load("%w", at.query_time), code.address("%w", at.u)
        written = self._emitter(code, [*bits, *program.amounts], states, time)
        for i, node in enumerate(bits):
            truth = code.choose(written.value(node), code.number(1.0), code.number(0.0))
            code.store("%w", at.watched + i, truth)
        for i, node in enumerate(program.amounts):
            code.store("%w", at.amounts + i, written.value(node))
        return self._function("watch", code)

    def glance(self) -> str:
        """Whether any truth differs from what is held, in the middle of the step or else at its end."""
        code, at = Code(self.at.lanes, stride=self.at.stride), self.at
        zero, half, one = (code.number(value) for value in (0.0, 0.5, 1.0))
        middle = code.add(code.load("%w", at.time), code.mul(half, code.load("%w", at.step)))
        accepted = code.compare("une", code.load("%w", at.accepted), zero)
        turned: list[str] = []
        for fraction, time in ((half, middle), (one, code.load("%w", at.end))):
            code.store("%w", at.fraction, fraction)
            code.store("%w", at.query_time, time)
            code.do("call void @locate_watched(ptr %w)")
            code.do("call void @watch(ptr %w)")
            differs = code.compare("one", zero, zero)
            for i in range(at.n_modes + at.n_conditions):
                now, held = code.load("%w", at.watched + i), code.load("%w", at.modes + i)
                differs = code.logic("or", differs, code.compare("une", now, held))
            turned.append(differs)
        crosses = code.logic("and", accepted, code.logic("or", *turned))
        code.store("%w", at.crosses, code.choose(crosses, one, zero))
        code.store("%w", at.low, code.choose(turned[0], zero, half))
        code.store("%w", at.high, code.choose(turned[0], half, one))
        return function("glance", "ptr %w", code)

    def report(self) -> str:
        """Observables at the next output time of those whose step passes it; its start counts, its end does not."""
        code, at = Code(self.at.lanes, stride=self.at.stride), self.at
        zero, one = code.number(0.0), code.number(1.0)
        due, time = code.load("%w", at.due), code.load("%w", at.time)
        passes = code.compare("olt", due, code.load("%w", at.end))
        passes = code.logic("and", passes, code.compare("une", code.load("%w", at.accepted), zero))
        bits = code.store_bits("%w", at.records, passes)
        fraction = code.smaller(code.div(code.sub(due, time), code.load("%w", at.step)), one)
        code.store("%w", at.fraction, code.choose(passes, code.larger(fraction, zero), zero))
        code.store("%w", at.query_time, code.choose(passes, due, time))
        some = code.emit(f"icmp ne i64 {bits}, 0")
        code.do(f"br i1 {some}, label %due, label %after")
        code.lines.append("due:")
        code.do("call void @locate_observed(ptr %w)")
        code.do("call void @observe(ptr %w)")
        code.do("br label %after")
        code.lines.append("after:")
        return function("report", "ptr %w", code)

    def take_peaks(self) -> str:
        """The largest sizes so far, for the loop around the kernels."""
        code = Code(self.at.lanes, "float" if self.at.is_single else "double", self.at.stride)
        if self.at.is_single:
            sizes = code.address(single_rows(code, self.at), self.at.size)
            peaks = code.wide.address("%w", self.at.peak)
            loop(code, self.n, lambda i: code.wide.store(peaks, i, code.widened(code.load(sizes, i))))
        return function("take_peaks", "ptr noalias %w", code)

    def give_peaks(self) -> str:
        """The largest sizes so far, for the step."""
        code = Code(self.at.lanes, "float" if self.at.is_single else "double", self.at.stride)
        if self.at.is_single:
            sizes = code.address(single_rows(code, self.at), self.at.size)
            peaks = code.wide.address("%w", self.at.peak)
            loop(code, self.n, lambda i: code.store(sizes, i, code.narrowed(code.wide.load(peaks, i))))
        return function("give_peaks", "ptr noalias %w", code)
