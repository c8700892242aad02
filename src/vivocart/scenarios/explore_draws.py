"""The populations that an exploration may draw its patients from: as shipped, before a fit, after one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from vivocart.calibration.posterior import Posterior, load_posterior, posterior_names
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.patients.draws import PopulationDraws, prior_draws

SHIPPED, PRIOR = "shipped", "prior"
_PRIOR_DRAWS, _PRIOR_SEED = 400, 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationChoice:
    """One population with what a reader should know of it; ``is_fitted`` after a fit to published summaries."""

    id: str
    label: str
    note: str
    is_fitted: bool


def population_choices() -> tuple[PopulationChoice, ...]:
    """Populations that ship and belong to this model, the model's own first."""
    own = (
        PopulationChoice(
            id=SHIPPED,
            label="typical values as shipped",
            note="Hand-set typical values, taken as certain: patients differ, what nobody knows does not widen the bands.",
            is_fitted=False,
        ),
        PopulationChoice(
            id=PRIOR,
            label="typical values uncertain, before a fit",
            note="Every patient from a population drawn within the uncertainty that the parameter table states.",
            is_fitted=False,
        ),
    )
    return own + tuple(
        PopulationChoice(
            id=name,
            label=f"fitted to published summaries of {name.upper()}",
            note=f"Fitted to {len(posterior.fitted_ids)} published summaries, not validated: bands hold what patients "
            f"differ in and what the fit left unknown. Made by {posterior.command}.",
            is_fitted=True,
        )
        for name, posterior in fitted_posteriors().items()
    )


def default_population() -> str:
    """The first shipped fit that belongs to this model; the model's own typical values where there is none."""
    return next(iter(fitted_posteriors()), SHIPPED)


@functools.cache
def fitted_posteriors() -> Mapping[str, Posterior]:
    """Shipped posteriors that belong to this version of the model."""
    found: dict[str, Posterior] = {}
    for name in posterior_names():
        try:
            found[name] = load_posterior(name)
        except InputError:  # of another version of the model: it would say so by name
            continue
    return found


def population_draws(name: str, *, file: Path | None = None) -> PopulationDraws | None:
    """Draws of a population; none for the model's own.

    Parameters
    ----------
    file
        Posterior of a calibration of one's own, for a name that is not shipped.

    Raises
    ------
    UnknownNameError
        If there is no such population.
    InputError
        If a posterior belongs to another version of the model.
    """
    if name == SHIPPED:
        return None
    if name == PRIOR:
        return _prior()
    if file is not None:
        return _read(file, file.stat().st_mtime_ns)
    if name.lower() in posterior_names():
        return (
            load_posterior(name).draws if name.lower() not in fitted_posteriors() else _shipped(name.lower())
        )
    raise UnknownNameError("population", name, [SHIPPED, PRIOR, *posterior_names()], where="population")


@functools.cache
def _prior() -> PopulationDraws:
    return prior_draws(load_model(), _PRIOR_DRAWS, seed=_PRIOR_SEED)


@functools.cache
def _shipped(name: str) -> PopulationDraws:
    return fitted_posteriors()[name].draws


@functools.lru_cache(maxsize=4)
def _read(file: Path, _changed: int) -> PopulationDraws:
    return load_posterior(file).draws


@functools.cache
def fitted_values() -> Mapping[str, Mapping[str, float]]:
    """For each parameter that the first shipped posterior moves: its typical value's ``q05``, ``median`` and ``q95``."""
    for posterior in fitted_posteriors().values():
        return {
            name: dict(
                zip(("q05", "median", "q95"), np.quantile(values, (0.05, 0.5, 0.95)).tolist(), strict=True)
            )
            for name, values in posterior.draws.typical.items()
        }
    return {}
