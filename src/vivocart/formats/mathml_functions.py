"""What each function of SBML's MathML is in SymPy.

What only holds numbers is worked out at once in double precision, so a model cannot ask for a number with a million
digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import libsbml
import sympy
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean, BooleanAtom

AVOGADRO = 6.02214179e23
"""The value of the symbol ``avogadro``. Source: SBML Level 3 Version 2 Core, section 3.4.6 (CODATA 2006)."""

_LARGEST_WHOLE = 2**53
_LARGEST_EXPONENT = 64

TRUE, FALSE = sympy.true, sympy.false


def _unevaluated(kind: Any, *arguments: sympy.Basic) -> Any:
    """A condition as written: SymPy would look for contradictions and compare by assumptions, at a cost."""
    return kind(*arguments, evaluate=False)


def as_number(value: sympy.Basic) -> sympy.Expr:
    """``value`` where a number is asked for: true counts as 1 and false as 0."""
    if isinstance(value, BooleanAtom):
        return sympy.Integer(int(bool(value)))
    if isinstance(value, Boolean) and not isinstance(value, sympy.Symbol):
        return select(((sympy.S.One, value), (sympy.S.Zero, TRUE)))
    return value  # type: ignore[return-value]


def select(pieces: Sequence[tuple[sympy.Basic, sympy.Basic]]) -> sympy.Expr:
    """The first value whose condition holds, as written.

    SymPy's own constructor would write conditions within conditions out, which takes exponential time.
    """
    pairs = [sympy.Basic.__new__(ExprCondPair, value, condition) for value, condition in pieces]
    return sympy.Basic.__new__(sympy.Piecewise, *pairs)  # type: ignore[return-value]


def as_boolean(value: sympy.Basic) -> Boolean:
    """``value`` where a truth is asked for: a number is true unless it is 0."""
    if isinstance(value, Boolean) and not isinstance(value, sympy.Symbol):
        return value
    if isinstance(value, sympy.Number):
        return FALSE if float(value) == 0.0 else TRUE
    return _unevaluated(sympy.Ne, value, sympy.S.Zero)


def number(value: float) -> sympy.Expr:
    """A SymPy number of exactly this double-precision value."""
    if math.isnan(value):
        return sympy.nan
    if math.isinf(value):
        return sympy.oo if value > 0 else -sympy.oo
    if value == int(value) and abs(value) <= _LARGEST_WHOLE:
        return sympy.Integer(int(value))
    return sympy.Float(value)


def divide(above: sympy.Expr, below: sympy.Expr) -> sympy.Expr:
    """The quotient, with a division by zero as the processor does it (infinite or not a number)."""
    folded = _fold(_divide, (above, below))
    return _ratio(above, below) if folded is None else folded


def _ratio(above: sympy.Expr, below: sympy.Expr) -> sympy.Expr:
    if below == 0:
        return sympy.Mul(above, sympy.oo)
    return sympy.Mul(above, sympy.Pow(below, -1))


def _divide(a: float, b: float) -> float:
    if b != 0.0:
        return a / b
    if a == 0.0 or math.isnan(a) or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _power(a: float, b: float) -> float:
    try:
        value = a**b
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf if a > 0 or b % 2 == 0 else -math.inf
    return math.nan if isinstance(value, complex) else value


def _pow(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    if exponent.is_Integer and abs(int(exponent)) > _LARGEST_EXPONENT:  # type: ignore[arg-type]
        exponent = sympy.Float(int(exponent))  # type: ignore[arg-type]  # or (2*x)**n holds the number 2**n in full
    return sympy.Pow(base, exponent)


def _gamma_of_next(a: float) -> float:
    try:
        return math.gamma(a + 1.0)
    except (ValueError, OverflowError):
        return math.nan if a < 0 else math.inf


def _is_number(value: sympy.Basic) -> bool:
    return isinstance(value, sympy.Number)


def _fold(function: Callable[..., float], arguments: Sequence[sympy.Basic]) -> sympy.Expr | None:
    """The value of a function of numbers, or nothing if an argument is not a number."""
    if not all(map(_is_number, arguments)):
        return None
    try:
        return number(float(function(*(float(a) for a in arguments))))  # type: ignore[arg-type]
    except (ValueError, ZeroDivisionError):
        return sympy.nan
    except OverflowError:
        return sympy.oo


def _truncate(a: float) -> float:
    return float(math.trunc(a))


def _absolute(a: float) -> float:
    return abs(a)


def _whole_part(value: sympy.Expr) -> sympy.Expr:
    folded = _fold(_truncate, (value,))
    if folded is not None:
        return folded
    upward = _unevaluated(sympy.Lt, value, sympy.S.Zero)
    return select(((sympy.ceiling(value), upward), (sympy.floor(value), TRUE)))


def _quotient(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return _whole_part(divide(a, b))


def _remainder(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    folded = _fold(math.fmod, (a, b))
    return sympy.Add(a, sympy.Mul(-1, b, _quotient(a, b))) if folded is None else folded


def _of_reciprocal(function: Callable[..., sympy.Expr]) -> Callable[[sympy.Expr], sympy.Expr]:
    return lambda x: function(divide(sympy.S.One, x))


def _reciprocal(function: Callable[..., sympy.Expr]) -> Callable[[sympy.Expr], sympy.Expr]:
    return lambda x: divide(sympy.S.One, function(x))


def _folding(numeric: Callable[..., float], symbolic: Callable[..., sympy.Expr]) -> Callable[..., sympy.Expr]:
    def build(*arguments: sympy.Expr) -> sympy.Expr:
        folded = _fold(numeric, arguments)
        return symbolic(*arguments) if folded is None else folded

    return build


def _log(base: sympy.Expr, value: sympy.Expr) -> sympy.Expr:
    return divide(_LN(value), _LN(base))


def _root(degree: sympy.Expr, value: sympy.Expr) -> sympy.Expr:
    return _POW(value, divide(sympy.S.One, degree))


def _ln(a: float) -> float:
    return -math.inf if a == 0.0 else math.log(a)


_POW = _folding(_power, _pow)
_LN = _folding(_ln, sympy.log)
_SIN, _COS, _TAN = _folding(math.sin, sympy.sin), _folding(math.cos, sympy.cos), _folding(math.tan, sympy.tan)
_SINH, _COSH = _folding(math.sinh, sympy.sinh), _folding(math.cosh, sympy.cosh)
_TANH = _folding(math.tanh, sympy.tanh)
_ASIN, _ACOS = _folding(math.asin, sympy.asin), _folding(math.acos, sympy.acos)
_ATAN = _folding(math.atan, sympy.atan)
_ASINH, _ACOSH = _folding(math.asinh, sympy.asinh), _folding(math.acosh, sympy.acosh)
_ATANH = _folding(math.atanh, sympy.atanh)


def _largest(*values: sympy.Expr) -> sympy.Expr:
    return _folding(lambda *v: max(v), lambda *v: sympy.Max(*v, evaluate=False))(*values)


def _smallest(*values: sympy.Expr) -> sympy.Expr:
    return _folding(lambda *v: min(v), lambda *v: sympy.Min(*v, evaluate=False))(*values)


def _minus(*values: sympy.Expr) -> sympy.Expr:
    if len(values) == 1:
        return sympy.Mul(-1, values[0])
    return sympy.Add(values[0], sympy.Mul(-1, values[1]))


# number of arguments (least, most) and what they make
NUMERIC: dict[int, tuple[int, float, Callable[..., sympy.Expr]]] = {
    libsbml.AST_PLUS: (0, math.inf, sympy.Add),
    libsbml.AST_TIMES: (0, math.inf, sympy.Mul),
    libsbml.AST_MINUS: (1, 2, _minus),
    libsbml.AST_DIVIDE: (2, 2, divide),
    libsbml.AST_POWER: (2, 2, _POW),
    libsbml.AST_FUNCTION_POWER: (2, 2, _POW),
    libsbml.AST_FUNCTION_ROOT: (2, 2, _root),
    libsbml.AST_FUNCTION_ABS: (1, 1, _folding(_absolute, sympy.Abs)),
    libsbml.AST_FUNCTION_EXP: (1, 1, _folding(math.exp, sympy.exp)),
    libsbml.AST_FUNCTION_LN: (1, 1, _LN),
    libsbml.AST_FUNCTION_LOG: (2, 2, _log),
    libsbml.AST_FUNCTION_FLOOR: (1, 1, _folding(math.floor, sympy.floor)),
    libsbml.AST_FUNCTION_CEILING: (1, 1, _folding(math.ceil, sympy.ceiling)),
    libsbml.AST_FUNCTION_FACTORIAL: (1, 1, _folding(_gamma_of_next, lambda x: sympy.gamma(sympy.Add(x, 1)))),
    libsbml.AST_FUNCTION_SIN: (1, 1, _SIN),
    libsbml.AST_FUNCTION_COS: (1, 1, _COS),
    libsbml.AST_FUNCTION_TAN: (1, 1, _TAN),
    libsbml.AST_FUNCTION_SEC: (1, 1, _reciprocal(_COS)),
    libsbml.AST_FUNCTION_CSC: (1, 1, _reciprocal(_SIN)),
    libsbml.AST_FUNCTION_COT: (1, 1, _reciprocal(_TAN)),
    libsbml.AST_FUNCTION_SINH: (1, 1, _SINH),
    libsbml.AST_FUNCTION_COSH: (1, 1, _COSH),
    libsbml.AST_FUNCTION_TANH: (1, 1, _TANH),
    libsbml.AST_FUNCTION_SECH: (1, 1, _reciprocal(_COSH)),
    libsbml.AST_FUNCTION_CSCH: (1, 1, _reciprocal(_SINH)),
    libsbml.AST_FUNCTION_COTH: (1, 1, _reciprocal(_TANH)),
    libsbml.AST_FUNCTION_ARCSIN: (1, 1, _ASIN),
    libsbml.AST_FUNCTION_ARCCOS: (1, 1, _ACOS),
    libsbml.AST_FUNCTION_ARCTAN: (1, 1, _ATAN),
    libsbml.AST_FUNCTION_ARCSEC: (1, 1, _of_reciprocal(_ACOS)),
    libsbml.AST_FUNCTION_ARCCSC: (1, 1, _of_reciprocal(_ASIN)),
    libsbml.AST_FUNCTION_ARCCOT: (1, 1, _of_reciprocal(_ATAN)),
    libsbml.AST_FUNCTION_ARCSINH: (1, 1, _ASINH),
    libsbml.AST_FUNCTION_ARCCOSH: (1, 1, _ACOSH),
    libsbml.AST_FUNCTION_ARCTANH: (1, 1, _ATANH),
    libsbml.AST_FUNCTION_ARCSECH: (1, 1, _of_reciprocal(_ACOSH)),
    libsbml.AST_FUNCTION_ARCCSCH: (1, 1, _of_reciprocal(_ASINH)),
    libsbml.AST_FUNCTION_ARCCOTH: (1, 1, _of_reciprocal(_ATANH)),
    libsbml.AST_FUNCTION_MAX: (1, math.inf, _largest),
    libsbml.AST_FUNCTION_MIN: (1, math.inf, _smallest),
    libsbml.AST_FUNCTION_REM: (2, 2, _remainder),
    libsbml.AST_FUNCTION_QUOTIENT: (2, 2, _quotient),
}

RELATIONS: dict[int, tuple[type[Relational], Callable[[float, float], bool]]] = {
    libsbml.AST_RELATIONAL_EQ: (sympy.Eq, lambda a, b: a == b),
    libsbml.AST_RELATIONAL_NEQ: (sympy.Ne, lambda a, b: a != b),
    libsbml.AST_RELATIONAL_LT: (sympy.Lt, lambda a, b: a < b),
    libsbml.AST_RELATIONAL_LEQ: (sympy.Le, lambda a, b: a <= b),
    libsbml.AST_RELATIONAL_GT: (sympy.Gt, lambda a, b: a > b),
    libsbml.AST_RELATIONAL_GEQ: (sympy.Ge, lambda a, b: a >= b),
}

JOINS = {libsbml.AST_LOGICAL_AND, libsbml.AST_LOGICAL_OR, libsbml.AST_PLUS, libsbml.AST_TIMES}

CONSTANTS: dict[int, sympy.Basic] = {
    libsbml.AST_CONSTANT_E: sympy.Float(math.e),
    libsbml.AST_CONSTANT_PI: sympy.Float(math.pi),
    libsbml.AST_CONSTANT_TRUE: TRUE,
    libsbml.AST_CONSTANT_FALSE: FALSE,
    libsbml.AST_NAME_AVOGADRO: sympy.Float(AVOGADRO),
}
LITERALS = {libsbml.AST_INTEGER, libsbml.AST_REAL, libsbml.AST_REAL_E, libsbml.AST_RATIONAL}


def conjunction(parts: Sequence[sympy.Basic]) -> Boolean:
    """All of ``parts``, without the search for contradictions that SymPy would make."""
    kept = [p for p in parts if p != TRUE]
    if any(p == FALSE for p in kept):
        return FALSE
    if len(kept) < 2:
        return kept[0] if kept else TRUE  # type: ignore[return-value]
    return _unevaluated(sympy.And, *kept)


def negation(part: sympy.Basic) -> Boolean:
    """Not ``part``."""
    if isinstance(part, BooleanAtom):
        return FALSE if part == TRUE else TRUE
    return _unevaluated(sympy.Not, part)


def disjunction(parts: Sequence[sympy.Basic]) -> Boolean:
    """Any of ``parts``."""
    kept = [p for p in parts if p != FALSE]
    if any(p == TRUE for p in kept):
        return TRUE
    if len(kept) < 2:
        return kept[0] if kept else FALSE  # type: ignore[return-value]
    return _unevaluated(sympy.Or, *kept)


def _exclusive(parts: Sequence[sympy.Basic]) -> Boolean:
    odd: sympy.Basic = FALSE
    for part in parts:
        if odd == FALSE:
            odd = part
        elif isinstance(odd, BooleanAtom) or isinstance(part, BooleanAtom):
            odd = disjunction((conjunction((odd, negation(part))), conjunction((negation(odd), part))))
        else:
            odd = _unevaluated(sympy.Ne, as_number(odd), as_number(part))
    return odd  # type: ignore[return-value]


def logic(kind: int, truths: list[Boolean]) -> Boolean | None:
    """A logical function of truths, or nothing if it is none of them."""
    joins = {
        libsbml.AST_LOGICAL_AND: conjunction,
        libsbml.AST_LOGICAL_OR: disjunction,
        libsbml.AST_LOGICAL_XOR: _exclusive,
    }
    if kind in joins:
        return joins[kind](truths)
    if kind == libsbml.AST_LOGICAL_NOT and len(truths) == 1:
        return negation(truths[0])
    if kind == libsbml.AST_LOGICAL_IMPLIES and len(truths) == 2:
        return disjunction((negation(truths[0]), truths[1]))
    return None


def relation(kind: int, left: sympy.Basic, right: sympy.Basic) -> Boolean:
    """One comparison of two numbers (or truths, as numbers)."""
    build, compare = RELATIONS[kind]
    a, b = as_number(left), as_number(right)
    if _is_number(a) and _is_number(b):
        return TRUE if compare(float(a), float(b)) else FALSE  # type: ignore[arg-type]
    return _unevaluated(build, a, b)
