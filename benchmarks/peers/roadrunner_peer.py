"""libRoadRunner: the SBML compiled once by LLVM, parameters set by index, CVODE for stiff systems, no rebuild a patient."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds


def _load(problem: Prepared, file: str):
    import roadrunner

    roadrunner.Config.setValue(roadrunner.Config.LOADSBMLOPTIONS_CONSERVED_MOIETIES, False)
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    began = processor_seconds()
    runner = roadrunner.RoadRunner(str(problem.folder / file))
    seconds = processor_seconds() - began
    runner.setIntegrator("cvode")
    runner.integrator.setValue("stiff", True)
    runner.integrator.setValue("maximum_num_steps", 1_000_000)
    return runner, seconds


def _make(problem: Prepared, *, by_events: bool) -> Solver:
    import roadrunner

    runner, seconds = _load(problem, "events.xml" if by_events else "plain.xml")
    model = runner.model
    known, species = list(model.getGlobalParameterIds()), list(model.getFloatingSpeciesIds())
    # states with a rate rule are parameters to it, states of reactions floating species
    names = [*problem.parameter_ids, *problem.constant_ids, *problem.state_ids]
    numbers = np.hstack([problem.parameters, problem.start])
    columns = [i for i, name in enumerate(names) if name in known]
    places = np.array([known.index(names[i]) for i in columns], dtype=np.int32)
    inflow = np.array([known.index(problem.inflow)], dtype=np.int32)
    parameters = np.ascontiguousarray(numbers[:, columns])
    start = np.ascontiguousarray(problem.start[:, [problem.state_ids.index(s) for s in species]])
    runner.timeCourseSelections = list(problem.state_ids)
    first_rate = problem.segments()[0][2]
    if by_events:
        pieces = [(first_rate, [0.0, *problem.times.tolist()], len(problem.times))]
    else:
        pieces = [
            (rate, sorted({begin, *inside.tolist(), end}), len(inside))
            for begin, end, rate, inside in problem.segments()
        ]

    def one(q: int, out: np.ndarray) -> None:
        runner.reset(roadrunner.SelectionRecord.TIME)
        model.setGlobalParameterValues(places, parameters[q])
        model.setGlobalParameterValues(inflow, [first_rate])
        if species:
            model.setFloatingSpeciesAmounts(start[q])
        o = 0
        for rate, times, count in pieces:
            if not by_events:
                model.setGlobalParameterValues(inflow, [rate])
            out[o : o + count] = np.asarray(runner.simulate(times=times))[1 : count + 1]
            o += count

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        runner.integrator.setValue("relative_tolerance", rtol)
        runner.integrator.setValue("absolute_tolerance", atol)
        out = np.full((last - first, len(problem.times), problem.n_states), np.nan)
        for q in range(first, last):
            try:
                one(q, out[q - first])
            except RuntimeError:
                out[q - first] = np.nan
        return out

    how = "SBML compiled by LLVM, SUNDIALS CVODE BDF, " + (
        "infusions as events" if by_events else "one run a segment"
    )
    return Solver(
        solve=solve, compile_seconds=seconds, version=version("libroadrunner"), how=how, most_patients=500
    )


def make_segments(problem: Prepared) -> Solver:
    return _make(problem, by_events=False)


def make_events(problem: Prepared) -> Solver:
    return _make(problem, by_events=True)
