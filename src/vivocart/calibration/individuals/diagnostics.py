"""Whether a fit describes the patients: predictions, residuals and prediction errors of every measurement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import pandas as pd
from scipy.special import ndtri

from vivocart.calibration.individuals.fit import Fit
from vivocart.calibration.individuals.importance import moments, predictions_for
from vivocart.calibration.individuals.problem import Problem, observation_order
from vivocart.calibration.individuals.residual import (
    draw_beyond,
    draw_measurements,
    imputed_scores,
    on_error_scale,
)
from vivocart.ground.streams import normals, uniforms
from vivocart.patients.sampling import from_normal
from vivocart.simulation.courses import course_values


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Replicates:
    """The study simulated again and again with the fitted population.

    ``value`` (n_replicates, n_observations) has nothing cut off at a limit; ``population`` (n_observations,) are the
    predictions for patients without deviations of their own.
    """

    value: np.ndarray
    population: np.ndarray


def replicate_study(fit: Fit, *, n_replicates: int = 500, threads: int | None = None) -> Replicates:
    """Measurements of new patients in place of the study's, with the same doses, covariates and times.

    Parameters
    ----------
    n_replicates
        Studies to simulate.
    """
    problem, values = fit.problem, fit.values
    layout = problem.layout
    n, d = problem.n_subjects, len(layout.varying)
    sets = np.repeat(values.center[None], n_replicates + 1, axis=0)
    if d:
        z = normals(fit.seed, "individuals/replicate", 0, n_replicates, draws=n * d).reshape(
            n_replicates, n, d
        )
        sets[1:, :, list(layout.varying)] += z @ np.linalg.cholesky(values.covariance).T
    seen = problem.predictions(sets, threads=threads)
    noise = normals(fit.seed, "individuals/noise", 0, n_replicates, draws=seen.shape[1])
    drawn = draw_measurements(seen[1:], values.errors, problem.measured, problem.logs, noise)
    return Replicates(value=drawn, population=seen[0])


def measurement_table(fit: Fit, replicates: Replicates) -> pd.DataFrame:
    """A row for each measurement: what was measured, what is predicted, and how far apart the two are.

    Columns ``id, time, dvid, observable, dv, censored, lower, upper, pred, ipred, iwres, npde, row``. ``pred`` is for the
    typical patient with these covariates, ``ipred`` for the patient's most likely parameters; ``iwres`` is the residual from
    ``ipred`` in standard deviations. ``npde`` are prediction errors of the whole study, standard normal if the fit is right.
    A value beyond a limit is drawn beyond it, for ``npde`` from what the patient's other values allow.

    Source
    ------
    Brendel K, Comets E, Laffont C, Laveille C, Mentré F. Metrics for external model evaluation with an application to the
    population pharmacokinetics of gliclazide. Pharm Res 2006;23:2036-2049.
    """
    problem, data = fit.problem, fit.problem.data
    order = observation_order(data)
    seen = data.observations
    u = uniforms(fit.seed, "individuals/beyond", 0, len(order))[:, 0]
    errors = problem.layout.errors
    return pd.DataFrame(
        {
            "id": [data.subjects[place] for place in data.observation_subject[order]],
            "time": seen.time[order],
            "dvid": [errors[place].kind for place in problem.measured.error],
            "observable": [errors[place].observable for place in problem.measured.error],
            "dv": seen.value[order],
            "censored": seen.censored[order],
            "lower": seen.lower[order],
            "upper": seen.upper[order],
            "pred": replicates.population,
            "ipred": fit.modes.prediction,
            "iwres": imputed_scores(
                fit.modes.prediction, fit.values.errors, problem.measured, problem.logs, u
            ),
            "npde": _prediction_errors(fit, replicates, u),
            "row": seen.row[order],
        }
    )


def patient_table(fit: Fit) -> pd.DataFrame:
    """A row for each patient and fitted parameter: most likely value, mean and spread of what its measurements allow.

    Columns ``id, parameter, unit, mode, mean, sd, lower, upper, eta``: ``mean``, ``sd`` and the limits of the middle 95 % in
    the parameter's unit; ``eta`` is how far the mode lies from the population on the normal scale.
    """
    problem, layout = fit.problem, fit.problem.layout
    values = fit.values
    normal_mean, _ = moments(fit.draws, fit.weighed)
    rows: list[dict[str, object]] = []
    for subject, name in enumerate(problem.data.subjects):
        weights = fit.weighed.weights[:, subject]
        for place, entry in enumerate(layout.parameters):
            center = float(values.center[subject, place])
            mode = float(fit.modes.normal[subject, place])
            if place in layout.varying:
                index = layout.varying.index(place)
                natural = from_normal(entry.distribution, fit.draws.position[:, subject, index])
                mean = float(weights @ natural)
                sd = float(np.sqrt(weights @ (natural - mean) ** 2))
                lower, upper = _weighted_quantiles(natural, weights, (0.025, 0.975))
                mean_eta = float(normal_mean[subject, index]) - center
            else:
                mean = lower = upper = float(from_normal(entry.distribution, np.asarray(center)))
                sd, mean_eta = 0.0, 0.0
            rows.append(
                {
                    "id": name,
                    "parameter": entry.id,
                    "unit": entry.unit,
                    "mode": float(from_normal(entry.distribution, np.asarray(mode))),
                    "mean": mean,
                    "sd": sd,
                    "lower": lower,
                    "upper": upper,
                    "eta": mode - center,
                    "eta_mean": mean_eta,
                }
            )
    return pd.DataFrame(rows)


def individual_curves(fit: Fit, *, n_points: int = 120, threads: int | None = None) -> pd.DataFrame:
    """Curves of each patient between its first and last row: ``id, run, time, observable, pred, ipred``.

    Parameters
    ----------
    n_points
        Times of each curve, evenly spaced, in the file's unit.
    """
    problem = fit.problem
    data, plan = problem.data, problem.plan
    courses = [
        replace(course, times=np.linspace(0.0, max(float(course.times[-1]), 1e-9), n_points))
        for course in plan.courses
    ]
    scales = [_file_scale(problem, run) for run in range(len(courses))]
    natural = problem.natural(np.stack([fit.values.center, fit.modes.normal]))
    columns = [entry.column for entry in problem.layout.parameters]
    sets: list[np.ndarray] = []
    for subject in problem.course_subject:
        part = np.repeat(problem.fixed[subject][None, :], 2, axis=0)
        part[:, columns] = natural[:, subject]
        sets.append(part)
    values = course_values(replace(plan, courses=tuple(courses)), sets, threads=threads)
    parts = [
        pd.DataFrame(
            {
                "id": data.subjects[int(problem.course_subject[run])],
                "run": run,
                "time": data.run_start[run] + courses[run].times * scales[run],
                "observable": name,
                "pred": values[run][0, :, place],
                "ipred": values[run][1, :, place],
            }
        )
        for run in range(len(courses))
        for place, name in enumerate(plan.compiled.observable_ids)
    ]
    return pd.concat(parts, ignore_index=True)


def _file_scale(problem: Problem, run: int) -> float:
    """The file's units of time in one of the model's, from a course that both count."""
    at = problem.data.observations.at[problem.data.observations.run == run].max()
    last = float(problem.plan.courses[run].times[-1])
    return float(at) / last if last > 0 else 1.0


def _weighted_quantiles(values: np.ndarray, weights: np.ndarray, levels: tuple[float, ...]) -> list[float]:
    order = np.argsort(values, kind="stable")
    shares = np.cumsum(weights[order])
    places = np.searchsorted(shares, np.array(levels) * shares[-1])
    return values[order][np.minimum(places, len(values) - 1)].tolist()


def _prediction_errors(fit: Fit, replicates: Replicates, u: np.ndarray) -> np.ndarray:
    """Normalized prediction errors: ranks among the replicates, once each patient's own are uncorrelated."""
    problem = fit.problem
    measured, logs = problem.measured, problem.logs
    value = _completed(fit, u)
    found = np.empty(len(u))
    ends = [*measured.starts[1:], len(u)]
    for start, end in zip(measured.starts, ends, strict=True):
        part = slice(int(start), int(end))
        found[part] = _ranks(on_error_scale(replicates.value[:, part], logs[part]), value[part])
    return found


def _completed(fit: Fit, u: np.ndarray) -> np.ndarray:
    """Measurements on the scale of their error, those beyond a limit drawn from what the patient's own data allow."""
    measured, weights = fit.problem.measured, fit.weighed.weights
    pick = uniforms(fit.seed, "individuals/complete", 0, fit.problem.n_subjects)[:, 0]
    shares = np.cumsum(weights, axis=0)
    place = np.minimum((shares < pick * shares[-1]).sum(axis=0), len(shares) - 1)
    lengths = np.diff([*measured.starts, len(u)])
    seen = predictions_for(fit.problem, fit.draws, fit.values)[np.repeat(place, lengths), np.arange(len(u))]
    return draw_beyond(seen, fit.values.errors, measured, fit.problem.logs, u)


def _ranks(drawn: np.ndarray, value: np.ndarray) -> np.ndarray:
    count = len(drawn)
    center = drawn.mean(axis=0)
    away, own = drawn - center, value - center
    if count > 2 * len(value):
        covariance = np.atleast_2d(np.cov(away, rowvar=False))
        size = np.sqrt(np.diagonal(covariance))
        size = np.where(size > 0, size, 1.0)
        correlation = covariance / np.outer(size, size) + 1e-9 * np.eye(len(value))
        root = np.linalg.cholesky(correlation)
        away, own = np.linalg.solve(root, (away / size).T).T, np.linalg.solve(root, own / size)
    share = ((away < own).sum(axis=0) + 0.5 * (away == own).sum(axis=0)) / count
    return ndtri(np.clip(share, 0.5 / count, 1.0 - 0.5 / count))
