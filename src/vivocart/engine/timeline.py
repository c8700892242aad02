"""What is done to patients before and after the run: doses become actions in order of time, values are rearranged.

Translated to machine code with the loop of :mod:`vivocart.engine.control`; as Python it is only read.
"""

from __future__ import annotations

from vivocart.engine.addresses import Reals, Record, Wholes, get_real, get_whole, put_real, put_whole


def expand_block(_m: Record, _w: Reals, _v: Wholes, table: int, first: int, last: int) -> None:
    """Actions of patients ``first`` to ``last - 1``, one after the other, from row ``get_whole(out_offsets, first)`` on.

    ``table`` holds addresses: offsets, times, durations, states, amounts of doses; row of the infusion and place of the
    bolus of each state; offsets, times, targets, values, boluses of actions; scratch: dose of each action, rate and number
    running of each row; then the number of rows and the start time.
    """
    offsets, times, durations = get_whole(table, 0), get_whole(table, 1), get_whole(table, 2)
    states, amounts = get_whole(table, 3), get_whole(table, 4)
    row_of, place_of = get_whole(table, 5), get_whole(table, 6)
    out_offsets, out_time, out_target = get_whole(table, 7), get_whole(table, 8), get_whole(table, 9)
    out_value, out_bolus = get_whole(table, 10), get_whole(table, 11)
    dose, rate, running = get_whole(table, 12), get_whole(table, 13), get_whole(table, 14)
    n_rows, start_time = get_whole(table, 15), get_real(table, 16)
    count = get_whole(out_offsets, first)
    for p in range(first, last):
        begin = count
        for d in range(get_whole(offsets, p), get_whole(offsets, p + 1)):
            time, duration = get_real(times, d), get_real(durations, d)
            end = time + duration
            if end < start_time:
                continue
            for part in range(2 if duration > 0.0 else 1):
                when = time if part == 0 else end
                place = count
                while place > begin and get_real(out_time, place - 1) > when:
                    put_real(out_time, place, get_real(out_time, place - 1))
                    put_whole(dose, place, get_whole(dose, place - 1))
                    place -= 1
                put_real(out_time, place, when)
                put_whole(dose, place, 2 * d + part)
                count += 1
        for row in range(n_rows):
            put_real(rate, row, 0.0)
            put_whole(running, row, 0)
        for a in range(begin, count):
            d = get_whole(dose, a) // 2
            ends = get_whole(dose, a) % 2 == 1
            state, amount, duration = get_whole(states, d), get_real(amounts, d), get_real(durations, d)
            if duration > 0.0:
                row = get_whole(row_of, state)
                flow = amount / duration
                now = get_whole(running, row) + (-1 if ends else 1)
                put_whole(running, row, now)
                # rates are added up anew when none is left, so that no rounding of a difference stays behind
                put_real(rate, row, 0.0 if now == 0 else get_real(rate, row) + (-flow if ends else flow))
                put_whole(out_target, a, row)
                put_real(out_value, a, get_real(rate, row))
                put_whole(out_bolus, a, 0)
            else:
                put_whole(out_target, a, get_whole(place_of, state))
                put_real(out_value, a, amount)
                put_whole(out_bolus, a, 1)
        put_whole(out_offsets, p + 1, count)


def arrange_block(_m: Record, _w: Reals, _v: Wholes, table: int, first: int, last: int) -> None:
    """Copies values (patient, time, observable) to (observable, time, patient), for patients ``first`` to ``last - 1``.

    ``table`` holds the two addresses and the numbers of patients, times and observables. Two times of four patients at once:
    what is read lies together, and what is written next goes to the same cache lines.
    """
    values, arranged = get_whole(table, 0), get_whole(table, 1)
    n_patients, n_times, n_observables = get_whole(table, 2), get_whole(table, 3), get_whole(table, 4)
    apart, rows_apart = n_times * n_observables, n_times * n_patients
    fours, squares = (last - first) // 4, n_observables // 4
    for two in range((n_times + 1) // 2):
        for four in range(fours + 1):
            begin = first + 4 * four
            for time in range(2 * two, min(2 * two + 2, n_times)):
                source = values + 8 * (begin * apart + time * n_observables)
                target = arranged + 8 * (time * n_patients + begin)
                whole = squares if four < fours else 0
                for square in range(whole):
                    _copy_square(source + 32 * square, apart, target + 32 * square * rows_apart, rows_apart)
                for observable in range(4 * whole, n_observables):
                    for patient in range(min(4, last - begin)):
                        number = get_real(source, patient * apart + observable)
                        put_real(target, observable * rows_apart + patient, number)


def _copy_square(source: int, apart: int, target: int, rows_apart: int) -> None:
    """Four observables of four patients: all reads before all writes, which the compiler makes into vectors."""
    a0, a1, a2, a3 = get_real(source, 0), get_real(source, 1), get_real(source, 2), get_real(source, 3)
    source += 8 * apart
    b0, b1, b2, b3 = get_real(source, 0), get_real(source, 1), get_real(source, 2), get_real(source, 3)
    source += 8 * apart
    c0, c1, c2, c3 = get_real(source, 0), get_real(source, 1), get_real(source, 2), get_real(source, 3)
    source += 8 * apart
    d0, d1, d2, d3 = get_real(source, 0), get_real(source, 1), get_real(source, 2), get_real(source, 3)
    _put_four(target, a0, b0, c0, d0)
    _put_four(target + 8 * rows_apart, a1, b1, c1, d1)
    _put_four(target + 16 * rows_apart, a2, b2, c2, d2)
    _put_four(target + 24 * rows_apart, a3, b3, c3, d3)


def _put_four(target: int, a: float, b: float, c: float, d: float) -> None:
    put_real(target, 0, a)
    put_real(target, 1, b)
    put_real(target, 2, c)
    put_real(target, 3, d)
