"""What a fit allows, as draws under the group names that ArviZ reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from vivocart.calibration.individuals.fit import Fit
from vivocart.calibration.individuals.importance import (
    measurement_densities,
    patient_densities,
    predictions_for,
    weigh,
)
from vivocart.calibration.individuals.problem import observation_order
from vivocart.calibration.individuals.residual import draw_measurements
from vivocart.ground.provenance import Provenance
from vivocart.ground.streams import normals, uniforms
from vivocart.patients.sampling import from_normal

if TYPE_CHECKING:
    import xarray as xr


def posterior_tree(fit: Fit, vectors: np.ndarray, provenance: Provenance) -> xr.DataTree:
    """Draws of population and patients together.

    Groups ``posterior`` (population numbers by draw, and each patient's parameters by draw and subject), ``log_likelihood``
    and ``posterior_predictive`` (by draw and observation), ``observed_data`` and ``sample_stats``. One chain: the draws are
    independent.

    Parameters
    ----------
    vectors
        (n_draws, n) of :func:`vivocart.calibration.individuals.uncertainty.draw_populations`.
    """
    import xarray as xr

    problem, layout = fit.problem, fit.problem.layout
    chosen, densities, drawn = _patients(fit, vectors)
    subjects, index = list(problem.data.subjects), np.arange(densities.shape[1])
    posterior: dict[str, Any] = {}
    for place, name in enumerate(layout.names):
        posterior[name.replace(":", "_", 1)] = (
            ("chain", "draw"),
            _natural(fit, name, vectors[:, place])[None],
        )
    for place, entry in enumerate(layout.parameters):
        natural = from_normal(entry.distribution, chosen[:, :, place])
        values = (("chain", "draw", "subject"), natural[None], {"units": entry.unit})
        posterior[f"individual_{entry.id}"] = values
    order = observation_order(problem.data)
    seen = problem.data.observations
    observed = {
        "y": ("observation", seen.value[order]),
        "time": ("observation", seen.time[order]),
        "censored": ("observation", seen.censored[order]),
        "subject_of": ("observation", [subjects[i] for i in problem.data.observation_subject[order]]),
        "observable": ("observation", [layout.errors[i].observable for i in problem.measured.error]),
    }
    chains = {"chain": [0], "draw": np.arange(len(vectors))}
    by_observation = ("chain", "draw", "observation")
    groups = {
        "posterior": xr.Dataset(posterior, coords=chains | {"subject": subjects}),
        "log_likelihood": xr.Dataset(
            {"y": (by_observation, densities[None])}, coords=chains | {"observation": index}
        ),
        "posterior_predictive": xr.Dataset(
            {"y": (by_observation, drawn[None])}, coords=chains | {"observation": index}
        ),
        "observed_data": xr.Dataset(observed, coords={"observation": index}),
        "sample_stats": xr.Dataset(
            {"effective_draws": ("subject", fit.weighed.effective)}, coords={"subject": subjects}
        ),
    }
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {
        "inference_library": "vivocart",
        "purpose": "for research, not for treatment decisions",
        "provenance": json.dumps(provenance.as_dict(), sort_keys=True),
    }
    return tree


def _patients(fit: Fit, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each population drawn: one set of parameters a patient, its log densities and new measurements."""
    problem, layout = fit.problem, fit.problem.layout
    n, n_observations = problem.n_subjects, len(problem.place)
    lengths = np.diff([*problem.measured.starts, n_observations])
    picks = uniforms(fit.seed, "individuals/pick", 0, len(vectors), draws=n)
    noise = normals(fit.seed, "individuals/predictive", 0, len(vectors), draws=n_observations)
    chosen = np.empty((len(vectors), n, len(layout.parameters)))
    densities, drawn = np.empty((len(vectors), n_observations)), np.empty((len(vectors), n_observations))
    for index, vector in enumerate(vectors):
        values = layout.values(vector)
        data_part = measurement_densities(problem, fit.draws, values)
        weighed = weigh(problem, data_part, patient_densities(problem, fit.draws, values))
        shares = np.cumsum(weighed.weights, axis=0)
        place = np.minimum((shares < picks[index] * shares[-1]).sum(axis=0), len(shares) - 1)
        chosen[index] = values.center
        chosen[index][:, list(layout.varying)] = fit.draws.position[place, np.arange(n)]
        row = np.repeat(place, lengths)
        columns = np.arange(n_observations)
        densities[index] = data_part[row, columns]
        seen = predictions_for(problem, fit.draws, values)[row, columns]
        drawn[index] = draw_measurements(seen, values.errors, problem.measured, problem.logs, noise[index])
    return chosen, densities, drawn


def _natural(fit: Fit, name: str, values: np.ndarray) -> np.ndarray:
    kind, _, of = name.partition(":")
    if kind == "typical":
        entry = next(entry for entry in fit.problem.layout.parameters if entry.id == of)
        return from_normal(entry.distribution, values)
    if kind == "correlation":
        return np.tanh(values)
    return values if kind == "effect" else np.exp(values)
