"""Many patients with doses of their own, from a parameter matrix to arrays: what a fit calls a thousand times.

:func:`vivocart.simulation.run.simulate` does the same for one regimen with names, units and provenance around the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import sympy

from vivocart.engine.program import states_that_stay_zero
from vivocart.engine.solve import CompiledSystem, compile_system, same_doses, solve
from vivocart.equations.system import System, symbol
from vivocart.equations.triggers import Trigger
from vivocart.model.load import Model
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.run import ABSOLUTE_TOLERANCE, rescue_trigger
from vivocart.simulation.switches import unturned_switches, with_numbers
from vivocart.simulation.taper import Taper, taper_triggers
from vivocart.therapies.course import DoseRow


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """Machine code for a model, what is read from it and what may be given; made once by :func:`plan_batch`.

    ``parameters_read`` are the parameters that any of the observables depends on, under what may be given.
    """

    model: Model
    compiled: CompiledSystem
    observables: tuple[str, ...]
    rescue: tuple[Rescue, ...]
    parameters_read: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """Trajectories of a batch.

    ``values`` (n_patients, n_times, n_observables); ``failed`` (n_patients,) marks those that the solver gave up;
    ``rescue_days`` (n_patients, n_rules, most doses) holds the days of rescues, missing where none was given.
    """

    values: np.ndarray
    failed: np.ndarray
    rescue_days: np.ndarray


def plan_batch(
    model: Model,
    *,
    observables: Sequence[str],
    dosed: Collection[str],
    rescue: Sequence[Rescue] = (),
    taper: Taper | None = None,
    first_infusion_day: float = 0.0,
    days: float = 0.0,
    turned: Collection[str] = (),
    on_message: Callable[[str], None] | None = None,
) -> BatchPlan:
    """A plan for :func:`run_batch`.

    Parameters
    ----------
    observables
        Ids of what is read, in the order of the values' last axis.
    dosed
        States that receive doses.
    rescue, taper
        Rules that give a product, or change the daily dose of prednisone, by the patient's own course.
    first_infusion_day, days
        Day of the first infusion after any preparation, and length of the simulation; a taper reads them.
    turned
        Parameters that patients or products set: a switch of the model that stands here stays a parameter.
    """
    triggers = [rescue_trigger(model, rule) for rule in rescue]
    if taper is not None:
        triggers += taper_triggers(model, taper, first_infusion_day=first_infusion_day, days=days)
    system = with_numbers(model.system, dict(unturned_switches(model, turned)))
    expressions = {name: model.observable_expression(name) for name in observables}
    compiled = compile_system(
        system,
        observables=expressions,
        dosed=tuple(sorted(dosed)),
        triggers=triggers,
        on_compile=on_message,
    )
    return BatchPlan(
        model=model,
        compiled=compiled,
        observables=tuple(observables),
        rescue=tuple(rescue),
        parameters_read=parameters_read(system, list(expressions.values()), dosed, triggers),
    )


def parameters_read(
    system: System,
    expressions: Sequence[sympy.Basic],
    dosed: Collection[str],
    triggers: Sequence[Trigger] = (),
) -> frozenset[str]:
    """Parameters that these expressions can depend on, through any chain of states, rules and doses.

    States that stay zero because nothing is given into them pass nothing on.
    """
    given = {*dosed, *(trigger.state for trigger in triggers)}
    known: dict[sympy.Basic, sympy.Basic] = {
        symbol(name): sympy.Integer(0) for name in states_that_stay_zero(system, tuple(sorted(given)))
    }
    behind: dict[str, list[sympy.Basic]] = {}
    for rule in system.rules:
        expression = rule.expression.xreplace(known)
        if expression.is_number:
            known[symbol(rule.id)] = expression
        behind[rule.id] = [expression]
    for entry in system.start:
        behind.setdefault(entry.id, []).append(entry.expression.xreplace(known))
    for state in system.states:
        behind.setdefault(state.id, []).append(state.rate.xreplace(known))
    asked = [*expressions, *(part for one in triggers for part in (one.condition, one.amount))]
    waiting = [expression.xreplace(known) for expression in asked]
    if given:
        waiting.append(symbol("body_weight"))  # doses by weight
    seen: set[str] = set()
    while waiting:
        names = {str(free) for free in waiting.pop().free_symbols} - seen
        seen |= names
        waiting.extend(expression for name in names for expression in behind.get(name, []))
    return frozenset(seen & set(system.parameter_ids))


def run_batch(
    plan: BatchPlan,
    parameters: np.ndarray,
    doses: Sequence[DoseRow],
    *,
    times_days: np.ndarray,
    relative_tolerance: float,
    threads: int | None = None,
) -> BatchResult:
    """Trajectories of every patient.

    Parameters
    ----------
    parameters
        Shape (n_patients, n_parameters), in the order of ``model.system.parameter_ids``.
    doses
        Administrations at the same times for all, each with an amount for every patient.
    times_days
        Output times, ascending.
    threads
        As for ``simulate``: numbers do not depend on it.
    """
    states = plan.model.system.state_ids
    rows = [(row.time_days, row.duration_days, states.index(row.state), row.amount) for row in doses]
    solution = solve(
        plan.compiled,
        parameters,
        times_days,
        doses=same_doses(len(parameters), rows),
        rtol=relative_tolerance,
        atol=ABSOLUTE_TOLERANCE,
        nonnegative=True,
        threads=threads,
    )
    failed = np.zeros(len(parameters), dtype=bool)
    failed[[failure.patient for failure in solution.failures]] = True
    return BatchResult(
        values=solution.values, failed=failed, rescue_days=solution.dose_times[:, : len(plan.rescue)]
    )
