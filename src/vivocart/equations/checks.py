"""What can be said of a system before and after it is solved: sums that stay as they are, states that fall below zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np
import sympy
from numpy.typing import NDArray

from vivocart.equations.system import System

Numbers = NDArray[np.float64]


def conservation_laws(system: System) -> tuple[Mapping[str, Fraction], ...]:
    """Weighted sums of states that no rate changes, as state -> weight, found from the terms the rates share.

    Every rate is written as a sum of terms with numbers in front (its fluxes); a law is a row of weights whose products
    with those numbers vanish term by term. States with rate zero are left out: each is a law by itself.
    """
    terms: dict[sympy.Expr, int] = {}
    moving = [s for s in system.states if s.rate != 0]
    rows: list[dict[int, Fraction]] = []
    for state in moving:
        row: dict[int, Fraction] = {}
        for term, factor in sympy.expand(system.expand(state.rate)).as_coefficients_dict().items():
            column = terms.setdefault(term, len(terms))
            row[column] = row.get(column, Fraction(0)) + _fraction(factor)
        rows.append(row)
    return tuple({moving[i].id: weight for i, weight in law.items()} for law in _left_null_space(rows))


def _fraction(number: sympy.Expr) -> Fraction:
    if isinstance(number, sympy.Rational):
        return Fraction(int(number.p), int(number.q))
    return Fraction(float(number))


def _left_null_space(rows: list[dict[int, Fraction]]) -> list[dict[int, Fraction]]:
    """Combinations of sparse rows that vanish, by elimination with a record of what was combined."""
    pivots: dict[int, tuple[dict[int, Fraction], dict[int, Fraction]]] = {}
    laws: list[dict[int, Fraction]] = []
    for i, given in enumerate(rows):
        row, made = dict(given), {i: Fraction(1)}
        for column in sorted(pivots):
            factor = row.get(column, Fraction(0))
            if factor:
                pivot, source = pivots[column]
                _subtract(row, pivot, factor)
                _subtract(made, source, factor)
        if row:
            column = min(row)
            scale = row[column]
            new = ({k: v / scale for k, v in row.items()}, {k: v / scale for k, v in made.items()})
            for other, source in pivots.values():
                factor = other.get(column, Fraction(0))
                if factor:
                    _subtract(other, new[0], factor)
                    _subtract(source, new[1], factor)
            pivots[column] = new
        else:
            first = made[max(made)]
            laws.append({k: v / first for k, v in sorted(made.items())})
    return laws


def _subtract(target: dict[int, Fraction], source: Mapping[int, Fraction], factor: Fraction) -> None:
    for key, value in source.items():
        total = target.get(key, Fraction(0)) - factor * value
        if total:
            target[key] = total
        else:
            target.pop(key, None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeState:
    """A state of a patient that fell further below zero than the tolerance explains; ``time`` is when it was lowest."""

    patient: int
    state_id: str
    time: float
    value: float
    allowed: float


def negative_states(
    values: Numbers, times: Numbers, state_ids: Sequence[str], *, rtol: float = 1e-6, atol: float = 1e-9
) -> tuple[NegativeState, ...]:
    """States below zero by more than ten times the tolerance at their largest size, lowest value of each patient and state.

    ``values`` is (n_patients, n_times, n_states). The solver does not force states to stay above zero: it would hide an
    equation that lets them fall. What fails already (NaN) is not reported here.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        return ()
    filled = np.where(np.isfinite(values), values, 0.0)
    lowest = filled.min(axis=1)
    allowed = 10 * (rtol * np.abs(filled).max(axis=1) + atol)
    found: list[NegativeState] = []
    for patient, state in zip(*np.nonzero(lowest < -allowed), strict=True):
        found.append(
            NegativeState(
                patient=int(patient),
                state_id=state_ids[int(state)],
                time=float(times[int(filled[patient, :, state].argmin())]),
                value=float(lowest[patient, state]),
                allowed=float(allowed[patient, state]),
            )
        )
    return tuple(found)
