"""exp, log and pow for vectors of patients, as LLVM assembly.

Largest errors found against 60-digit arithmetic (``tests/engine/test_vector_math.py``): exp and log 1 unit in the last
place, pow 1.5 units.

Source
------
The reductions are those of the freely distributable mathematics library (Sun Microsystems 1993, ``e_exp.c``,
``e_log.c``); pow carries its logarithm in two numbers, as SLEEF does (Shibata and Petrogalli 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from vivocart.engine.assembly import Code

_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # 33 bits: a whole number of 11 bits times this is exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_LOG2_E = 1.4426950408889634
_SIGN_BIT = -0x8000000000000000
# coefficients of the logarithm's series in s**2, s = f/(2+f), fitted on |f| < 0.42 (e_log.c)
_LOG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)


def vector_functions(lanes: int, *, inline: bool = False) -> str:
    """Definitions of ``vector_exp``, ``vector_log``, ``vector_pow`` and ``forgiving_pow``."""
    return "\n".join(
        define_function(Code(lanes), name, inputs, body, inline)
        for name, inputs, body in (
            ("vector_exp", 1, _exp_body),
            ("vector_log", 1, _log_body),
            ("vector_pow", 2, _pow_body),
            ("forgiving_pow", 2, _forgiving_body),
        )
    )


def define_function(code: Code, name: str, inputs: int, body: Callable[..., str], inline: bool) -> str:
    """The definition of a vector function of one or two numbers."""
    arguments = ["%x", "%y"][:inputs]
    result = body(code, *arguments)
    code.do(f"ret {code.vector} {result}")
    signature = ", ".join(f"{code.vector} {a}" for a in arguments)
    lines, hint = "\n".join(code.lines), " alwaysinline" if inline else ""
    return f"define internal {code.vector} @{name}({signature}) nounwind{hint} {{\nentry:\n{lines}\n}}\n"


def estrin(code: Code, x: str, coefficients: list[float]) -> str:
    """A polynomial, highest coefficient first, by pairs (Estrin): a shorter chain of results that wait for others."""
    terms = [code.number(c) for c in reversed(coefficients)]
    while len(terms) > 1:
        pairs = [code.fma(terms[i + 1], x, terms[i]) for i in range(0, len(terms) - 1, 2)]
        if len(terms) % 2:
            pairs.append(terms[-1])
        terms = pairs
        if len(terms) > 1:
            x = code.mul(x, x)
    return terms[0]


def _two_to(code: Code, exponent: str) -> str:
    """2**exponent for whole exponents in the normal range: the number is added in the low bits of 1.5 * 2**52."""
    shifted = code.as_integers(code.add(exponent, code.number(1.5 * 2.0**52 + 1023.0)))
    return code.as_numbers(code.whole("shl", shifted, code.integer(52)))


def _exp_of_normal(code: Code, x: str) -> str:
    """exp(x) for results that are normal numbers or too large."""
    x = code.choose(code.compare("ogt", x, code.number(709.0)), code.number(math.inf), x)
    k = code.intrinsic("roundeven", code.mul(x, code.number(_LOG2_E)))
    minus_k = code.neg(k)
    r = code.fma(minus_k, code.number(_LN2_LOW), code.fma(minus_k, code.number(_LN2_HIGH), x))
    tail = estrin(code, r, [1.0 / math.factorial(i) for i in range(13, 1, -1)])
    value = code.add(code.fma(code.mul(r, r), tail, r), code.number(1.0))
    value = code.mul(value, _two_to(code, k))
    return code.choose(code.compare("oeq", x, code.number(math.inf)), x, value)


def _exp_of_sum(code: Code, high: str, low: str | None) -> str:
    """exp(high + low) for |low| far below |high|."""
    high = code.choose(code.compare("ogt", high, code.number(710.0)), code.number(710.0), high)
    high = code.choose(code.compare("olt", high, code.number(-746.0)), code.number(-746.0), high)
    k = code.intrinsic("roundeven", code.mul(high, code.number(_LOG2_E)))
    minus_k = code.neg(k)
    r = code.fma(minus_k, code.number(_LN2_HIGH), high)
    if low is None:
        r = code.fma(minus_k, code.number(_LN2_LOW), r)
    else:
        r = code.add(r, code.fma(minus_k, code.number(_LN2_LOW), low))
    tail = estrin(code, r, [1.0 / math.factorial(i) for i in range(13, 1, -1)])
    value = code.add(code.fma(code.mul(r, r), tail, r), code.number(1.0))
    half = code.intrinsic("floor", code.mul(k, code.number(0.5)))  # two factors, so that 2**-1074 is reached
    return code.mul(code.mul(value, _two_to(code, half)), _two_to(code, code.sub(k, half)))


def _exp_body(code: Code, x: str) -> str:
    value = _exp_of_sum(code, x, None)
    return code.choose(code.compare("uno", x, x), x, value)


def split(code: Code, x: str) -> tuple[str, str]:
    """A positive number, double or single, as (e, m) with x = 2**e * m and m between 1/sqrt(2) and sqrt(2)."""
    fraction, bias, lift = (23, 127, 24) if code.is_single else (52, 1023, 54)
    fraction_mask, one = 2**fraction - 1, bias << fraction
    whole = (bias + fraction) << fraction  # bits of 2**fraction, in whose lowest places whole numbers stand
    tiny = code.compare("olt", x, code.number(2.0 ** (1 - bias)))
    x = code.choose(tiny, code.mul(x, code.number(2.0**lift)), x)
    bits = code.as_integers(x)
    exponent = code.whole("or", code.whole("lshr", bits, code.integer(fraction)), code.integer(whole))
    e = code.sub(code.as_numbers(exponent), code.number(2.0**fraction + bias))
    mantissa = code.whole("or", code.whole("and", bits, code.integer(fraction_mask)), code.integer(one))
    m = code.as_numbers(mantissa)
    large = code.compare("ogt", m, code.number(math.sqrt(2.0)))
    m = code.choose(large, code.mul(m, code.number(0.5)), m)
    e = code.choose(large, code.add(e, code.number(1.0)), e)
    return code.choose(tiny, code.sub(e, code.number(float(lift))), e), m


def _log_body(code: Code, x: str) -> str:
    return _log_special(code, x, _log_of_parts(code, *split(code, x)))


def _log_of_parts(code: Code, e: str, m: str) -> str:
    """The logarithm of 2**e * m."""
    f = code.sub(m, code.number(1.0))
    s = code.div(f, code.add(f, code.number(2.0)))
    z = code.mul(s, s)
    series = code.mul(z, estrin(code, z, list(reversed(_LOG))))
    half_square = code.mul(code.number(0.5), code.mul(f, f))
    inner = code.fma(s, code.add(half_square, series), code.mul(e, code.number(_LN2_LOW)))
    return code.fma(e, code.number(_LN2_HIGH), code.sub(f, code.sub(half_square, inner)))


def _log_special(code: Code, x: str, value: str) -> str:
    infinity, zero = code.number(math.inf), code.number(0.0)
    value = code.choose(code.compare("oeq", x, infinity), x, value)
    value = code.choose(code.compare("oeq", x, zero), code.number(-math.inf), value)
    value = code.choose(code.compare("olt", x, zero), code.number(math.nan), value)
    return code.choose(code.compare("uno", x, x), x, value)


def _two_sum(code: Code, a: str, b: str) -> tuple[str, str]:
    """The sum and what rounding lost."""
    total = code.add(a, b)
    part = code.sub(total, a)
    return total, code.add(code.sub(a, code.sub(total, part)), code.sub(b, part))


def _two_product(code: Code, a: tuple[str, str], b: tuple[str, str]) -> tuple[str, str]:
    """The product of two numbers of two parts each."""
    high = code.mul(a[0], b[0])
    low = code.fma(a[0], b[0], code.neg(high))
    low = code.fma(a[0], b[1], low)
    return high, code.fma(a[1], b[0], low)


def _long_log(code: Code, x: str) -> tuple[str, str]:
    """The logarithm of a positive number in two parts."""
    e, m = split(code, x)
    one = code.number(1.0)
    f = code.sub(m, one)
    below = _two_sum(code, m, one)
    inverse = code.div(one, below[0])
    s_high = code.mul(f, inverse)
    rest = code.fma(code.neg(s_high), below[0], f)
    rest = code.fma(code.neg(s_high), below[1], rest)
    s = (s_high, code.mul(rest, inverse))
    z = _two_product(code, s, s)
    tail = estrin(code, z[0], [2.0 / (2 * i + 1) for i in range(13, 1, -1)])
    third = 2.0 / 3.0
    third_low = float(Fraction(2, 3) - Fraction(third))
    small = code.mul(z[0], tail)
    w_high = code.add(code.number(third), small)
    w_low = code.add(code.add(code.sub(code.number(third), w_high), small), code.number(third_low))
    cubic = _two_product(code, s, _two_product(code, z, (w_high, w_low)))
    two = code.number(2.0)
    total, lost = _two_sum(code, code.mul(e, code.number(_LN2_HIGH)), code.mul(two, s[0]))
    total, lost_too = _two_sum(code, total, cubic[0])
    low = code.fma(e, code.number(_LN2_LOW), code.fma(two, s[1], cubic[1]))
    low = code.add(low, code.add(lost, lost_too))
    high = code.add(total, low)
    return high, code.sub(low, code.sub(high, total))


def _is_whole(code: Code, y: str) -> str:
    return code.compare("oeq", code.intrinsic("floor", y), y)


def _pow_body(code: Code, x: str, y: str) -> str:
    zero, one, infinity = code.number(0.0), code.number(1.0), code.number(math.inf)
    size = code.intrinsic("fabs", x)
    high, low = _long_log(code, size)
    product = code.mul(y, high)
    rest = code.fma(y, low, code.fma(y, high, code.neg(product)))
    far = code.compare("ogt", code.intrinsic("fabs", product), code.number(1000.0))
    value = _exp_of_sum(code, product, code.choose(far, zero, rest))
    growing = code.compare("ogt", y, zero)
    value = code.choose(code.compare("oeq", size, zero), code.choose(growing, zero, infinity), value)
    value = code.choose(code.compare("oeq", size, infinity), code.choose(growing, infinity, zero), value)
    half = code.mul(y, code.number(0.5))
    odd = code.logic("and", _is_whole(code, y), code.compare("une", code.intrinsic("floor", half), half))
    negative = code.compare("olt", x, zero)
    value = code.choose(code.logic("and", negative, odd), code.neg(value), value)
    broken = code.compare("une", code.intrinsic("floor", y), y)
    finite = code.compare("olt", size, infinity)
    value = code.choose(
        code.logic("and", code.logic("and", negative, finite), broken), code.number(math.nan), value
    )
    value = code.choose(code.compare("uno", x, y), code.add(x, y), value)
    value = code.choose(code.compare("oeq", x, one), one, value)
    return code.choose(code.compare("oeq", y, zero), one, value)


def _forgiving_body(code: Code, x: str, y: str) -> str:
    """A power for inside the solver: exp(y log x) in plain numbers, a few units of y log x off in the last place.

    A negative base with a broken exponent counts as zero. Results below the smallest normal number stay at it.
    """
    zero, one = code.number(0.0), code.number(1.0)
    size = code.intrinsic("fabs", x)
    e, m = split(code, size)
    product = code.mul(y, _log_of_parts(code, e, m))
    product = code.choose(code.compare("olt", product, code.number(-708.0)), code.number(-708.0), product)
    value = _exp_of_normal(code, product)
    whole, half = _is_whole(code, y), code.mul(y, code.number(0.5))
    odd = code.logic("and", whole, code.compare("une", code.intrinsic("floor", half), half))
    negative = code.compare("olt", x, zero)
    value = code.choose(code.logic("and", negative, odd), code.neg(value), value)
    broken = code.logic("and", negative, code.compare("une", code.intrinsic("floor", y), y))
    gone = code.logic("or", broken, code.compare("oeq", x, zero))
    at_zero = code.choose(code.compare("ogt", y, zero), zero, code.number(math.inf))
    value = code.choose(gone, at_zero, value)
    value = code.choose(code.compare("uno", x, y), code.add(x, y), value)
    return code.choose(code.compare("oeq", y, zero), one, value)
