"""Checks of the model's text and tables: small ones in two tuples, all run, all findings returned.

A check takes what was read and yields :class:`~vivocart.ground.tables.Issue`; a new check is one function and one entry.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import libsbml

from vivocart.equations.system import System
from vivocart.evidence.library import quantities, records
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import check_sbml, read_sbml
from vivocart.ground import units
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue
from vivocart.model.flatten import Sources, flatten, read_sources
from vivocart.model.load import parse_observable, rows_and_issues
from vivocart.model.rows import ObservableRow, ParameterRow, SledaiItemRow, UnitRow
from vivocart.model.scales import wrong_scales

PARAMETERS, OBSERVABLES, ITEMS, UNITS = "parameters.csv", "observables.csv", "sledai_items.csv", "units.csv"
STRUCTURAL_NUMBERS = frozenset({"0", "1", "2", "1000"})
READ_BY_ENDPOINTS_ONLY = "clinical"
SLEDAI_ITEMS, SLEDAI_MAXIMUM = 24, 105

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_RECORD = re.compile(r"\b[a-z]+_?\d{2,}\w*\b")
_WORD = re.compile(r"[A-Za-z_]\w*")


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
TextCheck = Callable[[Sources, Tables], Iterator[Issue]]


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


def _code_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        yield number, line.split("//", 1)[0]


def _text_issue(check: str, file: str, row: int | None, value: str | None, message: str, mend: str) -> Issue:
    return Issue(level="error", check=check, file=file, row=row, value=value, message=message, mend=mend)


def numbers_stand_in_the_table(sources: Sources, _tables: Tables) -> Iterator[Issue]:
    """A number in a fragment that is not structural."""
    for name, text in sources.fragments.items():
        for row, line in _code_lines(text):
            for number in _NUMBER.findall(line):
                if number not in STRUCTURAL_NUMBERS:
                    mend = "make it a row of parameters.csv and write its id"
                    yield _text_issue(
                        "numbers_stand_in_the_table", f"{name}.ant", row, number, "a number in the text", mend
                    )


def headers_name_records(sources: Sources, tables: Tables) -> Iterator[Issue]:
    """A fragment without a header that says its records, or one that names a record which the evidence does not hold."""
    for name, text in sources.fragments.items():
        header = "\n".join(itertools.takewhile(lambda line: line.startswith("//"), text.splitlines()))
        _, found, listed = header.partition("Records:")
        if not found:
            mend = "say 'Records:' in the comment at the top, with ids or 'none'"
            yield _text_issue(
                "headers_name_records", f"{name}.ant", 1, None, "the header names no records", mend
            )
        for record in _RECORD.findall(listed):
            if record not in tables.record_ids:
                mend = "add it to records.json or mend the id"
                yield _text_issue("headers_name_records", f"{name}.ant", 1, record, "no such record", mend)


def parameters_are_used(sources: Sources, tables: Tables) -> Iterator[Issue]:
    """A parameter that neither fragments nor observables name, or whose module is no fragment."""
    texts = [line for text in sources.fragments.values() for _, line in _code_lines(text)]
    used = set(_WORD.findall(" ".join([*texts, *(row.expression for row in tables.observables)])))
    for row in tables.parameters:
        if row.module not in sources.fragments:
            mend = f"use one of: {', '.join(sources.fragments)}"
            yield tables.issue(
                "parameters_are_used", PARAMETERS, row.id, "module", row.module, "no such module", mend
            )
        elif row.id not in used and row.module != READ_BY_ENDPOINTS_ONLY:
            mend = "use it or take the row out"
            yield tables.issue(
                "parameters_are_used", PARAMETERS, row.id, "id", row.id, "no fragment names it", mend
            )


@functools.lru_cache(maxsize=8)
def _sbml(antimony: str) -> str:
    return to_sbml(antimony, name="joined model", numbers_have_no_unit=True)


@functools.lru_cache(maxsize=8)
def _system(sbml: str) -> System:
    return read_sbml(sbml, name="joined model")


@functools.lru_cache(maxsize=64)
def _fault_of_fragment(name: str, text: str) -> str:
    try:
        to_sbml(text, name=f"{name}.ant")
    except InputError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=8)
def _wrong_scales(
    sbml: str, observables: tuple[ObservableRow, ...], units_: tuple[UnitRow, ...]
) -> dict[str, float]:
    return wrong_scales(_system(sbml), sbml, observables, {row.unit: row.antimony_id for row in units_})


def fragments_parse_alone(sources: Sources, _tables: Tables) -> Iterator[Issue]:
    """A fragment that is not Antimony by itself."""
    for name, text in sources.fragments.items():
        if fault := _fault_of_fragment(name, text):
            yield _text_issue("fragments_parse_alone", f"{name}.ant", None, None, fault, "mend the statement")


def text_is_sound(sources: Sources, tables: Tables) -> Iterator[Issue]:
    """Whatever libSBML finds in the joined model, observables and units included, and ids that have no value."""
    try:
        antimony = flatten(sources.fragments, tables.parameters, tables.units, observables=tables.observables)
        sbml = _sbml(antimony)
    except InputError as error:
        yield _text_issue("text_is_sound", "joined model", None, None, str(error), "mend the statement")
        return
    for found in check_sbml(sbml, name="joined model"):
        yield found.model_copy(update={"level": "error", "check": f"text_is_sound ({found.check})"})
    yield from _undefined(sbml, sources)


def _undefined(sbml: str, sources: Sources) -> Iterator[Issue]:
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    given = {model.getInitialAssignment(i).getSymbol() for i in range(model.getNumInitialAssignments())}
    given |= {
        model.getRule(i).getVariable() for i in range(model.getNumRules()) if model.getRule(i).isAssignment()
    }
    for index in range(model.getNumParameters()):
        parameter = model.getParameter(index)
        name = parameter.getId()
        if parameter.isSetValue() or name in given:
            continue
        files = [
            (f"{module}.ant", row)
            for module, text in sources.fragments.items()
            for row, line in _code_lines(text)
            if name in _WORD.findall(line)
        ]
        file, row = files[0] if files else (OBSERVABLES, None)
        yield _text_issue(
            "text_is_sound",
            file,
            row,
            name,
            "an id that has no value",
            "add it to parameters.csv or mend the id",
        )


def observables_can_be_read(sources: Sources, tables: Tables) -> Iterator[Issue]:
    """An observable whose expression is not one over the ids of the system."""
    try:
        antimony = flatten(sources.fragments, tables.parameters, tables.units)
        system = _system(_sbml(antimony))
    except InputError:
        return  # text_is_sound says so
    for row in tables.observables:
        try:
            parse_observable(row, system)
        except InputError as error:
            yield tables.issue(
                "observables_can_be_read",
                OBSERVABLES,
                row.id,
                "expression",
                row.expression,
                error.problem,
                error.mend,
            )


def scales_agree(sources: Sources, tables: Tables) -> Iterator[Issue]:
    """A quantity computed in its own units that differs from the same computed in SI units: mg taken for ug, h for d."""
    try:
        antimony = flatten(sources.fragments, tables.parameters, tables.units)
        sbml = _sbml(antimony)
        found = _wrong_scales(sbml, tables.observables, tables.units)
    except InputError:
        return  # text_is_sound or observables_can_be_read says so
    for name, ratio in found.items():
        file = OBSERVABLES if name.startswith("observable ") else "joined model"
        message = f"{name}: its number and its unit differ by the factor {ratio:.6g}"
        yield _text_issue(
            "scales_agree", file, None, None, message, "mend the unit or convert in the expression"
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

TEXT_CHECKS: tuple[TextCheck, ...] = (
    numbers_stand_in_the_table,
    headers_name_records,
    parameters_are_used,
    fragments_parse_alone,
    observables_can_be_read,
    text_is_sound,
    scales_agree,
)


def lint_sources(
    sources: Sources, *, quantity_ids: Collection[str], record_ids: Collection[str]
) -> list[Issue]:
    """Everything the checks find in fragments and tables, errors and warnings, in the order of the checks.

    Parameters
    ----------
    sources
        Text of fragments and tables.
    quantity_ids, record_ids
        Ids of the quantities and records that exist.
    """
    issues: list[Issue] = []
    parameters, found = rows_and_issues(sources, PARAMETERS, ParameterRow)
    issues += found
    observables, found = rows_and_issues(sources, OBSERVABLES, ObservableRow)
    issues += found
    items, found = rows_and_issues(sources, ITEMS, SledaiItemRow)
    issues += found
    unit_rows, found = rows_and_issues(sources, UNITS, UnitRow)
    issues += found
    tables = Tables(
        parameters=tuple(parameters),
        observables=tuple(observables),
        items=tuple(items),
        units=tuple(unit_rows),
        places={file: _places(text) for file, text in sources.tables.items()},
        quantity_ids=quantity_ids,
        record_ids=record_ids,
    )
    if any(issue.check in ("table", "columns") for issue in issues):
        return issues  # a table without rows would make every other check cry
    unread = bool(issues)
    for check in TABLE_CHECKS:
        issues += check(tables)
    if unread:
        return issues  # a row that could not be read would be missed by every statement that uses it
    for check in TEXT_CHECKS:
        issues += check(sources, tables)
    return issues


def lint_shipped() -> list[Issue]:
    """Everything the checks find in the shipped model."""
    return lint_sources(read_sources(), quantity_ids=quantities(), record_ids=records())


def lint_folder(folder: Path) -> list[Issue]:
    """Everything the checks find in a folder with the fragments and tables of a model."""
    return lint_sources(read_sources(folder), quantity_ids=quantities(), record_ids=records())


def _places(text: str) -> dict[str, int]:
    """Row of each id, as a spreadsheet counts; ids never hold a comma."""
    places: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        places.setdefault(line.split(",", 1)[0].strip(), number)
    return places
