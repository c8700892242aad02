"""A fitted population as a trial uses it: values in the middle for its patients, draws for what nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from vivocart.calibration.insight import contraction, prior_scale, scenario_shares
from vivocart.calibration.posterior import Posterior, load_posterior, posterior_names
from vivocart.ground.errors import InputError
from vivocart.model.load import Model
from vivocart.patients.draws import PopulationDraws, spread_multipliers, typical_values
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
    """

    center: PopulationDraws
    draws: PopulationDraws
    informed: pd.DataFrame
    intervals: pd.DataFrame
    n_unknowns: int
    n_fitted: int
    command: str
    parameter_set: str

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

    Parameters
    ----------
    interval_days
        The interval shown.
    posterior
        A posterior of one's own; the shipped one of the study if left out.
    """
    found = posterior
    if found is None:
        if study.id.lower() not in posterior_names():
            return None, ""
        try:
            found = load_posterior(study.id.lower(), model=model)
        except InputError as error:
            return None, f"The shipped posterior is not used and values are hand-set: {error}."
    table = contraction(found, model)
    informed = pd.DataFrame(table.loc[table["informed"].to_numpy(dtype=bool)]).reset_index(drop=True)
    center = _center(found, model, informed, interval_days)
    middle = [
        (center.typical if row["part"] == "typical" else center.spread)[str(row["parameter"])][0]
        for row in informed.to_dict("records")
    ]
    provenance = found.provenance
    return (
        FittedPopulation(
            center=center,
            draws=found.draws,
            informed=informed.assign(center=np.array(middle, dtype=float)),
            intervals=scenario_shares(found).get(_INTERVAL, pd.DataFrame()),
            n_unknowns=len(table),
            n_fitted=len(found.fitted_ids),
            command=found.command,
            parameter_set=f"{provenance.parameter_set} ({found.command})",
        ),
        "",
    )


def _center(
    posterior: Posterior, model: Model, informed: pd.DataFrame, interval_days: float | None
) -> PopulationDraws:
    draws = posterior.draws
    own = draws.scenario.get(_INTERVAL)
    if own is not None and interval_days is not None:
        places = np.flatnonzero(np.isclose(own, interval_days))
        if len(places) >= _FEWEST_DRAWS:
            draws = draws.take(places)
    z = prior_scale(model, draws)
    typical: dict[str, np.ndarray] = {}
    spread: dict[str, np.ndarray] = {}
    for row in informed.to_dict("records"):
        part, name = str(row["part"]), str(row["parameter"])
        mean = np.array([z[part, name].mean()])
        if part == "typical":
            typical[name] = typical_values(model.parameters[name], mean)
        else:
            spread[name] = spread_multipliers(mean)
    return PopulationDraws(typical=typical, spread=spread)


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
