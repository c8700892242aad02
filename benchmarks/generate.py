"""A system's equations as source text for the peers: C with a sparse Jacobian, Python for Numba, JAX and NumPy.

Rules stay what they are, intermediate quantities; derivatives go through them by the chain rule. In the text ``y`` holds
states, ``p`` the parameters, then the derived constants, then the infusion rate into the dosed state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
from sympy.printing.c import C99CodePrinter
from sympy.printing.pycode import PythonCodePrinter

from vivocart.equations.system import TIME, System, symbol


@dataclass(frozen=True)
class Equations:
    """Rules by name and the rates, over symbols whose names are the text to print."""

    rules: dict[sympy.Symbol, sympy.Expr]
    rates: list[sympy.Expr]
    names: dict[sympy.Symbol, sympy.Symbol]


def equations_of(system: System, dosed: str) -> Equations:
    """The equations of a system with an infusion into ``dosed`` added."""
    p_ids = (*system.parameter_ids, *system.constant_ids)
    names = {symbol(s): sympy.Symbol(f"y[{i}]") for i, s in enumerate(system.state_ids)}
    names |= {symbol(s): sympy.Symbol(f"p[{i}]") for i, s in enumerate(p_ids)}
    names[TIME] = sympy.Symbol("t")
    rules: dict[sympy.Symbol, sympy.Expr] = {}
    for k, rule in enumerate(system.rules):
        own = sympy.Symbol(f"r{k}")
        rules[own] = rule.expression.xreplace(names)
        names[symbol(rule.id)] = own
    inflow = sympy.Symbol(f"p[{len(p_ids)}]")
    rates = [s.rate.xreplace(names) + (inflow if s.id == dosed else 0) for s in system.states]
    return Equations(rules=rules, rates=rates, names=names)


def _needed(equations: Equations, roots: list[sympy.Expr]) -> dict[sympy.Symbol, sympy.Expr]:
    wanted = set().union(*(root.free_symbols for root in roots))
    for name in reversed(equations.rules):
        if name in wanted:
            wanted |= equations.rules[name].free_symbols
    return {name: rule for name, rule in equations.rules.items() if name in wanted}


def _python(expressions: dict[str, sympy.Expr], namespace: str) -> list[str]:
    printer = PythonCodePrinter({"fully_qualified_modules": True})
    lines = []
    for name, expression in expressions.items():
        text = printer.doprint(expression)
        lines.append(f"    {name} = {text.replace('math.', namespace + '.')}")
    return lines


def _statements(equations: Equations, roots: dict[str, sympy.Expr]) -> dict[str, sympy.Expr]:
    rules = _needed(equations, list(roots.values()))
    return {str(name): rule for name, rule in rules.items()} | roots


def numba_text(equations: Equations) -> str:
    """``rhs(t, y, dy, p)`` with the operations of ``math``."""
    roots = {f"dy[{i}]": rate for i, rate in enumerate(equations.rates)}
    return "\n".join(
        ["import math\n\n", "def rhs(t, y, dy, p):", *_python(_statements(equations, roots), "math"), ""]
    )


def jax_text(equations: Equations) -> str:
    """``rhs(t, y, p)`` that gives the vector of rates."""
    roots = {f"d{i}": rate for i, rate in enumerate(equations.rates)}
    body = _python(_statements(equations, roots), "jnp")
    result = ", ".join(roots)
    return "\n".join(
        ["import jax.numpy as jnp\n\n", "def rhs(t, y, p):", *body, f"    return jnp.stack([{result}])", ""]
    )


def observe_text(equations: Equations, observables: dict[str, sympy.Expr]) -> str:
    """``observe(t, y, p)`` that gives a list of arrays; rows of ``y`` and ``p`` are quantities."""
    roots = {f"o{i}": e.xreplace(equations.names) for i, e in enumerate(observables.values())}
    body = _python(_statements(equations, roots), "np")
    return "\n".join(
        ["import numpy as np\n\n", "def observe(t, y, p):", *body, f"    return [{', '.join(roots)}]", ""]
    )


def _gradients(
    rules: dict[sympy.Symbol, sympy.Expr],
    expression: sympy.Expr,
    known: dict[sympy.Symbol, dict[int, sympy.Expr]],
) -> dict[int, sympy.Expr]:
    """Derivatives of an expression to the states it depends on, through rules."""
    total: dict[int, sympy.Expr] = {}
    for name in sorted(expression.free_symbols, key=str):
        text = str(name)
        if text.startswith("y["):
            parts = {int(text[2:-1]): sympy.S.One}
        elif name in rules:
            parts = known[name]
        else:
            continue
        slope = sympy.diff(expression, name) if parts else sympy.S.Zero
        if slope == 0:
            continue
        for j, part in parts.items():
            total[j] = total.get(j, sympy.S.Zero) + slope * part
    return total


def c_text(equations: Equations) -> tuple[str, np.ndarray]:
    """``rhs`` and ``jac`` in C, the Jacobian's values in order of its pattern; and the pattern, (n, 2) by column."""
    printer = C99CodePrinter()
    rules = _needed(equations, equations.rates)
    known: dict[sympy.Symbol, dict[int, sympy.Expr]] = {}
    derivative_lines: list[str] = []
    for name, rule in rules.items():
        derivative_lines.append(f"  double {name} = {printer.doprint(rule)};")
        known[name] = {}
        for j, value in _gradients(rules, rule, known).items():
            own = sympy.Symbol(f"{name}_{j}")
            derivative_lines.append(f"  double {own} = {printer.doprint(value)};")
            known[name][j] = own
    entries: dict[tuple[int, int], sympy.Expr] = {(i, i): sympy.S.Zero for i in range(len(equations.rates))}
    for i, rate in enumerate(equations.rates):
        entries |= {(i, j): value for j, value in _gradients(rules, rate, known).items()}
    pattern = sorted(entries, key=lambda place: place[::-1])
    values = [f"  v[{k}] = {printer.doprint(entries[place])};" for k, place in enumerate(pattern)]
    rule_lines = [f"  double {name} = {printer.doprint(rule)};" for name, rule in rules.items()]
    rates = [f"  dy[{i}] = {printer.doprint(rate)};" for i, rate in enumerate(equations.rates)]
    signature = "(double t, const double* restrict y, const double* restrict p, double* restrict"
    text = [
        "#include <math.h>",
        f"#define N_STATES {len(equations.rates)}",
        f"#define N_ENTRIES {len(pattern)}",
        f"static const long ENTRY_ROW[] = {{{', '.join(str(i) for i, _ in pattern)}}};",
        f"static const long ENTRY_COLUMN[] = {{{', '.join(str(j) for _, j in pattern)}}};",
        f"static void rhs{signature} dy) {{\n  (void)t;",
        *rule_lines,
        *rates,
        "}",
        f"static void jac{signature} v) {{\n  (void)t;",
        *derivative_lines,
        *values,
        "}",
        "",
    ]
    return "\n".join(text), np.array(pattern)
