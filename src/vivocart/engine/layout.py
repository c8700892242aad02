"""Where everything of one block of patients stands in its workspace.

A workspace is rows of ``lanes`` numbers; a row is one quantity of all patients in the block. Offsets are fixed when
kernels are compiled, so that LLVM sees that nothing overlaps.
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
    y: int  # states at the start of the step
    k: int  # stages, one after the other
    u: int  # states of a stage; afterwards the states asked for
    factors: int  # matrix and its factors
    constants: int  # the patient's numbers that kernels read
    rates: int  # running infusions, one row a dosed state
    modes: int  # held truth of relations in the rates
    held: int  # truth of conditions at the start of the step, right after the modes
    y1: int  # states at the end of the step
    peak: int  # largest size of each state so far
    absolute: int  # absolute tolerance of each state
    time_slope: int  # derivative of rates to time
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
    low: int  # fraction of the step before a crossing
    high: int  # and after it
    first: int  # step that suited after the last start of a dose; 0 if not known
    learning: int  # 1 from a start on until it is known
    rows: int


def lay_out(sizes: dict[str, int]) -> Layout:
    """A layout for these sizes (the first eleven fields)."""
    n, dosed = sizes["n_states"], sizes["n_dosed"]
    watched = sizes["n_modes"] + sizes["n_conditions"]
    lengths = {
        "y": n,
        "k": 8 * n,
        "u": n,
        "factors": sizes["n_factors"],
        "constants": sizes["n_constants"],
        "rates": dosed,
        "modes": sizes["n_modes"],
        "held": sizes["n_conditions"],
        "y1": n,
        "peak": n,
        "absolute": n,
        "time_slope": n,
        "observed": sizes["n_observables"],
        "watched": watched,
        "amounts": sizes["n_amounts"],
        "boundaries": sizes["n_time_boundaries"],
        "parameters": sizes["n_parameters"],
        "cut": n,
        "time": 1,
        "step": 1,
        "relative": 1,
        "longest": 1,
        "error": 1,
        "factor": 1,
        "accepted": 1,
        "fraction": 1,
        "query_time": 1,
        "ahead": 1,
        "free": 1,
        "end": 1,
        "hits": 1,
        "rejected": 1,
        "due": 1,
        "low": 1,
        "high": 1,
        "first": 1,
        "learning": 1,
    }
    row, places = 0, {}
    for name, length in lengths.items():
        places[name] = row
        row += length
    return Layout(**sizes, **places, rows=row)
