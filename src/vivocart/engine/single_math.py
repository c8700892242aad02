"""exp, log and pow in numbers of 32 bits, for inside the solver, as LLVM assembly.

Largest relative errors found against doubles (``tests/engine/test_single_math.py``): exp 1.2e-7, log 1.2e-7, pow 1e-6 for
exponents up to 16. The power's whole part of y log2 x is multiplied exactly, so that its error does not grow with the
size of the result. Results below 2**-125 stay at it.

Source
------
Reductions as in :mod:`vivocart.engine.vector_math`; series of the logarithm as in ``e_logf.c`` (Sun Microsystems 1993).
"""

from __future__ import annotations

import math

from vivocart.engine.assembly import Code
from vivocart.engine.vector_math import define_function, estrin, split

_LN2_HIGH = float.fromhex("0x1.62e3p-1")  # 16 bits: times a whole exponent it is exact
_LN2_LOW = float.fromhex("0x1.2fefa2p-17")
_LOG2_E = 1.4426950408889634
# coefficients of the logarithm's series in s**2, s = f/(2+f), fitted on |f| < 0.42 (e_logf.c)
_LOG = (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841)
_LARGEST, _SMALLEST = 127.99999, -125.0  # exponents of two


def single_functions(lanes: int, *, inline: bool = False) -> str:
    """Definitions of ``single_exp``, ``single_log`` and ``single_pow``."""
    return "\n".join(
        define_function(Code(lanes, "float"), name, inputs, body, inline)
        for name, inputs, body in (
            ("single_exp", 1, _exp_body),
            ("single_log", 1, _log_body),
            ("single_pow", 2, _pow_body),
        )
    )


def _two_to(code: Code, whole: str, rest: str, ln2: float) -> str:
    """2**whole · exp(ln2 · rest) for |ln2 · rest| < 0.35 and results that are normal numbers."""
    coefficients = [ln2**i / math.factorial(i) for i in range(7, 1, -1)]
    first = code.mul(rest, code.number(ln2)) if ln2 != 1.0 else rest
    tail = code.fma(code.mul(rest, rest), estrin(code, rest, coefficients), first)
    value = code.add(tail, code.number(1.0))
    # 2**128 is no number: half of it twice
    half = code.sub(whole, code.number(1.0))
    bits = code.as_integers(code.add(half, code.number(1.5 * 2.0**23 + 127.0)))
    scale = code.as_numbers(code.whole("shl", bits, code.integer(23)))
    return code.mul(code.add(value, value), scale)


def _exp_body(code: Code, x: str) -> str:
    """exp(x); infinite above what a single holds."""
    top = code.number(_LARGEST * math.log(2.0))
    held = code.larger(x, code.number(_SMALLEST * math.log(2.0)))
    held = code.smaller(held, top)
    k = code.intrinsic("roundeven", code.mul(held, code.number(_LOG2_E)))
    minus_k = code.neg(k)
    r = code.fma(minus_k, code.number(_LN2_LOW), code.fma(minus_k, code.number(_LN2_HIGH), held))
    value = _two_to(code, k, r, 1.0)
    value = code.choose(code.compare("ogt", x, top), code.number(math.inf), value)
    return code.choose(code.compare("uno", x, x), x, value)


def _log_of_mantissa(code: Code, m: str, low: str | None = None) -> str:
    """log(m) + low for m between 1/sqrt(2) and sqrt(2)."""
    f = code.sub(m, code.number(1.0))
    s = code.div(f, code.add(f, code.number(2.0)))
    z = code.mul(s, s)
    series = code.mul(z, estrin(code, z, list(reversed(_LOG))))
    half_square = code.mul(code.number(0.5), code.mul(f, f))
    inner = code.mul(s, code.add(half_square, series))
    if low is not None:
        inner = code.add(inner, low)
    return code.sub(f, code.sub(half_square, inner))


def _log_body(code: Code, x: str) -> str:
    """log(x); not a number below zero."""
    e, m = split(code, x)
    small = _log_of_mantissa(code, m, code.mul(e, code.number(_LN2_LOW)))
    value = code.fma(e, code.number(_LN2_HIGH), small)
    value = code.choose(code.compare("oeq", x, code.number(0.0)), code.number(-math.inf), value)
    value = code.choose(code.compare("olt", x, code.number(0.0)), code.number(math.nan), value)
    # infinite or not a number itself
    return code.choose(code.compare("olt", x, code.number(math.inf)), value, x)


def _pow_body(code: Code, x: str, y: str) -> str:
    """x**y; a negative base with a broken exponent counts as zero, as a state may undershoot zero by the tolerance."""
    zero, one, infinite = code.number(0.0), code.number(1.0), code.number(math.inf)
    size = code.intrinsic("fabs", x)
    e, m = split(code, size)
    log2_m = code.mul(_log_of_mantissa(code, m), code.number(_LOG2_E))
    high = code.mul(y, e)
    low = code.fma(y, log2_m, code.fma(y, e, code.neg(high)))
    # held to exponents that have a normal number; far outside of them what is lost in ``low`` does not matter
    inside = code.compare("olt", code.intrinsic("fabs", high), code.number(1000.0))
    high = code.choose(
        inside, high, code.larger(code.smaller(high, code.number(1000.0)), code.number(-1000.0))
    )
    low = code.choose(inside, low, zero)
    total = code.add(high, low)
    held = code.larger(code.smaller(total, code.number(_LARGEST)), code.number(_SMALLEST))
    k = code.intrinsic("roundeven", held)
    rest = code.add(code.sub(high, k), low)
    rest = code.larger(code.smaller(rest, code.number(0.5)), code.number(-0.5))
    value = _two_to(code, k, rest, math.log(2.0))
    value = code.choose(code.compare("ogt", total, code.number(_LARGEST)), infinite, value)
    whole = code.compare("oeq", code.intrinsic("floor", y), y)
    half = code.mul(y, code.number(0.5))
    odd = code.logic("and", whole, code.compare("une", code.intrinsic("floor", half), half))
    negative = code.compare("olt", x, zero)
    value = code.choose(code.logic("and", negative, odd), code.neg(value), value)
    broken = code.logic("and", negative, code.compare("une", code.intrinsic("floor", y), y))
    gone = code.logic("or", broken, code.compare("oeq", x, zero))
    at_zero = code.choose(code.compare("ogt", y, zero), zero, infinite)
    value = code.choose(gone, at_zero, value)
    unknown = code.logic("or", code.compare("uno", x, y), code.compare("oeq", size, infinite))
    value = code.choose(unknown, code.mul(code.mul(size, zero), y), value)
    return code.choose(code.compare("oeq", y, zero), one, value)
