"""Small systems with known solutions, and stiff ones from the literature, for tests of the engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy

from vivocart.equations.system import Assignment, Parameter, State, System, symbol


def make_system(
    rates: Mapping[str, str | sympy.Expr],
    start: Mapping[str, object],
    parameters: Mapping[str, float],
    rules: Mapping[str, str | sympy.Expr] | None = None,
    *,
    name: str = "test",
) -> System:
    """A system from expressions in text."""
    names = [*rates, *parameters, *(rules or {}), *start]
    known = {n: symbol(n) for n in names}

    def read(text: object) -> sympy.Expr:
        return sympy.sympify(text, locals=known) if isinstance(text, str) else sympy.sympify(text)

    return System(
        id=name,
        parameters=tuple(Parameter(id=k, value=v) for k, v in parameters.items()),
        states=tuple(State(id=k, rate=read(v)) for k, v in rates.items()),
        start=tuple(Assignment(id=k, expression=read(v)) for k, v in start.items()),
        rules=tuple(Assignment(id=k, expression=read(v)) for k, v in (rules or {}).items()),
    )


def typical(system: System) -> np.ndarray:
    """The parameters' own values as one patient."""
    return np.array([[p.value for p in system.parameters]])


def decay() -> System:
    """First-order loss of ``x`` into ``z``."""
    return make_system({"x": "-k*x", "z": "k*x - c*z"}, {"x": 0, "z": 0}, {"k": 1.0, "c": 0.2}, name="decay")


def robertson() -> System:
    """Robertson 1966: three reactions whose rates span nine decades."""
    return make_system(
        {"a": "-k1*a + k3*b*c", "b": "k1*a - k2*b**2 - k3*b*c", "c": "k2*b**2"},
        {"a": 1, "b": 0, "c": 0},
        {"k1": 0.04, "k2": 3e7, "k3": 1e4},
        name="robertson",
    )


def van_der_pol() -> System:
    """Van der Pol's oscillator, stiffness 1000."""
    return make_system(
        {"x": "y", "y": "mu*((1 - x**2)*y) - x"}, {"x": 2, "y": 0}, {"mu": 1000.0}, name="van_der_pol"
    )


def hires() -> System:
    """Schäfer 1975, as in Hairer and Wanner 1996, section IV.10: high irradiance response of plants."""
    rates = {
        "y1": "-1.71*y1 + 0.43*y2 + 8.32*y3 + 0.0007",
        "y2": "1.71*y1 - 8.75*y2",
        "y3": "-10.03*y3 + 0.43*y4 + 0.035*y5",
        "y4": "8.32*y2 + 1.71*y3 - 1.12*y4",
        "y5": "-1.745*y5 + 0.43*y6 + 0.43*y7",
        "y6": "-280*y6*y8 + 0.69*y4 + 1.71*y5 - 0.43*y6 + 0.69*y7",
        "y7": "280*y6*y8 - 1.81*y7",
        "y8": "-280*y6*y8 + 1.81*y7",
    }
    start = dict.fromkeys(rates, 0) | {"y1": 1, "y8": 0.0057}
    return make_system(rates, start, {"unused": 0.0}, name="hires")


def oregonator() -> System:
    """Field and Noyes 1974: the Oregonator, as in Hairer and Wanner 1996, section IV.10."""
    return make_system(
        {"u": "s*(w + u*(1 - q*u - w))", "w": "(v - (1 + u)*w)/s", "v": "f*(u - v)"},
        {"u": 1, "w": 2, "v": 3},
        {"s": 77.27, "q": 8.375e-6, "f": 0.161},
        name="oregonator",
    )
