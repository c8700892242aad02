"""Courses of patients who each have doses and reading times of their own, for many sets of parameters at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.engine.solve import CompiledSystem, Doses, compile_system, solve
from vivocart.equations.system import TIME, System
from vivocart.ground.errors import InputError, UnknownNameError, UnsupportedError
from vivocart.model.load import Model
from vivocart.simulation.run import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE

_MOST_SHARED = 4_000_000  # values of one solve that courses may share: 32 MB
_MOST_TIMES = 300


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What one patient is given, and when the patient is read; times in the model's unit from ``start``.

    ``lag`` and ``fraction`` are places of parameters that delay a dose and that multiply it, or -1; ``state`` is a place
    among the states. ``duration`` 0 is a bolus.
    """

    start: float
    times: np.ndarray  # (n_times,) ascending
    dose_time: np.ndarray  # (n_doses,)
    duration: np.ndarray
    amount: np.ndarray
    state: np.ndarray
    lag: np.ndarray
    fraction: np.ndarray


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePlan:
    """Courses and the machine code that runs them."""

    compiled: CompiledSystem
    courses: tuple[Course, ...]
    keeps_time: bool  # whether a rate reads the time itself, so that a start cannot be moved to zero


def plan_courses(
    model: Model,
    courses: Sequence[Course],
    *,
    observables: Sequence[str],
    on_message: Callable[[str], None] | None = None,
) -> CoursePlan:
    """A plan for :func:`course_values`.

    Parameters
    ----------
    model
        The shipped model or one of a file.
    courses
        One a patient, or several where a patient is started anew.
    observables
        Ids of what is read, in the order of the values' last axis.

    Raises
    ------
    UnknownNameError
        If an observable does not exist.
    UnsupportedError
        If the model has events.
    """
    if model.system.events:
        raise UnsupportedError(
            "events", model.system.events[0].id, why="in a model that is fitted to patients"
        )
    for name in observables:
        if name not in model.observables:
            raise UnknownNameError("observable", name, model.observables, where="observe")
    dosed = sorted({int(state) for course in courses for state in course.state})
    compiled = compile_system(
        model.system,
        observables={name: model.observable_expression(name) for name in observables},
        dosed=[model.system.state_ids[state] for state in dosed],
        on_compile=on_message,
    )
    return CoursePlan(compiled=compiled, courses=tuple(courses), keeps_time=_reads_time(model.system))


def course_values(
    plan: CoursePlan, parameters: Sequence[np.ndarray], *, threads: int | None = None
) -> list[np.ndarray]:
    """Observables of every course under several sets of parameters each.

    Parameters
    ----------
    plan
        Of :func:`plan_courses`.
    parameters
        For each course (n_sets, n_parameters); ``n_sets`` may differ.
    threads
        Threads to use. The numbers do not depend on it.

    Returns
    -------
    list of numpy.ndarray
        For each course (n_sets, n_times, n_observables), NaN where a set could not be integrated.
    """
    if len(parameters) != len(plan.courses):
        raise InputError(f"{len(parameters)} for {len(plan.courses)} courses", where="parameters")
    values: list[np.ndarray] = []
    for group in _groups(plan, [len(part) for part in parameters]):
        values += _solve(plan, group, [np.asarray(parameters[place], float) for place in group], threads)
    return values


def _reads_time(system: System) -> bool:
    expressions = [
        *(state.rate for state in system.states),
        *(entry.expression for entry in (*system.rules, *system.start)),
    ]
    return any(TIME in expression.free_symbols for expression in expressions)


def _groups(plan: CoursePlan, counts: Sequence[int]) -> list[list[int]]:
    """Neighboring courses that are solved together: a call costs a millisecond, each patient all times of its group."""
    groups: list[list[int]] = []
    times: set[float] = set()
    rows, width = 0, len(plan.compiled.observable_ids)
    for place, course in enumerate(plan.courses):
        joined = times | set(course.times.tolist())
        fits = len(joined) <= _MOST_TIMES and (rows + counts[place]) * len(joined) * width <= _MOST_SHARED
        apart = plan.keeps_time and bool(groups) and plan.courses[groups[-1][0]].start != course.start
        if groups and fits and not apart:
            groups[-1].append(place)
            times, rows = joined, rows + counts[place]
        else:
            groups.append([place])
            times, rows = set(course.times.tolist()), counts[place]
    return groups


def _solve(
    plan: CoursePlan, group: Sequence[int], parameters: Sequence[np.ndarray], threads: int | None
) -> list[np.ndarray]:
    start = plan.courses[group[0]].start if plan.keeps_time else 0.0
    times = np.unique(np.concatenate([plan.courses[place].times for place in group]))
    solution = solve(
        plan.compiled,
        np.concatenate(parameters),
        start + times,
        doses=_doses([plan.courses[place] for place in group], parameters, start),
        rtol=RELATIVE_TOLERANCE,
        atol=ABSOLUTE_TOLERANCE,
        threads=threads,
        start_time=start,
    )
    ends = np.cumsum([len(part) for part in parameters])
    return [
        solution.values[end - len(part) : end][:, np.searchsorted(times, plan.courses[place].times)]
        for place, part, end in zip(group, parameters, ends, strict=True)
    ]


def _doses(courses: Sequence[Course], parameters: Sequence[np.ndarray], start: float) -> Doses:
    times: list[np.ndarray] = []
    durations: list[np.ndarray] = []
    states: list[np.ndarray] = []
    amounts: list[np.ndarray] = []
    counts: list[int] = []
    for course, sets in zip(courses, parameters, strict=True):
        n, shape = len(sets), (len(sets), len(course.dose_time))
        delay = np.where(course.lag >= 0, sets[:, course.lag], 0.0)
        share = np.where(course.fraction >= 0, sets[:, course.fraction], 1.0)
        times.append((start + course.dose_time + delay).ravel())
        amounts.append((course.amount * share).ravel())
        durations.append(np.broadcast_to(course.duration, shape).ravel())
        states.append(np.broadcast_to(course.state, shape).ravel())
        counts += [shape[1]] * n
    return Doses(
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        time=np.concatenate(times),
        duration=np.concatenate(durations),
        state=np.concatenate(states).astype(np.int64),
        amount=np.concatenate(amounts),
    )
