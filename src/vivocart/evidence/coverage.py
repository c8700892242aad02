"""How far the numbers that a model or a comparison uses are covered by what was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

from vivocart.evidence.quantities import Quantity
from vivocart.ground.errors import UnknownNameError

State = Literal["checked", "place given, text not held", "secondary source only", "assumption"]

#: States from best to worst.
STATES: tuple[State, ...] = ("checked", "place given, text not held", "secondary source only", "assumption")

_STATE_OF_TRUST: Mapping[str, State] = {
    "primary": "checked",
    "abstract": "checked",
    "coded_copy": "place given, text not held",
    "secondary": "secondary source only",
    "tertiary": "secondary source only",
    "memory": "assumption",
    "hand_set": "assumption",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Ids of the numbers in each state, in the order they were given."""

    ids: Mapping[State, tuple[str, ...]]

    @property
    def counts(self) -> dict[State, int]:
        """How many numbers stand in each state, best state first."""
        return {state: len(self.ids[state]) for state in STATES}

    @property
    def total(self) -> int:
        """How many numbers there are."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        return f"{self.total} numbers: " + ", ".join(
            f"{count} {state}" for state, count in self.counts.items()
        )


def quantity_state(quantity: Quantity) -> State:
    """State of one quantity: what its trust amounts to; a row without trust or number counts as assumption."""
    if quantity.trust is None or not quantity.has_number:
        return "assumption"
    return _STATE_OF_TRUST[quantity.trust]


def split_ids(text: str) -> tuple[str, ...]:
    """Ids of a ``quantity_ids`` cell, which ``;`` parts."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def state_of(quantity_ids: Iterable[str], quantities: Mapping[str, Quantity], *, where: str = "") -> State:
    """State of a number that rests on ``quantity_ids``: its weakest support; on none, an assumption.

    Raises
    ------
    UnknownNameError
        If an id is not among ``quantities``; names the nearest three.
    """
    worst = -1
    for quantity_id in quantity_ids:
        if quantity_id not in quantities:
            raise UnknownNameError("quantity", quantity_id, quantities, where=where)
        worst = max(worst, STATES.index(quantity_state(quantities[quantity_id])))
    return STATES[worst] if worst >= 0 else "assumption"


def coverage(
    uses: Mapping[str, str | Sequence[str]],
    quantities: Mapping[str, Quantity],
    *,
    kinds: Mapping[str, str] | None = None,
) -> Coverage:
    """Coverage of parameters or observations by state.

    Parameters
    ----------
    uses
        Id of the parameter or observation to its quantity ids (a sequence, or one text parted by ``;``).
    quantities
        Quantities by id.
    kinds
        Id to kind; what is ``assumed`` or ``scenario`` is an assumption whatever it mentions.

    Raises
    ------
    UnknownNameError
        If a quantity id is unknown; names the user of it and the nearest three.
    """
    found: dict[State, list[str]] = {state: [] for state in STATES}
    for use_id, given in uses.items():
        quantity_ids = split_ids(given) if isinstance(given, str) else tuple(given)
        state = state_of(quantity_ids, quantities, where=use_id)
        if kinds is not None and kinds.get(use_id) in ("assumed", "scenario"):
            state = "assumption"
        found[state].append(use_id)
    return Coverage(ids={state: tuple(ids) for state, ids in found.items()})


def records_behind(quantity_ids: Iterable[str], quantities: Mapping[str, Quantity]) -> tuple[str, ...]:
    """Ids of the records that ``quantity_ids`` rest on, each once, in order of first mention."""
    found: dict[str, None] = {}
    for quantity_id in quantity_ids:
        if quantity_id not in quantities:
            raise UnknownNameError("quantity", quantity_id, quantities)
        record_id = quantities[quantity_id].record_id
        if record_id:
            found[record_id] = None
    return tuple(found)
