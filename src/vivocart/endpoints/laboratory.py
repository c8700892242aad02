"""Grades of laboratory values by CTCAE version 5."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Literal, final

import numpy as np

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import Row, read_table


@final
class LaboratoryTerm(Row):
    """One term: the limits at which a value passes into each grade.

    ``low``: grade 1 below the lower limit of normal, grade 2 to 4 below ``grade2`` to ``grade4``. ``high``: value in
    multiples of the upper limit of normal, grade 1 to 4 above ``grade1`` to ``grade4``.
    """

    term: str
    unit: str
    direction: Literal["low", "high"]
    grade1: float | None = None
    grade2: float
    grade3: float
    grade4: float | None = None
    source: str
    note: str = ""


@functools.cache
def laboratory_terms() -> dict[str, LaboratoryTerm]:
    """The terms by name."""
    rows = read_table(files("vivocart.endpoints") / "ctcae_laboratory.csv", LaboratoryTerm)
    return {row.term: row for row in rows}


def ctcae_grade(term: str, value: np.ndarray, *, normal_limit: np.ndarray | float) -> np.ndarray:
    """Grade of a laboratory value by CTCAE version 5, whole numbers from 0 to 4, in the shape of ``value``.

    Parameters
    ----------
    term
        Such as ``"neutrophil_count_decreased"``.
    value
        In the unit of the term; for terms that rise, in the laboratory's own unit, the same as ``normal_limit``.
    normal_limit
        Lower limit of normal for terms that fall; upper limit for terms that rise.

    Raises
    ------
    UnknownNameError
        If the term is not in the table.
    InputError
        If the limit of normal is not positive.
    """
    terms = laboratory_terms()
    if term not in terms:
        raise UnknownNameError("laboratory term", term, terms)
    if np.any(np.asarray(normal_limit) <= 0):
        raise InputError(f"{normal_limit}", where="normal_limit", mend="give the laboratory's positive limit")
    row = terms[term]
    seen = np.asarray(value, dtype=float)
    if row.direction == "high":
        limits = (row.grade1, row.grade2, row.grade3, row.grade4)
        ratio = seen / normal_limit
        passed = [ratio > limit for limit in limits if limit is not None]
    else:
        passed = [seen < normal_limit]
        passed += [seen < limit for limit in (row.grade2, row.grade3, row.grade4) if limit is not None]
    grade = np.zeros(seen.shape, dtype=np.int64)
    for number, reached in enumerate(passed, start=1):
        grade = np.where(reached, number, grade)
    return grade
