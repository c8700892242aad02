"""Designs and indices of global sensitivity for any function on the unit cube: screening by Morris, variance by Sobol.

Sampling and estimators are SALib's; here they stand for many outputs at once, with runs that failed taken out as whole
blocks, so that what is left is still a design.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from vivocart.ground.errors import InputError

MORRIS_LEVELS = 4
CONFIDENCE = 0.95
"""Level of every confidence interval of an index."""

_RESAMPLES = 100
_LARGEST_BASE = 2**16


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceIndices:
    """First and total order indices, each of shape (n_inputs,), with half the width of their 95 % intervals.

    ``first_order`` is the share of the output's variance that the input explains alone, ``total_order`` the share that it
    has a hand in, interactions included. Estimates of small indices may fall a little below zero.
    """

    first_order: np.ndarray
    first_order_half_width: np.ndarray
    total_order: np.ndarray
    total_order_half_width: np.ndarray


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningIndices:
    """Elementary effects of Morris, each of shape (n_inputs,), in the output's unit for a move across the whole cube.

    ``mean_effect`` is the mean of their absolute values (mu star) with half the width of its 95 % interval, ``effect_sd``
    their standard deviation (sigma): large beside the mean where an input interacts or acts in bends.
    """

    mean_effect: np.ndarray
    mean_effect_half_width: np.ndarray
    effect_sd: np.ndarray


def sobol_design(n_inputs: int, n_base: int, seed: int) -> np.ndarray:
    """Saltelli's design on the unit cube, from a scrambled Sobol sequence.

    Parameters
    ----------
    n_inputs
        Inputs, at least one.
    n_base
        Base points, a power of two; the design has ``n_inputs + 2`` runs for each.
    seed
        Of the scrambling.

    Returns
    -------
    numpy.ndarray
        Shape (n_base * (n_inputs + 2), n_inputs).

    Raises
    ------
    InputError
        If ``n_base`` is no power of two from 2 to 65,536.
    """
    from SALib.sample import sobol

    if not 2 <= n_base <= _LARGEST_BASE or n_base & (n_base - 1):
        near = 2 ** int(np.clip(np.ceil(np.log2(max(n_base, 2))), 1, np.log2(_LARGEST_BASE)))
        raise InputError(f"{n_base}", where="samples", mend=f"give a power of two, such as {near}")
    return np.asarray(sobol.sample(_problem(n_inputs), n_base, calc_second_order=False, seed=seed))


def sobol_indices(values: np.ndarray, n_inputs: int, seed: int) -> VarianceIndices:
    """Sobol indices of one output over :func:`sobol_design`.

    Parameters
    ----------
    values
        The output of every run, shape (n_runs,). Blocks (the ``n_inputs + 2`` runs of one base point) with a missing value
        are left out.
    seed
        Of the bootstrap behind the intervals.

    Raises
    ------
    InputError
        If fewer than two blocks are whole, or the output does not vary.
    """
    from SALib.analyze import sobol

    whole = whole_blocks(values, n_inputs + 2)
    if np.ptp(whole) == 0:
        raise InputError("the output does not vary", where="sensitivity", mend="choose inputs that move it")
    # SALib takes a seed of 0 for none
    found = sobol.analyze(
        _problem(n_inputs),
        whole,
        calc_second_order=False,
        num_resamples=_RESAMPLES,
        conf_level=CONFIDENCE,
        seed=seed + 1,
    )
    return VarianceIndices(
        first_order=np.asarray(found["S1"]),
        first_order_half_width=np.asarray(found["S1_conf"]),
        total_order=np.asarray(found["ST"]),
        total_order_half_width=np.asarray(found["ST_conf"]),
    )


def morris_design(n_inputs: int, n_trajectories: int, seed: int) -> np.ndarray:
    """Trajectories of Morris on the unit cube with four levels, shape (n_trajectories * (n_inputs + 1), n_inputs)."""
    from SALib.sample import morris

    return np.asarray(
        morris.sample(_problem(n_inputs), n_trajectories, num_levels=MORRIS_LEVELS, seed=seed + 1)
    )


def morris_indices(design: np.ndarray, values: np.ndarray, seed: int) -> ScreeningIndices:
    """Elementary effects of one output over :func:`morris_design`.

    Parameters
    ----------
    design
        The design, shape (n_runs, n_inputs).
    values
        The output of every run, shape (n_runs,); trajectories with a missing value are left out.
    seed
        Of the bootstrap behind the intervals.
    """
    from SALib.analyze import morris

    n_inputs = design.shape[1]
    kept = block_mask(values, n_inputs + 1)
    found = morris.analyze(
        _problem(n_inputs),
        design[kept],
        values[kept],
        num_levels=MORRIS_LEVELS,
        num_resamples=_RESAMPLES,
        conf_level=CONFIDENCE,
        seed=seed + 1,
    )
    return ScreeningIndices(
        mean_effect=np.asarray(found["mu_star"], dtype=float),
        mean_effect_half_width=np.asarray(found["mu_star_conf"], dtype=float),
        effect_sd=np.asarray(found["sigma"], dtype=float),
    )


def block_mask(values: np.ndarray, block: int) -> np.ndarray:
    """Which runs belong to a block of ``block`` consecutive runs without a missing value, shape (n_runs,)."""
    return np.repeat(np.isfinite(values.reshape(-1, block)).all(axis=1), block)


def whole_blocks(values: np.ndarray, block: int) -> np.ndarray:
    """Values of the blocks that are whole; an :class:`~vivocart.ground.errors.InputError` if fewer than two are."""
    kept = values[block_mask(values, block)]
    if len(kept) < 2 * block:
        raise InputError(
            f"{len(kept) // block} of {len(values) // block} groups of runs without a missing value",
            where="sensitivity",
            mend="give more samples, or look at the failures",
        )
    return kept


def _problem(n_inputs: int) -> dict[str, Any]:
    if n_inputs < 1:
        raise InputError("no input to vary", where="sensitivity", mend="name at least one parameter")
    return {
        "num_vars": n_inputs,
        "names": [f"x{place}" for place in range(n_inputs)],
        "bounds": [[0.0, 1.0]] * n_inputs,
    }
