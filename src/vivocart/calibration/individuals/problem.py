"""A table of patients, a model and what is looked for, made ready to be fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.calibration.individuals.data_map import (
    ONLY,
    CovariateEffect,
    DataMap,
    DoseTarget,
    EstimatedParameter,
)
from vivocart.calibration.individuals.population import (
    FittedEffect,
    FittedError,
    FittedParameter,
    Layout,
    lay_out,
)
from vivocart.calibration.individuals.residual import Measurements, is_lognormal
from vivocart.formats.individual_data import IndividualData
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.units import factor
from vivocart.model.load import Model
from vivocart.model.rows import ParameterRow
from vivocart.patients.sampling import from_normal, to_normal, transformed_sd
from vivocart.simulation.courses import Course, CoursePlan, course_values, plan_courses


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything a fit needs; ``fixed`` (n_subjects, n_parameters) are the system's parameters before what is looked for."""

    model: Model
    data: IndividualData
    layout: Layout
    measured: Measurements
    logs: np.ndarray  # (n_observations,) whether the error is on the scale of the logarithm
    plan: CoursePlan
    fixed: np.ndarray
    course_subject: np.ndarray  # (n_courses,)
    column: np.ndarray  # (n_observations,) of the plan's observables
    place: np.ndarray  # (n_observations,) among the times of its course
    course: np.ndarray  # (n_observations,)
    uses_prior: bool
    prior_patients: float

    @property
    def n_subjects(self) -> int:
        """Number of patients."""
        return len(self.data.subjects)

    def natural(self, normal: np.ndarray) -> np.ndarray:
        """Parameters (..., n_fitted) from the scale on which they are normal to the model's units."""
        columns = [
            from_normal(entry.distribution, normal[..., place])
            for place, entry in enumerate(self.layout.parameters)
        ]
        return np.stack(columns, axis=-1) if columns else np.asarray(normal)

    def predictions(self, normal: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Predictions of all measurements, (n_sets, n_observations).

        Parameters
        ----------
        normal
            (n_sets, n_subjects, n_fitted) on the normal scale.
        """
        natural = self.natural(normal)
        columns = [entry.column for entry in self.layout.parameters]
        sets: list[np.ndarray] = []
        for subject in self.course_subject:
            part = np.repeat(self.fixed[subject][None, :], len(normal), axis=0)
            part[:, columns] = natural[:, subject]
            sets.append(part)
        values = course_values(self.plan, sets, threads=threads)
        found = np.empty((len(normal), len(self.place)))
        for index, course in enumerate(values):
            mine = np.flatnonzero(self.course == index)
            found[:, mine] = course[:, self.place[mine], self.column[mine]]
        return found


def state_problem(
    data: IndividualData,
    model: Model,
    data_map: DataMap,
    *,
    rows: Mapping[str, ParameterRow] | None = None,
    use_prior: bool = False,
    prior_patients: float = 0.0,
    on_message: Callable[[str], None] | None = None,
) -> Problem:
    """A problem to fit.

    Parameters
    ----------
    data, model, data_map
        Patients, model, and what the columns mean.
    rows
        Parameters of a table: values in place of the model's; those with a ``spread`` or an ``uncertainty`` are fitted
        unless the map names which.
    use_prior
        Whether the ``uncertainty`` of a row counts as what is known of its typical value beforehand.
    prior_patients
        How many patients the spreads of the rows count for, beside those of the data.
    on_message
        Called with a sentence before a compilation that takes seconds.

    Raises
    ------
    InputError
        If columns and map do not belong together; names file, row, column and mend.
    UnknownNameError
        If a state, parameter or observable does not exist; the nearest three are named.
    """
    table = _table(model, rows or {})
    order = np.lexsort((data.observations.at, data.observations.run))
    kinds = _kinds(data, data_map)
    scale = _time_scale(model, data_map)
    courses = _courses(data, model, data_map.doses, scale)
    errors = _errors(data, data_map, kinds)
    observables = tuple(dict.fromkeys(error.observable for error in errors))
    plan = plan_courses(model, courses, observables=observables, on_message=on_message)
    parameters = _parameters(model, data_map, table, rows or {}, use_prior)
    seen = data.observations
    names = [error.kind for error in errors]
    error = np.array([names.index(kinds[row]) for row in order], dtype=np.int64)
    subject = data.observation_subject[order]
    _refuse_silent(data, subject)
    measured = Measurements(
        value=seen.value[order],
        lower=seen.lower[order],
        upper=seen.upper[order],
        censored=seen.censored[order],
        error=error,
        starts=np.searchsorted(subject, np.arange(len(data.subjects))),
    )
    layout = lay_out(
        parameters,
        [_effect(data, effect, parameters) for effect in data_map.covariates],
        errors,
        _groups(data_map, parameters),
        len(data.subjects),
    )
    first = np.searchsorted(seen.run[order], np.arange(len(courses)))
    return Problem(
        model=model,
        data=data,
        layout=layout,
        measured=measured,
        logs=is_lognormal(errors, measured),
        plan=plan,
        fixed=_fixed(data, model, data_map, table),
        course_subject=data.run_subject,
        column=np.array([observables.index(errors[place].observable) for place in error], dtype=np.int64),
        place=np.arange(len(order)) - first[seen.run[order]],
        course=seen.run[order],
        uses_prior=use_prior,
        prior_patients=prior_patients,
    )


def observation_order(data: IndividualData) -> np.ndarray:
    """Places of the file's measurements in the order of a problem's predictions."""
    return np.lexsort((data.observations.at, data.observations.run))


def _table(model: Model, rows: Mapping[str, ParameterRow]) -> dict[str, ParameterRow]:
    for name in rows:
        if name not in model.system.parameter_ids:
            raise UnknownNameError("parameter", name, model.system.parameter_ids, where="--parameters")
    return dict(model.parameters) | dict(rows)


def _kinds(data: IndividualData, data_map: DataMap) -> list[str]:
    """The entry of ``observe`` that each measurement belongs to."""
    if not data_map.observe:
        raise InputError("nothing says what DV is", where="--observe", mend="write 1=concentration")
    found: list[str] = []
    for kind, row in zip(data.observations.kind, data.observations.row, strict=True):
        if kind in data_map.observe:
            found.append(kind)
        elif ONLY in data_map.observe:
            found.append(ONLY)
        else:
            where = f"{data.name}, row {row}, column DVID"
            mend = f"known are {', '.join(data_map.observe)}; add --observe {kind or ONLY}=<observable>"
            raise InputError(f"nothing says what '{kind}' is", where=where, mend=mend)
    return found


def _time_scale(model: Model, data_map: DataMap) -> float:
    if data_map.time_unit is None:
        return 1.0
    spelled = {"day": "d", "days": "d", "hour": "h", "hours": "h", "week": "wk", "minute": "min"}
    own = model.system.time_unit
    if not own:
        mend = "leave it out and give TIME in the model's unit"
        raise InputError("the model does not name its unit of time", where="time_unit", mend=mend)
    return factor(spelled.get(data_map.time_unit, data_map.time_unit), spelled.get(own, own))


def _courses(
    data: IndividualData, model: Model, targets: Mapping[str, DoseTarget], scale: float
) -> list[Course]:
    seen, given = data.observations, data.doses
    reached = [_target(data, targets, index) for index in range(len(given.row))]
    state = np.array([_place(model.system.state_ids, t.state, "state") for t in reached], dtype=np.int64)
    parameters = model.system.parameter_ids
    lag, fraction = (
        np.array(
            [-1 if name is None else _place(parameters, name, "parameter") for name in names], dtype=np.int64
        )
        for names in ([t.lag for t in reached], [t.fraction for t in reached])
    )
    courses: list[Course] = []
    for run, start in enumerate(data.run_start):
        mine = np.flatnonzero(given.run == run)
        courses.append(
            Course(
                start=float(start) * scale,
                times=np.sort(seen.at[seen.run == run]) * scale,
                dose_time=given.at[mine] * scale,
                duration=given.duration[mine] * scale,
                amount=given.amount[mine],
                state=state[mine],
                lag=lag[mine],
                fraction=fraction[mine],
            )
        )
    return courses


def _target(data: IndividualData, targets: Mapping[str, DoseTarget], index: int) -> DoseTarget:
    compartment, row = data.doses.compartment[index], data.doses.row[index]
    found = targets.get(compartment, targets.get(ONLY))
    if found is None:
        where = f"{data.name}, row {row}, column CMT"
        mend = f"add --dose {compartment or ''}{'=' if compartment else ''}<state>"
        raise InputError(f"nothing says where a dose into '{compartment}' goes", where=where, mend=mend)
    return found


def _place(ids: Sequence[str], name: str, what: str) -> int:
    if name not in ids:
        raise UnknownNameError(what, name, ids, where="--dose")
    return tuple(ids).index(name)


def _errors(data: IndividualData, data_map: DataMap, kinds: Sequence[str]) -> list[FittedError]:
    errors: list[FittedError] = []
    names = [data_map.observe[kind].observable for kind in dict.fromkeys(kinds)]
    for kind in dict.fromkeys(kinds):
        entry = data_map.observe[kind]
        values = np.array([v for v, k in zip(data.observations.value, kinds, strict=True) if k == kind])
        typical = float(np.sqrt(np.mean(values**2))) or 1.0
        has_constant = entry.error in ("additive", "combined", "lognormal")
        start = 0.5 if entry.error == "lognormal" else 0.1 * typical
        errors.append(
            FittedError(
                kind=kind,
                label=entry.observable
                if names.count(entry.observable) == 1
                else f"{entry.observable}@{kind}",
                observable=entry.observable,
                error=entry.error,
                additive=(entry.additive or start) if has_constant else 0.0,
                proportional=(entry.proportional or 0.2)
                if entry.error in ("proportional", "combined")
                else 0.0,
                hold=entry.hold,
            )
        )
        if entry.error == "lognormal":
            _refuse_zero(data, kinds, kind)
    return errors


def _refuse_zero(data: IndividualData, kinds: Sequence[str], kind: str) -> None:
    seen = data.observations
    for place, of_kind in enumerate(kinds):
        if of_kind == kind and seen.value[place] <= 0:
            raise InputError(
                f"{seen.value[place]:g} has no logarithm",
                where=f"{data.name}, row {seen.row[place]}, column DV",
                mend="write the limit of quantification and 1 in CENS, or choose the combined error",
            )


def _parameters(
    model: Model,
    data_map: DataMap,
    table: Mapping[str, ParameterRow],
    rows: Mapping[str, ParameterRow],
    use_prior: bool,
) -> list[FittedParameter]:
    asked = dict(data_map.estimate)
    if not asked:
        asked = {name: EstimatedParameter() for name, row in rows.items() if row.spread or row.uncertainty}
    if not asked:
        mend = "name parameters with --estimate, or give them a spread in --parameters"
        raise InputError("no parameter to fit", where="--estimate", mend=mend)
    return [_parameter(model, name, entry, table, use_prior) for name, entry in asked.items()]


def _parameter(
    model: Model, name: str, asked: EstimatedParameter, table: Mapping[str, ParameterRow], use_prior: bool
) -> FittedParameter:
    ids = model.system.parameter_ids
    if name not in ids:
        raise UnknownNameError("parameter", name, ids, where="--estimate")
    row = table[name]
    said = asked.model_fields_set
    from_row = "distribution" not in said and row.distribution != "none"
    scale = row.distribution if from_row else asked.distribution
    value = row.value if asked.value is None else asked.value
    start = float(to_normal(scale, value))
    if not np.isfinite(start):
        mend = "give a start within its range, or the normal distribution"
        raise InputError(
            f"{value:g} is no start for a {scale} parameter", where=f"--estimate {name}", mend=mend
        )
    spread = asked.spread
    if "spread" not in said and (from_row or row.spread is not None or row.uncertainty is not None):
        spread = 0.0
        if row.spread and row.spread_kind:
            spread = transformed_sd(scale, row.value, row.spread, row.spread_kind)
    prior = np.inf
    if use_prior and row.uncertainty and row.uncertainty_kind:
        prior = transformed_sd(scale, row.value, row.uncertainty, row.uncertainty_kind)
    reach = 8.0 if scale != "normal" else 100.0 * (abs(value) + spread)
    limits = [start - reach, start + reach]
    for place, limit in enumerate((row.lower, row.upper)):
        if limit is not None and np.isfinite(edge := float(to_normal(scale, limit))):
            limits[place] = edge
    return FittedParameter(
        id=name,
        unit=row.unit,
        column=ids.index(name),
        distribution=scale,
        start=start,
        lower=min(limits[0], start),
        upper=max(limits[1], start),
        spread=float(spread),
        holds_typical="typical" in asked.hold,
        holds_spread="spread" in asked.hold,
        prior_sd=float(prior),
    )


def _effect(
    data: IndividualData, effect: CovariateEffect, parameters: Sequence[FittedParameter]
) -> FittedEffect:
    ids = [entry.id for entry in parameters]
    if effect.parameter not in ids:
        raise UnknownNameError("fitted parameter", effect.parameter, ids, where="--covariate")
    name = f"effect:{effect.parameter}~{effect.covariate}"
    if effect.kind == "category":
        labels = data.label(effect.covariate)
        if effect.level not in labels:
            known = ", ".join(sorted(set(labels)))
            where = f"{data.name}, column {effect.covariate}"
            raise InputError(f"nobody is '{effect.level}'", where=where, mend=f"found: {known}")
        values = np.array([float(label == effect.level) for label in labels])
        name = f"{name}[{effect.level}]"
    else:
        numbers = data.number(effect.covariate)
        reference = float(np.median(numbers)) if effect.reference is None else effect.reference
        if effect.kind == "power" and (reference <= 0 or (numbers <= 0).any()):
            where = f"{data.name}, column {effect.covariate}"
            raise InputError("a value that is not above 0 has no power", where=where, mend="use kind linear")
        values = np.log(numbers / reference) if effect.kind == "power" else numbers - reference
    return FittedEffect(
        name=name, place=ids.index(effect.parameter), values=values, start=effect.value, hold=effect.hold
    )


def _groups(data_map: DataMap, parameters: Sequence[FittedParameter]) -> list[tuple[str, ...]]:
    varying = [entry.id for entry in parameters if entry.spread > 0]
    seen: set[str] = set()
    for group in data_map.correlate:
        for name in group:
            if name not in varying:
                raise UnknownNameError("parameter that varies", name, varying, where="--correlate")
            if name in seen:
                raise InputError(
                    f"'{name}' stands in two groups", where="--correlate", mend="join the groups"
                )
            seen.add(name)
    return list(data_map.correlate)


def _refuse_silent(data: IndividualData, subject: np.ndarray) -> None:
    silent = sorted(set(range(len(data.subjects))) - set(subject.tolist()))
    if silent:
        mend = "take the patient out"
        raise InputError(f"patient {data.subjects[silent[0]]} has no measurement", where=data.name, mend=mend)


def _fixed(
    data: IndividualData, model: Model, data_map: DataMap, table: Mapping[str, ParameterRow]
) -> np.ndarray:
    ids = model.system.parameter_ids
    values = np.array([table[name].value for name in ids])
    fixed = np.repeat(values[None, :], len(data.subjects), axis=0)
    for name, covariate in data_map.set.items():
        if name not in ids:
            raise UnknownNameError("parameter", name, ids, where="--set")
        fixed[:, ids.index(name)] = data.number(covariate)
    return fixed
