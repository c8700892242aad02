"""The rows of the model's tables: parameters, observables, SLEDAI-2K items, units; and lookup that answers a wrong name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, final

from pydantic import Field, field_validator

from vivocart.ground.errors import UnknownNameError
from vivocart.ground.tables import Row

Kind = Literal["measured", "estimated", "assumed", "scenario"]
Distribution = Literal["none", "lognormal", "logitnormal", "normal"]
SpreadKind = Literal["cv_percent", "sd", "omega_sd", "omega_variance"]


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    return value


@final
class ParameterRow(Row):
    """One number that the model uses: its value, how it varies between patients, how sure it is, what it rests on."""

    id: str
    value: float
    unit: str
    module: str
    distribution: Distribution
    spread: float | None = Field(default=None, ge=0)
    spread_kind: SpreadKind | None = None
    uncertainty: float | None = Field(default=None, ge=0)
    uncertainty_kind: SpreadKind | None = None
    lower: float | None = None
    upper: float | None = None
    kind: Kind
    quantity_ids: tuple[str, ...] = ()
    note: str = ""

    _quantities = field_validator("quantity_ids", mode="before")(_split)

    def __str__(self) -> str:
        """Value, unit, kind and source as a colleague reads them: ``0.0868 1/h, estimated, apgar2018_kw``."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        rests_on = ", ".join(self.quantity_ids) or self.note
        return f"{self.value:g}{unit}, {self.kind}" + (f", {rests_on}" if rests_on else "")


@final
class ObservableRow(Row):
    """What an assay would read: an expression over the ids of the system, with its unit and label."""

    id: str
    unit: str
    expression: str
    label: str
    note: str = ""


@final
class SledaiItemRow(Row):
    """One descriptor of SLEDAI-2K: weight, the observables that drive it, the rule, and how common it is at baseline."""

    item: str
    weight: Literal[1, 2, 4, 8]
    organ: str
    serological: bool
    driver: tuple[str, ...]
    rule: Literal["threshold", "above", "below"]
    limit: tuple[float, ...] = ()
    unit: str
    prevalence: float = Field(ge=0, le=1)
    kind: Kind
    quantity_ids: tuple[str, ...] = ()
    note: str = ""

    _lists = field_validator("driver", "limit", "quantity_ids", mode="before")(_split)

    @field_validator("weight", mode="before")
    @classmethod
    def _weight_as_number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.strip().isdigit() else value


@final
class UnitRow(Row):
    """A unit as our tables spell it, and as Antimony names and defines it."""

    unit: str
    antimony_id: str
    antimony: str = ""


EntryT = TypeVar("EntryT")


@final
class Catalog(Mapping[str, EntryT]):
    """Entries by id, read-only; a name that does not exist is answered with the nearest three."""

    __slots__ = ("_entries", "_what")

    def __init__(self, entries: Mapping[str, EntryT], *, what: str) -> None:
        self._entries = dict(entries)
        self._what = what

    def __getitem__(self, name: str) -> EntryT:
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(self._what, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"{len(self)} entries by {self._what}: {', '.join(list(self._entries)[:3])} ..."

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the entries, so that a catalog travels to a worker process."""
        return _rebuild, (dict(self._entries), self._what)


def _rebuild(entries: dict[str, Any], what: str) -> Catalog[Any]:
    return Catalog(entries, what=what)
