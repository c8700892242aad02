"""Load a model: the shipped therapy, or any SBML or Antimony file."""

from __future__ import annotations

import ast
import functools
import hashlib
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import sympy

from vivocart.equations.system import Parameter, System, symbol
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import Issue, RowT, parse_rows, raise_on_errors, read_text
from vivocart.model.flatten import Sources, flatten, read_sources
from vivocart.model.rows import Catalog, ObservableRow, ParameterRow, SledaiItemRow, UnitRow
from vivocart.model.translation import kept_translation, translation


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Model:
    """A therapy model: its text, its symbolic system, its parameters and what can be observed of it.

    ``antimony`` is empty for a model that was read from SBML (:func:`vivocart.formats.antimony.from_sbml` writes it).
    ``hash`` is the SHA-256 of the SBML text and the tables: equal hashes, equal models.
    """

    id: str
    antimony: str
    sbml: str
    system: System
    parameters: Catalog[ParameterRow]
    observables: Catalog[ObservableRow]
    hash: str

    def observable_expression(self, name: str) -> sympy.Expr:
        """Expression of an observable over the system's ids; an unknown name is answered with the nearest three."""
        return parse_observable(self.observables[name], self.system)

    def __str__(self) -> str:
        """One line: id, sizes, hash."""
        sizes = f"{len(self.system.states)} states, {len(self.parameters)} parameters, {len(self.observables)} observables"
        return f"{self.id}: {sizes}, hash {self.hash[:12]}"

    __repr__ = __str__


def load_model(path: str | Path | None = None) -> Model:
    """The shipped model, or the one in a file.

    Parameters
    ----------
    path
        An SBML or Antimony file; its parameters then carry the values of the file, with kind ``assumed``, and every
        state and rule can be observed. Without a path, the shipped model.

    Raises
    ------
    InputError
        If the file cannot be read, or is neither SBML nor Antimony; names the place.
    UnsupportedError
        If the file uses an element that is not supported; names it.
    """
    return _shipped() if path is None else _from_file(Path(path))


@functools.cache
def _shipped() -> Model:
    return build_model(read_sources(), keep=True)


def build_model(sources: Sources, *, model_id: str = "vivocart", keep: bool = False) -> Model:
    """The model that fragments and tables make together.

    Parameters
    ----------
    sources, model_id
        Its text, its tables and its name.
    keep
        Whether SBML and system are kept on disk under a hash of what they are made from, so that the next process need
        neither make them again nor load the libraries that do.

    Raises
    ------
    InputError
        Naming file, row, column, value and mend of the first fault in a table, or the line of a fault in the text.
    """
    parameters = table_rows(sources, "parameters.csv", ParameterRow)
    observables = table_rows(sources, "observables.csv", ObservableRow)
    units = table_rows(sources, "units.csv", UnitRow)
    antimony = flatten(sources.fragments, parameters, units)
    sbml, system = (kept_translation if keep else translation)(antimony, model_id)
    for row in observables:
        parse_observable(row, system)
    return Model(
        id=model_id,
        antimony=antimony,
        sbml=sbml,
        system=system,
        parameters=_by_id(parameters, "parameter"),
        observables=_by_id(observables, "observable"),
        hash=_hash([sbml, *(sources.tables[name] for name in sorted(sources.tables))]),
    )


def sledai_items() -> tuple[SledaiItemRow, ...]:
    """The 24 descriptors of SLEDAI-2K with their drivers, rules and prevalence."""
    return tuple(table_rows(read_sources(), "sledai_items.csv", SledaiItemRow))


def table_rows(sources: Sources, name: str, row_type: type[RowT]) -> list[RowT]:
    """Rows of one of the model's tables.

    Raises
    ------
    InputError
        Naming file, row, column, value and mend of the first fault.
    """
    rows, issues = rows_and_issues(sources, name, row_type)
    raise_on_errors(issues)
    return rows


def rows_and_issues(sources: Sources, name: str, row_type: type[RowT]) -> tuple[list[RowT], list[Issue]]:
    """Rows of one of the model's tables and what is wrong with it; every column must be there, empty cells may be."""
    rows, issues = parse_rows(sources.tables[name], row_type, name=name)
    lines = [line for line in sources.tables[name].splitlines() if line.strip() and not line.startswith("#")]
    header = [cell.strip() for cell in lines[0].split(",")] if lines else []
    columns = row_type.model_fields
    missing = [column for column in columns if column not in header and not columns[column].is_required()]
    mend = f"the header needs: {', '.join(columns)}"
    if header:
        issues += [
            Issue(
                level="error",
                check="columns",
                file=name,
                row=1,
                column=column,
                message="column is missing",
                mend=mend,
            )
            for column in missing
        ]
    return rows, issues


def parse_observable(row: ObservableRow, system: System) -> sympy.Expr:
    """Expression of an observable over the ids of a system.

    Raises
    ------
    UnknownNameError
        If the expression uses an id that the system does not have.
    InputError
        If the expression cannot be read.
    """
    where = f"observables.csv, {row.id}, column expression"
    known = _symbols(system)
    try:
        tree = ast.parse(row.expression, mode="eval")
    except (SyntaxError, ValueError) as error:
        raise InputError(
            f"'{row.expression}' is not an expression", where=where, mend="use ids, + - * / and ()"
        ) from error
    return _to_sympy(tree.body, known, where)


_OPERATIONS: Mapping[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _to_sympy(node: ast.expr, known: Mapping[str, sympy.Symbol], where: str) -> sympy.Expr:
    if isinstance(node, ast.Name):
        if node.id not in known:
            raise UnknownNameError("id", node.id, known, where=where)
        return known[node.id]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return sympy.Number(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _to_sympy(node.left, known, where), _to_sympy(node.right, known, where)
        return _OPERATIONS[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_to_sympy(node.operand, known, where)
    raise InputError(
        f"'{ast.unparse(node)}' is not allowed in an expression", where=where, mend="use ids, + - * / and ()"
    )


def _symbols(system: System) -> dict[str, sympy.Symbol]:
    rules = (rule.id for rule in system.rules)
    return {
        name: symbol(name)
        for name in (*system.state_ids, *system.parameter_ids, *system.constant_ids, *rules)
    }


def _from_file(path: Path) -> Model:
    # late, as in translation.py: the shipped model is often loaded without them
    from vivocart.formats.antimony import to_sbml
    from vivocart.formats.sbml import read_sbml

    text = read_text(path)
    if text.lstrip().startswith("<"):
        sbml, antimony = (
            text,
            "",
        )  # written when somebody asks: libAntimony can take forever on a hostile file
    else:
        sbml, antimony = to_sbml(text, name=path.name), text
    system = read_sbml(sbml, name=path.name)
    parameters = [_file_parameter(entry, path.name) for entry in system.parameters]
    observed = (*system.states, *system.rules)
    observables = [
        ObservableRow(
            id=entry.id,
            unit=entry.unit or "1",
            expression=entry.id,
            label=system.names.get(entry.id, entry.id),
        )
        for entry in observed
    ]
    return Model(
        id=system.id or path.stem,
        antimony=antimony,
        sbml=sbml,
        system=system,
        parameters=_by_id(parameters, "parameter"),
        observables=_by_id(observables, "observable"),
        hash=_hash([sbml]),
    )


def _file_parameter(entry: Parameter, file: str) -> ParameterRow:
    if not math.isfinite(entry.value):
        raise InputError(
            f"the parameter '{entry.id}' has no value", where=file, mend="give it a number in the file"
        )
    return ParameterRow(
        id=entry.id,
        value=entry.value,
        unit=entry.unit or "1",
        module="file",
        distribution="none",
        kind="assumed",
        note=f"from {file}",
    )


def _by_id(rows: Sequence[Any], what: str) -> Catalog[Any]:
    entries: dict[str, Any] = {}
    for row in rows:
        if row.id in entries:
            raise InputError(
                f"the id '{row.id}' stands twice", where=f"{what}s.csv", mend="keep one of the rows"
            )
        entries[row.id] = row
    return Catalog(entries, what=what)


def _hash(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode())
        digest.update(b"\x1f")
    return digest.hexdigest()
