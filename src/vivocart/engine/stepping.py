"""The step of the method: rates, matrix, solves, stages, error and the length of the next step.

In double precision, or in single precision for twice as many patients a register. In single precision the states, times
and step lengths stay double: stages are what the states gain within the step, and are added to the states in double at
its end, so that nothing is lost from step to step.
"""

from __future__ import annotations

from vivocart.engine import rosenbrock
from vivocart.engine.assembly import LIBM, Code, Emitter
from vivocart.engine.blocks import emitter, function, loop, single_rows, summing_loop
from vivocart.engine.layout import Layout
from vivocart.engine.program import Program

_TINY, _TINY_SINGLE = 1e-300, 1e-30
_SLOW = frozenset({"pow", "exp", "log", *LIBM})
_SAFETY, _SHRINK, _GROW = 0.95, 0.1, 6.0
_FALLEN = (
    1000.0  # mean of squares of the error that stands for a state below zero: the next try is half as long
)
_TELLING = 4.0  # a step that could grow by more says nothing but that it was short


class StepWriter:
    """Writes the functions and kernels that take a step."""

    def __init__(self, program: Program, layout: Layout) -> None:
        self.program, self.at = program, layout
        self.n = layout.n_states

    def _code(self) -> Code:
        return Code(self.at.lanes, "float" if self.at.is_single else "double", self.at.stride)

    def _emitter(self, code: Code, roots: list[int], states: str, time: str) -> Emitter:
        """An emitter of what the step works out, from the step's own rows."""
        at, wide = self.at, code.wide

        def mode(row: int) -> str:
            return wide.compare("une", wide.load("%w", at.modes + row), wide.number(0.0))

        return emitter(
            self.program,
            code,
            roots,
            lambda row: code.load("%f", at.numbers + row),
            lambda row: code.load(states, row),
            mode,
            time,
            forgiving=True,
        )

    def rates(self) -> str:
        """``rates(w, f, states, time, out)`` adds the rates to what stands in ``out``."""
        code, program = self._code(), self.program
        written = self._emitter(code, list(program.rates), "%s", "%t")
        dosed = {state: i for i, state in enumerate(program.dosed)}
        slow = self._slow(list(program.rates))
        written.values(slow)
        late = [not set(slow).isdisjoint(program.graph.reachable([node])) for node in program.rates]
        for i in sorted(range(self.n), key=late.__getitem__):
            node = program.rates[i]
            total = code.load("%o", i)
            if i in dosed:
                total = code.add(total, code.narrowed(code.wide.load("%w", self.at.rates + dosed[i])))
            total = written.accumulate(node, total)
            code.store("%o", i, total)
        arguments = f"ptr %w, ptr %f, ptr %s, {code.vector} %t, ptr noalias %o"
        return function("rates", arguments, code, "internal")

    def _slow(self, roots: list[int]) -> list[int]:
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
        """``matrix(w, f, diagonal)`` writes the factors of diagonal - J, and the derivative of the rates to time."""
        code, program, at = self._code(), self.program, self.at
        time = code.number(0.0) if at.is_single else code.load("%w", at.time)
        nodes = [*program.minus_matrix.values(), *program.time_slopes.values()]
        written = self._emitter(code, nodes, code.address("%f", at.start), time)
        written.values(self._slow(nodes))
        for i, node in program.time_slopes.items():
            code.store("%f", at.time_slope + i, written.value(node))
        values: dict[tuple[int, int], str] = {}

        def entry(i: int, j: int) -> str | None:
            if (i, j) not in values:
                node = program.minus_matrix.get((i, j))
                if node is not None:
                    value = written.value(node)
                    values[i, j] = code.add("%d", value) if i == j else value
                elif i == j:
                    values[i, j] = "%d"
            return values.get((i, j))

        place, one = program.factorization.place, code.number(1.0)
        for pivot in program.factorization.eliminations:
            k = pivot.pivot
            inverse = code.guarded_div(one, str(entry(k, k)))
            code.store("%f", at.factors + place[k, k], inverse)
            for j in pivot.columns:
                code.store("%f", at.factors + place[k, j], str(entry(k, j)))
            for i in pivot.rows:
                multiplier = code.mul(str(entry(i, k)), inverse)
                code.store("%f", at.factors + place[i, k], multiplier)
                minus = code.neg(multiplier) if pivot.columns else ""
                for j in pivot.columns:
                    right, old = str(entry(k, j)), entry(i, j)
                    values[i, j] = code.mul(minus, right) if old is None else code.fma(minus, right, old)
        return function("matrix", f"ptr %w, ptr %f, {code.vector} %d", code, "internal")

    def solve(self) -> str:
        """``solve(f, b)`` replaces a right-hand side by the solution."""
        code, at, f = self._code(), self.at, self.program.factorization
        b = {i: code.load("%b", i) for i in range(self.n)}
        for pivot in f.eliminations:
            minus = code.neg(b[pivot.pivot]) if pivot.rows else ""
            for i in pivot.rows:
                b[i] = code.fma(code.load("%f", at.factors + f.place[i, pivot.pivot]), minus, b[i])
        known = {e.pivot: i for i, e in enumerate(reversed(f.eliminations))}
        for pivot in reversed(f.eliminations):
            k = pivot.pivot
            for j in sorted(pivot.columns, key=known.__getitem__):  # what was known first comes first
                minus = code.neg(b[j])
                b[k] = code.fma(code.load("%f", at.factors + f.place[k, j]), minus, b[k])
            b[k] = code.mul(b[k], code.load("%f", at.factors + f.place[k, k]))
            code.store("%b", k, b[k])
        return function("solve", "ptr noalias %f, ptr noalias %b", code, "internal")

    def guess(self) -> str:
        """A hundredth of the size of the states over the size of their rates, both in units of the tolerance.

        Source: Hairer, Nørsett and Wanner 1993, section II.4, first part of the starting step.
        """
        code, at = self._code(), self.at
        rows = single_rows(code, at)
        self._copy_states(code, rows)
        zero, out = code.number(0.0), code.address(rows, at.k)
        time = zero if at.is_single else code.load("%w", at.time)
        loop(code, self.n, lambda i: code.store(out, i, zero))
        states = code.address(rows, at.start)
        self._call_rates(code, rows, states, time, out)
        size, speed = self._sums(code, rows, states, out)
        ratio = code.intrinsic("sqrt", code.div(size, speed))
        step = code.mul(code.number(0.01), ratio)
        known = code.compare("olt", step, code.number(1e30))
        positive = code.compare("ogt", step, code.number(1e-30))
        step = code.choose(code.logic("and", known, positive), step, code.number(1e-3))
        code.wide.store("%w", at.step, code.widened(step))
        return function("guess", "ptr %w", code)

    def _call_rates(self, code: Code, rows: str, states: str, time: str, out: str) -> None:
        code.do(f"call void @rates(ptr %w, ptr {rows}, ptr {states}, {code.vector} {time}, ptr {out})")

    def _copy_states(self, code: Code, rows: str) -> None:
        """The states at the start of the step as the step reads them."""
        if not self.at.is_single:
            return
        y, start = code.wide.address("%w", self.at.y), code.address(rows, self.at.start)
        loop(code, self.n, lambda i: code.store(start, i, code.narrowed(code.wide.load(y, i))))

    def _sums(self, code: Code, rows: str, states: str, speeds: str) -> tuple[str, str]:
        """Sums of squares of states and of their rates, each in units of the tolerance."""
        absolute = code.address(rows, self.at.tolerance)
        relative = code.narrowed(code.wide.load("%w", self.at.relative))

        def body(i: str, sums: list[str]) -> list[str]:
            y, f = code.load(states, i), code.load(speeds, i)
            weight = code.fma(relative, code.intrinsic("fabs", y), code.load(absolute, i))
            inverse = code.div(code.number(1.0), code.add(weight, self._tiny(code)))
            scaled = [code.mul(value, inverse) for value in (y, f)]
            return [code.fma(value, value, total) for value, total in zip(scaled, sums, strict=True)]

        size, speed = summing_loop(code, self.n, 2, body)
        return size, speed

    def _tiny(self, code: Code) -> str:
        """What keeps a weight from being zero."""
        return code.number(_TINY_SINGLE if code.is_single else _TINY)

    def step(self) -> str:
        """One step of the method."""
        code, at = self._code(), self.at
        wide, rows = code.wide, single_rows(code, at)
        self._copy_states(code, rows)
        time, h = wide.load("%w", at.time), self._choose_length(wide)
        inverse = code.narrowed(wide.div(wide.number(1.0), h))
        diagonal = code.mul(inverse, code.number(1.0 / rosenbrock.GAMMA))
        code.do(f"call void @matrix(ptr %w, ptr {rows}, {code.vector} {diagonal})")
        start, stage = code.address(rows, at.start), code.address(rows, at.stage)
        stages = [code.address(rows, at.k + s * self.n) for s in range(rosenbrock.STAGES)]
        for s, out in enumerate(stages):
            self._prepare_stage(code, rows, s, stages, inverse, h)
            at_time = code.number(0.0)
            if not at.is_single:
                at_time = code.fma(code.number(rosenbrock.ALPHA[s]), h, time) if s else time
            self._call_rates(code, rows, stage if s else start, at_time, out)
            code.do(f"call void @solve(ptr {rows}, ptr {out})")
        self._finish_step(code, rows, stages[-1])
        self._judge(wide, time, h)
        return function("step", "ptr %w", code)

    def _choose_length(self, code: Code) -> str:
        """The length of the step: what the controller wants, but never past the next boundary."""
        at, one, zero = self.at, code.number(1.0), code.number(0.0)
        rest = code.sub(code.load("%w", at.ahead), code.load("%w", at.time))
        wanted = code.smaller(code.load("%w", at.free), code.load("%w", at.longest))
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
        present = code.compare("une", code.load("%w", at.present), zero)
        code.store("%w", at.taken, code.add(code.load("%w", at.taken), one))
        factor, wanted = code.load("%w", at.factor), code.load("%w", at.free)
        fits = code.compare("ole", code.load("%w", at.error), one)
        stands = code.logic("and", present, fits)
        hits = code.compare("une", code.load("%w", at.hits), zero)
        code.store("%w", at.end, code.choose(hits, code.load("%w", at.ahead), code.add(time, h)))
        # no growth right after a step that did not stand
        again = code.compare("une", code.load("%w", at.rejected), zero)
        held = code.logic("and", again, code.compare("ogt", factor, one))
        growth = code.choose(held, one, factor)
        following = code.mul(h, growth)
        # a step cut to a boundary says little about the step the solution allows
        keep = code.logic("and", code.compare("oge", growth, one), code.compare("ogt", wanted, following))
        following = code.smaller(code.choose(keep, wanted, following), code.load("%w", at.longest))
        limited = code.smaller(factor, code.number(0.9))
        following = code.choose(fits, following, code.mul(h, limited))
        # a lane without a patient takes steps of length one that lead nowhere
        self._put(code, at.free, code.choose(present, following, one))
        code.store_bits("%w", at.refused, code.logic("xor", present, stands))
        # the first step after the start of a dose whose error says something is worth remembering for the next start
        telling = code.logic("and", stands, code.compare("olt", factor, code.number(_TELLING)))
        learns = code.logic("and", telling, code.compare("une", code.load("%w", at.learning), zero))
        self._put(code, at.first, code.choose(learns, code.mul(h, factor), code.load("%w", at.first)))
        self._put(code, at.learning, code.choose(learns, zero, code.load("%w", at.learning)))
        code.store("%w", at.accepted, code.choose(stands, one, zero))
        code.store("%w", at.rejected, code.choose(stands, zero, one))

    def _put(self, code: Code, row: int, value: str) -> None:
        """Writes a row that was chosen between two others."""
        code.part()  # else the write becomes a masked one, which takes as long as twenty others
        code.store("%w", row, value)

    def _prepare_stage(self, code: Code, rows: str, s: int, stages: list[str], inverse: str, h: str) -> None:
        """States of stage s, and what the rates are added to into its own stage row."""
        moving = bool(self.program.time_slopes) and rosenbrock.GAMMA_SUMS[s] != 0.0
        slope = code.address(rows, self.at.time_slope)
        weight = code.narrowed(code.wide.mul(h, code.wide.number(rosenbrock.GAMMA_SUMS[s]))) if moving else ""
        shares = [code.mul(code.number(c), inverse) for c in rosenbrock.C[s]]
        put_states = self._put_states_apart if self.at.is_single else self._put_states

        def body(i: str) -> None:
            earlier = [code.load(stages[q], i) for q in range(s)]
            if s:
                put_states(code, rows, s, i, earlier)
            if s == 0:
                start = code.number(0.0)
            else:
                start = code.mul(shares[0], earlier[0])
                for share, k in zip(shares[1:], earlier[1:], strict=True):
                    start = code.fma(share, k, start)
            if moving:
                start = code.fma(weight, code.load(slope, i), start)
            code.store(stages[s], i, start)

        loop(code, self.n, body)

    def _put_states(self, code: Code, rows: str, s: int, i: str, earlier: list[str]) -> None:
        """States of stage s; those of the last two are those of the stage before and its result."""
        start, stage = code.address(rows, self.at.start), code.address(rows, self.at.stage)
        if s >= len(rosenbrock.A):
            code.store(stage, i, code.add(code.load(stage, i), earlier[-1]))
            return
        total = code.load(start, i)
        for a, k in zip(rosenbrock.A[s], earlier, strict=True):
            total = code.fma(code.number(a), k, total)
        code.store(stage, i, total)

    def _put_states_apart(self, code: Code, rows: str, s: int, i: str, earlier: list[str]) -> None:
        """The same with what the states gain kept apart: the sum with the states themselves is rounded only here."""
        at, last = self.at, len(rosenbrock.A) - 1
        start, stage, gains = (code.address(rows, row) for row in (at.start, at.stage, at.increment))
        if s > last:
            gain = code.add(code.load(gains, i), earlier[-1])
        else:
            gain = code.mul(code.number(rosenbrock.A[s][0]), earlier[0])
            for a, k in zip(rosenbrock.A[s][1:], earlier[1:], strict=True):
                gain = code.fma(code.number(a), k, gain)
        if s >= last:
            code.store(gains, i, gain)
        code.store(stage, i, code.add(code.load(start, i), gain))

    def _finish_step(self, code: Code, rows: str, last: str) -> None:
        """End of the step, norm of the error, factor for the next step."""
        at, wide = self.at, code.wide
        relative = code.narrowed(wide.load("%w", at.relative))
        lowest = code.neg(code.narrowed(wide.load("%w", at.undershoot)))
        y1 = code.address("%w", at.y1)
        started, gained, sizes, absolute = (
            code.address(rows, row) for row in (at.start, at.increment, at.size, at.tolerance)
        )

        def body(i: str, sums: list[str]) -> list[str]:
            error = code.load(last, i)
            start, end = code.load(started, i), code.add(code.load(gained, i), error)
            if at.is_single:  # for the norm; the states themselves take what they gain once the step stands
                end = code.add(start, end)
            else:
                code.store(y1, i, end)
            before = code.intrinsic("fabs", start)
            larger = code.larger(before, code.intrinsic("fabs", end))
            top = code.larger(code.load(sizes, i), before)
            code.part()  # else the write becomes a masked one, which takes as long as twenty others
            code.store(sizes, i, top)
            # the absolute tolerance is meant for states of size one; larger ones have it in proportion
            top = code.larger(code.larger(top, larger), code.number(1.0))
            weight = code.fma(relative, larger, code.mul(code.load(absolute, i), top))
            scaled = code.guarded_div(error, code.add(weight, self._tiny(code)))
            fallen = code.compare("olt", end, code.mul(lowest, weight))
            return [
                code.fma(scaled, scaled, sums[0]),
                code.choose(fallen, code.number(_FALLEN), sums[1]),
            ]

        total, fallen = summing_loop(code, self.n, 2, body)
        mean = code.mul(total, code.number(1.0 / max(self.program.n_counted, 1)))
        # a state below zero by more than the tolerance: the step does not stand, and the next try is half as long
        mean = code.choose(code.compare("olt", mean, fallen), fallen, mean)
        wide.store("%w", at.error, code.widened(code.intrinsic("sqrt", mean)))
        # 0.95 * norm**(-1/5), from the mean of squares
        kind = "single" if code.is_single else "vector"
        power = code.mul(code.call(f"{kind}_log", mean), code.number(-0.5 / rosenbrock.ORDER))
        factor = code.mul(code.number(_SAFETY), code.call(f"{kind}_exp", power))
        factor = code.smaller(factor, code.number(_GROW))
        factor = code.larger(factor, code.number(_SHRINK))
        factor = code.choose(code.compare("uno", mean, mean), code.number(_SHRINK), factor)
        wide.store("%w", at.factor, code.widened(factor))
