"""What a fit learned and what the data cannot tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vivocart.calibration.posterior import Posterior
from vivocart.patients.draws import PopulationDraws, spread_numbers, typical_numbers

if TYPE_CHECKING:
    from vivocart.model.load import Model

INFORMED_FROM = 0.1
"""Contraction from which a parameter counts as informed by the data: a tenth of its prior variance is gone."""

_SHIFTED_FROM = 0.3  # prior standard deviations
_STANDARD_ERRORS = 3.5  # some two hundred unknowns are looked at: fewer would call chance a finding

_Key = tuple[str, str]


def prior_scale(model: Model, draws: PopulationDraws) -> dict[_Key, np.ndarray]:
    """Every unknown on the scale where its prior is standard normal, by ``(part, parameter)``.

    ``part`` is ``typical`` or ``spread``.
    """
    found: dict[_Key, np.ndarray] = {}
    for name, values in draws.typical.items():
        found["typical", name] = typical_numbers(model.parameters[name], values)
    for name, values in draws.spread.items():
        found["spread", name] = spread_numbers(values)
    return found


def contraction(posterior: Posterior, model: Model) -> pd.DataFrame:
    """How much narrower than its prior each unknown became, the most informed first.

    Returns
    -------
    pandas.DataFrame
        Columns ``part`` (``typical`` or ``spread``), ``parameter``, ``contraction`` (1 - posterior variance / prior
        variance, on the scale where the prior is standard normal; 0 nothing learned, 1 known), ``error`` (its standard
        error from the number of particles), ``shift`` (posterior mean in prior standard deviations), ``prior_median``,
        ``median``, ``q05``, ``q95`` (typical value in the parameter's unit, spread as a multiple of the table's),
        ``kind`` (of the table), ``read`` (whether anything fitted or held out can depend on it) and ``informed``.
    """
    draws, stats = posterior.draws, posterior.tree["sample_stats"].to_dataset()
    n = _independent_particles(posterior)
    rows: list[dict[str, object]] = []
    for part, dimension, values_of in (
        ("typical", "parameter", draws.typical),
        ("spread", "varying", draws.spread),
    ):
        columns = zip(
            stats[dimension].values,
            stats[f"{part}_mean"].values,
            stats[f"{part}_sd"].values,
            stats[f"{part}_read"].values,
            strict=True,
        )
        for key, mean, sd, read in columns:
            name, share = str(key), 1.0 - float(sd) ** 2
            error = (1.0 - share) * math.sqrt(2.0 / (n - 1))
            moved = share > max(INFORMED_FROM, _STANDARD_ERRORS * error)
            moved |= abs(float(mean)) > max(_SHIFTED_FROM, _STANDARD_ERRORS / math.sqrt(n))
            low, middle, high = np.quantile(values_of[name], (0.05, 0.5, 0.95))
            rows.append(
                {
                    "part": part,
                    "parameter": name,
                    "contraction": share,
                    "error": error,
                    "shift": float(mean),
                    "prior_median": model.parameters[name].value if part == "typical" else 1.0,
                    "median": float(middle),
                    "q05": float(low),
                    "q95": float(high),
                    "kind": model.parameters[name].kind,
                    "read": bool(read),
                    "informed": bool(moved and read),
                }
            )
    table = pd.DataFrame(rows)
    size = np.maximum(
        table["contraction"].to_numpy(dtype=float), table["shift"].abs().to_numpy(dtype=float) / 2
    )
    rank = np.where(table["read"].to_numpy(dtype=bool), size, -1.0)
    return table.iloc[np.argsort(-rank, kind="stable")].reset_index(drop=True)


def _independent_particles(posterior: Posterior) -> float:
    """Particles worth: all, less what the last moves left of their ancestors, as for a series so correlated."""
    stats = posterior.tree["sample_stats"].to_dataset()
    kept = min(max(float(stats["kept_correlation"].values[-1]), 0.0), 0.95)
    return max(4.0, float(stats.attrs["n_particles"]) * (1.0 - kept) / (1.0 + kept))


def scenario_shares(posterior: Posterior) -> dict[str, pd.DataFrame]:
    """For each scenario unknown a table of its values.

    Columns ``value``, ``prior`` and ``posterior`` (shares), and ``error``, the standard error of the posterior's share from
    the number of draws.
    """
    found: dict[str, pd.DataFrame] = {}
    after, before = posterior.draws.scenario, posterior.prior_draws.scenario
    for name, values in after.items():
        known = np.unique(np.concatenate([values, before[name]]))
        share = np.array([np.mean(values == value) for value in known])
        found[name] = pd.DataFrame(
            {
                "value": known,
                "prior": np.full(len(known), 1.0 / len(known)),
                "posterior": share,
                "error": np.sqrt(share * (1.0 - share) / len(values)),
            }
        )
    return found


def predicted(posterior: Posterior) -> pd.DataFrame:
    """Published readings beside what new cohorts show before and after the fit.

    Returns
    -------
    pandas.DataFrame
        Columns ``reading, fitted, low, high`` (the published number or interval), ``prior_median, prior_q05, prior_q95,
        median, q05, q95``. Quantiles are values of cohorts, so that "not reached" stays infinite.
    """
    from vivocart.endpoints.table import quantiles

    observed = posterior.tree["observed_data"].to_dataset()
    rows: list[dict[str, object]] = []
    parts = {
        name: posterior.tree[group].to_dataset()["statistic"].values[0]
        for name, group in (("prior_", "prior_predictive"), ("", "posterior_predictive"))
    }
    for place, reading in enumerate(observed["reading"].values):
        row: dict[str, object] = {
            "reading": str(reading),
            "fitted": bool(observed["fitted"].values[place]),
            "low": float(observed["low"].values[place]),
            "high": float(observed["high"].values[place]),
        }
        for prefix, values in parts.items():
            low, middle, high = quantiles(values[:, place].astype(float), (0.05, 0.5, 0.95))
            row |= {f"{prefix}median": middle, f"{prefix}q05": low, f"{prefix}q95": high}
        rows.append(row)
    return pd.DataFrame(rows)


def trade_offs(posterior: Posterior, model: Model, *, least: float = 0.25) -> pd.DataFrame:
    """Pairs of informed unknowns that the data cannot tell apart well: their posterior correlation.

    Returns
    -------
    pandas.DataFrame
        Columns ``first, second, correlation, error``, the strongest first; only those of at least ``least`` in size.
        Spreads are named ``spread of <parameter>``.
    """
    table = contraction(posterior, model)
    z = prior_scale(model, posterior.draws)
    chosen = [
        (str(part), str(name))
        for part, name, informed in zip(table["part"], table["parameter"], table["informed"], strict=True)
        if informed
    ]
    rows: list[tuple[str, str, float, float]] = []
    for place, first in enumerate(chosen):
        for second in chosen[place + 1 :]:
            r = float(np.corrcoef(z[first], z[second])[0, 1])
            if abs(r) >= least:
                rows.append((_name(first), _name(second), r, (1.0 - r * r) / np.sqrt(len(z[first]) - 1)))
    rows.sort(key=lambda row: -abs(row[2]))
    return pd.DataFrame(rows, columns=["first", "second", "correlation", "error"])


def _name(key: _Key) -> str:
    return key[1] if key[0] == "typical" else f"spread of {key[1]}"


def fit_numbers(posterior: Posterior) -> Mapping[str, float]:
    """How the run went: evidence, stages, particles, smallest effective number, what the last stage accepted and kept."""
    stats = posterior.tree["sample_stats"].to_dataset()
    return {
        "log_evidence": posterior.log_evidence,
        "particles": float(stats.attrs["n_particles"]),
        "zero_likelihood_at_start": float(stats.attrs["zero_likelihood_at_start"]),
        "stages": float(stats.sizes["stage"]),
        "least_effective": float(stats["effective"].values.min()),
        "distinct": float(stats["distinct"].values[-1]),
        "acceptance_population": float(stats["acceptance_population"].values[-1]),
        "acceptance_scenario": float(stats["acceptance_scenario"].values[-1]),
        "acceptance_patients": float(stats["acceptance_patients"].values[-1]),
        "independent_particles": _independent_particles(posterior),
        "kept_correlation": float(stats["kept_correlation"].values[-1]),
    }
