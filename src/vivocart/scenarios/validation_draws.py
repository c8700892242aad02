"""Populations from which the cohorts of a validation come, and what each observation was to their making."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import final

from vivocart.calibration.fits import BASE
from vivocart.calibration.posterior import Posterior, load_posterior
from vivocart.ground.errors import InputError
from vivocart.model.load import Model
from vivocart.patients.draws import PopulationDraws, prior_draws
from vivocart.scenarios.credibility import FITTED, HELD_OUT, IN_VIEW, NEW
from vivocart.scenarios.shipped_fits import ShippedFits
from vivocart.scenarios.validation_plans import ArmPlan, ValidationPlan


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
        ``prior``; ``posterior``: of the shipped fit of HN2301, with what is a comparator's own from the shipped fit of its
        family; or the path of a posterior file, for all studies.
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
    shipped = ShippedFits(model=model)
    notes: list[str] = []
    for name in shipped.names:
        found = shipped.posterior(name)
        notes.append(
            f"Posterior {name}: made by {found.command}."
            if found is not None
            else f"The shipped posterior is not used: {shipped.reason(name)}."
        )
    if shipped.base is None:
        return (lambda plan: prior_source(model, plan, n_draws=n_draws, seed=seed)), (*notes, _PRIOR_NOTE)
    return (lambda plan: _chosen(shipped, plan)), tuple(notes)


def _posterior_source(posterior: Posterior, label: str) -> NamedDraws:
    return NamedDraws(
        label=label,
        draws=posterior.draws,
        fitted=frozenset(posterior.fitted_ids),
        is_posterior=True,
    )


def _chosen(shipped: ShippedFits, plan: ValidationPlan) -> NamedDraws:
    """The base fit, with what is a product's own from its own fit."""
    products = _products(plan.arms)
    base, parts, draws = shipped.base, shipped.of_products(products), shipped.draws(products)
    assert base is not None and draws is not None  # asked for only where there is a base
    return NamedDraws(
        label="posterior " + " + ".join((BASE, *parts)),
        draws=draws,
        fitted=frozenset(name for found in (base, *parts.values()) for name in found.fitted_ids),
        is_posterior=True,
    )


def _products(arms: Iterable[ArmPlan]) -> set[str]:
    return {course.product.id for arm in arms for given in arm.regimens.values() for course in given.courses}


_PRIOR_NOTE = (
    "Cohorts come from the prior: constants set by hand, each with the uncertainty that parameters.csv states. "
    "Nothing was fitted."
)
