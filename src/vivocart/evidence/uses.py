"""Uses: how each shipped number rests on quantities, recomputed and compared with what ships.

A use says by which rule a number of the product follows from quantities: ``copied`` (the same number in the same unit),
``converted`` (another unit, a formula or fewer digits), ``pooled`` (several quantities made one), ``prior`` (chosen, inside
the range that quantities span) or ``assumed`` (no quantity is claimed). What is plain needs no row: a measured or estimated
parameter with one quantity is copied or converted from it, a parameter without quantity is assumed, and an observation
states its quantity. ``uses.csv`` says the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

from pydantic import Field

from vivocart.evidence.coverage import STATES, Coverage, State, quantity_state
from vivocart.evidence.formulas import evaluate, quantity_names
from vivocart.evidence.library import shipped
from vivocart.evidence.quantities import Quantity
from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue, Row, read_table

USES_FILE = "uses.csv"

Rule = Literal["copied", "converted", "pooled", "prior", "assumed"]
Owner = Literal["parameter", "observation", "covariate", "item", "product"]
"""Whose number: of the model, of a source, of virtual patients, of a SLEDAI-2K item, of a product that sets parameters."""

Part = Literal["value", "lower", "upper", "n", "time_days"]

OWNERS: tuple[Owner, ...] = ("parameter", "observation", "covariate", "item", "product")
#: Parts whose support makes the state of a number; the others are checked, and do not lower it.
STATED_PARTS: frozenset[str] = frozenset({"value", "lower", "upper"})
_RECOMPUTED: frozenset[str] = frozenset({"copied", "converted", "pooled"})
_SAME = 1e-9  # of a copied number: nothing but the printing of a float
_ROUNDED = 0.01  # a converted number may lose digits, not more than this share of itself


@final
class UseRow(Row):
    """One row of ``uses.csv``: the rule for one part of one parameter or observation."""

    owner: Owner
    id: str
    part: Part = "value"
    rule: Rule
    formula: str = ""
    note: str = Field(min_length=1)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number that ships, as its table has it.

    ``kind`` is empty for an observation; ``trust`` and ``record_id`` are what an observation repeats
    of its quantity. ``note`` is the table's own.
    """

    owner: Owner
    id: str
    part: Part = "value"
    value: float
    unit: str
    quantity_ids: tuple[str, ...] = ()
    kind: str = ""
    trust: str = ""
    record_id: str = ""
    note: str = ""
    file: str = ""
    row: int | None = None

    @property
    def part_unit(self) -> str:
        """Unit of this part: days of a time, no dimension of a number of patients."""
        return {"time_days": "d", "n": "1"}.get(self.part, self.unit)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A shipped number with the rule by which it rests on quantities.

    ``beside`` are the quantities that the table names and the formula does not: read, compared with, not claimed.
    """

    number: Number
    rule: Rule
    formula: str
    quantity_ids: tuple[str, ...]
    beside: tuple[str, ...]
    note: str

    @property
    def name(self) -> str:
        """``parameter lnp_return`` or ``observation lunar_depleted_count, n``."""
        part = "" if self.number.part == "value" else f", {self.number.part}"
        return f"{self.number.owner} {self.number.id}{part}"


def use_rows() -> tuple[UseRow, ...]:
    """The shipped rows of ``uses.csv``."""
    return tuple(read_table(shipped(USES_FILE), UseRow))


def uses_of(numbers: Iterable[Number], rows: Iterable[UseRow]) -> tuple[tuple[Use, ...], list[Issue]]:
    """A use for each number, and what is wrong with the rows.

    Parameters
    ----------
    numbers
        Numbers that ship. One whose part is ``time_days`` is left out unless a row speaks of it.
    rows
        Rows of ``uses.csv``.
    """
    issues: list[Issue] = []
    said: dict[tuple[str, str, str], tuple[int, UseRow]] = {}
    for position, row in enumerate(rows, start=2):
        key = (row.owner, row.id, row.part)
        if key in said:
            issues.append(_row_issue(position, row, "id", "the part stands twice", "keep one of the rows"))
        said[key] = (position, row)
    uses: list[Use] = []
    for number in numbers:
        found = said.pop((number.owner, number.id, number.part), None)
        if found is None and number.part == "time_days":
            continue
        use = _plain_use(number) if found is None else _said_use(number, found[1])
        if use is None:
            mend = f"say in {USES_FILE} how it follows from them"
            issues.append(_issue(number, "several quantities, or an assumed number beside them", mend))
        else:
            uses.append(use)
    for position, row in said.values():
        issues.append(_row_issue(position, row, "id", "no such number ships", "mend or remove the row"))
    return tuple(uses), issues


def _said_use(number: Number, row: UseRow) -> Use:
    named = quantity_names(row.formula, where=f"{USES_FILE}, {row.id}")
    beside = tuple(name for name in number.quantity_ids if name not in named)
    return Use(
        number=number, rule=row.rule, formula=row.formula, quantity_ids=named, beside=beside, note=row.note
    )


def _plain_use(number: Number) -> Use | None:
    """The use that needs no row; nothing where more than one reading is possible."""
    ids = number.quantity_ids
    if len(ids) == 0:
        return Use(number=number, rule="assumed", formula="", quantity_ids=(), beside=(), note=number.note)
    if len(ids) > 1 or number.kind in ("assumed", "scenario"):
        return None
    formula = ids[0] if number.part == "value" else f"{number.part}({ids[0]})"
    return Use(number=number, rule="copied", formula=formula, quantity_ids=ids, beside=(), note=number.note)


def recomputed(use: Use, quantities: Mapping[str, Quantity]) -> tuple[float, ...]:
    """What the formula of a use gives: one number, the ends of a range for a prior, nothing for an assumption.

    Raises
    ------
    InputError
        As :func:`vivocart.evidence.formulas.evaluate`.
    """
    if not use.formula:
        return ()
    return evaluate(use.formula, quantities, unit=use.number.part_unit, where=use.name)


def rule_shown(use: Use, quantities: Mapping[str, Quantity]) -> Rule:
    """The rule in words: a plain copy whose units differ is a conversion."""
    if use.rule != "copied" or not use.quantity_ids or use.number.part == "n":
        return use.rule
    known = quantities.get(use.quantity_ids[0])
    return "converted" if known is not None and known.unit != use.number.part_unit else "copied"


def use_state(use: Use, quantities: Mapping[str, Quantity]) -> State:
    """How well a use is covered: the weakest of its quantities; what was chosen or assumed is an assumption."""
    if use.rule not in _RECOMPUTED or not use.quantity_ids:
        return "assumption"
    worst = 0
    for name in use.quantity_ids:
        state = quantity_state(quantities[name]) if name in quantities else "assumption"
        worst = max(worst, STATES.index(state))
    return STATES[worst]


def uses_coverage(
    uses: Iterable[Use], quantities: Mapping[str, Quantity], owner: Owner | None = None
) -> Coverage:
    """Numbers by state, each once, in the state of its weakest stated part."""
    worst: dict[tuple[str, str], int] = {}
    for use in uses:
        if use.number.part not in STATED_PARTS or owner not in (None, use.number.owner):
            continue
        state = STATES.index(use_state(use, quantities))
        key = (use.number.owner, use.number.id)
        worst[key] = max(worst.get(key, 0), state)
    ids: dict[State, tuple[str, ...]] = {
        state: tuple(name for (_, name), found in worst.items() if found == place)
        for place, state in enumerate(STATES)
    }
    return Coverage(ids=ids)


# -- checks -----------------------------------------------------------------------------------------------------------


def check_uses(
    uses: Sequence[Use], quantities: Mapping[str, Quantity], records: Mapping[str, Record]
) -> list[Issue]:
    """Broken uses: a number that does not follow, a rule that its kind denies, a quantity or record that is gone."""
    issues: list[Issue] = []
    for use in uses:
        try:
            results = recomputed(use, quantities)
        except InputError as error:
            issues.append(_issue(use.number, error.problem, error.mend))
            continue
        issues.extend(_wrong_numbers(use, results, quantities))
        issues.extend(_wrong_kind(use, quantities))
        issues.extend(_wrong_claims(use, quantities, records))
    return issues


def _wrong_numbers(use: Use, results: Sequence[float], quantities: Mapping[str, Quantity]) -> Iterator[Issue]:
    value = use.number.value
    if use.rule == "assumed":
        if results:
            yield _issue(use.number, f"assumed, but '{use.formula}' is claimed", "take the formula out")
        elif not use.note:
            yield _issue(use.number, "assumed without a note", "say what is assumed and why")
    elif not results:
        yield _issue(use.number, f"{use.rule} without a formula", "say from which quantities")
    elif use.rule == "prior":
        if len(results) < 2:
            yield _issue(use.number, "a prior needs a range", "give two or more numbers")
        elif not min(results) <= value <= max(results):
            stated = f"outside {min(results):.4g} to {max(results):.4g} of '{use.formula}'"
            yield _issue(use.number, stated, "mend the value, or call it assumed and say why")
    elif len(results) > 1:
        yield _issue(use.number, f"'{use.formula}' gives several numbers", "a prior may, this rule may not")
    elif not _agrees(value, results[0], is_exact=rule_shown(use, quantities) == "copied"):
        stated = f"'{use.formula}' gives {results[0]:.6g} {use.number.part_unit}"
        yield _issue(use.number, stated, f"mend the value, the formula, or the rule '{use.rule}'")


def _agrees(value: float, computed: float, *, is_exact: bool) -> bool:
    """Whether two numbers are one; of a converted one, digits may have been dropped in writing."""
    distance = abs(value - computed)
    if distance <= _SAME * abs(computed):
        return True
    return not is_exact and distance <= min(_ROUNDED * abs(computed), _half_last_digit(value))


def _half_last_digit(value: float) -> float:
    digits = f"{value:.15g}"
    exponent = int(digits.split("e")[1]) if "e" in digits else 0
    decimals = len(digits.split("e", maxsplit=1)[0].partition(".")[2])
    return 0.5 * (1 + _SAME) * 10.0 ** (exponent - decimals)


def _wrong_kind(use: Use, quantities: Mapping[str, Quantity]) -> Iterator[Issue]:
    kind = use.number.kind
    if not kind:
        return
    is_assumed = kind in ("assumed", "scenario")
    if use.rule in _RECOMPUTED and is_assumed and use_state(use, quantities) != "assumption":
        mend = "call it measured or estimated, or the use prior or assumed"
        yield _issue(use.number, f"kind {kind}, but its number is {use.rule} from what was read", mend)
    if use.rule not in _RECOMPUTED and not is_assumed:
        mend = "call it assumed, or say how it follows from quantities"
        yield _issue(use.number, f"kind {kind}, but its use is {use.rule}", mend)


def _wrong_claims(
    use: Use, quantities: Mapping[str, Quantity], records: Mapping[str, Record]
) -> Iterator[Issue]:
    number = use.number
    for name in (*use.quantity_ids, *use.beside):
        if name not in quantities:
            yield _issue(number, f"unknown quantity '{name}'", "add it to quantities.csv or mend the id")
            continue
        quantity = quantities[name]
        if name in use.quantity_ids and name not in number.quantity_ids:
            yield _issue(number, f"the formula names '{name}', the table does not", "name it in the table")
        if number.part == "value" and number.trust and number.trust != quantity.trust:
            yield _issue(number, f"trust {number.trust}, but {name} has {quantity.trust}", "write the same")
        if number.record_id and number.record_id != quantity.record_id:
            yield _issue(
                number, f"record {number.record_id}, but {name} is of {quantity.record_id}", "mend it"
            )
        record = records.get(quantity.record_id)
        if record is not None and record.is_retracted:
            mend = "rest it on another record, or call it assumed"
            yield _issue(number, f"{name} is of {record.id}, which was retracted", mend)


def _issue(number: Number, message: str, mend: str) -> Issue:
    return Issue(
        level="error",
        check="uses_follow",
        file=number.file,
        row=number.row,
        column=number.part,
        value=f"{number.value:g}",
        message=f"{number.id}: {message}",
        mend=mend,
    )


def _row_issue(position: int, row: UseRow, column: str, message: str, mend: str) -> Issue:
    return Issue(
        level="error",
        check="uses_follow",
        file=USES_FILE,
        row=position,
        column=column,
        value=row.id,
        message=f"{row.id}, {row.part}: {message}",
        mend=mend,
    )
