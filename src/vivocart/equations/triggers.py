"""Doses that the patient's own course sets off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import sympy


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A dose into a state whenever a condition turns from false to true.

    ``condition`` is a SymPy Boolean and ``amount`` an expression, both in states, parameters, derived constants, rules
    and time; ``amount`` is evaluated when the condition turns true. The dose starts ``delay`` later and runs for
    ``duration`` (0 is a bolus), in the time unit of the system. No more than ``max_count`` doses are given and none
    less than ``min_spacing`` after the one before. A condition that already holds at the start sets off nothing until it
    has been false, unless ``at_start``.
    """

    id: str
    condition: sympy.Basic
    state: str
    amount: sympy.Expr
    duration: float = 0.0
    delay: float = 0.0
    max_count: int = 1
    min_spacing: float = 0.0
    at_start: bool = False
