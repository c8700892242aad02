"""Where the two sides of a comparison stop drawing near each other.

Who looks for a crossing only at a few points of a step misses a peak that passes a threshold between them. If a step is
also watched for the turning point itself, something is seen to change from the first crossing on, and bisection finds it.
"""

from __future__ import annotations

from typing import cast

import sympy
from sympy.core.relational import Relational

from vivocart.equations.system import TIME, System, symbol

_DEAD_BAND = 1e-7  # of the sides' size over the whole run: slower than that is rest and rounding
_LARGEST = 5_000  # operations of a derivative that is still worth its evaluation


def turning_conditions(system: System, triggers: tuple[sympy.Basic, ...], span: float) -> list[sympy.Basic]:
    """For each comparison in the triggers that moves with the states: whether its left side gains on its right.

    Parameters
    ----------
    system
        The system that moves.
    triggers
        Boolean expressions.
    span
        How long the system will run, in its time unit.
    """
    rates: dict[sympy.Basic, sympy.Expr] = {symbol(s.id): s.rate for s in system.states}
    rates[TIME] = sympy.S.One
    rules: dict[sympy.Basic, sympy.Expr] = {symbol(rule.id): rule.expression for rule in system.rules}
    found: dict[sympy.Basic, None] = {}
    for comparison in sorted(
        set().union(*(t.atoms(Relational) for t in triggers)), key=sympy.default_sort_key
    ):
        left, right = cast(tuple[sympy.Expr, sympy.Expr], comparison.args)
        speed = _speed(sympy.Add(left, sympy.Mul(-1, right)), rates, rules)
        if speed is None or speed.is_number:
            continue
        size = sympy.Add(sympy.Abs(left), sympy.Abs(right))
        found[sympy.Gt(speed, size * (_DEAD_BAND / span), evaluate=False)] = None
    return list(found)


def _speed(
    expression: sympy.Expr,
    rates: dict[sympy.Basic, sympy.Expr],
    rules: dict[sympy.Basic, sympy.Expr],
) -> sympy.Expr | None:
    """The rate of change of an expression, or nothing if it jumps or is too long; fills ``rates`` with those of rules."""
    if expression.has(sympy.Piecewise, sympy.floor, sympy.ceiling, sympy.Max, sympy.Min):
        return None
    terms: list[sympy.Expr] = []
    for source in sorted(expression.free_symbols, key=str):
        if source in rules and source not in rates:
            speed = _speed(rules[source], rates, rules)
            if speed is None:
                return None
            rates[source] = speed
        if source in rates:
            terms.append(sympy.diff(expression, source) * rates[source])
    total = sympy.Add(*terms)
    return total if total.count_ops() < _LARGEST else None
