"""Sobol and Morris indices against functions whose indices are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.decisions.variance import (
    block_mask,
    morris_design,
    morris_indices,
    sobol_design,
    sobol_indices,
)
from vivocart.ground.errors import InputError


def ishigami(unit: np.ndarray) -> np.ndarray:
    x = np.pi * (2.0 * unit - 1.0)
    return np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def ishigami_exact() -> tuple[np.ndarray, np.ndarray]:
    """Closed form of Ishigami and Homma 1990, with a = 7 and b = 0.1."""
    a, b, pi4 = 7.0, 0.1, np.pi**4
    alone = np.array([0.5 * (1 + b * pi4 / 5) ** 2, a**2 / 8, 0.0])
    together = 8 * b**2 * pi4**2 / 225
    total = alone.sum() + together
    return alone / total, (alone + np.array([together, 0.0, together])) / total


def g_function(unit: np.ndarray, a: np.ndarray) -> np.ndarray:
    return np.prod((np.abs(4.0 * unit - 2.0) + a) / (1.0 + a), axis=1)


def g_exact(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Closed form of the Sobol g-function (Saltelli and Sobol 1995)."""
    partial = 1.0 / (3.0 * (1.0 + a) ** 2)
    whole = np.prod(1.0 + partial) - 1.0
    others = np.prod(1.0 + partial) / (1.0 + partial)
    return partial / whole, partial * others / whole


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_ishigami(seed: int):
    design = sobol_design(3, 4096, seed)
    found = sobol_indices(ishigami(design), 3, seed)
    first, total = ishigami_exact()
    assert found.first_order == pytest.approx(first, abs=0.02)
    assert found.total_order == pytest.approx(total, abs=0.02)
    # the intervals are about as wide as the errors: a wrong order of blocks would leave them far off
    assert (np.abs(found.first_order - first) < 2 * found.first_order_half_width + 1e-3).all()
    assert (np.abs(found.total_order - total) < 2 * found.total_order_half_width + 1e-3).all()


@pytest.mark.parametrize("a", [np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0]), np.array([0.0, 0.5, 3.0, 9.0])])
def test_g_function(a: np.ndarray):
    design = sobol_design(len(a), 4096, 3)
    found = sobol_indices(g_function(design, a), len(a), 3)
    first, total = g_exact(a)
    assert found.first_order == pytest.approx(first, abs=0.03)
    assert found.total_order == pytest.approx(total, abs=0.03)


def test_intervals_cover_as_often_as_they_say():
    """95 % intervals of the total order at a small design: over 60 seeds, far from never and near always."""
    _, total = ishigami_exact()
    inside = []
    for seed in range(60):
        found = sobol_indices(ishigami(sobol_design(3, 256, seed)), 3, seed)
        inside.append(np.abs(found.total_order - total) < found.total_order_half_width)
    assert np.mean(inside) > 0.85


def test_an_input_without_effect_has_none():
    design = sobol_design(4, 1024, 5)
    found = sobol_indices(ishigami(design[:, :3]), 4, 5)
    assert found.total_order[3] == pytest.approx(0.0, abs=1e-12)
    assert found.first_order[3] == pytest.approx(0.0, abs=0.05)


def test_blocks_with_a_missing_run_are_left_out_whole():
    design = sobol_design(3, 2048, 2)
    values = ishigami(design)
    values[[7, 4321]] = np.nan
    assert block_mask(values, 5).sum() == len(values) - 10
    first, _ = ishigami_exact()
    assert sobol_indices(values, 3, 2).first_order == pytest.approx(first, abs=0.03)


def test_same_seed_same_numbers_and_another_seed_others():
    one, two, other = (sobol_indices(ishigami(sobol_design(3, 128, s)), 3, s) for s in (0, 0, 1))
    assert (one.first_order == two.first_order).all()
    assert (one.total_order_half_width == two.total_order_half_width).all()
    assert not (one.first_order == other.first_order).all()


def test_morris_of_a_linear_function_is_its_slopes():
    slopes = np.array([3.0, -2.0, 0.5, 0.0])
    design = morris_design(4, 20, 0)
    found = morris_indices(design, design @ slopes, 0)
    assert found.mean_effect == pytest.approx(np.abs(slopes), abs=1e-9)
    assert found.effect_sd == pytest.approx(np.zeros(4), abs=1e-9)


def test_morris_sees_interaction_and_ranks_the_g_function():
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0])
    design = morris_design(5, 60, 4)
    found = morris_indices(design, g_function(design, a), 4)
    assert list(np.argsort(-found.mean_effect)) == [0, 1, 2, 3, 4]
    product = morris_indices(design, design[:, 0] * design[:, 1], 4)
    assert product.effect_sd[0] > 0.1
    assert product.effect_sd[2] == 0.0


def test_morris_leaves_a_trajectory_with_a_failed_run_out():
    design = morris_design(3, 12, 1)
    values = design @ np.array([1.0, 2.0, 3.0])
    values[5] = np.nan
    assert morris_indices(design, values, 1).mean_effect == pytest.approx([1.0, 2.0, 3.0])


@pytest.mark.parametrize(("n_base", "words"), [(1000, "1024"), (0, "power of two"), (2**17, "65536")])
def test_sample_sizes_that_are_no_power_of_two_are_refused(n_base: int, words: str):
    with pytest.raises(InputError, match=words):
        sobol_design(3, n_base, 1)


def test_nothing_to_vary_and_nothing_that_varies_are_refused():
    with pytest.raises(InputError, match="at least one"):
        sobol_design(0, 8, 1)
    with pytest.raises(InputError, match="does not vary"):
        sobol_indices(np.ones(8 * 4), 2, 1)
    with pytest.raises(InputError, match="missing"):
        sobol_indices(np.full(8 * 4, np.nan), 2, 1)
