"""A fitted population as a trial uses it: values in the middle for its patients, draws for what nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from vivocart.calibration.fits import BASE, families, families_of
from vivocart.calibration.insight import contraction, scenario_shares
from vivocart.calibration.posterior import Posterior
from vivocart.model.load import Model
from vivocart.patients.draws import PopulationDraws, merged_draws
from vivocart.scenarios.shipped_fits import ShippedFits, middle_of, products_of
from vivocart.trials.protocol import Study

_FEWEST_DRAWS = 50  # of one interval, from which a middle is taken
_INTERVAL = "interval_days"

FITTED = "fitted"
"""Kind of a parameter that the fitted observations informed."""

HAND_SET = "hand-set, as shipped"
"""Parameter set of a result that no fit stands behind."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPopulation:
    """A posterior made ready for one trial.

    Parameters
    ----------
    center
        One population: every unknown that the data informed at the posterior mean (on the scale where it is normal) given
        the interval shown; all others have the model's own value and are not in it.
    draws
        Populations of the posterior.
    informed
        Columns of :func:`vivocart.calibration.insight.contraction`, of the informed unknowns only, with ``center``.
    intervals
        Columns ``value, prior, posterior, error``: how likely each interval is; empty where it is no unknown.
    n_unknowns
        Unknowns in all, informed or not.
    n_fitted
        Published observations that were fitted.
    sources
        Of what: ``this study``, or the base fit and comparators by name.
    """

    center: PopulationDraws
    draws: PopulationDraws
    informed: pd.DataFrame
    intervals: pd.DataFrame
    n_unknowns: int
    n_fitted: int
    command: str
    parameter_set: str
    sources: str = "this study"

    @property
    def parameter_ids(self) -> frozenset[str]:
        """Parameters whose typical value was fitted."""
        return frozenset(self.center.typical)

    def cohorts(self, n_cohorts: int) -> PopulationDraws:
        """As many populations, evenly through the posterior; each more than once if there are fewer."""
        places = np.floor(np.linspace(0, len(self.draws), n_cohorts, endpoint=False)).astype(np.int64)
        return self.draws.take(places)


def fitted_population(
    study: Study, model: Model, *, interval_days: float | None, posterior: Posterior | None = None
) -> tuple[FittedPopulation | None, str]:
    """The posterior of a study for a trial, or none with the reason in one sentence.

    A study of comparators is simulated in the base fit's patients, with what is each product's own from its own fit.

    Parameters
    ----------
    interval_days
        The interval shown.
    posterior
        A posterior of one's own, for all parameters; the shipped ones if left out.
    """
    if posterior is not None:
        return _population(posterior, {}, model, interval_days), ""
    shipped, names = ShippedFits(model=model), families_of(products_of(study))
    if study.id.lower() != BASE and not names:
        return None, ""
    parts = shipped.of_products(products_of(study))
    if shipped.base is not None and (parts or study.id.lower() == BASE):
        return _population(shipped.base, parts, model, interval_days), ""
    reasons = [reason for name in (BASE, *names) if (reason := shipped.reason(name))]
    said = f"The shipped posterior is not used and values are hand-set: {reasons[0]}." if reasons else ""
    return None, said


def _population(
    base: Posterior, parts: Mapping[str, Posterior], model: Model, interval_days: float | None
) -> FittedPopulation:
    """The base fit with comparators' own parameters from theirs."""
    center = _center(base, model, interval_days)
    tables = [contraction(posterior, model) for posterior in parts.values()]
    own = {str(name) for table in tables for name in table["parameter"]}
    shared = contraction(base, model)
    tables.insert(0, pd.DataFrame(shared.loc[~shared["parameter"].isin(list(own)).to_numpy(dtype=bool)]))
    middles = {name: middle_of(posterior, model) for name, posterior in parts.items()}
    typical = {name: value for name, value in center.typical.items() if name not in own}
    spread = {name: value for name, value in center.spread.items() if name not in own}
    for middle in reversed(tuple(middles.values())):  # the first family that has a parameter, as in the draws
        typical |= middle.typical
        spread |= middle.spread
    table = pd.concat(tables, ignore_index=True).drop_duplicates(["part", "parameter"])
    informed = pd.DataFrame(table.loc[table["informed"].to_numpy(dtype=bool)]).reset_index(drop=True)
    values = [
        (typical if row["part"] == "typical" else spread)[str(row["parameter"])][0]
        for row in informed.to_dict("records")
    ]
    every = (base, *parts.values())
    command = "; ".join(posterior.command for posterior in every)
    named = "; ".join(posterior.provenance.parameter_set for posterior in every)
    draws = base.draws
    return FittedPopulation(
        center=PopulationDraws(typical=typical, spread=spread),
        draws=merged_draws(draws, {name: part.draws for name, part in parts.items()}) if parts else draws,
        informed=informed.assign(center=np.array(values, dtype=float)),
        intervals=scenario_shares(base).get(_INTERVAL, pd.DataFrame()) if not parts else pd.DataFrame(),
        n_unknowns=len(table),
        n_fitted=sum(len(posterior.fitted_ids) for posterior in every),
        command=command,
        parameter_set=f"{named} ({command})",
        sources=" and of ".join(("HN2301", *(families()[name].label.lower() for name in parts)))
        if parts
        else "this study",
    )


def _center(posterior: Posterior, model: Model, interval_days: float | None) -> PopulationDraws:
    draws = posterior.draws
    own = draws.scenario.get(_INTERVAL)
    if own is not None and interval_days is not None:
        places = np.flatnonzero(np.isclose(own, interval_days))
        if len(places) >= _FEWEST_DRAWS:
            draws = draws.take(places)
    return middle_of(posterior, model, draws)


def with_fitted(assumptions: pd.DataFrame, fitted: FittedPopulation | None) -> pd.DataFrame:
    """The table of parameters with what was fitted in it: kind ``fitted``, value used, hand-set value in the note."""
    if fitted is None:
        return assumptions
    table = assumptions.copy()
    table.attrs = dict(assumptions.attrs)
    for place, row in enumerate(assumptions.to_dict("records")):
        name = str(row["parameter_id"])
        if name in fitted.center.typical:
            table.loc[place, "kind"] = FITTED
            table.loc[place, "value"] = float(f"{fitted.center.typical[name][0]:.4g}")
            table.loc[place, "note"] = (
                f"Fitted; {row['value']:g} by hand before ({row['kind']}). {row['note']}".strip()
            )
    return table
