"""The same model as SBML that every peer can dose: an infusion rate as a parameter, with or without events that set it."""

from __future__ import annotations

import libsbml

INFLOW = "infusion_rate"


def with_infusion(sbml: str, dosed: str) -> str:
    """The model with a parameter that flows into ``dosed``; species with rate rules become parameters.

    A species that only a rate rule changes and a parameter with the same rule are the same equation; written as parameters,
    no tool converts between amount and concentration.
    """
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    _species_to_parameters(model)
    parameter = model.createParameter()
    parameter.setId(INFLOW)
    parameter.setConstant(False)
    parameter.setValue(0.0)
    parameter.setUnits("dimensionless")
    rule = model.getRateRuleByVariable(dosed)
    if rule is not None:
        text = libsbml.formulaToL3String(rule.getMath())
        rule.setMath(libsbml.parseL3Formula(f"({text}) + {INFLOW}"))
    else:
        _add_inflow_reaction(model, dosed)
    return libsbml.writeSBMLToString(document)


def _add_inflow_reaction(model: libsbml.Model, dosed: str) -> None:
    reaction = model.createReaction()
    reaction.setId("infusion")
    reaction.setReversible(False)
    product = reaction.createProduct()
    product.setSpecies(dosed)
    product.setStoichiometry(1.0)
    product.setConstant(True)
    reaction.createKineticLaw().setMath(libsbml.parseL3Formula(INFLOW))


def _species_to_parameters(model: libsbml.Model) -> None:
    ruled = [
        s.getId() for s in model.getListOfSpecies() if model.getRateRuleByVariable(s.getId()) is not None
    ]
    if model.getNumReactions():
        return  # species of reactions stay species
    for name in ruled:
        species = model.removeSpecies(name)
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setConstant(False)
        parameter.setUnits("dimensionless")
        if species.isSetInitialAmount():
            parameter.setValue(species.getInitialAmount())


def with_events(sbml: str, doses: list[tuple[float, float, float]]) -> str:
    """The infusions of all patients as events of the model; the one at time zero is running from the start."""
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    for start, duration, amount in doses:
        rate = amount / duration
        if start == 0.0:
            model.getParameter(INFLOW).setValue(rate)
        else:
            _add_event(model, f"start_{start:g}".replace(".", "_"), start, rate)
        _add_event(model, f"stop_{start:g}".replace(".", "_"), start + duration, 0.0)
    return libsbml.writeSBMLToString(document)


def _add_event(model: libsbml.Model, name: str, when: float, rate: float) -> None:
    event = model.createEvent()
    event.setId(name)
    event.setUseValuesFromTriggerTime(True)
    trigger = event.createTrigger()
    trigger.setMath(libsbml.parseL3Formula(f"time >= {when!r}"))
    trigger.setInitialValue(True)
    trigger.setPersistent(True)
    assignment = event.createEventAssignment()
    assignment.setVariable(INFLOW)
    assignment.setMath(libsbml.parseL3Formula(f"{rate!r}"))
