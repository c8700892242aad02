"""Entry criteria as people write them in a cell of a table: ``age 18 to 69; sledai_baseline >= 6; upcr >= 1 g/g``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.units import convert
from vivocart.patients.covariates import load_covariates
from vivocart.patients.criteria import Criterion, EntryCriteria
from vivocart.patients.sledai_baseline import SCORES

_NUMBER = r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)"
_NAME = r"([A-Za-z][\w -]*?)"
_UNIT = r"(?:\s+([^,;]+)|([^\d\s,;.][^,;]*))?"
_RANGE = re.compile(
    rf"{_NAME}\s*(?:=|:|from|of|between)?\s*{_NUMBER}\s*(?:to|-|–|and|\.\.)\s*{_NUMBER}{_UNIT}"
)
_LIMIT = re.compile(
    rf"{_NAME}\s*(>=|=>|≥|<=|=<|≤|>|<|at least|at most|above|below|over|under)\s*{_NUMBER}{_UNIT}",
    re.IGNORECASE,
)
_EQUAL = re.compile(rf"{_NAME}\s*(?:=|==|is|:)\s*([\w.]+)", re.IGNORECASE)
_WITH = re.compile(r"(with|without|no|not|only)?\s*([A-Za-z]\w*)", re.IGNORECASE)
_MINIMUM = frozenset({">=", "=>", "≥", ">", "at least", "above", "over"})
_YES = {"yes": 1.0, "true": 1.0, "1": 1.0, "present": 1.0, "no": 0.0, "false": 0.0, "0": 0.0, "absent": 0.0}
# what sources call a covariate -> its id
_ALIASES = {
    "sledai": "sledai_baseline",
    "sledai_2k": "sledai_baseline",
    "clinical_sledai": "sledai_clinical_baseline",
    "weight": "body_weight",
    "b_cells": "b_cells_blood",
    "women": "female",
    "lupus_nephritis": "nephritis",
    "disease_duration_years": "disease_duration",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaText:
    """Criteria read from a text; ``not_read`` are the parts that name no covariate with a limit, such as free text."""

    criteria: EntryCriteria | None
    not_read: tuple[str, ...]


def read_criteria(text: str, *, where: str = "population") -> CriteriaText:
    """Entry criteria of a text whose parts are separated by ``;`` or ``,``.

    A part is a range (``age 18 to 69``), a limit (``sledai_baseline >= 6``, ``upcr at least 1 g/g``) or a flag
    (``nephritis``, ``without nephritis``, ``female = 1``). Numbers are in the covariate's unit unless one is written.

    Raises
    ------
    UnknownNameError
        If a part sets a limit on something that is no covariate; the nearest three are named.
    InputError
        If a unit cannot be converted to the covariate's.
    """
    criteria: list[Criterion] = []
    not_read: list[str] = []
    for part in (piece.strip().rstrip(".") for piece in re.split(r"[;,]", text)):
        if not part:
            continue
        found = _criterion(part, where)
        if found is None:
            not_read.append(part)
        else:
            criteria.append(found)
    return CriteriaText(
        criteria=EntryCriteria(criteria=tuple(criteria)) if criteria else None, not_read=tuple(not_read)
    )


def covariate_units() -> dict[str, str]:
    """Unit of each covariate that a criterion may name."""
    units = {name: rows[0].unit for name, rows in load_covariates().rows.items()}
    return units | dict.fromkeys(SCORES, "score")


def _criterion(part: str, where: str) -> Criterion | None:
    if (found := _RANGE.fullmatch(part)) is not None:
        return _limited(found[1], float(found[2]), float(found[3]), found[4] or found[5], part, where)
    if (found := _LIMIT.fullmatch(part)) is not None:
        number = float(found[3])
        is_minimum = found[2].lower() in _MINIMUM
        low, high = (number, None) if is_minimum else (None, number)
        return _limited(found[1], low, high, found[4] or found[5], part, where)
    if (found := _EQUAL.fullmatch(part)) is not None and found[2].lower() in _YES:
        number = _YES[found[2].lower()]
        return _limited(found[1], number, number, None, part, where)
    found = _WITH.fullmatch(part)
    name = _known(found[2]) if found is not None else None
    if found is None or name is None or load_covariates().rows.get(name, ())[:1] == ():
        return None
    if load_covariates().rows[name][0].distribution != "bernoulli":
        return None
    number = 0.0 if (found[1] or "").lower() in ("without", "no", "not") else 1.0
    return Criterion(covariate=name, minimum=number, maximum=number)


def _known(text: str) -> str | None:
    """Id of the covariate that a text names; None if there is none."""
    name = re.sub(r"[\s-]+", "_", text.strip().lower())
    units = covariate_units()
    name = name if name in units else _ALIASES.get(name, name)
    return name if name in units else None


def _limited(
    text: str, low: float | None, high: float | None, unit: str | None, part: str, where: str
) -> Criterion:
    name = _known(text)
    if name is None:
        raise UnknownNameError("covariate", text.strip(), covariate_units(), where=f"{where} '{part}'")
    own = covariate_units()[name]
    written = (unit or "").strip()
    scale = 1.0
    if written and written.lower() not in _WORDS_FOR.get(own, ()):
        try:
            scale = convert(1.0, written, own)
        except InputError as error:
            raise InputError(
                f"the unit '{written}'", where=f"{where} '{part}'", mend=f"write {name} in {own}"
            ) from error
    return Criterion(
        covariate=name,
        unit=own,
        minimum=None if low is None else low * scale,
        maximum=None if high is None else high * scale,
    )


_WORDS_FOR = {"a": ("years", "year", "y", "yr", "yrs"), "score": ("points", "point"), "1": ()}
