"""Doses that conditions set off, in rounds.

All patients run until one of their conditions turns, get the dose it calls for, and run on. Where they run is not looked
at here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vivocart.engine.batch import Batch, Settings, make_record
from vivocart.engine.compiled import CompiledSystem
from vivocart.engine.doses import Doses, append_doses, expand_doses
from vivocart.engine.driver import call, driver
from vivocart.engine.status import Status

Numbers = NDArray[np.float64]


class Loops(NamedTuple):
    """What is done to all patients of a batch at once."""

    run: Callable[[Batch], None]  # to the end of the outputs, or to the next turn of a condition
    truth: Callable[[Batch], None]  # of every condition, and the start values of those not begun


def run_rounds(
    compiled: CompiledSystem,
    batch: Batch,
    doses: Doses,
    given: Numbers,
    loops: Loops,
) -> Batch:
    """Runs a batch to the end of its outputs; ``given`` (n, n_triggers, most) receives the times of triggered doses."""
    n, first = len(batch.time), len(compiled.conditions)
    if compiled.layout.n_conditions == 0:
        loops.run(batch)
        return batch
    loops.truth(batch)
    before = np.zeros_like(batch.truth)
    at_start = np.array([t.at_start for t in compiled.triggers], dtype=np.bool_)
    before[:, first:] = np.where(at_start, 0.0, batch.truth[:, first:])
    before[:, :first] = batch.truth[:, :first]
    if at_start.any():
        batch, doses = _fire(compiled, batch, doses, np.arange(n), before, given)
    while True:
        before = batch.truth.copy()
        loops.run(batch)
        stopped = np.flatnonzero(batch.status == Status.STOPPED)
        if stopped.size == 0:
            return batch
        batch, doses = _fire(compiled, batch, doses, stopped, before, given)


def on_processor(compiled: CompiledSystem, settings: Settings, absolute: Numbers) -> Loops:
    """The loops of a system on this thread's processor."""
    own = driver(compiled.layout.lanes)

    def run(batch: Batch) -> None:
        record = make_record(compiled.kernels, compiled.layout, settings, batch)
        call(own.run, record, 0, len(batch.time), absolute)

    def truth(batch: Batch) -> None:
        record = make_record(compiled.kernels, compiled.layout, settings, batch)
        call(own.truth, record, 0, len(batch.time))

    return Loops(run=run, truth=truth)


def _fire(
    compiled: CompiledSystem,
    batch: Batch,
    doses: Doses,
    patients: NDArray[np.int64],
    before: Numbers,
    given: Numbers,
) -> tuple[Batch, Doses]:
    """Adds the doses of every trigger that turned true in these patients."""
    first, changed = len(compiled.conditions), False
    for i, trigger in enumerate(compiled.triggers):
        turned = (batch.truth[patients, first + i] > 0) & (before[patients, first + i] == 0)
        earlier = given[patients, i, : trigger.max_count]
        counts = np.isfinite(earlier).sum(axis=1)
        latest = np.fmax.reduce(earlier, axis=1, initial=-np.inf)
        allowed = (counts < trigger.max_count) & (batch.time[patients] - latest >= trigger.min_spacing)
        amounts = batch.amounts[patients, i]
        chosen = np.flatnonzero(turned & allowed & np.isfinite(amounts))
        if chosen.size == 0:
            continue
        who = patients[chosen]
        given[who, i, counts[chosen]] = batch.time[who]
        state = compiled.system.state_ids.index(trigger.state)
        more = Doses(
            offsets=np.zeros(0, np.int64),
            time=batch.time[who] + trigger.delay,
            duration=np.full(who.size, trigger.duration),
            state=np.full(who.size, state, np.int64),
            amount=amounts[chosen],
        )
        doses = append_doses(doses, who, more)
        changed = True
    return (_with_doses(compiled, batch, doses), doses) if changed else (batch, doses)


def _with_doses(compiled: CompiledSystem, batch: Batch, doses: Doses) -> Batch:
    """The batch with the actions of these doses; what was done is a prefix of the new list, as of the old one."""
    actions = expand_doses(
        doses, compiled.dosed, compiled.kept, float(batch.start_time[0]), lanes=compiled.layout.lanes
    )
    done = batch.next_action - batch.offsets[:-1]
    return batch._replace(
        offsets=actions.offsets,
        action_time=actions.time,
        action_target=actions.target,
        action_value=actions.value,
        action_bolus=actions.bolus,
        next_action=actions.offsets[:-1] + done,
    )
