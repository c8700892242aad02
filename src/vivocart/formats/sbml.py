"""SBML text checked and read into a symbolic :class:`~vivocart.equations.system.System`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import libsbml
import sympy

from vivocart.equations.system import Assignment, State, System, symbol
from vivocart.formats.mathml import math_of
from vivocart.formats.mathml_functions import divide, number
from vivocart.formats.ordering import in_order
from vivocart.formats.sbml_document import guard_xml, one_line, parse_sbml
from vivocart.formats.sbml_events import read_events
from vivocart.formats.sbml_quantities import Draft, Formula, View, amount_name
from vivocart.ground.errors import InputError, UnsupportedError
from vivocart.ground.tables import Issue


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SbmlModel:
    """A model read from SBML, and how its species are reported.

    ``amounts`` and ``concentrations`` give, for each species, an expression in the system's ids.
    """

    system: System
    amounts: Mapping[str, sympy.Expr]
    concentrations: Mapping[str, sympy.Expr]
    ids: tuple[
        str, ...
    ]  # every id that has a value: compartments, species, parameters, reactions, stoichiometries


def read_sbml(text: str, *, name: str = "model.xml") -> System:
    """The symbolic system of an SBML text (Level 3; older ones are converted).

    A species is a state under its own id, in the file's meaning of that id (amount or concentration). In a compartment
    whose size can change, the state is ``amount(<id>)`` and the concentration a rule. A local parameter ``k`` of reaction
    ``J`` is the parameter ``J.k``.

    Parameters
    ----------
    text
        The SBML file's text.
    name
        File name for the error messages.

    Raises
    ------
    InputError
        If the text is not SBML or the model contradicts itself, with the place.
    UnsupportedError
        If the model has algebraic rules, fast reactions, delays or a required package.
    """
    return read_sbml_model(text, name=name).system


def read_sbml_model(text: str, *, name: str = "model.xml") -> SbmlModel:
    """The symbolic system of an SBML text and how its species are reported; errors as in :func:`read_sbml`."""
    try:
        document = parse_sbml(
            text, name=name
        )  # owns what the model's parts point to, so it outlives them here
        return _read(document.getModel(), name)
    except RecursionError:
        raise InputError(
            "the model's math is nested too deeply", where=name, mend="split it into rules"
        ) from None


def _read(model: Any, name: str) -> SbmlModel:
    _refuse_unsupported(model)
    functions = {f.getIdAttribute(): f for f in model.getListOfFunctionDefinitions()}
    draft = Draft(model=model, name=name, functions=functions)
    _collect_math(draft)
    _declare(draft)
    for compartment in model.getListOfCompartments():
        size = compartment.getSize() if compartment.isSetSize() else float("nan")
        draft.place(compartment.getIdAttribute(), size, compartment.getUnits() or model.getVolumeUnits())
    for parameter in model.getListOfParameters():
        value = parameter.getValue() if parameter.isSetValue() else float("nan")
        draft.place(parameter.getIdAttribute(), value, parameter.getUnits())
    changes = _place_reactions(draft)
    for species in model.getListOfSpecies():
        draft.place_species(species, _amount_rate(draft, species, changes.get(species.getIdAttribute(), [])))
    system = _assemble(draft)
    amounts, concentrations = _reporting(draft)
    return SbmlModel(system=system, amounts=amounts, concentrations=concentrations, ids=tuple(draft.kinds))


def _refuse_unsupported(model: Any) -> None:
    for index, rule in enumerate(model.getListOfRules(), start=1):
        if rule.isAlgebraic():
            raise UnsupportedError(
                "algebraicRule", rule.getIdAttribute() or rule.getMetaId() or f"rule {index}"
            )
    for reaction in model.getListOfReactions():
        if reaction.isSetFast() and reaction.getFast():
            raise UnsupportedError("fast reaction", reaction.getIdAttribute())


def _collect_math(draft: Draft) -> None:
    """Sorts rules, initial assignments and event targets by what they set; one without math says nothing."""
    model = draft.model
    for rule in model.getListOfRules():
        target = draft.assigned if rule.isAssignment() else draft.rated
        _keep(draft, target, rule.getVariable(), math_of(rule))
    for assignment in model.getListOfInitialAssignments():
        _keep(draft, draft.initial, assignment.getSymbol(), math_of(assignment))
    for variable in draft.assigned:
        if variable in draft.rated or variable in draft.initial:
            raise InputError(f"'{variable}' has an assignment rule and another rule too", where=draft.name)
    for event in model.getListOfEvents():
        for assignment in event.getListOfEventAssignments():
            if math_of(assignment) is not None:
                draft.targets.add(assignment.getVariable())


def _keep(draft: Draft, target: dict[str, Any], variable: str, math: Any) -> None:
    if math is None:
        return
    if variable in target:
        raise InputError(f"'{variable}' is given its value twice", where=draft.name, mend="keep one rule")
    target[variable] = math


def _declare(draft: Draft) -> None:
    model = draft.model
    for kind, elements in (
        ("compartment", model.getListOfCompartments()),
        ("species", model.getListOfSpecies()),
        ("parameter", model.getListOfParameters()),
        ("reaction", model.getListOfReactions()),
    ):
        for element in elements:
            draft.declare(element, kind)
    for reaction in model.getListOfReactions():
        for reference in (*reaction.getListOfReactants(), *reaction.getListOfProducts()):
            if reference.isSetIdAttribute():
                draft.declare(reference, "stoichiometry")
    sources = {"a rule": {**draft.assigned, **draft.rated}, "an initial assignment": draft.initial}
    for what, source in (*sources.items(), ("an event", draft.targets)):
        for variable in sorted(source):
            if draft.kinds.get(variable, "reaction") == "reaction":
                raise InputError(f"{what} sets '{variable}', which the model does not have", where=draft.name)
    for variable in sorted(draft.targets & draft.assigned.keys()):
        raise InputError(f"an event sets '{variable}', which has an assignment rule", where=draft.name)


def _place_reactions(draft: Draft) -> dict[str, list[tuple[str, Formula]]]:
    """Gives every reaction its rate as a rule; returns, for each species, the reactions that change it and by how much."""
    changes: dict[str, list[tuple[str, Formula]]] = {}
    for reaction in draft.model.getListOfReactions():
        name = reaction.getIdAttribute()
        draft.rules[name] = _kinetic_law(draft, reaction)
        for sign, references in ((-1, reaction.getListOfReactants()), (1, reaction.getListOfProducts())):
            for reference in references:
                changes.setdefault(reference.getSpecies(), []).append(
                    (name, _stoichiometry(draft, reference, sign))
                )
    for species in changes:
        if draft.kinds.get(species) != "species":
            raise InputError(f"a reaction changes '{species}', which is not a species", where=draft.name)
    return changes


def _kinetic_law(draft: Draft, reaction: Any) -> Formula:
    name, law = reaction.getIdAttribute(), reaction.getKineticLaw()
    node = math_of(law)
    if node is None:
        return lambda _: sympy.S.Zero
    local: dict[str, sympy.Basic] = {}
    for parameter in law.getListOfLocalParameters():
        own = f"{name}.{parameter.getIdAttribute()}"
        value = parameter.getValue() if parameter.isSetValue() else float("nan")
        draft.place(own, value, parameter.getUnits())
        local[parameter.getIdAttribute()] = symbol(own)
    return lambda view: view.reader.number(node, f"kinetic law of {name}", local)


def _stoichiometry(draft: Draft, reference: Any, sign: int) -> Formula:
    value = reference.getStoichiometry() if reference.isSetStoichiometry() else 1.0
    name = reference.getIdAttribute()
    if not name:
        return lambda _: number(sign * value)
    draft.place(name, value, "")
    return lambda view: sympy.Mul(sign, view.symbol(name))


def _amount_rate(draft: Draft, species: Any, changes: list[tuple[str, Formula]]) -> Formula | None:
    if not changes or species.getBoundaryCondition() or species.getConstant():
        return None
    factor = species.getConversionFactor() or draft.model.getConversionFactor()
    if factor and draft.kinds.get(factor) != "parameter":
        raise InputError(f"the conversion factor '{factor}' is not a parameter", where=draft.name)

    def rate(view: View) -> sympy.Expr:
        total = sympy.Add(*(sympy.Mul(times(view), view.symbol(reaction)) for reaction, times in changes))
        return sympy.Mul(view.symbol(factor), total) if factor else total

    return rate


def _assemble(draft: Draft) -> System:
    moving, at_start = View(draft=draft, at_start=False), View(draft=draft, at_start=True)
    rates = {name: formula(moving) for name, formula in draft.rates.items()}
    events = read_events(draft, moving)
    starts = {name: formula(at_start) for name, formula in draft.starts.items()}
    rules: dict[str, sympy.Expr] = {}
    while len(rules) < len(draft.rules) or at_start.wanted.keys() - starts.keys():
        for name, formula in list(draft.rules.items()):  # reading may add rules for rates of change
            if name not in rules:
                rules[name] = formula(moving)
        for start, name in list(at_start.wanted.items()):
            if start not in starts:
                starts[start] = draft.rules[name](at_start)
    rule_order = in_order(rules, what="rules", where=draft.name)
    start_order = in_order(starts, what="initial values", where=draft.name)
    return System(
        id=draft.model.getIdAttribute() or "model",
        parameters=tuple(draft.parameters.values()),
        states=tuple(State(id=name, rate=rate, unit=draft.units[name]) for name, rate in rates.items()),
        start=tuple(
            Assignment(id=name, expression=starts[name], unit=draft.units.get(name, ""))
            for name in start_order
        ),
        rules=tuple(
            Assignment(id=name, expression=rules[name], unit=draft.units.get(name, "")) for name in rule_order
        ),
        events=events,
        time_unit=draft.model.getTimeUnits(),
        names=dict(draft.names),
    )


def _reporting(draft: Draft) -> tuple[dict[str, sympy.Expr], dict[str, sympy.Expr]]:
    amounts: dict[str, sympy.Expr] = {}
    concentrations: dict[str, sympy.Expr] = {}
    for species in draft.model.getListOfSpecies():
        name, size = species.getIdAttribute(), symbol(species.getCompartment())
        own = symbol(name)
        if draft.is_in_amounts(species):
            amounts[name], concentrations[name] = own, divide(own, size)
        else:
            concentrations[name] = own
            amount = amount_name(name)
            is_kept = amount in draft.rates or amount in draft.starts
            amounts[name] = symbol(amount) if is_kept else sympy.Mul(own, size)
    return amounts, concentrations


def check_sbml(text: str, *, name: str = "model.xml", units: bool = True) -> list[Issue]:
    """What libSBML finds wrong with an SBML text: consistency of identifiers, math, structure and units.

    Parameters
    ----------
    text
        The SBML file's text.
    name
        File name for the issues.
    units
        Whether units are checked; a unit that is not declared is a warning.

    Returns
    -------
    list of Issue
        ``check`` is libSBML's category and number, such as ``"SBML unit consistency 10501"``; ``row`` is the line.

    Raises
    ------
    InputError
        If the text is not well-formed XML or may not be read (a DOCTYPE, too large, too deep).
    """
    document = libsbml.readSBMLFromString(guard_xml(text, name=name))
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, units)
    document.checkConsistency()
    severe = (libsbml.LIBSBML_SEV_ERROR, libsbml.LIBSBML_SEV_FATAL)
    issues: list[Issue] = []
    for index in range(document.getNumErrors()):
        found = document.getError(index)
        issues.append(
            Issue(
                level="error" if found.getSeverity() in severe else "warning",
                check=f"{found.getCategoryAsString()} {found.getErrorId()}",
                file=name,
                row=found.getLine(),
                message=one_line(f"{found.getShortMessage()}: {found.getMessage()}"),
            )
        )
    return issues
