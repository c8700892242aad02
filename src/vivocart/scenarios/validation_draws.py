"""Populations from which the cohorts of a validation come, and what each observation was to their making."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import final

from vivocart.calibration.posterior import Posterior, load_posterior, posterior_names
from vivocart.ground.errors import InputError
from vivocart.model.load import Model
from vivocart.patients.draws import PopulationDraws, prior_draws
from vivocart.scenarios.credibility import FITTED, HELD_OUT, IN_VIEW, NEW
from vivocart.scenarios.validation_plans import ArmPlan, ValidationPlan
from vivocart.trials.protocol import load_study, study_ids


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDraws:
    """Populations with a name, and the observations that a fit moved them towards."""

    label: str
    draws: PopulationDraws
    fitted: frozenset[str] = frozenset()
    is_posterior: bool = False

    def status(self, observation_id: str, *, is_own: bool) -> str:
        """What an observation is to these populations."""
        if is_own:
            return NEW
        if observation_id in self.fitted:
            return FITTED
        return HELD_OUT if self.is_posterior else IN_VIEW


def prior_source(model: Model, plan: ValidationPlan, *, n_draws: int, seed: int) -> NamedDraws:
    """Populations before any fit, as ``parameters.csv`` states its uncertainties."""
    return NamedDraws(
        label="prior",
        draws=prior_draws(model, n_draws, seed=seed, intervals_days=plan.intervals_days),
    )


def draws_source(
    model: Model, source: str, *, n_draws: int, seed: int
) -> tuple[Callable[[ValidationPlan], NamedDraws], tuple[str, ...]]:
    """For each study its populations, and what a reader should know of them.

    Parameters
    ----------
    source
        ``prior``; ``posterior``: of the shipped fit of that study, else of a study of the same product, else of HN2301; or
        the path of a posterior file, for all studies.
    n_draws
        Draws of the prior.

    Raises
    ------
    InputError
        If there is no such source, or a posterior file does not belong to this model.
    """
    if source == "prior":
        return (lambda plan: prior_source(model, plan, n_draws=n_draws, seed=seed)), (_PRIOR_NOTE,)
    if source.endswith(".nc"):
        named = _posterior_source(load_posterior(source, model=model), source)
        return (lambda _: named), (f"Every cohort comes from the posterior of {source}.",)
    if source != "posterior":
        raise InputError(
            f"'{source}'", where="--draws", mend="write posterior, prior, or the path of a .nc file"
        )
    shipped: dict[str, NamedDraws] = {}
    notes: list[str] = []
    for name in posterior_names():
        try:
            found = load_posterior(name, model=model)
        except InputError as error:  # of another version of the model: said, and not used
            notes.append(f"The shipped posterior is not used: {error}.")
            continue
        shipped[name] = _posterior_source(found, f"posterior {name}")
        notes.append(f"Posterior {name}: made by {found.command}.")
    if not shipped:
        notes.append(_PRIOR_NOTE)

    def chosen(plan: ValidationPlan) -> NamedDraws:
        return _chosen(shipped, plan) or prior_source(model, plan, n_draws=n_draws, seed=seed)

    return chosen, tuple(notes)


def _posterior_source(posterior: Posterior, label: str) -> NamedDraws:
    return NamedDraws(
        label=label,
        draws=posterior.draws,
        fitted=frozenset(posterior.fitted_ids),
        is_posterior=True,
    )


def _chosen(shipped: Mapping[str, NamedDraws], plan: ValidationPlan) -> NamedDraws | None:
    """The posterior of the study, of a study with the same first product, or of HN2301."""
    own = plan.title.lower() if plan.is_own else plan.study_id.lower()
    if own in shipped:
        return shipped[own]
    products = _products(plan.arms)
    for name, named in shipped.items():
        if name in study_ids() and products & _study_products(name):
            return named
    return shipped.get("hn2301")


def _products(arms: Iterable[ArmPlan]) -> set[str]:
    return {course.product.id for arm in arms for given in arm.regimens.values() for course in given.courses}


@functools.cache
def _study_products(name: str) -> frozenset[str]:
    study = load_study(name)
    return frozenset(course.product.id for given in study.regimens().values() for course in given.courses)


_PRIOR_NOTE = (
    "Cohorts come from the prior: constants set by hand, each with the uncertainty that parameters.csv states. "
    "Nothing was fitted."
)
