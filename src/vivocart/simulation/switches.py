"""Switches of the model that nobody turned: written into the system as numbers, so that what is off costs no time."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import sympy

from vivocart.equations.system import System, symbol
from vivocart.model.load import Model

_OFF_OR_ON = (0.0, 1.0)


_SWITCHES: dict[str, tuple[tuple[str, int], ...]] = {}  # by hash of the model


def unturned_switches(model: Model, turned: Collection[str]) -> tuple[tuple[str, int], ...]:
    """Parameters of kind ``scenario`` that are 0 or 1 for every patient, each with that number.

    Parameters
    ----------
    model
        Whose parameters are looked at.
    turned
        Parameters that patients or products set: these stay parameters, whatever their values, so that the numbers of a
        patient do not depend on whom it is simulated with.
    """
    if model.hash not in _SWITCHES:
        _SWITCHES[model.hash] = tuple(
            (name, int(row.value))
            for name, row in model.parameters.items()
            if row.kind == "scenario" and row.value in _OFF_OR_ON
        )
    return tuple(entry for entry in _SWITCHES[model.hash] if entry[0] not in turned)


def with_numbers(system: System, numbers: Mapping[str, int]) -> System:
    """The system with these parameters written as numbers; they stay in its list of parameters and do nothing there."""
    if not numbers:
        return system
    known: dict[sympy.Basic, sympy.Basic] = {
        symbol(name): sympy.Integer(value) for name, value in numbers.items()
    }
    return dataclasses.replace(
        system,
        states=tuple(dataclasses.replace(state, rate=state.rate.xreplace(known)) for state in system.states),
        rules=tuple(
            dataclasses.replace(rule, expression=rule.expression.xreplace(known)) for rule in system.rules
        ),
        start=tuple(
            dataclasses.replace(entry, expression=entry.expression.xreplace(known)) for entry in system.start
        ),
    )
