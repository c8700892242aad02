"""Events by SciPy's integrator and SymPy's lambdify: shares no line with the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import sympy
from scipy.integrate import LSODA

from vivocart.equations.system import TIME, System, symbol


def solve_with_events(
    system: System, observables: Sequence[sympy.Expr], times: Sequence[float]
) -> np.ndarray:
    """Observables at ``times``, from 0 on; events without random ties."""
    return _Run(system, observables).run(times)


class _Run:
    def __init__(self, system: System, observables: Sequence[sympy.Expr]) -> None:
        self.events = system.events
        self.known = {symbol(p.id): sympy.Float(p.value) for p in system.parameters}
        for entry in system.start:
            self.known[symbol(entry.id)] = sympy.sympify(entry.expression).subs(self.known).subs(TIME, 0)
        states = [symbol(name) for name in system.state_ids]
        self.index = {state.name: i for i, state in enumerate(states)}
        self.y = np.array([float(self.known.pop(state)) for state in states])
        self.arguments = [TIME, *states]
        self.rules = {}
        for rule in system.rules:
            self.rules[symbol(rule.id)] = self._plain(rule.expression)
        self.rates = self._function([state.rate for state in system.states])
        self.observed = self._function(observables)
        atoms: set[sympy.Basic] = set()
        for expression in (*(e.trigger for e in self.events), *(s.rate for s in system.states)):
            atoms |= self._plain(expression).atoms(sympy.core.relational.Relational)
        self.atoms = self._function(sorted(atoms, key=str))
        self.triggers = self._function([event.trigger for event in self.events])
        self.delays = [self._function([e.delay or sympy.S.Zero]) for e in self.events]
        self.priorities = [
            self._function([e.priority if e.priority is not None else -sympy.oo]) for e in self.events
        ]
        self.values = [self._function([a.expression for a in e.assignments]) for e in self.events]
        self.scales = [
            self._function([a.scale if a.scale is not None else sympy.S.One for a in e.assignments])
            for e in self.events
        ]
        self.queue: list[tuple[float, int, list[float] | None]] = []
        self.truths = [event.initial_value for event in self.events]

    def _plain(self, expression: sympy.Basic) -> sympy.Basic:
        return sympy.sympify(expression).xreplace(self.rules).xreplace(self.known)

    def _function(self, expressions: Sequence[sympy.Basic]):
        made = sympy.lambdify(
            self.arguments, [self._plain(e) for e in expressions], modules=["math", {"Heaviside": float}]
        )
        return lambda t, y: made(t, *y)

    def run(self, times: Sequence[float]) -> np.ndarray:
        t, rows = 0.0, []
        self._settle(t)
        for target in times:
            while t < target or any(due <= target for due, *_ in self.queue):
                until = min([target, *(due for due, *_ in self.queue)])
                t = self._move(t, until)
                self._settle(t)
            rows.append([float(v) for v in self.observed(t, self.y)])
        return np.array(rows)

    def _move(self, t: float, until: float) -> float:
        """To ``until`` or the first moment at which a relation turns."""
        if t >= until:
            return t
        truths = self.atoms(t, self.y)
        if not len(self.y):
            dense = lambda when: self.y  # noqa: E731
            for k in range(1, 101):
                end = until if k == 100 else t + (until - t) * k / 100
                if self.atoms(end, self.y) != truths:
                    return self._bisect(dense, t + (until - t) * (k - 1) / 100, end, truths)
            return until
        solver = LSODA(
            self.rates,
            t,
            self.y,
            until,
            rtol=1e-10,
            atol=1e-13,
            max_step=(until - t) / 5,
        )
        while solver.status == "running":
            solver.step()
            dense, start = solver.dense_output(), solver.t_old
            for k in range(1, 5):
                end = solver.t if k == 4 else start + (solver.t - start) * k / 4
                at_end = solver.y if k == 4 else dense(end)
                if self.atoms(end, at_end) != truths:
                    return self._bisect(dense, start + (solver.t - start) * (k - 1) / 4, end, truths)
        self.y = solver.y.copy()
        return until

    def _bisect(self, dense, low: float, high: float, truths: list) -> float:
        while True:
            middle = 0.5 * (low + high)
            if middle in (low, high):
                self.y = np.array(dense(high), dtype=float)
                return high
            if self.atoms(middle, dense(middle)) != truths:
                high = middle
            else:
                low = middle

    def _settle(self, t: float) -> None:
        self._notice(t)
        for _ in range(1000):
            due = [entry for entry in self.queue if entry[0] <= t]
            if not due:
                return
            chosen = max(due, key=lambda entry: self.priorities[entry[1]](t, self.y)[0])
            self.queue.remove(chosen)
            _, number, values = chosen
            values = self.values[number](t, self.y) if values is None else values
            scales, after = self.scales[number](t, self.y), self.y.copy()
            for assignment, value, scale in zip(self.events[number].assignments, values, scales, strict=True):
                after[self.index[assignment.id]] = value * scale
            self.y = after
            self._notice(t)
        raise AssertionError("a storm")

    def _notice(self, t: float) -> None:
        now = [bool(value) for value in self.triggers(t, self.y)]
        for number, event in enumerate(self.events):
            if now[number] and not self.truths[number]:
                values = list(self.values[number](t, self.y)) if event.use_values_from_trigger_time else None
                delay = self.delays[number](t, self.y)[0]
                assert delay >= 0 and not math.isnan(delay)
                self.queue.append((t + delay, number, values))
            if self.truths[number] and not now[number] and not event.persistent:
                self.queue = [entry for entry in self.queue if entry[1] != number]
        self.truths = now
