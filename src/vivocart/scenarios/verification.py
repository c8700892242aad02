"""Checks of equations, units and numbers that a model analysis report runs itself, each with the number it found."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import sympy

from vivocart.endpoints.table import endpoints
from vivocart.equations.system import TIME, symbol
from vivocart.ground.errors import SimulationError
from vivocart.model.lint import lint_shipped
from vivocart.model.load import Model
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.weights import HEADLINE
from vivocart.simulation.run import RELATIVE_TOLERANCE, simulate
from vivocart.therapies.regimen import Regimen

_READ_DAYS = np.array([0.25, 1.0, 2.0, 3.5, 6.25, 7.0, 9.0, 14.0, 28.0, 60.0, 90.0])
_DAYS = 90.0
_PEERS = 3  # patients solved again by SciPy, which takes a second or two each
_REFINED = 64
_TIGHT = 1e-9
_NANOPARTICLE = ("lnp_plasma_amount", "lnp_peripheral_amount", "lnp_returning_amount")
_ELIMINATED = ("lnp_loss_now", "lnp_sink_now")  # rates at which the nanoparticle leaves plasma for good


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check that was run: its number, and what the number means.

    ``value`` is compared with the limit that the report states beforehand for this ``id``: smaller is better, and zero is
    the best.
    """

    id: str
    title: str
    value: float
    meaning: str


def verification_checks(
    model: Model,
    regimen: Regimen,
    *,
    seed: int = 1,
    threads: int | None = None,
    on_message: Callable[[str], None] | None = None,
) -> tuple[Check, ...]:
    """Run every check for one regimen.

    Parameters
    ----------
    regimen
        The regimen that the report is about.
    seed
        Of the virtual patients in whom it is checked.
    on_message
        Called with a sentence before a check that takes seconds.
    """
    patients = VirtualPopulation.sample(model, n_patients=_REFINED, seed=seed)
    say = on_message or (lambda _: None)
    say("checking units, tables and the resting state")
    checks = [*_text_checks(), _resting(model, patients)]
    say("solving patients again by another solver")
    checks += _other_solver(model, regimen, patients.take(np.arange(_PEERS)), threads)
    say("solving with a thousandfold smaller tolerance")
    checks += [
        _refinement(model, regimen, patients, threads),
        _same_bits(model, regimen, patients),
        _smallest(model, regimen, patients, threads),
    ]
    return tuple(checks)


def _text_checks() -> list[Check]:
    issues = lint_shipped()
    errors = [issue for issue in issues if issue.level == "error"]
    wrong = [issue for issue in errors if issue.check == "scales_agree"]
    return [
        Check(
            id="model_lint",
            title="Model text and tables",
            value=float(len(errors)),
            meaning=f"errors among all checks of text and tables ({len(issues) - len(errors)} warnings)",
        ),
        Check(
            id="unit_scales",
            title="Units by number",
            value=float(len(wrong)),
            meaning="rates, rules, starts and observables whose number in SI units disagrees with their own",
        ),
    ]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Functions:
    """Rates of the states, observables and elimination of the nanoparticle, by SymPy's own printer: no engine in them."""

    rates: Callable[..., list[float]]
    observed: Callable[..., list[float]]
    eliminated: Callable[..., list[float]]


def _system_functions(model: Model) -> _Functions:
    system = model.system
    known = [TIME, *map(symbol, (*system.state_ids, *system.parameter_ids, *system.constant_ids))]
    rates_of_loss: list[Any] = [system.expand(symbol(name)) for name in _ELIMINATED]
    loss: Any = sum(rates_of_loss) * symbol(_NANOPARTICLE[0])
    parts = (
        [system.expand(state.rate) for state in system.states],
        [system.expand(model.observable_expression(name)) for name in model.observables],
        [loss],
    )
    rates, observed, eliminated = (
        sympy.lambdify(known, entries, modules="math", cse=True) for entries in parts
    )
    return _Functions(rates=rates, observed=observed, eliminated=eliminated)


def _start(model: Model, parameters: np.ndarray) -> tuple[np.ndarray, list[float]]:
    system = model.system
    values: dict[Any, Any] = {
        symbol(name): value for name, value in zip(system.parameter_ids, parameters, strict=True)
    }
    for entry in system.start:
        number: Any = system.expand(entry.expression).xreplace(values)
        values[symbol(entry.id)] = float(number)
    state = np.array([float(values[symbol(name)]) for name in system.state_ids])
    return state, [float(values[symbol(name)]) for name in system.constant_ids]


def _resting(model: Model, patients: VirtualPopulation) -> Check:
    rates = _system_functions(model).rates
    worst = 0.0
    for parameters in patients.parameter_matrix(model):
        state, constants = _start(model, parameters)
        found = np.abs(rates(0.0, *state.tolist(), *parameters.tolist(), *constants))
        worst = max(worst, float((found / np.where(state == 0, 1.0, np.abs(state))).max()))
    return Check(
        id="resting_state",
        title="Without a drug nothing moves",
        value=worst,
        meaning=f"largest change a day of any state at the start, relative to the state, in {len(patients)} patients",
    )


def _other_solver(
    model: Model, regimen: Regimen, patients: VirtualPopulation, threads: int | None
) -> list[Check]:
    """Agreement with SciPy's BDF on the same equations, and the balance of the nanoparticle in that solution."""
    ours = simulate(model, regimen, patients, days=_DAYS, times_days=_READ_DAYS, threads=threads)
    matrix = patients.parameter_matrix(model, regimen.parameter_overrides, regimen.parameter_widths)
    functions = _system_functions(model)
    weights = matrix[:, model.system.parameter_ids.index("body_weight")]
    apart = balance = 0.0
    for patient, (parameters, weight) in enumerate(zip(matrix, weights, strict=True)):
        found, lost = _scipy_run(model, functions, regimen, parameters, float(weight))
        balance = max(balance, lost)
        for place, name in enumerate(model.observables):
            own = np.asarray(ours.data[name].values)[patient]
            size = max(float(np.abs(own).max()), 1e-9)
            apart = max(apart, float(np.abs(own - found[:, place]).max()) / size)
    checks = [
        Check(
            id="other_solver",
            title="The same equations by another solver (SciPy BDF, tolerance 1e-9)",
            value=apart,
            meaning=f"largest difference of any observable, relative to its largest value, over {len(patients)} patients "
            f"and {len(_READ_DAYS)} times",
        )
    ]
    if any(product.state == _NANOPARTICLE[0] for product in regimen.products):
        checks.append(
            Check(
                id="mass_balance",
                title="Mass of the nanoparticle",
                value=balance,
                meaning="dose less what is left and what was eliminated, relative to the dose",
            )
        )
    return checks


def _scipy_run(
    model: Model,
    functions: _Functions,
    regimen: Regimen,
    parameters: np.ndarray,
    weight_kg: float,
) -> tuple[np.ndarray, float]:
    """Observables at the reading times, and the relative error of the nanoparticle's mass."""
    from scipy.integrate import solve_ivp

    ids = model.system.state_ids
    state, constants = _start(model, parameters)
    tail = [*parameters.tolist(), *constants]
    doses = [
        (row.time_days, row.time_days + row.duration_days, ids.index(row.state), float(row.amount[0]))
        for row in regimen.doses(np.array([weight_kg]))
    ]
    inside = [ids.index(name) for name in _NANOPARTICLE]
    state = np.append(state, 0.0)  # the last entry gathers what is eliminated of the nanoparticle
    edges = sorted({0.0, _DAYS, *(edge for dose in doses for edge in dose[:2] if edge < _DAYS)})
    read: dict[float, np.ndarray] = {}
    for begin, end in itertools.pairwise(edges):
        inflow = np.zeros(len(state))
        for first, last, place, amount in doses:
            if first <= begin < last:
                inflow[place] += amount / (last - first)

        def change(time: float, y: np.ndarray, inflow: np.ndarray = inflow) -> np.ndarray:
            given = (time, *y[:-1].tolist(), *tail)
            return np.append(functions.rates(*given), functions.eliminated(*given)) + inflow

        times = np.array(sorted({end, *(day for day in _READ_DAYS.tolist() if begin < day <= end)}))
        solved = solve_ivp(change, (begin, end), state, method="BDF", t_eval=times, rtol=1e-9, atol=1e-12)
        if not solved.success:
            raise SimulationError(f"SciPy's BDF stopped between days {begin:g} and {end:g}: {solved.message}")
        read |= dict(zip(solved.t.tolist(), solved.y.T, strict=True))
        state = solved.y[:, -1]
    given = sum(amount for *_, place, amount in doses if place in inside)
    error = abs(given - state[inside].sum() - state[-1]) / given if given else 0.0
    rows = [functions.observed(day, *read[day][:-1].tolist(), *tail) for day in _READ_DAYS.tolist()]
    return np.array(rows), float(error)


def _refinement(model: Model, regimen: Regimen, patients: VirtualPopulation, threads: int | None) -> Check:
    names = [name for name in HEADLINE if not name.endswith("_d180")]
    usual, tight = (
        endpoints(
            simulate(model, regimen, patients, days=_DAYS, relative_tolerance=tolerance, threads=threads),
            names,
        ).to_numpy(dtype=float)
        for tolerance in (RELATIVE_TOLERANCE, _TIGHT)
    )
    both = np.isfinite(usual) & np.isfinite(tight)
    spread = np.nanstd(np.where(both, tight, np.nan), axis=0)
    change = np.where(both, np.abs(usual - tight), 0.0).max(axis=0)
    return Check(
        id="refinement",
        title=f"Tolerance {RELATIVE_TOLERANCE:g} against {_TIGHT:g}",
        value=float((change / np.where(spread > 0, spread, np.inf)).max()),
        meaning=f"largest change of a headline endpoint in any of {len(patients)} patients, in standard deviations between "
        "patients",
    )


def _same_bits(model: Model, regimen: Regimen, patients: VirtualPopulation) -> Check:
    def values(group: VirtualPopulation, threads: int) -> np.ndarray:
        simulation = simulate(model, regimen, group, days=_DAYS, times_days=_READ_DAYS, threads=threads)
        return np.stack([np.asarray(simulation.data[name].values) for name in model.observables])

    half = len(patients) // 2
    whole = values(patients, 1)
    halves: Sequence[np.ndarray] = [
        values(patients.take(np.arange(half)), 2),
        values(patients.take(np.arange(half, len(patients))), 2),
    ]
    return Check(
        id="same_bits",
        title="One thread and all patients against two threads and halves",
        value=float(np.abs(whole - np.concatenate(halves, axis=1)).max()),
        meaning="largest difference of any number",
    )


def _smallest(model: Model, regimen: Regimen, patients: VirtualPopulation, threads: int | None) -> Check:
    simulation = simulate(model, regimen, patients, days=_DAYS, threads=threads)
    lowest = 0.0
    for name in model.observables:
        values = np.asarray(simulation.data[name].values)
        lowest = min(lowest, float(values.min()) / max(float(np.abs(values).max()), 1e-9))
    return Check(
        id="no_negative",
        title="Nothing falls below zero",
        value=max(0.0, -lowest),
        meaning=f"lowest value of any observable below zero, relative to its largest; {len(simulation.failures)} of "
        f"{len(patients)} patients failed",
    )
