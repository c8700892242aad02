"""exp, log and pow in 32 bits against doubles, whose rounding does not matter here."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from vivocart.engine.machine import compile_object, load_object
from vivocart.engine.single_math import single_functions

LANES = 8
INTRINSICS = (("fma", 3), ("floor", 1), ("roundeven", 1), ("fabs", 1))


@pytest.fixture(scope="module")
def functions():
    vector = f"<{LANES} x float>"
    text = single_functions(LANES)
    for name, inputs in (("exp", 1), ("log", 1), ("pow", 2)):
        loads = "\n".join(f"  %a{i} = load {vector}, ptr %p{i}, align 4" for i in range(inputs))
        arguments = ", ".join(f"{vector} %a{i}" for i in range(inputs))
        text += f"""
define void @of_{name}(ptr %p0, ptr %p1, ptr %out) {{
{loads}
  %r = call {vector} @single_{name}({arguments})
  store {vector} %r, ptr %out, align 4
  ret void
}}
"""
    for name, count in INTRINSICS:
        text += f"declare {vector} @llvm.{name}.v{LANES}f32({', '.join([vector] * count)})\n"
    loaded = load_object(compile_object(text), ("of_exp", "of_log", "of_pow"))
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)

    def make(address):
        def call(x, y=None):
            x = np.ascontiguousarray(x, dtype=np.float32)
            y = x if y is None else np.ascontiguousarray(np.broadcast_to(y, x.shape), dtype=np.float32)
            pad = -len(x) % LANES
            a, b = np.pad(x, (0, pad), constant_values=1.0), np.pad(y, (0, pad), constant_values=1.0)
            out = np.empty_like(a)
            for i in range(0, len(a), LANES):
                kind(address)(a[i:].ctypes.data, b[i:].ctypes.data, out[i:].ctypes.data)
            return out[: len(x)]

        call.owner = loaded
        return call

    return tuple(make(address) for address in loaded.addresses)


def off(found, exact):
    """Largest relative distance."""
    return float(np.abs(found.astype(float) / exact - 1.0).max())


def singles(generator, low, high, count):
    """Numbers that a single holds exactly, as doubles."""
    return generator.uniform(low, high, count).astype(np.float32).astype(float)


def test_exp(functions):
    exp = functions[0]
    generator = np.random.default_rng(1)
    x = np.concatenate([singles(generator, -86, 88.7, 20000), singles(generator, -1, 1, 20000)])
    assert off(exp(x), np.exp(x)) < 1.2e-7
    special = exp(np.array([0.0, -0.0, 89.0, np.inf, np.nan, -200.0, -np.inf]))
    np.testing.assert_array_equal(special[:5], np.array([1, 1, np.inf, np.inf, np.nan], np.float32))
    assert (special[5:] < 3e-38).all()


def test_log(functions):
    log = functions[1]
    generator = np.random.default_rng(2)
    x = np.exp(generator.uniform(-87, 88, 20000)).astype(np.float32)
    near = singles(generator, 0.5, 2, 20000)
    assert off(log(x), np.log(x.astype(float))) < 1.5e-7
    assert np.abs(log(near) - np.log(near)).max() < 6e-8
    np.testing.assert_allclose(
        log(1 + 1e-4 * near), np.log((1 + 1e-4 * near).astype(np.float32).astype(float)), rtol=2e-7
    )
    special = log(np.array([1.0, 0.0, -1.0, np.inf, np.nan]))
    np.testing.assert_array_equal(special, np.array([0.0, -np.inf, np.nan, np.inf, np.nan], np.float32))


@pytest.mark.parametrize("exponent, bound", [(1.0, 3e-7), (2.7, 5e-7), (8.0, 1e-6), (16.0, 1.5e-6)])
def test_pow_loses_no_more_for_large_results(functions, exponent, bound):
    generator = np.random.default_rng(3)
    reach = 80.0 / exponent
    x = np.exp(generator.uniform(-reach, reach, 20000)).astype(np.float32)
    for sign in (1.0, -1.0):
        y = np.float32(sign * exponent)
        assert off(functions[2](x, y), np.power(x.astype(float), float(y))) < bound


def test_pow_at_the_edges(functions):
    x = [
        -2.0,
        -2.0,
        -2.0,
        -2.0,
        -1e-9,
        -1e-9,
        0.0,
        0.0,
        0.0,
        1.0,
        3.0,
        np.nan,
        2.0,
        -3.0,
        1e30,
        1e-30,
        1e30,
        np.inf,
    ]
    y = [3.0, 2.0, -1.0, 0.5, 1.7, -0.5, 2.5, -1.5, 0.0, 7.3, 0.0, 1.5, np.nan, 0.0, 2.0, 3.0, 1e30, -2.0]
    inf, nan = np.inf, np.nan
    expected = [-8.0, 4.0, -0.5, 0.0, 0.0, inf, 0.0, inf, 1.0, 1.0, 1.0, nan, nan, 1.0, inf, 0.0, inf, nan]
    np.testing.assert_allclose(functions[2](np.array(x), np.array(y)), expected, rtol=3e-7, atol=3e-38)
