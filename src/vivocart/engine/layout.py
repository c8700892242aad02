"""Where everything of one block of patients stands in its workspace.

A workspace is rows of ``stride`` numbers; a row is one quantity of all patients in the block. Offsets are fixed when
kernels are compiled, so that LLVM sees that nothing overlaps. On a processor kernels work on whole rows, on a graphics card
each of its threads on one number of a row: there are ``lanes`` patients to a kernel.

What only the step of the method reads can be in single precision. It then lies behind the rows of doubles, in rows half
as long that are counted from there; in double precision it is counted like all else, and what would be a copy is the
original.
"""

from __future__ import annotations

from typing import NamedTuple


class Layout(NamedTuple):
    """Sizes, and the first row of each part of the workspace."""

    lanes: int
    n_states: int
    n_parameters: int
    n_constants: int
    n_observables: int
    n_modes: int
    n_conditions: int
    n_time_boundaries: int
    n_dosed: int
    n_factors: int
    n_amounts: int
    is_single: int  # 1 if the step is in single precision
    stride: int  # patients side by side in memory, as many as lanes where kernels work on whole rows
    y: int  # states at the start of the step
    u: int  # states asked for
    constants: int  # the patient's numbers that kernels read
    rates: int  # running infusions, one row a dosed state
    modes: int  # held truth of relations in the rates
    held: int  # truth of conditions at the start of the step, right after the modes
    y1: int  # states at the end of the step; in single precision they are not kept apart
    peak: int  # largest size of each state so far
    absolute: int  # absolute tolerance of each state
    observed: int  # observables asked for
    watched: int  # truth of modes, then of conditions, at the point asked for
    amounts: int  # amounts of triggered doses at the point asked for
    boundaries: int  # times at which relations on time alone turn
    parameters: int
    cut: int  # states at a crossing
    time: int  # start of the step
    step: int  # its length
    relative: int  # relative tolerance
    longest: int  # step allowed
    undershoot: int  # how far below zero a state may fall, in units of its tolerance
    error: int  # norm of the error, 1 is the tolerance
    factor: int  # by what the step may grow
    accepted: int  # 1 where the step stands
    fraction: int  # point asked for, as a fraction of the step
    query_time: int  # the same as a time
    ahead: int  # next boundary
    free: int  # step the controller wants, before it is cut to a boundary
    end: int  # time at the end of the step, or at the crossing
    hits: int  # 1 where the step ends at the boundary
    rejected: int  # 1 where the last step did not stand
    due: int  # next output time
    records: int  # bits of the patients whose step passes it
    taken: int  # steps tried
    limit: int  # of them
    present: int  # 1 where there is a patient
    refused: int  # bits of those whose step did not stand
    meets: int  # bits of those whose step meets something that a step alone does not settle
    crosses: int  # 1 where a truth turns within the step
    low: int  # fraction of the step before a crossing
    high: int  # and after it
    first: int  # step that suited after the last start of a dose; 0 if not known
    learning: int  # 1 from a start on until it is known
    k: int  # stages, one after the other; from here on the step's own
    stage: int  # states of a stage
    increment: int  # what they are more than at the start of the step; in double it is not kept apart
    factors: int  # matrix and its factors
    time_slope: int  # derivative of rates to time
    start: int  # copy of the states at the start of the step
    numbers: int  # copy of the patient's numbers
    tolerance: int  # copy of the absolute tolerances
    size: int  # what stands in the peaks between calls
    rows: int  # all rows, as rows of doubles
    singles: int  # rows of doubles before those in single precision


_SIZES = 13  # fields that are sizes


def sizes_of(layout: Layout) -> dict[str, int]:
    """What a layout is made from."""
    return dict(zip(Layout._fields[:_SIZES], layout[:_SIZES], strict=True))


def lay_out(sizes: dict[str, int]) -> Layout:
    """A layout for these sizes."""
    n, is_single = sizes["n_states"], sizes["is_single"]
    row, places = _places(0, _kept_in_double(sizes))
    own = {"k": 8 * n, "stage": n, "factors": sizes["n_factors"], "time_slope": n}
    if not is_single:
        stage = {"stage": places["u"], "increment": places["u"]}
        copies = {"start": places["y"], "numbers": places["constants"], "tolerance": places["absolute"]}
        copies["size"] = places["peak"]
        del own["stage"]
        rows, more = _places(row, own)
        return Layout(**sizes, **places, **more, **stage, **copies, rows=rows, singles=0)
    own |= {"increment": n, "start": n, "numbers": sizes["n_constants"], "tolerance": n, "size": n}
    length, more = _places(0, own)
    return Layout(**sizes, **places, **more, rows=row + (length + 1) // 2, singles=row)


def _places(row: int, lengths: dict[str, int]) -> tuple[int, dict[str, int]]:
    """First rows of parts that follow each other, and the row after them."""
    places: dict[str, int] = {}
    for name, length in lengths.items():
        places[name] = row
        row += length
    return row, places


def _kept_in_double(sizes: dict[str, int]) -> dict[str, int]:
    """Lengths of the parts that the loop around the kernels reads, or that are not worth less."""
    n = sizes["n_states"]
    lengths = {
        "y": n,
        "u": n,
        "constants": sizes["n_constants"],
        "rates": sizes["n_dosed"],
        "modes": sizes["n_modes"],
        "held": sizes["n_conditions"],
        "y1": n,
        "peak": n,
        "absolute": n,
        "observed": sizes["n_observables"],
        "watched": sizes["n_modes"] + sizes["n_conditions"],
        "amounts": sizes["n_amounts"],
        "boundaries": sizes["n_time_boundaries"],
        "parameters": sizes["n_parameters"],
        "cut": n,
    }
    first = Layout._fields.index("time")
    return lengths | dict.fromkeys(Layout._fields[first : Layout._fields.index("k")], 1)
