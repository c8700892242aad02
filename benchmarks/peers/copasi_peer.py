"""COPASI through its Python binding (the layer below basico, without data frames): LSODA, infusions as events."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from peers.prepared import Prepared, Solver, processor_seconds


def _time_course(data: object, problem: Prepared) -> tuple[object, object]:
    """The task, told to report at the problem's times and nowhere else, and its method."""
    task = data.getTask("Time-Course")
    settings, method = task.getProblem(), task.getMethod()
    settings.setUseValues(True)
    settings.setValues(" ".join(repr(float(t)) for t in (0.0, *problem.times)))
    settings.setTimeSeriesRequested(True)
    settings.setAutomaticStepSize(False)
    settings.setOutputEvent(False)
    method.getParameter("Max Internal Steps").setIntValue(1_000_000)
    return task, method


def _parameters(model: object, problem: Prepared) -> tuple[list[int], list[object], object]:
    """Columns of the patients' numbers, the objects that hold them, and what an update is told."""
    import COPASI

    values = {v.getSBMLId(): v for v in (model.getModelValue(i) for i in range(model.getNumModelValues()))}
    columns = [i for i, name in enumerate(problem.parameter_ids) if name in values]
    objects = [values[problem.parameter_ids[i]] for i in columns]
    changes = COPASI.ObjectStdVector()
    for entry in objects:
        changes.append(entry.getInitialValueReference())
    return columns, objects, changes


def make(problem: Prepared) -> Solver:
    import basico
    import COPASI

    began = processor_seconds()
    data = basico.load_model(str(problem.folder / "events.xml"))
    seconds = processor_seconds() - began
    model = data.getModel()
    columns, objects, changes = _parameters(model, problem)
    parameters = problem.parameters[:, columns]
    task, method = _time_course(data, problem)
    places: list[int] = []

    def find_places(series: object) -> None:
        titles = [series.getSBMLId(j, data) for j in range(series.getNumVariables())]
        places.extend(titles.index(s) for s in problem.state_ids)

    def one(q: int, out: np.ndarray) -> None:
        for entry, value in zip(objects, parameters[q].tolist(), strict=True):
            entry.setInitialValue(value)
        model.updateInitialValues(changes)
        task.initializeRaw(COPASI.CCopasiTask.ONLY_TIME_SERIES)
        if not task.processRaw(True):
            return
        task.restore()
        series = task.getTimeSeries()
        if not places:
            find_places(series)
        if series.getRecordedSteps() < len(problem.times) + 1:
            return
        for o in range(len(problem.times)):
            out[o] = [series.getConcentrationData(o + 1, j) for j in places]

    def solve(first: int, last: int, rtol: float, atol: float) -> np.ndarray:
        method.getParameter("Relative Tolerance").setDblValue(rtol)
        method.getParameter("Absolute Tolerance").setDblValue(atol)
        out = np.full((last - first, len(problem.times), problem.n_states), np.nan)
        for q in range(first, last):
            one(q, out[q - first])
        return out

    how = (
        "SBML, deterministic LSODA, infusions as events, parameters set as objects with one update a patient"
    )
    return Solver(
        solve=solve, compile_seconds=seconds, version=version("python-copasi"), how=how, most_patients=60
    )
