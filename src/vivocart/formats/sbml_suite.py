"""Settings and results of the SBML semantic test suite, as its files write them.

Source: SBML Test Suite, README of the semantic cases, https://github.com/sbmlteam/sbml-test-suite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import sympy

from vivocart.equations.system import TIME, symbol
from vivocart.formats.sbml import SbmlModel
from vivocart.ground.errors import InputError, UnknownNameError

_NUMBERS = ("start", "duration", "steps", "absolute", "relative")
_LISTS = ("variables", "amount", "concentration")
_MOST_STEPS = 1_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSettings:
    """What a case asks for: when, which variables, and how near they must be."""

    start: float
    duration: float
    steps: int
    variables: tuple[str, ...]
    absolute: float
    relative: float
    amount: frozenset[str]
    concentration: frozenset[str]

    @property
    def times(self) -> tuple[float, ...]:
        """The ``steps + 1`` output times."""
        return tuple(self.start + i * self.duration / self.steps for i in range(self.steps + 1))


def read_settings(text: str, *, name: str = "settings.txt") -> SuiteSettings:
    """The settings of a case, from lines ``key: value``.

    Raises
    ------
    InputError
        If a key is missing or unknown, or a value is not what its key needs; with the line.
    """
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        key, colon, value = line.partition(":")
        key = key.strip().lower()
        if not line.strip():
            continue
        if not colon or key not in _NUMBERS + _LISTS:
            raise InputError(
                f"'{line.strip()[:60]}' is not a setting",
                where=f"{name}, line {number}",
                mend=f"write 'key: value' with one of {', '.join(_NUMBERS + _LISTS)}",
            )
        found[key] = number, value.strip()
    numbers = {key: _number(found, key, name) for key in _NUMBERS}
    steps = numbers["steps"]
    if steps != int(steps) or not 1 <= steps <= _MOST_STEPS:
        raise InputError(
            f"steps is {steps:g}", where=name, mend=f"give a whole number from 1 to {_MOST_STEPS}"
        )
    if numbers["duration"] < 0:
        raise InputError(
            f"duration is {numbers['duration']:g}", where=name, mend="give a duration that is not negative"
        )
    lists = {key: _names(found.get(key, (0, ""))[1]) for key in _LISTS}
    if not lists["variables"]:
        raise InputError("no variables", where=name, mend="write 'variables: id, id, ...'")
    return SuiteSettings(
        start=numbers["start"],
        duration=numbers["duration"],
        steps=int(steps),
        variables=lists["variables"],
        absolute=numbers["absolute"],
        relative=numbers["relative"],
        amount=frozenset(lists["amount"]),
        concentration=frozenset(lists["concentration"]),
    )


def _number(found: Mapping[str, tuple[int, str]], key: str, name: str) -> float:
    if key not in found:
        raise InputError(f"'{key}' is missing", where=name, mend=f"write '{key}: number'")
    line, text = found[key]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{key} is '{text[:60]}'", where=f"{name}, line {line}", mend="give a number")
    return value


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def reported(
    model: SbmlModel, settings: SuiteSettings, *, name: str = "settings.txt"
) -> dict[str, sympy.Expr]:
    """For each variable of the settings, the expression to be reported: as amount or concentration where they say so.

    Raises
    ------
    UnknownNameError
        If the model has no such variable.
    """
    found: dict[str, sympy.Expr] = {}
    for variable in settings.variables:
        if variable in settings.amount and variable in model.amounts:
            found[variable] = model.amounts[variable]
        elif variable in settings.concentration and variable in model.concentrations:
            found[variable] = model.concentrations[variable]
        elif variable in model.ids:
            found[variable] = symbol(variable)
        elif variable.lower() == "time":
            found[variable] = TIME
        else:
            raise UnknownNameError("variable", variable, model.ids, where=name)
    return found


def write_results(times: Sequence[float], variables: Sequence[str], values: Iterable[Sequence[float]]) -> str:
    """Results as CSV: a header ``time,...`` and a row for each time, with every digit."""
    lines = [",".join(["time", *variables])]
    for time, row in zip(times, values, strict=True):
        lines.append(",".join(_written(float(value)) for value in (time, *row)))
    return "\n".join(lines) + "\n"


def _written(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"
