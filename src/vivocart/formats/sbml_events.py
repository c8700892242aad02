"""The events of an SBML model as events of the symbolic system."""

from __future__ import annotations

from typing import Any

import sympy

from vivocart.equations.system import Assignment, Event, symbol
from vivocart.formats.mathml import math_of
from vivocart.formats.sbml_quantities import Draft, View, amount_name


def read_events(draft: Draft, view: View) -> tuple[Event, ...]:
    """The events of a model, in the file's order; one without a trigger's math never happens and is left out."""
    found: list[Event] = []
    for index, event in enumerate(draft.model.getListOfEvents(), start=1):
        name = event.getIdAttribute() or f"event {index}"
        trigger = event.getTrigger()
        condition = math_of(trigger)
        if condition is None:
            continue
        found.append(
            Event(
                id=name,
                trigger=view.reader.boolean(condition, f"trigger of {name}"),
                assignments=tuple(_assignments(draft, view, event, name)),
                initial_value=trigger.getInitialValue(),
                persistent=trigger.getPersistent(),
                delay=_number(view, event.getDelay(), f"delay of {name}"),
                priority=_number(view, event.getPriority(), f"priority of {name}"),
                use_values_from_trigger_time=event.getUseValuesFromTriggerTime(),
            )
        )
    return tuple(found)


def _number(view: View, element: Any, where: str) -> sympy.Expr | None:
    node = math_of(element)
    return None if node is None else view.reader.number(node, where)


def _assignments(draft: Draft, view: View, event: Any, name: str) -> list[Assignment]:
    found: list[Assignment] = []
    for assignment in event.getListOfEventAssignments():
        node, variable = math_of(assignment), assignment.getVariable()
        if node is None:
            continue
        value = view.reader.number(node, f"assignment of {variable} by {name}")
        if (
            variable in draft.rules
        ):  # a concentration in a compartment that changes: what is kept is the amount
            size = symbol(draft.model.getSpecies(variable).getCompartment())
            found.append(Assignment(id=amount_name(variable), expression=value, scale=size))
        else:
            found.append(Assignment(id=variable, expression=value))
    return found
