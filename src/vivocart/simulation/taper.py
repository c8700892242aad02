"""A taper of prednisone by rule: the dose is reviewed at fixed intervals and changed as the patient's own course allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import sympy

from vivocart.equations.system import TIME, symbol
from vivocart.equations.triggers import Trigger
from vivocart.ground.errors import InputError
from vivocart.model.load import Model

TAPERED_DRUGS = ("prednisone",)
"""Drugs whose daily dose is a state of the model; ``<drug>_withdrawn`` is what a taper took away."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Taper:
    """Reviews from ``from_day`` on, every ``every_days``: a step down to ``to_mg_per_day``, or not.

    At a review the dose falls by ``step_mg_per_day``, never below ``to_mg_per_day``, and not at all in a patient who
    takes no more than that already. If ``observable`` is not below ``below`` at that moment (a flare), the dose stays, or
    rises by ``step_up_mg_per_day`` as far as the patient's dose at the start; the next review comes after the same time.
    Days count from the first infusion that is not preparation.
    """

    drug: str
    from_day: float
    step_mg_per_day: float
    every_days: float
    to_mg_per_day: float
    observable: str | None = None
    below: float = math.inf
    step_up_mg_per_day: float = 0.0


def taper_triggers(model: Model, rule: Taper, *, first_infusion_day: float, days: float) -> list[Trigger]:
    """The rule as the engine takes it: at each review one dose into what is withdrawn, one that moves the review on.

    Raises
    ------
    InputError
        If the drug's dose is not a state of the model.
    UnknownNameError
        If the model lacks the observable; the nearest three are named.
    """
    withdrawn, shift = f"{rule.drug}_withdrawn", f"{rule.drug}_review_shift"
    if rule.drug not in TAPERED_DRUGS or withdrawn not in model.system.state_ids:
        raise InputError(
            f"the dose of '{rule.drug}' is not in the model",
            where="taper.drug",
            mend=f"use one of: {', '.join(TAPERED_DRUGS)}",
        )
    begin = rule.from_day + first_infusion_day
    down = sympy.Min(
        sympy.Float(rule.step_mg_per_day),
        sympy.Max(symbol(rule.drug) - sympy.Float(rule.to_mg_per_day), 0),
    )
    change: sympy.Expr = down
    if rule.observable is not None:
        quiet = sympy.Lt(model.observable_expression(rule.observable), sympy.Float(rule.below))
        up = sympy.Min(sympy.Float(rule.step_up_mg_per_day), symbol(withdrawn))
        change = sympy.Piecewise((down, quiet), (-up, True))
    reviews = max(0, math.floor((days - begin) / rule.every_days)) + 1
    due = sympy.Ge(TIME, sympy.Float(begin) + symbol(shift))
    amounts = {withdrawn: change, shift: sympy.Float(rule.every_days)}
    return [
        Trigger(
            id=state,
            condition=due,
            state=state,
            amount=amount,
            max_count=reviews,
            at_start=True,
        )
        for state, amount in amounts.items()
    ]
