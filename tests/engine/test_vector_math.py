"""exp, log and pow of the kernels against arithmetic with 60 digits."""

from __future__ import annotations

import ctypes
import math

import mpmath
import numpy as np
import pytest

from vivocart.engine.assembly import LIBM, SYMBOL_PREFIX
from vivocart.engine.machine import compile_object, load_object
from vivocart.engine.vector_math import vector_functions

LANES = 4


@pytest.fixture(scope="module")
def functions():
    vector = f"<{LANES} x double>"
    text = vector_functions(LANES)
    for name, function, inputs in (
        ("exp", "vector_exp", 1),
        ("log", "vector_log", 1),
        ("pow", "vector_pow", 2),
        ("quick", "forgiving_pow", 2),
    ):
        loads = "\n".join(f"  %a{i} = load {vector}, ptr %p{i}, align 8" for i in range(inputs))
        arguments = ", ".join(f"{vector} %a{i}" for i in range(inputs))
        pointers = ", ".join(f"ptr %p{i}" for i in range(2))
        text += f"""
define void @of_{name}({pointers}, ptr %out) {{
{loads}
  %r = call {vector} @{function}({arguments})
  store {vector} %r, ptr %out, align 8
  ret void
}}
"""
    for name, count in (("fma", 3), ("sqrt", 1), ("floor", 1), ("ceil", 1), ("roundeven", 1), ("fabs", 1)):
        text += f"declare {vector} @llvm.{name}.v{LANES}f64({', '.join([vector] * count)})\n"
    for symbol in LIBM.values():
        text += f"declare double @{SYMBOL_PREFIX}{symbol}({'double, double' if symbol == 'atan2' else 'double'})\n"
    loaded = load_object(compile_object(text), ("of_exp", "of_log", "of_pow", "of_quick"))
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)

    def make(address):
        def call(x, y=None):
            x = np.ascontiguousarray(x, dtype=float)
            y = x if y is None else np.ascontiguousarray(np.broadcast_to(y, x.shape), dtype=float)
            pad = -len(x) % LANES
            a, b = np.pad(x, (0, pad), constant_values=1.0), np.pad(y, (0, pad), constant_values=1.0)
            out = np.empty_like(a)
            for i in range(0, len(a), LANES):
                kind(address)(a[i:].ctypes.data, b[i:].ctypes.data, out[i:].ctypes.data)
            return out[: len(x)]

        call.owner = loaded
        return call

    return tuple(make(address) for address in loaded.addresses)


def worst_error(found, exact):
    """Largest distance from the exact value in units of the last place of it."""
    errors = []
    for f, e in zip(found.tolist(), exact, strict=True):
        unit = math.ulp(float(e)) if float(e) != 0 else 5e-324
        errors.append(float(abs(mpmath.mpf(f) - e) / unit))
    return max(errors)


def test_exp(functions):
    exp = functions[0]
    with mpmath.workdps(60):
        x = np.random.default_rng(1).uniform(-700, 700, 3000)
        x = np.concatenate([x, np.random.default_rng(2).uniform(-1, 1, 3000), np.linspace(-1e-8, 1e-8, 101)])
        assert worst_error(exp(x), [mpmath.exp(mpmath.mpf(v)) for v in x.tolist()]) < 1.0
    special = exp(np.array([0.0, -0.0, -np.inf, np.inf, np.nan, 709.8, -745.2, -740.0]))
    np.testing.assert_array_equal(special[:6], [1.0, 1.0, 0.0, np.inf, np.nan, np.inf])
    assert special[6] == 0.0
    assert special[7] == pytest.approx(math.exp(-740.0), rel=1e-2)  # below the normal range


def test_log(functions):
    log = functions[1]
    generator = np.random.default_rng(3)
    with mpmath.workdps(60):
        x = np.concatenate([np.exp(generator.uniform(-740, 709, 3000)), generator.uniform(0.5, 2, 3000)])
        assert worst_error(log(x), [mpmath.log(mpmath.mpf(v)) for v in x.tolist()]) < 1.0
    special = log(np.array([1.0, 0.0, -1.0, np.inf, np.nan, 5e-324]))
    np.testing.assert_array_equal(special[:5], [0.0, -np.inf, np.nan, np.inf, np.nan])
    assert special[5] == pytest.approx(math.log(5e-324), rel=1e-15)


def test_pow(functions):
    power = functions[2]
    generator = np.random.default_rng(4)
    with mpmath.workdps(60):
        x = np.exp(generator.uniform(-30, 30, 4000))
        y = generator.uniform(-20, 20, 4000)
        exact = [
            mpmath.power(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(x.tolist(), y.tolist(), strict=True)
        ]
        normal = np.array([1e-300 < float(e) < 1e300 for e in exact])
        assert worst_error(power(x, y)[normal], [e for e, n in zip(exact, normal, strict=True) if n]) < 1.5
        near = 1 + generator.uniform(-1e-3, 1e-3, 1000)
        far = generator.uniform(-3e5, 3e5, 1000)
        exact = [
            mpmath.power(mpmath.mpf(a), mpmath.mpf(b))
            for a, b in zip(near.tolist(), far.tolist(), strict=True)
        ]
        assert worst_error(power(near, far), exact) < 1.5


def test_pow_at_the_edges_is_that_of_the_mathematics_library(functions):
    values = np.array([-np.inf, -2.5, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, np.inf, np.nan])
    exponents = np.array([-np.inf, -3.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, np.inf, np.nan])
    x, y = (grid.ravel() for grid in np.meshgrid(values, exponents))
    ordinary = ~((np.abs(x) == 1) & np.isinf(y)) & ~(np.isinf(y) & (x < 0))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    np.testing.assert_allclose(functions[2](x, y)[ordinary], expected[ordinary], rtol=4e-16)


def test_the_quick_pow_of_the_solver_is_good_to_a_few_units_of_the_exponent(functions):
    generator = np.random.default_rng(6)
    x, y = np.exp(generator.uniform(-30, 30, 4000)), generator.uniform(-20, 20, 4000)
    exact = functions[2](x, y)
    normal = (exact > 1e-300) & (exact < 1e300)
    off = np.abs(functions[3](x, y) / exact - 1.0)[normal]
    assert np.all(off < 4.5e-16 * (1.0 + np.abs(y * np.log(x))[normal]))
    small = np.abs(y * np.log(x)) < 10
    assert np.abs(functions[3](x, y) / exact - 1.0)[small].max() < 3e-15


def test_the_quick_pow_at_the_edges(functions):
    x = np.array(
        [-2.0, -2.0, -2.0, -2.0, -1e-9, -1e-9, 0.0, 0.0, 0.0, 1.0, 3.0, np.nan, 2.0, -3.0, 1e200, 1e-200]
    )
    y = np.array([3.0, 2.0, -1.0, 0.5, 1.7, -0.5, 2.5, -1.5, 0.0, 7.3, 0.0, 1.5, np.nan, 0.0, 2.0, 3.0])
    inf, nan = np.inf, np.nan
    expected = [-8.0, 4.0, -0.5, 0.0, 0.0, inf, 0.0, inf, 1.0, 1.0, 1.0, nan, nan, 1.0, inf, 0.0]
    np.testing.assert_allclose(functions[3](x, y), expected, rtol=1e-15, atol=1e-300)
