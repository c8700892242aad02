"""The loop around the kernels: which patient stands in which lane, steps accepted or not, boundaries, crossings, outputs.

Compiled by Numba once for all models (kernels come in as addresses, sizes as a layout) and kept on disk. A patient's
numbers depend on nothing but the patient: every lane has its own time, step and position in its own lists.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from vivocart.engine.layout import Layout

_FREE, _DONE = -1, -2
_RUNNING, _END, _STOPPED, _LIMIT, _SMALL, _NOT_FINITE, _STORM = range(7)
_CROSSING = 1e-10  # of a step: how sharply a crossing is located


class Kernels(NamedTuple):
    """Addresses of the kernels, in the order of :data:`vivocart.engine.kernels.KERNELS`."""

    start: int
    guess: int
    step: int
    accept: int
    spread: int
    locate: int
    observe: int
    watch: int


class Settings(NamedTuple):
    """Numbers that hold for all patients of a call."""

    until: float
    relative: float
    step_limit: int
    turn_limit: int
    stop_after_outputs: bool


class Batch(NamedTuple):
    """Patients between calls: rows are patients. The engine writes all but the parameters, actions and times."""

    parameters: Any  # (n, n_parameters)
    state: Any  # (n, n_states)
    peak: Any  # (n, n_states)
    time: Any  # (n,)
    step: Any  # (n,)
    rates: Any  # (n, n_dosed)
    next_output: Any  # (n,)
    next_action: Any  # (n,)
    truth: Any  # (n, n_conditions)
    amounts: Any  # (n, n_amounts)
    status: Any  # (n,)
    begun: Any  # (n,)
    steps: Any  # (n,)
    turns: Any  # (n,)
    worst: Any  # (n,) state that failed
    offsets: Any  # (n + 1,) of each patient's actions
    action_time: Any
    action_target: Any  # row among the dosed states for a rate, state for a bolus
    action_value: Any
    action_bolus: Any
    times: Any  # (n_times,)
    values: Any  # (n, n_times, n_observables)
    start_time: Any  # (n,)


class Lanes(NamedTuple):
    """What the loop knows of each lane."""

    patient: Any
    time: Any
    ahead: Any  # next boundary
    hits: Any  # the step ends at the boundary
    free: Any  # step the controller wants, before it was cut to a boundary
    rejected: Any
    output: Any
    action: Any
    end: Any  # time at the end of the step (or at the crossing)
    low: Any
    high: Any
    crossing: Any
    stops: Any
    truth: Any  # (lanes, n_conditions)


@intrinsic
def _call(typing_context: Any, address: Any, workspace: Any) -> Any:  # noqa: ARG001 - numba's signature
    """Calls the kernel at an address with the address of a workspace."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        byte_pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte_pointer]).as_pointer()
        kernel = builder.inttoptr(arguments[0], kind)
        builder.call(kernel, [builder.inttoptr(arguments[1], byte_pointer)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _query(k: Kernels, at: Layout, w: Any, base: int) -> None:
    """States and truths at the points asked for."""
    _call(k.locate, base)
    _call(k.watch, base)


@_compiled
def _turned(at: Layout, w: Any, lanes: Lanes, lane: int) -> bool:
    """Whether truth at the point asked for differs from what is held."""
    for i in range(at.n_modes):
        if w[at.watched + i, lane] != w[at.modes + i, lane]:
            return True
    for i in range(at.n_conditions):
        if w[at.watched + at.n_modes + i, lane] != lanes.truth[lane, i]:
            return True
    return False


@_compiled
def _take_truth(at: Layout, w: Any, lanes: Lanes, lane: int) -> bool:
    """Holds the truth at the point asked for; says whether a watched condition turned."""
    stops = False
    for i in range(at.n_modes):
        w[at.modes + i, lane] = w[at.watched + i, lane]
    for i in range(at.n_conditions):
        value = w[at.watched + at.n_modes + i, lane]
        if value != lanes.truth[lane, i]:
            stops = True
        lanes.truth[lane, i] = value
    return stops


@_compiled
def _look(k: Kernels, at: Layout, w: Any, base: int, lanes: Lanes, lane: int) -> None:
    """Truth at the start of the lane's step."""
    for i in range(at.n_states):
        w[at.u + i, lane] = w[at.y + i, lane]
    w[at.query_time, lane] = lanes.time[lane]
    _call(k.watch, base)


@_compiled
def _apply_actions(at: Layout, w: Any, b: Batch, lanes: Lanes, lane: int) -> bool:
    """Boluses and changes of infusion rates that are due; says whether there were any."""
    last = b.offsets[lanes.patient[lane] + 1]
    acted = False
    while lanes.action[lane] < last and b.action_time[lanes.action[lane]] <= lanes.time[lane]:
        a = lanes.action[lane]
        if b.action_bolus[a]:
            w[at.y + b.action_target[a], lane] += b.action_value[a]
        else:
            w[at.rates + b.action_target[a], lane] = b.action_value[a]
        lanes.action[lane] = a + 1
        acted = True
    return acted


@_compiled
def _find_ahead(at: Layout, w: Any, b: Batch, lanes: Lanes, lane: int, until: float) -> None:
    """The next time at which a step has to end."""
    ahead = until
    a = lanes.action[lane]
    if a < b.offsets[lanes.patient[lane] + 1]:
        ahead = min(ahead, b.action_time[a])
    for i in range(at.n_time_boundaries):
        boundary = w[at.boundaries + i, lane]
        if boundary > lanes.time[lane]:
            ahead = min(ahead, boundary)
    lanes.ahead[lane] = ahead


@_compiled
def _restart(k: Kernels, at: Layout, w: Any, base: int, b: Batch, lanes: Lanes, lane: int, until: float) -> bool:
    """After a boundary or crossing: actions due, truth anew, next boundary; says whether a condition turned."""
    acted = _apply_actions(at, w, b, lanes, lane)
    stops = False
    if acted and at.n_modes + at.n_conditions > 0:
        _look(k, at, w, base, lanes, lane)
        stops = _take_truth(at, w, lanes, lane)
        if stops:
            q = lanes.patient[lane]
            for i in range(at.n_amounts):
                b.amounts[q, i] = w[at.amounts + i, lane]
    _find_ahead(at, w, b, lanes, lane, until)
    rest = lanes.ahead[lane] - lanes.time[lane]
    lanes.free[lane] = min(lanes.free[lane], 0.1 * rest)
    lanes.rejected[lane] = 0
    return stops


@_compiled
def _leave(at: Layout, w: Any, b: Batch, lanes: Lanes, lane: int, status: int) -> None:
    """Writes the patient back and frees the lane."""
    q = lanes.patient[lane]
    for i in range(at.n_states):
        b.state[q, i] = w[at.y + i, lane]
        b.peak[q, i] = w[at.peak + i, lane]
    for i in range(at.n_dosed):
        b.rates[q, i] = w[at.rates + i, lane]
    for i in range(at.n_conditions):
        b.truth[q, i] = lanes.truth[lane, i]
    b.time[q] = lanes.time[lane]
    b.step[q] = lanes.free[lane]
    b.next_output[q] = lanes.output[lane]
    b.next_action[q] = lanes.action[lane]
    b.status[q] = status
    if status > _STOPPED:
        for o in range(lanes.output[lane], b.times.size):
            for i in range(at.n_observables):
                b.values[q, o, i] = np.nan
    lanes.patient[lane] = _FREE


@_compiled
def _load(k: Kernels, at: Layout, w: Any, base: int, b: Batch, lanes: Lanes, lane: int, q: int) -> None:
    """Puts a patient into a lane, as it was left or at its start."""
    n_given = at.n_parameters - 1
    for i in range(n_given):
        w[at.parameters + i, lane] = b.parameters[q, i]
    w[at.parameters + n_given, lane] = b.start_time[q]
    _call(k.start, base)
    fresh = not b.begun[q]
    for i in range(at.n_states):
        value = w[at.u + i, lane] if fresh else b.state[q, i]
        w[at.y + i, lane] = value
        w[at.peak + i, lane] = max(abs(value), 0.0 if fresh else b.peak[q, i])
    for i in range(at.n_dosed):
        w[at.rates + i, lane] = 0.0 if fresh else b.rates[q, i]
    lanes.patient[lane] = q
    lanes.time[lane] = b.start_time[q] if fresh else b.time[q]
    lanes.output[lane] = 0 if fresh else b.next_output[q]
    lanes.action[lane] = b.offsets[q] if fresh else b.next_action[q]
    lanes.free[lane] = -1.0 if fresh else b.step[q]
    lanes.rejected[lane] = 0
    b.begun[q] = True
    w[at.time, lane] = lanes.time[lane]


@_compiled
def _enter(k: Kernels, at: Layout, w: Any, base: int, b: Batch, lanes: Lanes, lane: int, q: int, s: Settings) -> bool:
    """Loads a patient and makes it ready to step; says whether there is anything to do for it."""
    _load(k, at, w, base, b, lanes, lane, q)
    if at.n_modes + at.n_conditions > 0:
        _look(k, at, w, base, lanes, lane)
        _take_truth(at, w, lanes, lane)
    guessing = lanes.free[lane] <= 0.0
    if guessing:
        lanes.free[lane] = np.inf
    wanted = lanes.free[lane]
    stops = _restart(k, at, w, base, b, lanes, lane, s.until)
    if guessing:
        _call(k.guess, base)
        lanes.free[lane] = min(lanes.free[lane], w[at.step, lane])
    elif not stops:
        lanes.free[lane] = min(wanted, lanes.free[lane] * 10.0)
    if stops:
        _leave(at, w, b, lanes, lane, _STOPPED)
        return False
    if lanes.time[lane] >= s.until or (s.stop_after_outputs and lanes.output[lane] >= b.times.size):
        _leave(at, w, b, lanes, lane, _END)
        return False
    return True


@_compiled
def _choose_step(at: Layout, w: Any, lanes: Lanes, lane: int) -> None:
    """The length of the lane's next step, never past a boundary."""
    rest = lanes.ahead[lane] - lanes.time[lane]
    h = lanes.free[lane]
    lanes.hits[lane] = h >= rest
    if h >= rest:
        h = rest
    elif h > 0.5 * rest:
        h = 0.5 * rest
    w[at.step, lane] = h
    w[at.time, lane] = lanes.time[lane]


@_compiled
def _judge(at: Layout, w: Any, b: Batch, lanes: Lanes, lane: int, s: Settings) -> None:
    """Accepts or rejects the step just taken and sets the next one's length."""
    q = lanes.patient[lane]
    b.steps[q] += 1
    error, factor, h = w[at.error, lane], w[at.factor, lane], w[at.step, lane]
    if error <= 1.0:
        w[at.accepted, lane] = 1.0
        lanes.end[lane] = lanes.ahead[lane] if lanes.hits[lane] else lanes.time[lane] + h
        if lanes.rejected[lane] and factor > 1.0:
            factor = 1.0
        wanted = h * factor
        # a step cut to a boundary says little about the step the solution allows
        lanes.free[lane] = max(wanted, lanes.free[lane]) if factor >= 1.0 else wanted
        lanes.rejected[lane] = 0
        return
    lanes.rejected[lane] = 1
    lanes.free[lane] = h * min(factor, 0.9)
    if lanes.free[lane] < 1e-15 * abs(lanes.time[lane]) + 1e-30:
        _blame(at, w, b, lanes, lane)
        _leave(at, w, b, lanes, lane, _SMALL if error == error else _NOT_FINITE)
    elif b.steps[q] >= s.step_limit:
        _blame(at, w, b, lanes, lane)
        _leave(at, w, b, lanes, lane, _LIMIT)


@_compiled
def _blame(at: Layout, w: Any, b: Batch, lanes: Lanes, lane: int) -> None:
    """Notes the state whose error is largest or not a number."""
    worst, largest = 0, -1.0
    for i in range(at.n_states):
        error = abs(w[at.k + 7 * at.n_states + i, lane])
        scale = s_scale(w, at, lane, i)
        share = error / scale
        if share != share:
            worst = i
            break
        if share > largest:
            worst, largest = i, share
    b.worst[lanes.patient[lane]] = worst


@_compiled
def s_scale(w: Any, at: Layout, lane: int, i: int) -> float:
    """The tolerance of a state in the step just taken."""
    size = max(abs(w[at.y + i, lane]), abs(w[at.y1 + i, lane]))
    absolute = w[at.absolute + i, lane] * max(1.0, w[at.peak + i, lane])
    return w[at.relative, lane] * size + absolute + 1e-300


@_compiled
def _ask(at: Layout, w: Any, lanes: Lanes, lane: int, fraction: float) -> None:
    """Sets the point of a lane's step that is asked for."""
    w[at.fraction, lane] = fraction
    if fraction == 1.0:
        w[at.query_time, lane] = lanes.end[lane]
    else:
        w[at.query_time, lane] = lanes.time[lane] + fraction * w[at.step, lane]


@_compiled
def _bracket(k: Kernels, at: Layout, w: Any, base: int, lanes: Lanes) -> bool:
    """Looks for truths that turn within the step, at its middle and end; says whether there is any."""
    found = False
    for lane in range(at.lanes):
        lanes.crossing[lane] = 0
        lanes.low[lane] = 0.0
    for part in range(1, 3):
        fraction = 0.5 * part
        for lane in range(at.lanes):
            _ask(at, w, lanes, lane, fraction)
        _query(k, at, w, base)
        for lane in range(at.lanes):
            if w[at.accepted, lane] == 0.0 or lanes.crossing[lane]:
                continue
            if _turned(at, w, lanes, lane):
                lanes.crossing[lane] = 1
                lanes.high[lane] = fraction
                found = True
            else:
                lanes.low[lane] = fraction
    return found


@_compiled
def _find_crossings(k: Kernels, at: Layout, w: Any, base: int, b: Batch, lanes: Lanes) -> None:
    """Ends the step of every lane at its first crossing, located by bisection on the dense output."""
    if not _bracket(k, at, w, base, lanes):
        return
    for _ in range(60):
        open_ = False
        for lane in range(at.lanes):
            if lanes.crossing[lane]:
                open_ = open_ or lanes.high[lane] - lanes.low[lane] > _CROSSING
                _ask(at, w, lanes, lane, 0.5 * (lanes.low[lane] + lanes.high[lane]))
        if not open_:
            break
        _query(k, at, w, base)
        for lane in range(at.lanes):
            if lanes.crossing[lane] and lanes.high[lane] - lanes.low[lane] > _CROSSING:
                if _turned(at, w, lanes, lane):
                    lanes.high[lane] = w[at.fraction, lane]
                else:
                    lanes.low[lane] = w[at.fraction, lane]
    for lane in range(at.lanes):
        if lanes.crossing[lane]:
            _ask(at, w, lanes, lane, lanes.high[lane])
    _query(k, at, w, base)
    for lane in range(at.lanes):
        if lanes.crossing[lane]:
            _cut(at, w, b, lanes, lane)


@_compiled
def _cut(at: Layout, w: Any, b: Batch, lanes: Lanes, lane: int) -> None:
    """Keeps state, truth and amounts at the crossing."""
    q = lanes.patient[lane]
    for i in range(at.n_states):
        w[at.cut + i, lane] = w[at.u + i, lane]
    lanes.stops[lane] = _take_truth(at, w, lanes, lane)
    for i in range(at.n_amounts):
        b.amounts[q, i] = w[at.amounts + i, lane]
    lanes.end[lane] = w[at.query_time, lane]
    b.turns[q] += 1


@_compiled
def _due(b: Batch, lanes: Lanes, w: Any, at: Layout, lane: int) -> bool:
    """Whether the lane's step passes its next output time."""
    o = lanes.output[lane]
    return w[at.accepted, lane] != 0.0 and o < b.times.size and b.times[o] < lanes.end[lane]


@_compiled
def _record(k: Kernels, at: Layout, w: Any, base: int, b: Batch, lanes: Lanes) -> None:
    """Observables at the output times within the steps just taken; the start of a step counts, its end does not."""
    while True:
        any_due = False
        for lane in range(at.lanes):
            w[at.fraction, lane] = 0.0
            if _due(b, lanes, w, at, lane):
                any_due = True
                when = b.times[lanes.output[lane]]
                w[at.query_time, lane] = when
                w[at.fraction, lane] = max(0.0, min(1.0, (when - lanes.time[lane]) / w[at.step, lane]))
        if not any_due:
            return
        _call(k.locate, base)
        _call(k.observe, base)
        for lane in range(at.lanes):
            if _due(b, lanes, w, at, lane):
                q, o = lanes.patient[lane], lanes.output[lane]
                for i in range(at.n_observables):
                    b.values[q, o, i] = w[at.observed + i, lane]
                lanes.output[lane] = o + 1


@_compiled
def _any_due(b: Batch, lanes: Lanes, w: Any, at: Layout) -> bool:
    for lane in range(at.lanes):
        if _due(b, lanes, w, at, lane):
            return True
    return False


@_compiled
def _advance_lane(k: Kernels, at: Layout, w: Any, base: int, b: Batch, lanes: Lanes, lane: int, s: Settings) -> None:
    """Bookkeeping of a lane whose step was accepted."""
    q = lanes.patient[lane]
    crossed = lanes.crossing[lane]
    at_boundary = lanes.hits[lane] and lanes.end[lane] >= lanes.ahead[lane]
    lanes.time[lane] = lanes.end[lane]
    w[at.time, lane] = lanes.time[lane]
    lanes.crossing[lane] = 0
    if s.stop_after_outputs and lanes.output[lane] >= b.times.size:
        _leave(at, w, b, lanes, lane, _END)
        return
    if crossed and lanes.stops[lane]:
        _leave(at, w, b, lanes, lane, _STOPPED)
        return
    if b.steps[q] >= s.step_limit or b.turns[q] >= s.turn_limit:
        _leave(at, w, b, lanes, lane, _STORM if b.turns[q] >= s.turn_limit else _LIMIT)
        return
    if (at_boundary or crossed) and _restart(k, at, w, base, b, lanes, lane, s.until):
        _leave(at, w, b, lanes, lane, _STOPPED)
        return
    if lanes.time[lane] >= s.until:
        _leave(at, w, b, lanes, lane, _END)


@_compiled
def _take_step(k: Kernels, at: Layout, w: Any, base: int, b: Batch, lanes: Lanes, s: Settings) -> None:
    """One step of every lane with all that follows from it."""
    for lane in range(at.lanes):
        w[at.accepted, lane] = 0.0
        if lanes.patient[lane] >= 0:
            _choose_step(at, w, lanes, lane)
    _call(k.step, base)
    for lane in range(at.lanes):
        if lanes.patient[lane] >= 0:
            _judge(at, w, b, lanes, lane, s)
    watching = at.n_modes + at.n_conditions > 0
    if watching or _any_due(b, lanes, w, at):
        _call(k.spread, base)
        if watching:
            _find_crossings(k, at, w, base, b, lanes)
        _record(k, at, w, base, b, lanes)
        for lane in range(at.lanes):
            if watching and lanes.crossing[lane]:
                for i in range(at.n_states):
                    w[at.y1 + i, lane] = w[at.cut + i, lane]
    _call(k.accept, base)
    for lane in range(at.lanes):
        if w[at.accepted, lane] != 0.0:
            _advance_lane(k, at, w, base, b, lanes, lane, s)


@_compiled
def _make_lanes(count: int, n_conditions: int) -> Lanes:
    """Lanes without patients."""
    whole = np.zeros((7, count), np.int64)
    real = np.zeros((6, count))
    whole[0, :] = _FREE
    return Lanes(
        whole[0],
        real[0],
        real[1],
        whole[1],
        real[2],
        whole[2],
        whole[3],
        whole[4],
        real[3],
        real[4],
        real[5],
        whole[5],
        whole[6],
        np.zeros((count, n_conditions)),
    )


@_compiled
def _workspace(at: Layout) -> Any:
    """A workspace on a boundary of 64 bytes."""
    raw = np.zeros(at.rows * at.lanes + 8)
    skip = ((64 - raw.ctypes.data % 64) % 64) // 8
    return raw[skip : skip + at.rows * at.lanes]


@_compiled
def truth_block(k: Kernels, at: Layout, b: Batch) -> None:
    """Puts the truth of every condition, and the start values of those not begun, into a batch."""
    flat = _workspace(at)
    base = flat.ctypes.data
    w = flat.reshape((at.rows, at.lanes))
    lanes = _make_lanes(at.lanes, at.n_conditions)
    for q in range(b.time.size):
        fresh = not b.begun[q]
        if not fresh and at.n_conditions == 0:
            continue
        _load(k, at, w, base, b, lanes, 0, q)
        if fresh:
            b.next_action[q] = b.offsets[q]
            b.step[q] = -1.0
        for i in range(at.n_states):
            b.state[q, i] = w[at.y + i, 0]
        if at.n_conditions > 0:
            _look(k, at, w, base, lanes, 0)
            for i in range(at.n_conditions):
                b.truth[q, i] = w[at.watched + at.n_modes + i, 0]
            for i in range(at.n_amounts):
                b.amounts[q, i] = w[at.amounts + i, 0]


@_compiled
def record_block(k: Kernels, at: Layout, b: Batch) -> None:
    """Observables of each patient's present state, at the output times not after its time."""
    flat = _workspace(at)
    base = flat.ctypes.data
    w = flat.reshape((at.rows, at.lanes))
    lanes = _make_lanes(at.lanes, at.n_conditions)
    for q in range(b.time.size):
        while b.next_output[q] < b.times.size and b.times[b.next_output[q]] <= b.time[q]:
            _load(k, at, w, base, b, lanes, 0, q)
            for i in range(at.n_states):
                w[at.u + i, 0] = w[at.y + i, 0]
            w[at.query_time, 0] = b.times[b.next_output[q]]
            _call(k.observe, base)
            for i in range(at.n_observables):
                b.values[q, b.next_output[q], i] = w[at.observed + i, 0]
            b.next_output[q] += 1


@_compiled
def run_block(k: Kernels, at: Layout, b: Batch, absolute: Any, s: Settings, first: int, last: int) -> None:
    """Integrates patients ``first`` to ``last - 1`` of a batch as far as they go."""
    flat = _workspace(at)
    base = flat.ctypes.data
    w = flat.reshape((at.rows, at.lanes))
    lanes = _make_lanes(at.lanes, at.n_conditions)
    for lane in range(at.lanes):
        w[at.relative, lane] = s.relative
        w[at.step, lane] = 1.0
        for i in range(at.n_states):
            w[at.absolute + i, lane] = absolute[i]
    following = first
    while True:
        live = 0
        for lane in range(at.lanes):
            while lanes.patient[lane] < 0 and following < last:
                following += 1
                if b.status[following - 1] <= _STOPPED:
                    _enter(k, at, w, base, b, lanes, lane, following - 1, s)
            live += lanes.patient[lane] >= 0
        if live == 0:
            return
        _take_step(k, at, w, base, b, lanes, s)
