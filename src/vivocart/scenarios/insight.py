"""What the data cannot tell: which observation would narrow a prediction most, and what other mechanisms predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from vivocart.calibration.forward import FIT_TOLERANCE
from vivocart.calibration.insight import predicted
from vivocart.calibration.posterior import Posterior
from vivocart.calibration.value import Hypothetical, hypothetical_observations, variance_reduction
from vivocart.endpoints.registry import find_endpoint
from vivocart.endpoints.table import endpoints
from vivocart.model.load import Model, load_model
from vivocart.model.mechanisms import load_mechanisms, with_mechanisms
from vivocart.patients.draws import PopulationDraws
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.calibrate import calibrate
from vivocart.simulation.grid import coarse_output_times
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import Study, load_study

PREDICTIONS = (
    "b_cell_depletion_days",
    "b_cells_tissue_nadir",
    "autoantibody_d90",
    "sledai_d90",
    "sledai_d180",
    "clinical_sledai_zero_d180",
    "il6_peak",
    "crs_severe",
)
"""Endpoints whose mean over patients is predicted, under the study's highest dose."""

_PATIENTS = 24  # for each draw, in whom a prediction is the mean
_DRAWS = 300
_FEWEST_ROUNDS = 4


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPredictions:
    """Predictions and hypothetical observations, one value for each draw of the population.

    ``predictions`` holds means over patients and ``noise`` their variance from the finite number of patients;
    ``observations`` the statistic of new cohorts.
    """

    predictions: pd.DataFrame
    noise: dict[str, float]
    observations: pd.DataFrame


def drawn_predictions(
    draws: PopulationDraws,
    study: Study,
    *,
    model: Model,
    seed: int,
    n_draws: int = _DRAWS,
    rows: Sequence[Hypothetical] = (),
    threads: int | None = None,
) -> DrawnPredictions:
    """Means of :data:`PREDICTIONS` and statistics of ``rows`` under the study's highest dose, for each population.

    The interval of a population is its own where it is a scenario unknown, else the study's.
    """
    days = float(study.follow_up_days)
    names, read = _within(days, PREDICTIONS), [row for row in rows if row.statistic != "known"]
    chosen = draws.take(np.unique(np.linspace(0, len(draws) - 1, min(n_draws, len(draws))).astype(int)))
    n, width = len(chosen), max([_PATIENTS, *(row.n for row in rows)])
    everyone = VirtualPopulation.sample(
        model,
        n_patients=n * 2 * width,
        seed=seed,
        criteria=study.entry,
        draws=chosen,
        draw=np.repeat(np.arange(n), 2 * width),
    )
    intervals = chosen.scenario.get("interval_days", np.full(n, study.default_interval_days or 0.0))
    by_patient = np.repeat(intervals, 2 * width)
    values = {name: np.full(n * 2 * width, np.nan) for name in (*names, *(row.id for row in read))}
    for interval in np.unique(intervals):
        places = np.flatnonzero(by_patient == interval)
        regimen = list(study.regimens(float(interval) if study.interval else None).values())[-1]
        found = _read_patients(model, study, regimen, everyone.take(places), names, read, threads)
        for name, column in found.items():
            values[name][places] = column
    shaped = {name: array.reshape(n, 2, width) for name, array in values.items()}
    capped = {name: np.minimum(shaped[name][:, 0, :_PATIENTS], days) for name in names}
    observations = {
        row.id: intervals if row.statistic == "known" else np.median(shaped[row.id][:, 1, : row.n], axis=1)
        for row in rows
    }
    return DrawnPredictions(
        predictions=pd.DataFrame({name: np.nanmean(array, axis=1) for name, array in capped.items()}),
        noise={
            name: float(np.mean(np.nanvar(array, axis=1, ddof=1)) / _PATIENTS)
            for name, array in capped.items()
        },
        observations=pd.DataFrame(observations),
    )


def _read_patients(
    model: Model,
    study: Study,
    regimen: Regimen,
    patients: VirtualPopulation,
    names: Sequence[str],
    read: Sequence[Hypothetical],
    threads: int | None,
) -> dict[str, np.ndarray]:
    """Predicted endpoints by id and hypothetical measures by row, in patients of one regimen."""
    end = float(study.follow_up_days) + regimen.first_infusion_day
    simulation = simulate(
        model,
        regimen,
        patients,
        days=end,
        times_days=coarse_output_times([row.day for row in regimen.infusions_table], days=end),
        rescue=study.rescues,
        taper=study.taper.as_taper() if study.taper else None,
        relative_tolerance=FIT_TOLERANCE,
        threads=threads,
    )
    asked = [*names, *(row.measure for row in read if row.time_days is None)]
    table = endpoints(simulation, dict.fromkeys(asked))
    found = {name: table[name].to_numpy(dtype=float) for name in names}
    for row in read:
        if row.time_days is None:
            found[row.id] = table[row.measure].to_numpy(dtype=float)
        else:
            at = row.time_days + regimen.first_infusion_day
            found[row.id] = simulation[row.measure].interp(time=at).values
    return found


def _within(days: float, names: Sequence[str]) -> list[str]:
    """Endpoints that a study of this length reaches."""
    return [name for name in names if (find_endpoint(name).day or 0.0) <= days]


def values_of_observations(
    posterior: Posterior,
    *,
    study: str | Study = "hn2301",
    model: Model | None = None,
    seed: int = 1,
    rows: Sequence[Hypothetical] | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Which hypothetical observation is expected to narrow each prediction most.

    Parameters
    ----------
    rows
        Hypothetical observations; those of ``hypothetical.csv`` if left out. A known interval takes part only where the
        interval is an unknown.

    Returns
    -------
    pandas.DataFrame
        Columns ``prediction, label, observation, observation_label, reduction, error``: the share of the prediction's
        variance over the posterior that the observation would take away on average; for each prediction the largest
        first. A prediction that does not vary over the posterior is left out.
    """
    known = study if isinstance(study, Study) else load_study(study)
    used = load_model() if model is None else model
    asked = hypothetical_observations() if rows is None else tuple(rows)
    asked = tuple(
        row
        for row in asked
        if (row.statistic != "known" or row.measure in posterior.draws.scenario)
        and (row.time_days or 0.0) <= known.follow_up_days
    )
    drawn = drawn_predictions(posterior.draws, known, model=used, seed=seed, rows=asked, threads=threads)
    found: list[tuple[str, str, str, str, float, float]] = []
    for name in map(str, drawn.predictions.columns):
        prediction = drawn.predictions[name].to_numpy(dtype=float)
        entries = [
            (
                name,
                find_endpoint(name).label,
                row.id,
                row.label,
                *variance_reduction(
                    drawn.observations[row.id].to_numpy(dtype=float),
                    prediction,
                    noise_variance=drawn.noise[name],
                ),
            )
            for row in asked
        ]
        found += sorted((entry for entry in entries if entry[4] == entry[4]), key=lambda entry: -entry[4])
    columns = ["prediction", "label", "observation", "observation_label", "reduction", "error"]
    return pd.DataFrame(found, columns=columns)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MechanismFit:
    """One mechanism fitted to the same data.

    ``log_evidence`` is that of the fitted rows; ``predictions`` a row for each of :data:`PREDICTIONS` with ``median``,
    ``q05`` and ``q95`` over the posterior of the mean over patients; ``rows`` the published rows with what the fit predicts
    (:func:`vivocart.calibration.insight.predicted`).
    """

    id: str
    question: str
    label: str
    sentence: str
    log_evidence: float
    predictions: pd.DataFrame
    rows: pd.DataFrame
    posterior: Posterior


def fit_mechanisms(
    study: str | Study = "hn2301",
    *,
    ids: Sequence[str] | None = None,
    n_particles: int = 400,
    sweeps: int = _FEWEST_ROUNDS,
    seed: int = 1,
    threads: int | None = None,
    on_message: Callable[[str], None] | None = None,
) -> tuple[MechanismFit, ...]:
    """Fit every alternative mechanism to the same observations and predict with each.

    Parameters
    ----------
    ids
        Mechanisms of ``mechanisms.yaml``; all if left out.
    n_particles, sweeps
        Of each fit: fewer than of the shipped posterior, since five are made.

    Raises
    ------
    UnknownNameError
        If there is no such mechanism or study.
    """
    known = study if isinstance(study, Study) else load_study(study)
    mechanisms = load_mechanisms()
    found: list[MechanismFit] = []
    for name in ids or list(mechanisms):
        mechanism = mechanisms[name]
        if on_message is not None:
            on_message(f"fitting under {mechanism.label.lower()}")
        model = with_mechanisms(load_model(), mechanism)
        posterior = calibrate(
            known, n_particles=n_particles, sweeps=sweeps, seed=seed, model=model, threads=threads
        )
        drawn = drawn_predictions(
            posterior.draws, known, model=model, seed=seed, n_draws=200, threads=threads
        )
        found.append(
            MechanismFit(
                id=mechanism.id,
                question=mechanism.question,
                label=mechanism.label,
                sentence=mechanism.sentence,
                log_evidence=posterior.log_evidence,
                predictions=_summed(drawn.predictions),
                rows=predicted(posterior),
                posterior=posterior,
            )
        )
    return tuple(found)


def _summed(predictions: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for name in predictions.columns:
        low, middle, high = np.quantile(predictions[name].to_numpy(dtype=float), (0.05, 0.5, 0.95))
        entry = find_endpoint(str(name))
        rows.append(
            {
                "prediction": str(name),
                "label": entry.label,
                "unit": entry.unit,
                "median": float(middle),
                "q05": float(low),
                "q95": float(high),
            }
        )
    return pd.DataFrame(rows)
