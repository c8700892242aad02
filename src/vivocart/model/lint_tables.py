"""Checks of the model's tables: ids, units, kinds, spreads, limits, quantities and SLEDAI-2K items."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from vivocart.ground import units
from vivocart.ground.tables import Issue
from vivocart.model.rows import ObservableRow, ParameterRow, SledaiItemRow, UnitRow

PARAMETERS, OBSERVABLES, ITEMS, UNITS = "parameters.csv", "observables.csv", "sledai_items.csv", "units.csv"
SLEDAI_ITEMS, SLEDAI_MAXIMUM = 24, 105


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Rows that could be read, where each stands, and the quantities that exist."""

    parameters: tuple[ParameterRow, ...]
    observables: tuple[ObservableRow, ...]
    items: tuple[SledaiItemRow, ...]
    units: tuple[UnitRow, ...]
    places: Mapping[str, Mapping[str, int]]
    quantity_ids: Collection[str]
    record_ids: Collection[str]

    def issue(
        self, check: str, file: str, key: str, column: str, value: object, message: str, mend: str
    ) -> Issue:
        """A finding at the row of ``key``."""
        shown = None if value is None else str(value)
        return Issue(
            level="error",
            check=check,
            file=file,
            row=self.places[file].get(key),
            column=column,
            value=shown,
            message=f"{key}: {message}",
            mend=mend,
        )


TableCheck = Callable[[Tables], Iterator[Issue]]


def ids_are_unique(tables: Tables) -> Iterator[Issue]:
    """One id twice in a table."""
    listed = {
        PARAMETERS: [row.id for row in tables.parameters],
        OBSERVABLES: [row.id for row in tables.observables],
        ITEMS: [row.item for row in tables.items],
        UNITS: [row.unit for row in tables.units],
    }
    for file, ids in listed.items():
        for key in sorted({key for key in ids if ids.count(key) > 1}):
            yield tables.issue(
                "ids_are_unique", file, key, "id", key, "the id stands twice", "keep one of the rows"
            )


def units_are_known(tables: Tables) -> Iterator[Issue]:
    """A unit that the table of units, or the converter, does not know."""
    known = {row.unit for row in tables.units}
    listed = [(PARAMETERS, row.id, row.unit) for row in tables.parameters]
    listed += [(OBSERVABLES, row.id, row.unit) for row in tables.observables]
    listed += [(ITEMS, row.item, row.unit) for row in tables.items]
    for file, key, unit in listed:
        if unit not in known or not units.is_known(unit):
            mend = f"use one of: {', '.join(sorted(known))}"
            yield tables.issue("units_are_known", file, key, "unit", unit, "unknown unit", mend)


def kinds_have_their_ground(tables: Tables) -> Iterator[Issue]:
    """A measured or estimated number without a quantity; an assumed or scenario one without a note."""
    listed = [(PARAMETERS, row.id, row) for row in tables.parameters]
    rows = [*listed, *((ITEMS, row.item, row) for row in tables.items)]
    for file, key, row in rows:
        if row.kind in ("measured", "estimated") and not row.quantity_ids:
            mend = "name the quantity it rests on, or call it assumed and say why"
            yield tables.issue(
                "kinds_have_their_ground",
                file,
                key,
                "quantity_ids",
                None,
                f"{row.kind} without a quantity",
                mend,
            )
        if row.kind in ("assumed", "scenario") and not row.note:
            mend = "say what is assumed and why"
            yield tables.issue(
                "kinds_have_their_ground", file, key, "note", None, f"{row.kind} without a note", mend
            )


def spreads_are_whole(tables: Tables) -> Iterator[Issue]:
    """A distribution without spread, a spread without its kind, or either without the other."""
    for row in tables.parameters:
        if (row.distribution == "none") != (row.spread is None):
            mend = "give a spread, or 'none' as distribution"
            yield tables.issue(
                "spreads_are_whole",
                PARAMETERS,
                row.id,
                "spread",
                row.spread,
                f"distribution '{row.distribution}'",
                mend,
            )
        for column, number, kind in (
            ("spread_kind", row.spread, row.spread_kind),
            ("uncertainty_kind", row.uncertainty, row.uncertainty_kind),
        ):
            if (number is None) != (kind is None):
                mend = "give both or neither: number and kind"
                yield tables.issue(
                    "spreads_are_whole",
                    PARAMETERS,
                    row.id,
                    column,
                    kind,
                    "spread and kind do not match",
                    mend,
                )


def values_fit_their_distribution(tables: Tables) -> Iterator[Issue]:
    """A value outside its limits or where its distribution cannot be."""
    for row in tables.parameters:
        low, high = row.lower, row.upper
        if (low is not None and row.value < low) or (high is not None and row.value > high):
            message = f"outside its limits {low} to {high}"
            yield tables.issue(
                "values_fit_their_distribution",
                PARAMETERS,
                row.id,
                "value",
                row.value,
                message,
                "mend value or limits",
            )
        elif row.distribution == "lognormal" and row.value <= 0:
            mend = "give a value above 0 or another distribution"
            yield tables.issue(
                "values_fit_their_distribution",
                PARAMETERS,
                row.id,
                "value",
                row.value,
                "cannot be log-normal",
                mend,
            )
        elif row.distribution == "logitnormal" and not 0 < row.value < 1:
            mend = "give a value between 0 and 1 or another distribution"
            yield tables.issue(
                "values_fit_their_distribution",
                PARAMETERS,
                row.id,
                "value",
                row.value,
                "cannot be logit-normal",
                mend,
            )


def quantities_exist(tables: Tables) -> Iterator[Issue]:
    """A quantity that the evidence does not hold."""
    listed = [(PARAMETERS, row.id, row.quantity_ids) for row in tables.parameters]
    listed += [(ITEMS, row.item, row.quantity_ids) for row in tables.items]
    for file, key, ids in listed:
        for missing in [name for name in ids if name not in tables.quantity_ids]:
            mend = "add it to quantities.csv or mend the id"
            yield tables.issue(
                "quantities_exist", file, key, "quantity_ids", missing, "no such quantity", mend
            )


def items_are_the_score(tables: Tables) -> Iterator[Issue]:
    """Other than 24 items, or weights that do not add up to 105."""
    total = sum(row.weight for row in tables.items)
    if len(tables.items) != SLEDAI_ITEMS or total != SLEDAI_MAXIMUM:
        yield Issue(
            level="error",
            check="items_are_the_score",
            file=ITEMS,
            column="weight",
            value=str(total),
            message=f"{len(tables.items)} items with a total weight of {total}",
            mend=f"SLEDAI-2K has {SLEDAI_ITEMS} items and {SLEDAI_MAXIMUM} points",
        )


def items_read_observables(tables: Tables) -> Iterator[Issue]:
    """A driver that is no observable, another unit than its driver, or limits that do not match the rule."""
    unit_of = {row.id: row.unit for row in tables.observables}
    for row in tables.items:
        expected = 0 if row.rule == "threshold" else len(row.driver)
        if len(row.limit) != expected:
            mend = f"the rule '{row.rule}' on {len(row.driver)} driver(s) takes {expected} limit(s)"
            shown = ";".join(map(str, row.limit))
            yield tables.issue(
                "items_read_observables", ITEMS, row.item, "limit", shown, "wrong number of limits", mend
            )
        for driver in row.driver:
            if driver not in unit_of:
                mend = "use an id of observables.csv"
                yield tables.issue(
                    "items_read_observables", ITEMS, row.item, "driver", driver, "no such observable", mend
                )
            elif unit_of[driver] != row.unit:
                mend = f"the driver '{driver}' has the unit {unit_of[driver]}"
                yield tables.issue(
                    "items_read_observables", ITEMS, row.item, "unit", row.unit, "not the driver's unit", mend
                )


TABLE_CHECKS: tuple[TableCheck, ...] = (
    ids_are_unique,
    units_are_known,
    kinds_have_their_ground,
    spreads_are_whole,
    values_fit_their_distribution,
    quantities_exist,
    items_are_the_score,
    items_read_observables,
)
