"""Conservation laws found from rates hold when the system is solved; falls below zero are reported."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import sympy

sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))
import systems

from vivocart.engine.solve import compile_system, solve
from vivocart.equations.checks import conservation_laws, negative_states


def enzyme():
    """Substrate, enzyme, complex, product; two laws: enzyme + complex, substrate + complex + product."""
    return systems.make_system(
        {"s": "-bind + loose", "e": "-bind + loose + made", "c": "bind - loose - made", "p": "made"},
        {"s": 10, "e": 1, "c": 0, "p": 0},
        {"k1": 100.0, "k2": 1.0, "k3": 30.0},
        {"bind": "k1*s*e", "loose": "k2*c", "made": "k3*c"},
    )


def test_the_laws_of_an_enzyme():
    laws = conservation_laws(enzyme())
    assert len(laws) == 2
    matrix = sympy.Matrix([[law.get(s, 0) for s in "secp"] for law in laws])
    expected = sympy.Matrix([[0, 1, 1, 0], [1, 0, 1, 1]])
    assert matrix.rank() == matrix.col_join(expected).rank() == 2


def test_a_law_with_weights():
    """Two a become one b: a + 2 b stays."""
    (law,) = conservation_laws(
        systems.make_system({"a": "-2*k*a**2", "b": "k*a**2"}, {"a": 1, "b": 0}, {"k": 1.0})
    )
    assert law["a"] * 2 == law["b"] and law["b"] == Fraction(1)


def test_no_law_where_there_is_none():
    assert (
        conservation_laws(systems.make_system({"x": "-k*x", "y": "k*x - y"}, {"x": 1, "y": 0}, {"k": 1.0}))
        == ()
    )


def test_laws_hold_along_the_solution():
    for system in (enzyme(), systems.robertson()):
        found = solve(compile_system(system), systems.typical(system), np.linspace(0, 50, 26)).values[0]
        laws = conservation_laws(system)
        assert laws
        for law in laws:
            weights = np.array([float(law.get(s, 0)) for s in system.state_ids])
            total = found @ weights
            np.testing.assert_allclose(total, total[0], rtol=1e-10)


def test_states_below_zero_are_named():
    """A loss that does not stop when nothing is left."""
    system = systems.make_system({"x": "-k", "y": "-y"}, {"x": 1, "y": 1}, {"k": 1.0})
    times = np.linspace(0, 3, 4)
    found = solve(compile_system(system), [[0.1], [1.0]], times)
    (report,) = negative_states(found.values, times, system.state_ids)
    assert (report.patient, report.state_id, report.time) == (1, "x", 3.0)
    assert abs(report.value + 2) < 1e-9
