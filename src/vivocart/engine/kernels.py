"""Kernels of one system as LLVM assembly.

Every kernel takes the address of a workspace (:mod:`vivocart.engine.layout`) and works on all its patients at once:

=============  ======================================================================================================
``start``      parameters -> initial states (in ``u``), constants, time boundaries
``guess``      length of a first step (in ``step``)
``step``       one step of the method from ``y``: stages, ``y1``, norm of the error, factor for the next step
``accept``     ``y1`` becomes ``y`` where ``accepted`` is 1
``locate``     states (in ``u``) at ``fraction`` of the step
``observe``    observables of ``u`` at ``query_time``
``watch``      truth of modes and conditions, and triggered amounts, for ``u`` at ``query_time``
=============  ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from vivocart.engine import rosenbrock
from vivocart.engine.assembly import LIBM, SYMBOL_PREFIX, Code, Emitter
from vivocart.engine.graph import MODE, PARAMETER, STATE, TIME_NODE
from vivocart.engine.layout import Layout, lay_out
from vivocart.engine.program import Program
from vivocart.engine.vector_math import vector_functions

KERNELS = ("start", "guess", "step", "accept", "locate", "observe", "watch")
_TINY = 1e-300
_SLOW = frozenset({"pow", "exp", "log", *LIBM})
_MOST_INLINED = 16
_SAFETY, _SHRINK, _GROW = 0.95, 0.1, 6.0


def plan(program: Program, lanes: int) -> Layout:
    """The workspace of a program."""
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
        }
    )


def write_module(program: Program, layout: Layout) -> str:
    """The text of the module with all kernels."""
    writer = _Writer(program, layout)
    own = [writer.rates(), writer.matrix(), writer.solve(), *(getattr(writer, name)() for name in KERNELS)]
    calls = sum(text.count("@vector_") + text.count("@forgiving_") for text in own)
    # where there are few, their long chains run beside the arithmetic around them
    parts = [vector_functions(layout.lanes, inline=calls <= _MOST_INLINED), *own]
    vector = f"<{layout.lanes} x double>"
    for name, count in (("fma", 3), ("sqrt", 1), ("floor", 1), ("ceil", 1), ("roundeven", 1), ("fabs", 1)):
        inputs = ", ".join([vector] * count)
        parts.append(f"declare {vector} @llvm.{name}.v{layout.lanes}f64({inputs})")
    for name, symbol in LIBM.items():
        inputs = ", ".join(["double"] * (2 if name == "atan2" else 1))
        parts.append(f"declare double @{SYMBOL_PREFIX}{symbol}({inputs}) nounwind memory(none)")
    return "\n".join(parts)


def _function(name: str, arguments: str, code: Code, linkage: str = "") -> str:
    body = "\n".join(code.lines)
    return (
        f"define {linkage} void @{name}({arguments}) nounwind noinline {{\nentry:\n{body}\n  ret void\n}}\n"
    )


def _loop(code: Code, count: int, body: Callable[[str], None]) -> None:
    """Runs a body for row numbers 0 to count - 1."""

    def without_sums(row: str, _: list[str]) -> list[str]:
        body(row)
        return []

    _summing_loop(code, count, 0, without_sums)


def _summing_loop(
    code: Code, count: int, sums: int, body: Callable[[str, list[str]], list[str]]
) -> list[str]:
    """Runs a body for row numbers 0 to count - 1 with sums that it carries on; gives the sums."""
    zero = code.number(0.0)
    if count == 0:
        return [zero] * sums
    code.count += 1
    tag, before = code.count, code.block
    label = f"loop{tag}"
    carried = [f"%sum{tag}x{s}" for s in range(sums)]
    place = len(code.lines)
    results = body(f"%row{tag}", carried)
    head = [
        f"  br label %{label}",
        f"{label}:",
        f"  %row{tag} = phi i64 [ 0, %{before} ], [ %next{tag}, %{label} ]",
    ]
    head += [
        f"  {name} = phi {code.vector} [ {zero}, %{before} ], [ {result}, %{label} ]"
        for name, result in zip(carried, results, strict=True)
    ]
    code.lines[place:place] = head
    code.do(f"%next{tag} = add i64 %row{tag}, 1")
    code.do(f"%go{tag} = icmp ult i64 %next{tag}, {count}")
    code.do(f"br i1 %go{tag}, label %{label}, label %after{tag}")
    code.lines.append(f"after{tag}:")
    code.block = f"after{tag}"
    return results


class _Writer:
    """Writes the kernels of one program."""

    def __init__(self, program: Program, layout: Layout) -> None:
        self.program, self.at = program, layout
        self.n = layout.n_states

    def _code(self) -> Code:
        return Code(self.at.lanes)

    def _emitter(
        self, code: Code, roots: Sequence[int], states: str, time: str, *, forgiving: bool
    ) -> Emitter:
        """An emitter whose leaves are loaded from the workspace as they are needed."""
        graph, at = self.program.graph, self.at
        leaves: dict[int, str] = {}
        sources: dict[int, Callable[[], str]] = {}
        constant_row = {node: i for i, node in enumerate(self.program.constants)}
        stack, seen = list(roots), set()
        needed: list[int] = []
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in constant_row or graph.nodes[node].operation in (STATE, TIME_NODE, MODE):
                needed.append(node)
            else:
                stack.extend(graph.nodes[node].inputs)
        for node in sorted(needed):
            entry = graph.nodes[node]
            if node in constant_row:
                sources[node] = partial(code.load, "%w", at.constants + constant_row[node])
            elif entry.operation == STATE:
                sources[node] = partial(code.load, states, int(entry.value))
            elif entry.operation == TIME_NODE:
                leaves[node] = time
            else:
                bit = code.load("%w", at.modes + int(entry.value))
                leaves[node] = code.compare("une", bit, code.number(0.0))
        return Emitter(graph, code, list(roots), leaves, forgiving=forgiving, sources=sources)

    def rates(self) -> str:
        """``rates(w, states, time, out)`` adds the rates to what stands in ``out``."""
        code, program = self._code(), self.program
        emitter = self._emitter(code, program.rates, "%s", "%t", forgiving=True)
        dosed = {state: i for i, state in enumerate(program.dosed)}
        slow = self._slow(program.rates)
        emitter.values(slow)
        late = [not set(slow).isdisjoint(program.graph.reachable([node])) for node in program.rates]
        for i in sorted(range(self.n), key=late.__getitem__):
            node = program.rates[i]
            total = code.load("%o", i)
            if i in dosed:
                total = code.add(total, code.load("%w", self.at.rates + dosed[i]))
            total = emitter.accumulate(node, total)
            code.store("%o", i, total)
        return _function("rates", f"ptr %w, ptr %s, {code.vector} %t, ptr noalias %o", code, "internal")

    def _slow(self, roots: Sequence[int]) -> list[int]:
        """Nodes whose results take long: they start first, and what waits for them comes last."""
        graph = self.program.graph
        known = set(self.program.constants)
        found: list[int] = []
        stack, seen = list(roots), set[int]()
        while stack:
            node = stack.pop()
            if node in seen or node in known:
                continue
            seen.add(node)
            if graph.nodes[node].operation in _SLOW:
                found.append(node)
            stack.extend(graph.nodes[node].inputs)
        return sorted(found)

    def matrix(self) -> str:
        """``matrix(w, diagonal)`` writes the factors of diagonal - J, and the derivative of the rates to time."""
        code, program, at = self._code(), self.program, self.at
        time = code.load("%w", at.time)
        states = code.address("%w", at.y)
        nodes = [*program.minus_matrix.values(), *program.time_slopes.values()]
        emitter = self._emitter(code, nodes, states, time, forgiving=True)
        emitter.values(self._slow(nodes))
        for i, node in program.time_slopes.items():
            code.store("%w", at.time_slope + i, emitter.value(node))
        values: dict[tuple[int, int], str] = {}

        def entry(i: int, j: int) -> str | None:
            if (i, j) not in values:
                node = program.minus_matrix.get((i, j))
                if node is not None:
                    value = emitter.value(node)
                    values[i, j] = code.add("%d", value) if i == j else value
                elif i == j:
                    values[i, j] = "%d"
            return values.get((i, j))

        place, one = program.factorization.place, code.number(1.0)
        for pivot in program.factorization.eliminations:
            k = pivot.pivot
            inverse = code.div(one, str(entry(k, k)))
            code.store("%w", at.factors + place[k, k], inverse)
            for j in pivot.columns:
                code.store("%w", at.factors + place[k, j], str(entry(k, j)))
            for i in pivot.rows:
                multiplier = code.mul(str(entry(i, k)), inverse)
                code.store("%w", at.factors + place[i, k], multiplier)
                minus = code.neg(multiplier) if pivot.columns else ""
                for j in pivot.columns:
                    right, old = str(entry(k, j)), entry(i, j)
                    values[i, j] = code.mul(minus, right) if old is None else code.fma(minus, right, old)
        return _function("matrix", f"ptr %w, {code.vector} %d", code, "internal")

    def solve(self) -> str:
        """``solve(w, b)`` replaces a right-hand side by the solution."""
        code, at, f = self._code(), self.at, self.program.factorization
        b = {i: code.load("%b", i) for i in range(self.n)}
        for pivot in f.eliminations:
            minus = code.neg(b[pivot.pivot]) if pivot.rows else ""
            for i in pivot.rows:
                b[i] = code.fma(code.load("%w", at.factors + f.place[i, pivot.pivot]), minus, b[i])
        known = {e.pivot: i for i, e in enumerate(reversed(f.eliminations))}
        for pivot in reversed(f.eliminations):
            k = pivot.pivot
            for j in sorted(pivot.columns, key=known.__getitem__):  # what was known first comes first
                minus = code.neg(b[j])
                b[k] = code.fma(code.load("%w", at.factors + f.place[k, j]), minus, b[k])
            b[k] = code.mul(b[k], code.load("%w", at.factors + f.place[k, k]))
            code.store("%b", k, b[k])
        return _function("solve", "ptr noalias %w, ptr noalias %b", code, "internal")

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
        emitter = Emitter(graph, code, roots, leaves)
        for row, nodes in (
            (at.u, program.start),
            (at.constants, program.constants),
            (at.boundaries, program.time_boundaries),
        ):
            for i, node in enumerate(nodes):
                code.store("%w", row + i, emitter.value(node))
        return _function("start", "ptr noalias %w", code)

    def guess(self) -> str:
        """A hundredth of the size of the states over the size of their rates, both in units of the tolerance.

        Source: Hairer, Nørsett and Wanner 1993, section II.4, first part of the starting step.
        """
        code, at = self._code(), self.at
        zero, time = code.number(0.0), code.load("%w", at.time)
        out = code.address("%w", at.k)
        _loop(code, self.n, lambda i: code.store(out, i, zero))
        states = code.address("%w", at.y)
        code.do(f"call void @rates(ptr %w, ptr {states}, {code.vector} {time}, ptr {out})")
        relative = code.load("%w", at.relative)
        size, speed = self._sums(code, states, out, relative)
        ratio = code.intrinsic("sqrt", code.div(size, speed))
        step = code.mul(code.number(0.01), ratio)
        known = code.compare("olt", step, code.number(1e30))
        positive = code.compare("ogt", step, code.number(1e-30))
        step = code.choose(code.logic("and", known, positive), step, code.number(1e-3))
        code.store("%w", at.step, step)
        return _function("guess", "ptr %w", code)

    def _sums(self, code: Code, states: str, speeds: str, relative: str) -> tuple[str, str]:
        """Sums of squares of states and of their rates, each in units of the tolerance."""
        absolute = code.address("%w", self.at.absolute)

        def body(i: str, sums: list[str]) -> list[str]:
            y, f = code.load(states, i), code.load(speeds, i)
            weight = code.fma(relative, code.intrinsic("fabs", y), code.load(absolute, i))
            inverse = code.div(code.number(1.0), code.add(weight, code.number(_TINY)))
            scaled = [code.mul(value, inverse) for value in (y, f)]
            return [code.fma(value, value, total) for value, total in zip(scaled, sums, strict=True)]

        size, speed = _summing_loop(code, self.n, 2, body)
        return size, speed

    def step(self) -> str:
        """One step of the method."""
        code, at = self._code(), self.at
        time, h = code.load("%w", at.time), self._choose_length(code)
        inverse = code.div(code.number(1.0), h)
        diagonal = code.mul(inverse, code.number(1.0 / rosenbrock.GAMMA))
        code.do(f"call void @matrix(ptr %w, {code.vector} {diagonal})")
        y, u = code.address("%w", at.y), code.address("%w", at.u)
        stages = [code.address("%w", at.k + s * self.n) for s in range(rosenbrock.STAGES)]
        for s, out in enumerate(stages):
            self._prepare_stage(code, s, stages, inverse, h)
            source = y if s == 0 else u
            at_time = code.fma(code.number(rosenbrock.ALPHA[s]), h, time) if s else time
            code.do(f"call void @rates(ptr %w, ptr {source}, {code.vector} {at_time}, ptr {out})")
            code.do(f"call void @solve(ptr %w, ptr {out})")
        self._finish_step(code, stages[-1])
        self._judge(code, time, h)
        return _function("step", "ptr %w", code)

    def _choose_length(self, code: Code) -> str:
        """The length of the step: what the controller wants, but never past the next boundary."""
        at, one, zero = self.at, code.number(1.0), code.number(0.0)
        rest = code.sub(code.load("%w", at.ahead), code.load("%w", at.time))
        wanted, longest = code.load("%w", at.free), code.load("%w", at.longest)
        wanted = code.choose(code.compare("olt", wanted, longest), wanted, longest)
        half = code.mul(rest, code.number(0.5))
        hits = code.compare("oge", wanted, rest)
        # two steps of half the rest rather than a long one and a crumb
        h = code.choose(hits, rest, code.choose(code.compare("ogt", wanted, half), half, wanted))
        code.store("%w", at.hits, code.choose(hits, one, zero))
        code.store("%w", at.step, h)
        return h

    def _judge(self, code: Code, time: str, h: str) -> None:
        """Whether the step stands, where it ends and how long the next may be."""
        at, one, zero = self.at, code.number(1.0), code.number(0.0)
        factor, wanted = code.load("%w", at.factor), code.load("%w", at.free)
        stands = code.compare("ole", code.load("%w", at.error), one)
        hits = code.compare("une", code.load("%w", at.hits), zero)
        code.store("%w", at.end, code.choose(hits, code.load("%w", at.ahead), code.add(time, h)))
        # no growth right after a step that did not stand
        again = code.compare("une", code.load("%w", at.rejected), zero)
        held = code.logic("and", again, code.compare("ogt", factor, one))
        growth = code.choose(held, one, factor)
        following = code.mul(h, growth)
        # a step cut to a boundary says little about the step the solution allows
        keep = code.logic("and", code.compare("oge", growth, one), code.compare("ogt", wanted, following))
        following = code.choose(keep, wanted, following)
        longest = code.load("%w", at.longest)
        following = code.choose(code.compare("olt", following, longest), following, longest)
        limited = code.choose(code.compare("olt", factor, code.number(0.9)), factor, code.number(0.9))
        code.store("%w", at.free, code.choose(stands, following, code.mul(h, limited)))
        # the first step after the start of a dose whose error says something is worth remembering for the next start
        telling = code.logic("and", stands, code.compare("olt", factor, code.number(_GROW)))
        learns = code.logic("and", telling, code.compare("une", code.load("%w", at.learning), zero))
        code.store("%w", at.first, code.choose(learns, code.mul(h, factor), code.load("%w", at.first)))
        code.store("%w", at.learning, code.choose(learns, zero, code.load("%w", at.learning)))
        code.store("%w", at.accepted, code.choose(stands, one, zero))
        code.store("%w", at.rejected, code.choose(stands, zero, one))

    def _prepare_stage(self, code: Code, s: int, stages: list[str], inverse: str, h: str) -> None:
        """States of stage s into ``u``, and what the rates are added to into its own stage row."""
        at, moving = self.at, bool(self.program.time_slopes)
        y, u, slope = code.address("%w", at.y), code.address("%w", at.u), code.address("%w", at.time_slope)
        weight = code.mul(h, code.number(rosenbrock.GAMMA_SUMS[s]))
        shares = [code.mul(code.number(c), inverse) for c in rosenbrock.C[s]]

        def body(i: str) -> None:
            earlier = [code.load(stages[q], i) for q in range(s)]
            if 0 < s < 6:
                total = code.load(y, i)
                for a, k in zip(rosenbrock.A[s], earlier, strict=True):
                    total = code.fma(code.number(a), k, total)
                code.store(u, i, total)
            elif s >= 6:
                code.store(u, i, code.add(code.load(u, i), earlier[-1]))
            if s == 0:
                start = code.number(0.0)
            else:
                start = code.mul(shares[0], earlier[0])
                for share, k in zip(shares[1:], earlier[1:], strict=True):
                    start = code.fma(share, k, start)
            if moving and rosenbrock.GAMMA_SUMS[s] != 0.0:
                start = code.fma(weight, code.load(slope, i), start)
            code.store(stages[s], i, start)

        _loop(code, self.n, body)

    def _finish_step(self, code: Code, last: str) -> None:
        """End of the step, norm of the error, factor for the next step."""
        at = self.at
        relative = code.load("%w", at.relative)
        y, u, y1 = (code.address("%w", row) for row in (at.y, at.u, at.y1))
        absolute, peak = code.address("%w", at.absolute), code.address("%w", at.peak)

        def body(i: str, sums: list[str]) -> list[str]:
            error = code.load(last, i)
            end = code.add(code.load(u, i), error)
            code.store(y1, i, end)
            before, after = code.intrinsic("fabs", code.load(y, i)), code.intrinsic("fabs", end)
            larger = code.choose(code.compare("ogt", before, after), before, after)
            top = code.load(peak, i)
            top = code.choose(code.compare("ogt", top, before), top, before)
            code.store(peak, i, top)
            top = code.choose(code.compare("ogt", top, after), top, after)
            # the absolute tolerance is meant for states of size one; larger ones have it in proportion
            top = code.choose(code.compare("ogt", top, code.number(1.0)), top, code.number(1.0))
            weight = code.fma(relative, larger, code.mul(code.load(absolute, i), top))
            scaled = code.div(error, code.add(weight, code.number(_TINY)))
            return [code.fma(scaled, scaled, sums[0])]

        total = _summing_loop(code, self.n, 1, body)[0]
        mean = code.mul(total, code.number(1.0 / max(self.program.n_counted, 1)))
        norm = code.intrinsic("sqrt", mean)
        code.store("%w", at.error, norm)
        # 0.95 * norm**(-1/5), from the mean of squares
        power = code.mul(code.call("vector_log", mean), code.number(-0.5 / rosenbrock.ORDER))
        factor = code.mul(code.number(_SAFETY), code.call("vector_exp", power))
        factor = code.choose(code.compare("olt", factor, code.number(_GROW)), factor, code.number(_GROW))
        factor = code.choose(code.compare("ogt", factor, code.number(_SHRINK)), factor, code.number(_SHRINK))
        code.store(
            "%w", at.factor, code.choose(code.compare("uno", mean, mean), code.number(_SHRINK), factor)
        )

    def accept(self) -> str:
        """The end of the step becomes the start of the next, in the patients marked."""
        code, at = self._code(), self.at
        mark = code.compare("une", code.load("%w", at.accepted), code.number(0.0))
        y, y1 = code.address("%w", at.y), code.address("%w", at.y1)
        _loop(code, self.n, lambda i: code.store(y, i, code.choose(mark, code.load(y1, i), code.load(y, i))))
        code.store("%w", at.time, code.choose(mark, code.load("%w", at.end), code.load("%w", at.time)))
        return _function("accept", "ptr noalias %w", code)

    def locate(self) -> str:
        """States at a fraction of the step, by the dense output of the method."""
        code, at, n = self._code(), self.at, self.n
        x = code.load("%w", at.fraction)
        rest = code.sub(code.number(1.0), x)
        both = code.mul(x, rest)
        weights: list[str] = []
        for first, second, third in zip(*rosenbrock.DENSE, strict=True):
            inner = code.fma(x, code.number(third), code.number(second))
            weights.append(code.mul(both, code.fma(x, inner, code.number(first))))
        y, y1, u = (code.address("%w", row) for row in (at.y, at.y1, at.u))
        stages = [code.address("%w", at.k + s * n) for s in range(rosenbrock.STAGES)]

        def body(i: str) -> None:
            total = code.fma(rest, code.load(y, i), code.mul(x, code.load(y1, i)))
            for weight, stage in zip(weights, stages, strict=True):
                total = code.fma(weight, code.load(stage, i), total)
            code.store(u, i, total)

        _loop(code, n, body)
        return _function("locate", "ptr %w", code)

    def observe(self) -> str:
        """Observables of the states asked for."""
        code, at, nodes = self._code(), self.at, self.program.observables
        time, states = code.load("%w", at.query_time), code.address("%w", at.u)
        emitter = self._emitter(code, nodes, states, time, forgiving=False)
        for i, node in enumerate(nodes):
            code.store("%w", at.observed + i, emitter.value(node))
        return _function("observe", "ptr noalias %w", code)

    def watch(self) -> str:
        """Truth of modes and conditions, and triggered amounts."""
        code, at, program = self._code(), self.at, self.program
        bits = [*program.mode_relations, *program.conditions]
        time, states = code.load("%w", at.query_time), code.address("%w", at.u)
        emitter = self._emitter(code, [*bits, *program.amounts], states, time, forgiving=False)
        for i, node in enumerate(bits):
            truth = code.choose(emitter.value(node), code.number(1.0), code.number(0.0))
            code.store("%w", at.watched + i, truth)
        for i, node in enumerate(program.amounts):
            code.store("%w", at.amounts + i, emitter.value(node))
        return _function("watch", "ptr noalias %w", code)
