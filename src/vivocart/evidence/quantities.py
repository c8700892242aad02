"""Quantities: one number, one row, one place in one record, with how far we believe it.

The table is ``quantities.csv``; its columns are the fields of :class:`Quantity`.
"""

from __future__ import annotations

import datetime
from typing import Literal, final

from pydantic import Field

from vivocart.ground.tables import Row

Trust = Literal["primary", "abstract", "coded_copy", "secondary", "tertiary", "memory", "hand_set"]
SpreadKind = Literal["cv_percent", "sd", "omega_sd", "omega_variance", "iqr", "range", "ci95", "none"]

#: Kinds whose ``spread`` is a number; the others are said by ``lower`` and ``upper``.
NUMERIC_SPREADS: frozenset[str] = frozenset({"cv_percent", "sd", "omega_sd", "omega_variance"})
#: Trusts that need no record.
WITHOUT_RECORD: frozenset[str] = frozenset({"memory", "hand_set"})


@final
class Quantity(Row):
    """One numeric statement of a record.

    ``value`` is empty for a statement of bounds only (``lower`` and ``upper`` hold them) and for a statement without a
    number, which then has a note.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    record_id: str = ""
    place: str = ""
    quantity: str
    value: float | None = None
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    spread: float | None = Field(default=None, ge=0)
    spread_kind: SpreadKind = "none"
    n: int | None = Field(default=None, ge=1)
    population: str = ""
    how: str = ""
    read_by: str = ""
    read_on: datetime.date | None = None
    trust: Trust | None = None
    note: str = ""

    @property
    def has_number(self) -> bool:
        """Whether the row states a value or a bound."""
        return self.value is not None or self.lower is not None or self.upper is not None
