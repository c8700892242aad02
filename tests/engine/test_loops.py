"""Functions in a small part of Python become machine code that does what Python does."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivocart.engine import loops
from vivocart.engine.machine import compile_object, load_object

TEXT = """
A, B = range(2)
LIMIT = 7
HALF = 0.5

def greatest(a: int, b: int) -> int:
    while b != 0:
        a, b = b, a % b
    return a

def within(address: int, count: int, bound: float) -> bool:
    # the place after the last is never looked at
    i = 0
    while i < count and get_real(address, i) <= bound:
        i += 1
    return i < count

def odd_ones(count: int) -> int:
    total = 0
    for i in range(count):
        if i % 2 == 0:
            continue
        if i > LIMIT:
            break
        total += i
    return total

def work(m: Record, w: Reals, v: Wholes, address: int, a: int, b: int) -> None:
    v[A, 0] = greatest(a, b)
    v[B, 1] = within(address, m.n, m.bound)
    w[A, 1] = m.bound if a < b or not within(address, m.n, m.bound) else HALF * a
    w[B, 0] = max(min(m.bound, 2.0), abs(-1.5)) + odd_ones(b)
    put_real(address, 0, w[A, 1] - 3)
    both = 0
    both += a > 2
    both += 2 < b <= 9
    put_whole(m.place, 0, both)
"""
FIELDS = {"n": (0, loops.WHOLE), "bound": (1, loops.REAL), "place": (2, loops.WHOLE)}
CODE = compile_object(loops.translate(TEXT, FIELDS, 2, ("work",)))


class _Memory:
    """Arrays by address, as Python sees them."""

    def __init__(self, *arrays: np.ndarray) -> None:
        self.arrays = {array.ctypes.data: array for array in arrays}

    def read(self, address: int, index: int):
        return self.arrays[address][index]

    def write(self, address: int, index: int, value: float) -> None:
        self.arrays[address][index] = value


class _Record:
    def __init__(self, n: int, bound: float, place: int) -> None:
        self.n, self.bound, self.place = n, bound, place


def _in_python(reals: np.ndarray, whole: np.ndarray, bound: float, a: int, b: int) -> tuple:
    memory = _Memory(reals, whole)
    names = {
        "get_real": memory.read,
        "put_real": memory.write,
        "put_whole": memory.write,
        "Record": object,
        "Reals": object,
        "Wholes": object,
    }
    exec(compile(TEXT, "text", "exec"), names)  # our own text above
    w, v = np.zeros((2, 2)), np.zeros((2, 2), np.int64)
    names["work"](_Record(len(reals), bound, whole.ctypes.data), w, v, reals.ctypes.data, a, b)
    return w, v, reals, whole


def _compiled(reals: np.ndarray, whole: np.ndarray, bound: float, a: int, b: int) -> tuple:
    loaded = load_object(CODE, ("work",))
    work = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 6)(loaded.addresses[0])
    record = np.array([len(reals), 0, whole.ctypes.data])
    record[1:2].view(np.float64)[0] = bound
    w, v = np.zeros((2, 2)), np.zeros((2, 2), np.int64)
    work(record.ctypes.data, w.ctypes.data, v.ctypes.data, reals.ctypes.data, a, b)
    return w, v, reals, whole


@settings(max_examples=50, deadline=None)
@given(
    numbers=st.lists(st.floats(-5, 5), min_size=1, max_size=5),
    bound=st.floats(-5, 5),
    a=st.integers(0, 40),
    b=st.integers(0, 40),
)
def test_machine_code_does_what_python_does(numbers: list[float], bound: float, a: int, b: int):
    for mine, theirs in zip(
        _in_python(np.array(numbers), np.zeros(1, np.int64), bound, a, b),
        _compiled(np.array(numbers), np.zeros(1, np.int64), bound, a, b),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "body",
    ["import os", "x = [1, 2]", "x = 'text'", "print(1)", "for i in (1, 2): pass", "x = unknown", "x = y.z"],
)
def test_what_the_language_lacks_is_refused(body: str):
    with pytest.raises(TypeError, match="not part of the language"):
        loops.translate(f"def f() -> None:\n    {body}\n", {}, 1, ("f",))


def test_numbers_that_are_not_finite():
    lines = ("w[0, 0] = math.inf", "w[1, 0] = math.nan", "w[2, 0] = isnan(w[1, 0])")
    text = "\n    ".join(["def f(_m: Record, w: Reals) -> None:", *lines])
    loaded = load_object(compile_object(loops.translate(text, {}, 1, ("f",))), ("f",))
    w = np.zeros(3)
    ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(loaded.addresses[0])(0, w.ctypes.data)
    assert w[0] == math.inf and math.isnan(w[1]) and w[2] == 1.0


def test_lanes_of_bits_that_a_kernel_left():
    """A kernel's bits are read from the first 64 of a row; lanes come lowest first."""
    lines = (
        "bits = get_bits(w, 1)",
        "count = 0",
        "while bits != 0:",
        "    w[2 + count, 0] = lowest(bits)",
        "    bits = bits & (bits - 1)",
        "    count += 1",
        "fetch_ahead(address, 2)",
        "v[0, 0] = whole(w[0, 1]) + count",
    )
    text = "\n    ".join(["def f(_m: Record, w: Reals, v: Wholes, address: int) -> None:", *lines])
    loaded = load_object(compile_object(loops.translate(text, {}, 2, ("f",))), ("f",))
    w, v = np.zeros((6, 2)), np.zeros((1, 2), np.int64)
    w[0, 1] = 1000.0
    w[1].view(np.int64)[:] = 0b10110, -1
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(loaded.addresses[0])(
        0, w.ctypes.data, v.ctypes.data, w.ctypes.data
    )
    np.testing.assert_array_equal(w[2:, 0], [1, 2, 4, 0])
    assert v[0, 0] == 1003
