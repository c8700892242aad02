"""From a table of patients to everything that is told of the fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from vivocart.calibration.individuals.data_map import DataMap
from vivocart.calibration.individuals.diagnostics import (
    Replicates,
    measurement_table,
    patient_table,
    replicate_study,
)
from vivocart.calibration.individuals.fit import Fit, fit_individuals
from vivocart.calibration.individuals.predictive_check import predictive_check
from vivocart.calibration.individuals.problem import Problem
from vivocart.calibration.individuals.uncertainty import (
    Uncertainty,
    draw_populations,
    estimate_table,
    observed_uncertainty,
)
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.ground.tables import Issue, parse_rows, raise_on_errors
from vivocart.model.load import Model
from vivocart.model.rows import ParameterRow
from vivocart.patients.draws import PopulationDraws
from vivocart.patients.sampling import from_normal


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualAnalysis:
    """A fit of individual patients with its uncertainty and diagnostics.

    ``estimates``, ``measurements``, ``patients`` and ``check`` are the tables of
    :func:`~vivocart.calibration.individuals.uncertainty.estimate_table`,
    :func:`~vivocart.calibration.individuals.diagnostics.measurement_table`,
    :func:`~vivocart.calibration.individuals.diagnostics.patient_table` and
    :func:`~vivocart.calibration.individuals.predictive_check.predictive_check`; ``vectors`` (n_draws, n) are populations
    that the data allow.
    """

    fit: Fit
    data_map: DataMap
    uncertainty: Uncertainty
    vectors: np.ndarray
    estimates: pd.DataFrame
    measurements: pd.DataFrame
    patients: pd.DataFrame
    check: pd.DataFrame
    replicates: Replicates
    provenance: Provenance

    @property
    def draws(self) -> PopulationDraws:
        """The populations as virtual patients are sampled from them.

        Spreads are multiples of those at which the fit started: those of the parameter table where it gave them.
        """
        layout = self.fit.problem.layout
        typical: dict[str, np.ndarray] = {}
        spread: dict[str, np.ndarray] = {}
        for place, name in enumerate(layout.names):
            kind, _, of = name.partition(":")
            entry = next((p for p in layout.parameters if p.id == of), None)
            if entry is not None and kind == "typical":
                typical[of] = from_normal(entry.distribution, self.vectors[:, place])
            elif entry is not None and kind == "spread":
                spread[of] = np.exp(self.vectors[:, place]) / entry.spread
        return PopulationDraws(typical=typical, spread=spread)


def analyze_individuals(
    problem: Problem,
    data_map: DataMap,
    *,
    seed: int = 1,
    n_draws: int = 600,
    n_replicates: int = 500,
    n_populations: int = 400,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> IndividualAnalysis:
    """Fit patients and tell how sure that is and how well it describes them.

    Parameters
    ----------
    problem, data_map
        What :func:`vivocart.calibration.individuals.problem.state_problem` made of a map, and the map.
    seed, n_draws, threads, on_progress, on_message
        As for :func:`vivocart.calibration.individuals.fit.fit_individuals`.
    n_replicates
        Studies simulated for the predictive check.
    n_populations
        Populations drawn from what the data allow.

    Raises
    ------
    InputError
        If the measurements cannot have come from the model at the start values.
    """
    fit = fit_individuals(
        problem,
        seed=seed,
        n_draws=n_draws,
        threads=threads,
        on_progress=on_progress,
        on_message=on_message,
    )
    uncertainty = observed_uncertainty(fit)
    replicates = replicate_study(fit, n_replicates=n_replicates, threads=threads)
    asked = {
        "data": problem.data.name,
        "map": data_map.model_dump(mode="json", exclude_defaults=True),
        "parameters_fitted": [entry.id for entry in problem.layout.parameters],
        "prior": problem.uses_prior,
        "prior_patients": problem.prior_patients,
        "draws_a_patient": n_draws,
        "replicates": n_replicates,
        "populations": n_populations,
    }
    return IndividualAnalysis(
        fit=fit,
        data_map=data_map,
        uncertainty=uncertainty,
        vectors=draw_populations(fit, uncertainty, n_draws=n_populations),
        estimates=estimate_table(fit, uncertainty),
        measurements=measurement_table(fit, replicates),
        patients=patient_table(fit),
        check=predictive_check(fit, replicates),
        replicates=replicates,
        provenance=_provenance(problem.model, asked, seed),
    )


def read_parameter_rows(text: str, *, name: str) -> dict[str, ParameterRow]:
    """Parameters of a table in the format of the shipped ``parameters.csv``, by id.

    Raises
    ------
    InputError
        Naming file, row, column, value and mend of the first fault.
    """
    rows, issues = parse_rows(text, ParameterRow, name=name)
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            issues.append(
                Issue(
                    level="error", check="ids", file=name, column="id", value=row.id, message="stands twice"
                )
            )
        seen.add(row.id)
    raise_on_errors(issues)
    return {row.id: row for row in rows}


def fit_summary(analysis: IndividualAnalysis) -> dict[str, Any]:
    """The fit as plain data for ``fit.json``: what was found, how surely, and how it was found."""
    fit = analysis.fit
    problem = fit.problem
    measurements = analysis.measurements
    varying = [problem.layout.parameters[place].id for place in problem.layout.varying]
    n_numbers = len(fit.vector)
    n_observations = len(measurements)
    return {
        "purpose": "for research, not for treatment decisions",
        "data": {
            "file": problem.data.name,
            "patients": problem.n_subjects,
            "measurements": n_observations,
            "beyond_a_limit": int(np.count_nonzero(measurements["censored"].to_numpy())),
            "rows_left_out": problem.data.left_out,
        },
        "method": "importance-sampled maximum likelihood"
        + (" with prior" if problem.uses_prior or problem.prior_patients else ""),
        "settled": fit.settled,
        "rounds": len(fit.history),
        "minus_two_log_likelihood": fit.objective,
        "minus_two_log_likelihood_monte_carlo_error": fit.objective_error,
        "minus_two_log_posterior": fit.with_prior,
        "aic": fit.objective + 2 * n_numbers,
        "bic_patients": fit.objective + n_numbers * float(np.log(problem.n_subjects)),
        "numbers_estimated": n_numbers,
        "standard_errors_known": analysis.uncertainty.is_known,
        "condition_number": analysis.uncertainty.condition,
        "least_effective_draws": float(fit.weighed.effective.min()),
        "draws_a_patient": len(fit.draws.position),
        "estimates": analysis.estimates.to_dict(orient="records"),
        "correlation_between_patients": {
            "parameters": varying,
            "matrix": _correlation(fit.values.covariance).tolist(),
        },
        "residuals": {
            "npde_mean": float(np.mean(measurements["npde"].to_numpy())),
            "npde_sd": float(np.std(measurements["npde"].to_numpy(), ddof=1)),
            "iwres_sd": float(np.std(measurements["iwres"].to_numpy(), ddof=1)),
        },
        "provenance": analysis.provenance.as_dict(),
    }


def _correlation(covariance: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.diagonal(covariance))
    return covariance / np.outer(size, size)


def _provenance(model: Model, asked: Mapping[str, Any], seed: int) -> Provenance:
    return Provenance(
        model_hash=model.hash,
        seed=seed,
        asked=asked,
        parameter_ids=tuple(model.system.parameter_ids),
        versions=current_versions(),
    )
