"""Visual predictive check: percentiles of what was measured against those of the study simulated again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vivocart.calibration.individuals.diagnostics import Replicates
from vivocart.calibration.individuals.fit import Fit
from vivocart.calibration.individuals.problem import observation_order

PERCENTILES = (10, 50, 90)
"""Which percentiles of the measurements are shown."""
_MOST_BINS = 12
_BAND = (0.05, 0.5, 0.95)


def predictive_check(fit: Fit, replicates: Replicates, *, n_bins: int | None = None) -> pd.DataFrame:
    """A row for each kind of measurement, bin of time and percentile, and one for the share below a limit.

    Columns ``dvid, observable, bin, time_low, time_high, time, n, statistic, observed, simulated_low, simulated_median,
    simulated_high``. ``statistic`` is ``p10``, ``p50``, ``p90`` or ``below`` (share below the limit of quantification).
    ``simulated_*`` are the 5, 50 and 95 % quantiles of the statistic over the replicates. A value below the limit, measured
    or simulated, counts as lower than all others; a percentile that falls there is missing.

    Parameters
    ----------
    n_bins
        Bins of time with about equal numbers of measurements; as many as measurements a patient, at most 12, if left out.
    """
    problem = fit.problem
    time = problem.data.observations.time[observation_order(problem.data)]
    rows: list[dict[str, Any]] = []
    for index, error in enumerate(problem.layout.errors):
        mine = np.flatnonzero(problem.measured.error == index)
        for number, (low, high) in enumerate(_bins(time[mine], problem.n_subjects, n_bins)):
            here = mine[(time[mine] >= low) & (time[mine] <= high)]
            head = {
                "dvid": error.kind,
                "observable": error.observable,
                "bin": number,
                "time_low": low,
                "time_high": high,
                "time": float(np.median(time[here])),
                "n": len(here),
            }
            rows += [head | row for row in _statistics(fit, replicates, here, mine)]
    return pd.DataFrame(rows)


def _bins(time: np.ndarray, n_subjects: int, n_bins: int | None) -> list[tuple[float, float]]:
    """First and last time of each bin; a time is never cut in two."""
    unique, counts = np.unique(time, return_counts=True)
    wanted = n_bins or min(_MOST_BINS, max(1, round(len(time) / n_subjects)))
    if len(unique) <= wanted:
        return [(float(t), float(t)) for t in unique]
    before = np.cumsum(counts) - 0.5 * counts
    group = np.minimum((before / len(time) * wanted).astype(int), wanted - 1)
    return [
        (float(unique[group == number].min()), float(unique[group == number].max()))
        for number in np.unique(group)
    ]


def _statistics(
    fit: Fit, replicates: Replicates, here: np.ndarray, of_kind: np.ndarray
) -> list[dict[str, Any]]:
    measured = fit.problem.measured
    value, drawn = measured.value[here].astype(float), replicates.value[:, here]
    censored = measured.censored[here]
    value = np.where(censored == 1, -np.inf, np.where(censored == -1, np.inf, value))
    below = measured.censored[of_kind] == 1
    limit = float(measured.upper[of_kind][below].max()) if below.any() else -np.inf
    above = measured.censored[of_kind] == -1
    ceiling = float(measured.lower[of_kind][above].min()) if above.any() else np.inf
    drawn = np.where(drawn < limit, -np.inf, np.where(drawn > ceiling, np.inf, drawn))
    rows = [
        _row(
            f"p{percent}",
            float(_quantile(value, percent)),
            np.asarray(_quantile(drawn, percent)),
        )
        for percent in PERCENTILES
    ]
    if below.any():
        rows.append(_row("below", float(np.mean(np.isneginf(value))), np.isneginf(drawn).mean(axis=1)))
    return rows


def _quantile(values: np.ndarray, percent: float) -> np.ndarray:
    return np.quantile(values, percent / 100.0, axis=-1, method="inverted_cdf")


def _row(statistic: str, observed: float, simulated: np.ndarray) -> dict[str, Any]:
    low, middle, high = np.quantile(simulated, _BAND, method="inverted_cdf").tolist()
    numbers = {
        "observed": observed,
        "simulated_low": low,
        "simulated_median": middle,
        "simulated_high": high,
    }
    return {"statistic": statistic} | {
        key: number if np.isfinite(number) else np.nan for key, number in numbers.items()
    }
