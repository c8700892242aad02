"""The loop around the kernels: which patient stands in which lane, steps accepted or not, boundaries, crossings, outputs.

Translated to machine code once for all models (:mod:`vivocart.engine.loops`; kernels come in as addresses, sizes as a
record) and kept on disk; as Python these functions are only read. A patient's numbers depend on nothing but the patient:
every lane has its own time, step and position in its own lists.

Throughout, ``m`` is the record of the call (:data:`vivocart.engine.batch.RECORD`), ``w`` the workspace by row and lane,
``v`` whole numbers of each lane by the rows named below, ``lane`` a lane and ``q`` a patient.
"""

from __future__ import annotations

import math

from vivocart.engine.addresses import (
    Reals,
    Record,
    Wholes,
    call_kernel,
    fetch_ahead,
    get_bits,
    get_real,
    get_whole,
    lowest,
    put_real,
    put_whole,
    whole,
)

ROWS = 6
_PATIENT, _OUTPUT, _ACTION, _CROSSING, _STOPS, _ROWS = range(ROWS)
_FREE = -1
_RUNNING, _END, _STOPPED, _LIMIT, _SMALL, _NOT_FINITE, _STORM, _NEGATIVE = range(8)  # values of status.Status
_CROSSING_WIDTH = 1e-10  # of a step: how sharply a crossing is located


def _turned(m: Record, w: Reals, lane: int) -> bool:
    """Whether truth at the point asked for differs from what is held."""
    differ = 0
    for i in range(m.n_modes + m.n_conditions):
        differ += w[m.watched + i, lane] != w[m.modes + i, lane]
    return differ > 0


def _take_truth(m: Record, w: Reals, lane: int) -> bool:
    """Holds the truth at the point asked for; says whether a watched condition turned."""
    stops = False
    for i in range(m.n_modes + m.n_conditions):
        value = w[m.watched + i, lane]
        if i >= m.n_modes and value != w[m.modes + i, lane]:
            stops = True
        w[m.modes + i, lane] = value
    return stops


def _take_amounts(m: Record, w: Reals, q: int, lane: int) -> None:
    """Keeps the amounts of triggered doses at the point asked for."""
    for i in range(m.n_amounts):
        put_real(m.of_amounts, q * m.n_amounts + i, w[m.amounts + i, lane])


def _look(m: Record, w: Reals, lane: int) -> None:
    """Truth at the start of the lane's step."""
    for i in range(m.n_states):
        w[m.u + i, lane] = w[m.y + i, lane]
    w[m.query_time, lane] = w[m.time, lane]
    call_kernel(m.kernel_watch, w)


def _soon(time: float) -> float:
    """A moment so close after a time that no step can be taken to it."""
    return time + 1e-14 * abs(time) + 1e-25


def _apply_actions(m: Record, w: Reals, v: Wholes, lane: int) -> bool:
    """Boluses and changes of infusion rates that are due; says whether there were any.

    After the start of a dose the step that suited after the start before is the one to try.
    """
    last = get_whole(m.of_offsets, v[_PATIENT, lane] + 1)
    a = v[_ACTION, lane]
    now = _soon(w[m.time, lane])
    while a < last and get_real(m.of_action_time, a) <= now:
        target, value = get_whole(m.of_action_target, a), get_real(m.of_action_value, a)
        if get_whole(m.of_action_bolus, a):
            w[m.y + target, lane] += value
            w[m.learning, lane] = 1.0
        else:
            if value > w[m.rates + target, lane]:
                w[m.learning, lane] = 1.0
            w[m.rates + target, lane] = value
        a += 1
    acted = a > v[_ACTION, lane]
    v[_ACTION, lane] = a
    return acted


def _find_ahead(m: Record, w: Reals, v: Wholes, lane: int) -> None:
    """The next time at which a step has to end."""
    ahead = m.until
    a = v[_ACTION, lane]
    if a < get_whole(m.of_offsets, v[_PATIENT, lane] + 1):
        ahead = min(ahead, get_real(m.of_action_time, a))
    for i in range(m.n_time_boundaries):
        boundary = w[m.boundaries + i, lane]
        if boundary > _soon(w[m.time, lane]):
            ahead = min(ahead, boundary)
    w[m.ahead, lane] = ahead


def _restart(m: Record, w: Reals, v: Wholes, lane: int) -> bool:
    """After a boundary or crossing: actions due, truth anew, next boundary; says whether a condition turned."""
    w[m.learning, lane] = 0.0
    acted = _apply_actions(m, w, v, lane)
    stops = False
    if acted and m.n_modes + m.n_conditions > 0:
        _look(m, w, lane)
        stops = _take_truth(m, w, lane)
        if stops:
            _take_amounts(m, w, v[_PATIENT, lane], lane)
    _find_ahead(m, w, v, lane)
    known = w[m.learning, lane] != 0.0 and w[m.first, lane] > 0.0
    limit = w[m.first, lane] if known else 0.1 * (w[m.ahead, lane] - w[m.time, lane])
    w[m.free, lane] = min(w[m.free, lane], limit)
    w[m.rejected, lane] = 0.0
    return stops


def _leave(m: Record, w: Reals, v: Wholes, lane: int, status: int) -> None:
    """Writes the patient back and frees the lane."""
    q = v[_PATIENT, lane]
    call_kernel(m.kernel_take_peaks, w)
    for i in range(m.n_states):
        put_real(m.of_state, q * m.n_states + i, w[m.y + i, lane])
        put_real(m.of_peak, q * m.n_states + i, w[m.peak + i, lane])
    for i in range(m.n_dosed):
        put_real(m.of_rates, q * m.n_dosed + i, w[m.rates + i, lane])
    for i in range(m.n_conditions):
        put_real(m.of_truth, q * m.n_conditions + i, w[m.held + i, lane])
    put_real(m.of_time, q, w[m.time, lane])
    put_real(m.of_step, q, w[m.free, lane])
    put_whole(m.of_steps, q, whole(w[m.taken, lane]))
    put_whole(m.of_next_output, q, v[_OUTPUT, lane])
    put_whole(m.of_next_action, q, v[_ACTION, lane])
    put_whole(m.of_status, q, status)
    if status > _STOPPED:
        first = (q * m.n_times + v[_OUTPUT, lane]) * m.n_observables
        for place in range(first, (q + 1) * m.n_times * m.n_observables):
            put_real(m.of_values, place, math.nan)
    v[_PATIENT, lane] = _FREE
    _rest(m, w, lane)


def _rest(m: Record, w: Reals, lane: int) -> None:
    """What stands in a lane without a patient: steps of length one that lead nowhere."""
    w[m.time, lane] = 0.0
    w[m.ahead, lane] = math.inf
    w[m.free, lane] = 1.0
    w[m.due, lane] = math.inf
    w[m.present, lane] = 0.0


def _set_due(m: Record, w: Reals, v: Wholes, lane: int) -> None:
    """Notes the next output time, and that its observables will be written."""
    o = v[_OUTPUT, lane]
    w[m.due, lane] = get_real(m.of_times, o) if o < m.n_times else math.inf
    first = (v[_PATIENT, lane] * m.n_times + o) * m.n_observables
    for line in range((m.n_observables + 14) // 8):
        fetch_ahead(m.of_values, first + 8 * line)


def _load(m: Record, w: Reals, v: Wholes, lane: int, q: int) -> bool:
    """Puts a patient into a lane, as it was left or at its start; says whether it is at its start."""
    _give(m, w, lane, q)
    call_kernel(m.kernel_start, w)
    call_kernel(m.kernel_take_peaks, w)
    fresh = _put(m, w, v, lane, q)
    call_kernel(m.kernel_give_peaks, w)
    return fresh


def _give(m: Record, w: Reals, lane: int, q: int) -> None:
    """The numbers of a patient."""
    n_given = m.n_parameters - 1
    for i in range(n_given):
        w[m.parameters + i, lane] = get_real(m.of_parameters, q * n_given + i)
    w[m.parameters + n_given, lane] = get_real(m.of_start_time, q)


def _put(m: Record, w: Reals, v: Wholes, lane: int, q: int) -> bool:
    """Where a patient stands, once what follows from its numbers is known."""
    fresh = get_whole(m.of_begun, q) == 0
    for i in range(m.n_states):
        value = w[m.u + i, lane] if fresh else get_real(m.of_state, q * m.n_states + i)
        w[m.y + i, lane] = value
        w[m.peak + i, lane] = max(abs(value), 0.0 if fresh else get_real(m.of_peak, q * m.n_states + i))
    for i in range(m.n_dosed):
        w[m.rates + i, lane] = 0.0 if fresh else get_real(m.of_rates, q * m.n_dosed + i)
    v[_PATIENT, lane] = q
    w[m.time, lane] = get_real(m.of_start_time if fresh else m.of_time, q)
    v[_OUTPUT, lane] = 0 if fresh else get_whole(m.of_next_output, q)
    w[m.taken, lane] = 0.0 + get_whole(m.of_steps, q)
    w[m.present, lane] = 1.0
    v[_ACTION, lane] = get_whole(m.of_offsets, q) if fresh else get_whole(m.of_next_action, q)
    w[m.free, lane] = -1.0 if fresh else get_real(m.of_step, q)
    w[m.rejected, lane] = 0.0
    w[m.first, lane] = 0.0
    return fresh


def _enter(m: Record, w: Reals, v: Wholes, lane: int, q: int) -> None:
    """Loads a patient and makes it ready to step; it leaves at once if there is nothing to do for it."""
    _load(m, w, v, lane, q)
    _set_due(m, w, v, lane)
    put_whole(m.of_begun, q, 1)
    if m.n_modes + m.n_conditions > 0:
        _look(m, w, lane)
        _take_truth(m, w, lane)
    wanted = w[m.free, lane]
    w[m.free, lane] = math.inf
    stops = _restart(m, w, v, lane)
    # into a state that is empty a dose starts so fast that a guess from sizes is a million times too short
    if wanted <= 0.0 and (w[m.learning, lane] == 0.0 or w[m.free, lane] == math.inf):
        call_kernel(m.kernel_guess, w)
        wanted = w[m.step, lane]
    if wanted > 0.0:
        w[m.free, lane] = min(wanted, w[m.free, lane])
    if stops:
        _leave(m, w, v, lane, _STOPPED)
    elif w[m.time, lane] >= m.until or (m.stop_after_outputs and v[_OUTPUT, lane] >= m.n_times):
        _leave(m, w, v, lane, _END)


def _check_rejected(m: Record, w: Reals, v: Wholes, lane: int) -> None:
    """Lets a patient fail whose step did not stand and cannot be made smaller."""
    small = w[m.free, lane] < 1e-15 * abs(w[m.time, lane]) + 1e-30
    if small or w[m.taken, lane] >= m.step_limit:
        status = _NOT_FINITE if math.isnan(w[m.error, lane]) else _SMALL
        if not m.is_single:  # who fails in single precision is run again in double
            _blame(m, w, v, lane)
            if status == _SMALL and _fell(m, w, v, lane):
                status = _NEGATIVE
        _leave(m, w, v, lane, status if small else _LIMIT)


def _weight(m: Record, w: Reals, lane: int, i: int) -> float:
    """The tolerance of a state over the step tried."""
    size = max(abs(w[m.y + i, lane]), abs(w[m.y1 + i, lane]))
    return w[m.relative, lane] * size + w[m.absolute + i, lane] * max(1.0, w[m.peak + i, lane])


def _fell(m: Record, w: Reals, v: Wholes, lane: int) -> bool:
    """Whether a state that may not be negative fell too far; notes the first."""
    for i in range(m.n_states):
        if w[m.y1 + i, lane] < -m.fall_below * _weight(m, w, lane, i):
            put_whole(m.of_worst, v[_PATIENT, lane], i)
            return True
    return False


def _blame(m: Record, w: Reals, v: Wholes, lane: int) -> None:
    """Notes the state whose error is largest or not a number."""
    worst, largest = 0, -1.0
    for i in range(m.n_states):
        share = abs(w[m.k + 7 * m.n_states + i, lane]) / _weight(m, w, lane, i)
        if not share < math.inf:
            worst = i
            break
        if share > largest:
            worst, largest = i, share
    put_whole(m.of_worst, v[_PATIENT, lane], worst)


def _ask(m: Record, w: Reals, lane: int, fraction: float) -> None:
    """Sets the point of a lane's step that is asked for."""
    w[m.fraction, lane] = fraction
    if fraction == 1.0:
        w[m.query_time, lane] = w[m.end, lane]
    else:
        w[m.query_time, lane] = w[m.time, lane] + fraction * w[m.step, lane]


def _query(m: Record, w: Reals) -> None:
    """Truths at the points asked for."""
    call_kernel(m.kernel_locate_watched, w)
    call_kernel(m.kernel_watch, w)


def _bracket(m: Record, w: Reals, v: Wholes) -> bool:
    """Looks for truths that turn within the step, at its middle and end; says whether there is any."""
    call_kernel(m.kernel_glance, w)
    found = 0
    for lane in range(m.lanes):
        crosses = w[m.crosses, lane] != 0.0
        v[_CROSSING, lane] = crosses
        found += crosses
    return found > 0


def _narrow(m: Record, w: Reals, v: Wholes) -> bool:
    """One halving of every bracket; says whether any is still wide."""
    wide = False
    for lane in range(m.lanes):
        if v[_CROSSING, lane]:
            _ask(m, w, lane, 0.5 * (w[m.low, lane] + w[m.high, lane]))
    _query(m, w)
    for lane in range(m.lanes):
        if v[_CROSSING, lane] and w[m.high, lane] - w[m.low, lane] > _CROSSING_WIDTH:
            side = m.high if _turned(m, w, lane) else m.low
            w[side, lane] = w[m.fraction, lane]
            wide = wide or w[m.high, lane] - w[m.low, lane] > _CROSSING_WIDTH
    return wide


def _find_crossings(m: Record, w: Reals, v: Wholes) -> None:
    """Ends the step of every lane at its first crossing, located by bisection on the dense output."""
    if not _bracket(m, w, v):
        return
    while _narrow(m, w, v):
        pass
    for lane in range(m.lanes):
        if v[_CROSSING, lane]:
            _ask(m, w, lane, w[m.high, lane])
    call_kernel(m.kernel_locate, w)
    call_kernel(m.kernel_watch, w)
    for lane in range(m.lanes):
        if v[_CROSSING, lane]:
            q = v[_PATIENT, lane]
            for i in range(m.n_states):
                w[m.cut + i, lane] = w[m.u + i, lane]
            v[_STOPS, lane] = _take_truth(m, w, lane)
            _take_amounts(m, w, q, lane)
            w[m.end, lane] = w[m.query_time, lane]
            put_whole(m.of_turns, q, get_whole(m.of_turns, q) + 1)


def _record(m: Record, w: Reals, v: Wholes) -> None:
    """Observables at the output times within the steps just taken."""
    more = True
    while more:
        more = False
        call_kernel(m.kernel_report, w)
        due = get_bits(w, m.records)
        while due != 0:
            lane = lowest(due)
            due = due & (due - 1)
            _store(m, w, v[_PATIENT, lane], v[_OUTPUT, lane], lane)
            v[_OUTPUT, lane] += 1
            _set_due(m, w, v, lane)
            more = more or w[m.due, lane] < w[m.end, lane]


def _store(m: Record, w: Reals, q: int, output: int, lane: int) -> None:
    """Writes the observables of a lane to a patient's row."""
    first = (q * m.n_times + output) * m.n_observables
    for i in range(m.n_observables):
        put_real(m.of_values, first + i, w[m.observed + i, lane])


def _advance_lane(m: Record, w: Reals, v: Wholes, lane: int) -> None:
    """Bookkeeping of a lane whose step was accepted."""
    q = v[_PATIENT, lane]
    crossed = v[_CROSSING, lane]
    v[_CROSSING, lane] = 0
    if crossed:
        for i in range(m.n_states):
            w[m.y + i, lane] = w[m.cut + i, lane]
    at_boundary = w[m.end, lane] >= w[m.ahead, lane]
    if m.stop_after_outputs and v[_OUTPUT, lane] >= m.n_times:
        _leave(m, w, v, lane, _END)
    elif crossed and v[_STOPS, lane]:
        _leave(m, w, v, lane, _STOPPED)
    elif get_whole(m.of_turns, q) >= m.turn_limit:
        _leave(m, w, v, lane, _STORM)
    elif w[m.taken, lane] >= m.step_limit:
        _leave(m, w, v, lane, _LIMIT)
    elif (at_boundary or crossed) and _restart(m, w, v, lane):
        _leave(m, w, v, lane, _STOPPED)
    elif w[m.time, lane] >= m.until:
        _leave(m, w, v, lane, _END)


def _look_inside(m: Record, w: Reals, v: Wholes) -> None:
    """Crossings and outputs within the steps just taken; a step that crosses ends there."""
    if m.n_modes + m.n_conditions > 0:
        _find_crossings(m, w, v)
    _record(m, w, v)


def _take_step(m: Record, w: Reals, v: Wholes) -> bool:
    """One step of every lane with all that follows from it; says whether a patient may have left."""
    call_kernel(m.kernel_step, w)
    refused = get_bits(w, m.refused)
    looked_at = refused != 0
    while refused != 0:
        _check_rejected(m, w, v, lowest(refused))
        refused = refused & (refused - 1)
    _look_inside(m, w, v)
    call_kernel(m.kernel_accept, w)
    meets = get_bits(w, m.meets)
    looked_at = looked_at or meets != 0
    while meets != 0:
        _advance_lane(m, w, v, lowest(meets))
        meets = meets & (meets - 1)
    return looked_at


def run_block(m: Record, w: Reals, v: Wholes, absolute: int, first: int, last: int) -> None:
    """Integrates patients ``first`` to ``last - 1`` of a batch as far as they go."""
    for lane in range(m.lanes):
        v[_PATIENT, lane] = _FREE
        _rest(m, w, lane)
        w[m.step, lane] = 1.0
        w[m.relative, lane] = m.relative_tolerance
        w[m.longest, lane] = m.longest_step
        w[m.undershoot, lane] = m.fall_below
        w[m.limit, lane] = 0.0 + m.step_limit
        for i in range(m.n_states):
            w[m.absolute + i, lane] = get_real(absolute, i)
    following = first
    vacant = True
    while True:
        if vacant:
            live = 0
            for lane in range(m.lanes):
                while v[_PATIENT, lane] < 0 and following < last:
                    status = get_whole(m.of_status, following)
                    if status <= _STOPPED and not (m.stop_after_outputs and status == _END):
                        _enter(m, w, v, lane, following)
                    following += 1
                live += v[_PATIENT, lane] >= 0
            if live == 0:
                return
        vacant = _take_step(m, w, v)


def truth_block(m: Record, w: Reals, v: Wholes, _: int, first: int, last: int) -> None:
    """Puts the truth of every condition, and the start values of those not begun, into a batch."""
    q = first
    while q < last:
        count = min(m.lanes, last - q)
        for lane in range(count):
            _give(m, w, lane, q + lane)
        call_kernel(m.kernel_start, w)
        for lane in range(count):
            if _put(m, w, v, lane, q + lane):
                _begin(m, w, lane, q + lane)
            for i in range(m.n_states):
                w[m.u + i, lane] = w[m.y + i, lane]
            w[m.query_time, lane] = w[m.time, lane]
        if m.n_conditions > 0:
            call_kernel(m.kernel_watch, w)
            for lane in range(count):
                for i in range(m.n_conditions):
                    put_real(m.of_truth, (q + lane) * m.n_conditions + i, w[m.watched + m.n_modes + i, lane])
                _take_amounts(m, w, q + lane, lane)
        q += count


def _begin(m: Record, w: Reals, lane: int, q: int) -> None:
    """Notes the start values of a patient not begun."""
    put_whole(m.of_begun, q, 1)
    put_whole(m.of_next_action, q, get_whole(m.of_offsets, q))
    put_real(m.of_step, q, -1.0)
    for i in range(m.n_states):
        put_real(m.of_state, q * m.n_states + i, w[m.y + i, lane])


def record_block(m: Record, w: Reals, v: Wholes, _: int, first: int, last: int) -> None:
    """Observables of each patient's present state, at the output times not after its time."""
    for q in range(first, last):
        o = get_whole(m.of_next_output, q)
        while o < m.n_times and get_real(m.of_times, o) <= get_real(m.of_time, q):
            _load(m, w, v, 0, q)
            for i in range(m.n_states):
                w[m.u + i, 0] = w[m.y + i, 0]
            w[m.query_time, 0] = get_real(m.of_times, o)
            call_kernel(m.kernel_observe, w)
            _store(m, w, q, o, 0)
            o += 1
        put_whole(m.of_next_output, q, o)
