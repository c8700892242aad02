"""Checks of the model's text and tables: small ones in two tuples, all run, all findings returned.

A check takes what was read and yields :class:`~vivocart.ground.tables.Issue`; a new check is one function and one entry.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import libsbml

from vivocart.equations.system import System
from vivocart.evidence.library import quantities, records
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import check_sbml, read_sbml
from vivocart.ground.errors import InputError
from vivocart.ground.tables import Issue
from vivocart.model.flatten import Sources, flatten, read_sources
from vivocart.model.lint_tables import ITEMS, OBSERVABLES, PARAMETERS, TABLE_CHECKS, UNITS, Tables
from vivocart.model.load import parse_observable, rows_and_issues
from vivocart.model.rows import ObservableRow, ParameterRow, SledaiItemRow, UnitRow
from vivocart.model.scales import wrong_scales

STRUCTURAL_NUMBERS = frozenset({"0", "1", "2", "1000"})
READ_BY_ENDPOINTS_ONLY = "clinical"

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_RECORD = re.compile(r"\b[a-z]+_?\d{2,}\w*\b")
_WORD = re.compile(r"[A-Za-z_]\w*")


TextCheck = Callable[[Sources, Tables], Iterator[Issue]]


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
