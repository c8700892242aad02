"""SLEDAI-2K at baseline: which items a patient has, and at which activity each would go or come."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Literal, final

import numpy as np
from scipy.special import ndtr, ndtri

from vivocart.ground.tables import Row, read_table
from vivocart.model.rows import SledaiItemRow, SpreadKind
from vivocart.patients.covariates import Draw
from vivocart.patients.sampling import sampled_values, transformed_sd

THRESHOLD_PREFIX = "sledai_threshold_"
SCORES = ("sledai_baseline", "sledai_clinical_baseline", "sledai_serological_baseline")
"""Covariates that are sums of items."""

_MAXIMUM_PREVALENCE = 0.98


@final
class ThresholdRow(Row):
    """One row of ``sledai_thresholds.csv``: how patients' thresholds are distributed."""

    id: Literal["present", "absent", "organ_correlation"]
    unit: str
    distribution: Literal["lognormal", "logitnormal", "normal", "fixed"]
    median: float
    spread: float | None = None
    spread_kind: SpreadKind | None = None
    lower: float
    upper: float
    kind: Literal["measured", "estimated", "assumed", "scenario"]
    quantity_ids: str = ""
    note: str = ""


@functools.cache
def sledai_items() -> tuple[SledaiItemRow, ...]:
    """The 24 items of SLEDAI-2K with weight, organ and driver, as the model's table gives them."""
    return tuple(read_table(resources.files("vivocart.model") / "sledai_items.csv", SledaiItemRow))


@functools.cache
def threshold_rows() -> Mapping[str, ThresholdRow]:
    """Rows of ``sledai_thresholds.csv`` by id."""
    rows = read_table(resources.files("vivocart.patients") / "sledai_thresholds.csv", ThresholdRow)
    return {row.id: row for row in rows}


def sledai_covariates(
    covariates: Mapping[str, np.ndarray],
    draw: Draw,
    *,
    items: Sequence[SledaiItemRow],
    nephritis_share: float,
) -> dict[str, np.ndarray]:
    """Thresholds of the items and the baseline score, from a patient's covariates.

    An item that reads a laboratory value is present or not by that value. Any other item is present with its prevalence;
    items of one organ are correlated, and renal items belong to patients with nephritis only. The normal number that decides
    on presence also places the threshold within its distribution: the surer an item is present, the lower it lies.

    Parameters
    ----------
    covariates
        Values by id, each of shape (n,); ``nephritis`` and the drivers of the laboratory items are needed.
    draw
        Standard normal numbers by name; names used are ``organ_<organ>`` and ``sledai_<item>``.
    items
        The items.
    nephritis_share
        Share of patients with nephritis in the population from which ``prevalence`` speaks.

    Returns
    -------
    dict
        ``sledai_threshold_<item>`` for each item with the rule ``threshold``, ``sledai_baseline``,
        ``sledai_clinical_baseline`` and ``sledai_serological_baseline``.
    """
    nephritis = covariates["nephritis"] > 0.5
    shared = threshold_rows()["organ_correlation"].median
    organs = {item.organ: draw(f"organ_{item.organ}") for item in items if item.rule == "threshold"}
    found: dict[str, np.ndarray] = {}
    for item in items:
        if item.rule == "threshold":
            z = math.sqrt(shared) * organs[item.organ] + math.sqrt(1 - shared) * draw(f"sledai_{item.item}")
            found[THRESHOLD_PREFIX + item.item] = _threshold(z, _prevalence(item, nephritis, nephritis_share))
    return found | baseline_scores({**covariates, **found}, items)


def sledai_numbers(items: Sequence[SledaiItemRow]) -> tuple[str, ...]:
    """Names of the standard normal numbers that :func:`sledai_covariates` draws, each once."""
    threshold = [item for item in items if item.rule == "threshold"]
    organs = dict.fromkeys(f"organ_{item.organ}" for item in threshold)
    return (*organs, *(f"sledai_{item.item}" for item in threshold))


def baseline_items(
    covariates: Mapping[str, np.ndarray], items: Sequence[SledaiItemRow]
) -> dict[str, np.ndarray]:
    """For each item who has it at baseline, shape (n,), from thresholds and laboratory values."""
    return {
        item.item: covariates[THRESHOLD_PREFIX + item.item] < 1.0
        if item.rule == "threshold"
        else _beyond_limit(item, covariates)
        for item in items
    }


def baseline_scores(
    covariates: Mapping[str, np.ndarray], items: Sequence[SledaiItemRow]
) -> dict[str, np.ndarray]:
    """SLEDAI-2K at baseline, its clinical and its serological part: whole numbers that the items add up to, shape (n,)."""
    present = baseline_items(covariates, items)
    zero = np.zeros_like(covariates["nephritis"])
    clinical = sum((item.weight * present[item.item] for item in items if not item.serological), start=zero)
    serological = sum((item.weight * present[item.item] for item in items if item.serological), start=zero)
    return {
        "sledai_clinical_baseline": clinical,
        "sledai_serological_baseline": serological,
        "sledai_baseline": clinical + serological,
    }


def typical_thresholds(
    items: Sequence[SledaiItemRow], *, nephritis: bool, nephritis_share: float
) -> dict[str, float]:
    """Thresholds of the typical patient, who has the items that more than half of such patients have."""
    rows = threshold_rows()
    flag = np.array([nephritis])
    return {
        THRESHOLD_PREFIX + item.item: rows["present"].median
        if _prevalence(item, flag, nephritis_share)[0] > 0.5
        else rows["absent"].median
        for item in items
        if item.rule == "threshold"
    }


def _prevalence(item: SledaiItemRow, nephritis: np.ndarray, nephritis_share: float) -> np.ndarray:
    if item.organ != "renal":
        return np.full(nephritis.shape, item.prevalence)
    return np.where(nephritis, min(item.prevalence / nephritis_share, _MAXIMUM_PREVALENCE), 0.0)


def _threshold(z: np.ndarray, prevalence: np.ndarray) -> np.ndarray:
    u = ndtr(z)
    present = u < prevalence
    with_it, without = np.flatnonzero(present), np.flatnonzero(~present)
    found = np.empty_like(u)
    found[with_it] = _placed("present", u[with_it] / prevalence[with_it])
    found[without] = _placed("absent", (u[without] - prevalence[without]) / (1.0 - prevalence[without]))
    return found


def _placed(row_id: str, u: np.ndarray) -> np.ndarray:
    row = threshold_rows()[row_id]
    assert row.distribution != "fixed" and row.spread is not None and row.spread_kind is not None
    sd = transformed_sd(row.distribution, row.median, row.spread, row.spread_kind)
    return sampled_values(row.distribution, ndtri(u), row.median, sd, lower=row.lower, upper=row.upper)


def _beyond_limit(item: SledaiItemRow, covariates: Mapping[str, np.ndarray]) -> np.ndarray:
    beyond = [
        covariates[driver] > limit if item.rule == "above" else covariates[driver] < limit
        for driver, limit in zip(item.driver, item.limit, strict=True)
    ]
    return np.logical_or.reduce(beyond)
