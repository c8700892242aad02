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

    ``table`` holds the two addresses and the numbers of patients, times and observables. Sixteen patients at a time, so that
    what is written comes in whole cache lines.
    """
    values, arranged = get_whole(table, 0), get_whole(table, 1)
    n_patients, n_times, n_observables = get_whole(table, 2), get_whole(table, 3), get_whole(table, 4)
    begin = first
    while begin < last:
        end = min(begin + 16, last)
        for time in range(n_times):
            for observable in range(n_observables):
                source = time * n_observables + observable
                target = (observable * n_times + time) * n_patients
                for patient in range(begin, end):
                    put_real(
                        arranged,
                        target + patient,
                        get_real(values, patient * n_times * n_observables + source),
                    )
        begin = end
