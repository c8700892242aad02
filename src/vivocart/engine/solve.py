"""Integrates patients: to the end of a list of times, or from stop to stop under a host's control.

For a whole run, :func:`compile_system` and :func:`solve`. A host that changes states itself (SBML events, protocols)
works with a batch instead::

    compiled = compile_system(system, conditions=[trigger_1, trigger_2])
    batch = begin(compiled, parameters, times, doses=None)
    while True:
        advance(compiled, batch, until=t)        # each patient to t, or to where a condition first turns
        stopped = np.flatnonzero(batch.status == Status.STOPPED)
        if stopped.size == 0:
            break
        now = conditions_at(compiled, batch)     # (n, n_conditions) truth at each patient's time and state
        ...                                      # compare with the truth before; change batch.state[stopped]
    record_now(compiled, batch)                  # outputs due at or before each patient's time, with the state as it is

What holds between calls:

- ``batch.time (n,)``, ``batch.state (n, n_states)`` and ``batch.status (n,)`` are where each patient stands. A host may
  change ``state`` of any patient; the next ``advance`` starts anew from it. All states can be changed, also those with
  rate zero. ``batch.parameters`` may be changed too (derived constants follow, initial values do not).
- ``batch.truth (n, n_conditions)`` (1.0 or 0.0) is the truth *after* the turn at which a patient stopped. ``advance``
  begins by taking the truth at the present state as given: only turns after that stop it. A host that changes states
  compares :func:`conditions_at` before and after its change by itself.
- Turns are located to 1e-10 of a step, on the side where the new truth holds. Conditions on time alone of the form
  ``time > number`` are met by a step boundary: ``time >= 3`` turns at exactly 3, ``time > 3`` within 1e-10 of a step
  after it. Doses due at the very time of a stop are given when the patient is resumed.
- Outputs are recorded for times before a patient's time; what is due exactly at it waits, so that it shows the state
  after doses, boluses and changes by the host at that time. ``record_now`` writes it.
- The columns of ``batch.state`` are the states ``compiled.kept``: all of them if there are ``conditions``. A system compiled
  without conditions leaves out states that start at zero and stay there because nothing is dosed into them.
- To change rates or steps at a time of its own the host calls ``advance(until=...)`` with that time first.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vivocart.engine.batch import Batch, Settings, make_record
from vivocart.engine.checks import (
    SINGLE_FROM,
    check_atol,
    check_parameters,
    check_precision,
    check_times,
)
from vivocart.engine.compiled import CompiledSystem, Precision, compile_system
from vivocart.engine.device import Device, on_device, patients_at_once
from vivocart.engine.doses import (
    Doses,
    check_doses,
    chosen_doses,
    expand_doses,
    no_doses,
    part_of,
    same_doses,
)
from vivocart.engine.driver import Call, call, driver
from vivocart.engine.rounds import Loops, on_processor, run_rounds
from vivocart.engine.status import FAILED, REASONS, Failure, Status
from vivocart.ground.errors import InputError

__all__ = [
    "SINGLE_FROM",
    "Batch",
    "CompiledSystem",
    "Doses",
    "Failure",
    "Precision",
    "Solution",
    "Status",
    "advance",
    "begin",
    "compile_system",
    "conditions_at",
    "failures_of",
    "record_now",
    "same_doses",
    "solve",
]

Numbers = NDArray[np.float64]
_BLOCK = (
    1024  # patients at most; threads take several blocks, so that none waits long, and one alone whole ones
)
_LAST_GOOD = int(Status.STOPPED)  # statuses after it are failures
_FALL_BELOW = 10.0  # tolerances: one state's share of an error that is a root mean square over all of them
_MOST_STEPS = 20_000  # in single precision: who needs more is likelier stuck in rounding, and is run again


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Observables of patients over time.

    ``values`` is (n_patients, n_times, n_observables), NaN from the failure of a patient on; ``status`` (n_patients,)
    holds :class:`Status` codes; ``steps`` (n_patients,) counts steps tried; ``doses_given`` (n_patients, n_triggers)
    counts triggered doses and ``dose_times`` (n_patients, n_triggers, max count) says when they were set off (else NaN).
    """

    values: Numbers
    status: NDArray[np.int64]
    failures: tuple[Failure, ...]
    steps: NDArray[np.int64]
    observable_ids: tuple[str, ...]
    doses_given: NDArray[np.int64]
    dose_times: Numbers


def begin(
    compiled: CompiledSystem,
    parameters: ArrayLike,
    times: ArrayLike,
    *,
    doses: Doses | None = None,
    start_time: float = 0.0,
    values: Numbers | None = None,
) -> Batch:
    """Patients at the start, with nothing integrated yet.

    Parameters
    ----------
    parameters
        (n_patients, n_parameters) in the order of ``system.parameter_ids``; one row or a vector for one patient.
    times
        Output times, ascending, none before ``start_time``.
    values
        Array to write outputs to, (n_patients, n_times, n_observables); default: a new one, filled with NaN.

    Raises
    ------
    InputError
        Arrays of the wrong size, or a system compiled in single precision: who fails in it could not be run again.
    """
    if compiled.precision == "single":
        raise InputError(
            "patients under a host's control are not integrated in single precision",
            where="precision",
            mend="compile in double",
        )
    p = check_parameters(compiled, parameters)
    t = check_times(times, start_time)
    n, at = len(p), compiled.layout
    given = doses if doses is not None else no_doses(n)
    check_doses(given, n, compiled.dosed, compiled.system)
    if values is None:
        values = np.full((n, len(t), at.n_observables), np.nan)
    batch = _at_start(compiled, p, t, given, start_time, values)
    _call(driver(at.lanes).truth, compiled, batch)
    return batch


def _at_start(
    compiled: CompiledSystem, p: Numbers, t: Numbers, given: Doses, start_time: float, values: Numbers
) -> Batch:
    """Patients of whom nothing is known yet but what was given."""
    n, at = len(p), compiled.layout
    actions = expand_doses(given, compiled.dosed, compiled.kept, start_time, lanes=at.lanes)
    whole = np.zeros((7, n), np.int64)
    return Batch(
        parameters=p,
        state=np.zeros((n, at.n_states)),
        peak=np.zeros((n, at.n_states)),
        time=np.full(n, float(start_time)),
        step=np.zeros(n),
        rates=np.zeros((n, at.n_dosed)),
        next_output=whole[0],
        next_action=whole[1],
        truth=np.zeros((n, at.n_conditions)),
        amounts=np.zeros((n, at.n_amounts)),
        status=whole[2],
        begun=whole[3],
        steps=whole[4],
        turns=whole[5],
        worst=whole[6],
        offsets=actions.offsets,
        action_time=actions.time,
        action_target=actions.target,
        action_value=actions.value,
        action_bolus=actions.bolus,
        times=t,
        values=values,
        start_time=np.full(n, float(start_time)),
    )


def advance(
    compiled: CompiledSystem,
    batch: Batch,
    until: float,
    *,
    rtol: float = 1e-6,
    atol: float | ArrayLike = 1e-9,
    step_limit: int = 100_000,
    turn_limit: int = 10_000,
    max_step: float | None = None,
    threads: int | None = 1,
) -> None:
    """Integrates every patient that has not failed to ``until``, or to the first turn of a condition before it.

    Afterwards ``batch.status`` is ``REACHED_END`` (at ``until``), ``STOPPED`` (at a turn) or a failure.
    """
    settings = Settings(
        until=float(until),
        relative_tolerance=float(rtol),
        longest_step=_longest(max_step),
        fall_below=np.inf,
        step_limit=int(step_limit),
        turn_limit=int(turn_limit),
        stop_after_outputs=False,
    )
    n = len(batch.time)
    absolute = check_atol(atol, compiled)
    width = max(1, -(-n // max(1, threads or 1)))
    record = make_record(compiled.kernels, compiled.layout, settings, batch)
    run = driver(compiled.layout.lanes).run
    _in_threads(
        lambda first: call(run, record, first, min(n, first + width), absolute), range(0, n, width), threads
    )


_NO_SETTINGS = Settings(
    until=0.0,
    relative_tolerance=1.0,
    longest_step=1.0,
    fall_below=np.inf,
    step_limit=0,
    turn_limit=0,
    stop_after_outputs=False,
)


def _call(function: Call, compiled: CompiledSystem, batch: Batch) -> None:
    """Calls a loop that has no settings for all patients."""
    call(function, make_record(compiled.kernels, compiled.layout, _NO_SETTINGS, batch), 0, len(batch.time))


def conditions_at(compiled: CompiledSystem, batch: Batch) -> Numbers:
    """Truth (1.0 or 0.0) of every condition at each patient's present time and state, (n_patients, n_conditions)."""
    _call(driver(compiled.layout.lanes).truth, compiled, batch)
    return batch.truth.copy()


def record_now(compiled: CompiledSystem, batch: Batch) -> None:
    """Writes the outputs that are due at or before each patient's time, from the present state."""
    _call(driver(compiled.layout.lanes).record, compiled, batch)


def solve(  # noqa: PLR0913 - what a solver can be told, all of it by name
    compiled: CompiledSystem,
    parameters: ArrayLike,
    times: ArrayLike,
    *,
    doses: Doses | None = None,
    rtol: float = 1e-6,
    atol: float | ArrayLike = 1e-9,
    threads: int | None = None,
    block: int | None = None,
    start_time: float = 0.0,
    step_limit: int = 100_000,
    turn_limit: int = 10_000,
    max_step: float | None = None,
    nonnegative: bool = False,
    values: Numbers | None = None,
    device: Device | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Solution:
    """Observables of every patient at every time.

    Parameters
    ----------
    parameters
        (n_patients, n_parameters) in the order of ``system.parameter_ids``.
    times
        Output times, ascending, none before ``start_time``; the steps taken do not depend on them.
    doses
        Doses of each patient. A value at the time of a bolus is the one after it.
    rtol, atol
        The error of a step is held below ``rtol`` times the state plus ``atol`` (one number or one a state), as a root
        mean square over states. ``atol`` is in units of the state for states of size up to one and grows with the
        largest size that a state has had beyond that.
    threads
        Threads to work on; default: all processors. Results do not depend on it.
    block
        Patients a thread takes at a time.
    step_limit, turn_limit
        Steps, and turns of conditions, after which a patient is given up.
    max_step
        Longest step, in the time unit of the system: for rates with short pulses in time that are not conditions.
    nonnegative
        Whether states are amounts that cannot fall below zero. A step after which one lies below it by more than ten
        times its tolerance is taken shorter, and a patient in whom no step is short enough has failed.
    values
        Array to write to, (n_patients, n_times, n_observables); default: a new one.
    device
        A graphics card to work on (:func:`vivocart.engine.nvidia.find_gpu`); default: this machine's processors. ``threads``
        and ``block`` are not looked at then.
    on_progress
        Called with patients done and patients in all, from the calling thread.

    A patient whose steps in single precision fail is integrated again in double, from the start.

    Raises
    ------
    InputError
        Arrays of the wrong size, times that do not ascend, a dose into a state that is not dosed; with steps in single
        precision ``rtol`` below 1e-5 or ``atol`` below 1e-30.
    """
    p = check_parameters(compiled, parameters)
    given = doses if doses is not None else no_doses(len(p))
    check_doses(given, len(p), compiled.dosed, compiled.system)
    asked = _Asked(
        parameters=p,
        times=check_times(times, start_time),
        doses=given,
        absolute=check_atol(atol, compiled),
        settings=_to_last_output(rtol, max_step, nonnegative, step_limit, turn_limit),
        start_time=start_time,
    )
    check_precision(compiled, rtol, asked.absolute)
    found = _run(compiled, asked, values, threads, block, on_progress, device)
    return found if compiled.in_double is None else _with_failed_in_double(compiled, asked, found, threads)


class _Asked(NamedTuple):
    """What is integrated."""

    parameters: Numbers
    times: Numbers
    doses: Doses
    absolute: Numbers
    settings: Settings
    start_time: float


def _run(
    compiled: CompiledSystem,
    asked: _Asked,
    values: Numbers | None,
    threads: int | None,
    block: int | None,
    on_progress: Callable[[int, int], None] | None,
    device: Device | None,
) -> Solution:
    """All patients, block by block."""
    n, at, settings = len(asked.parameters), compiled.layout, asked.settings
    if at.is_single:
        settings = settings._replace(step_limit=min(settings.step_limit, _MOST_STEPS))
    workers = threads or os.cpu_count() or 1
    width = block or max(1, min(_BLOCK, n if workers == 1 else -(-n // (4 * workers))))
    if device is not None:
        width, threads = patients_at_once(compiled, device, n, len(asked.times)), 1
    if values is None:  # all of it will be written: NaN from the failure of a patient on
        values = np.empty((n, len(asked.times), at.n_observables))
    status, steps = np.zeros(n, np.int64), np.zeros(n, np.int64)
    most = max((trigger.max_count for trigger in compiled.triggers), default=0)
    given_times = np.full((n, len(compiled.triggers), most), np.nan)
    failures: list[list[Failure]] = [[] for _ in range(-(-n // width))]

    def where(values: Numbers) -> AbstractContextManager[Loops]:
        if device is not None:
            return on_device(compiled, device, settings, asked.absolute, values)
        return nullcontext(on_processor(compiled, settings, asked.absolute))

    def work(first: int) -> None:
        part = slice(first, min(n, first + width))
        own = part_of(asked.doses, first, part.stop)
        p = asked.parameters[part]
        batch = _at_start(compiled, p, asked.times, own, asked.start_time, values[part])
        with where(values[part]) as loops:
            batch = run_rounds(compiled, batch, own, given_times[part], loops)
        status[part], steps[part] = batch.status, batch.steps
        failures[first // width] = _moved(failures_of(compiled, batch), range(first, part.stop))

    _in_threads(work, range(0, n, width), threads, on_progress=on_progress, width=width, total=n)
    return Solution(
        values=values,
        status=status,
        failures=tuple(failure for part in failures for failure in part),
        steps=steps,
        observable_ids=compiled.observable_ids,
        doses_given=np.isfinite(given_times).sum(axis=2),
        dose_times=given_times,
    )


def _with_failed_in_double(
    compiled: CompiledSystem, asked: _Asked, found: Solution, threads: int | None
) -> Solution:
    """The same with patients who failed integrated again in double precision, from the start."""
    if not found.failures or compiled.in_double is None:
        return found
    again = np.array([failure.patient for failure in found.failures])
    part = asked._replace(parameters=asked.parameters[again], doses=chosen_doses(asked.doses, again))
    exact = _run(compiled.in_double(), part, None, threads, None, None, None)
    for name in ("values", "status", "steps", "doses_given", "dose_times"):
        getattr(found, name)[again] = getattr(exact, name)
    return dataclasses.replace(found, failures=tuple(_moved(exact.failures, again.tolist())))


def _moved(failures: Sequence[Failure], patients: Sequence[int]) -> list[Failure]:
    """Failures of some patients under their numbers among all."""
    return [dataclasses.replace(failure, patient=patients[failure.patient]) for failure in failures]


def _to_last_output(
    rtol: float, max_step: float | None, nonnegative: bool, step_limit: int, turn_limit: int
) -> Settings:
    return Settings(
        until=np.inf,
        relative_tolerance=float(rtol),
        longest_step=_longest(max_step),
        fall_below=_FALL_BELOW if nonnegative else np.inf,
        step_limit=int(step_limit),
        turn_limit=int(turn_limit),
        stop_after_outputs=True,
    )


def failures_of(compiled: CompiledSystem, batch: Batch) -> tuple[Failure, ...]:
    """The patients of a batch whose integration failed."""
    found: list[Failure] = []
    if not batch.status.size or int(batch.status.max()) <= _LAST_GOOD:  # nearly always
        return ()
    for patient in np.flatnonzero(np.isin(batch.status, FAILED)).tolist():
        status = Status(int(batch.status[patient]))
        reason, advice = REASONS[status]
        states = [compiled.system.state_ids[place] for place in compiled.kept]
        found.append(
            Failure(
                patient=patient,
                time=float(batch.time[patient]),
                state_id=states[int(batch.worst[patient])] if states else "",
                status=status,
                reason=reason,
                advice=advice,
            )
        )
    return tuple(found)


def _longest(max_step: float | None) -> float:
    """The longest step; without one it is bounded far above any time, so that nothing overflows at rest."""
    if max_step is None:
        return 1e30
    if not max_step > 0:
        raise InputError(f"longest step {max_step:g}", where="max_step", mend="give a positive number")
    return min(float(max_step), 1e30)


def _in_threads(
    work: Callable[[int], None],
    starts: Sequence[int],
    threads: int | None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    width: int = 1,
    total: int = 0,
) -> None:
    """Runs work for each start, on threads that do not hold the interpreter's lock."""
    count = min(threads or os.cpu_count() or 1, len(starts))

    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(min(total, done * width), total)

    if count <= 1:
        for done, first in enumerate(starts, start=1):
            work(first)
            report(done)
        return
    with ThreadPoolExecutor(count) as pool:
        for done, _ in enumerate(pool.map(work, starts), start=1):
            report(done)
