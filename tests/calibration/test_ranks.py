from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivocart.calibration.particles import Particles
from vivocart.calibration.ranks import Ranks, named_quantities, rank_replicates
from vivocart.calibration.smc import SmcSettings

from .closed_form import problem, row

ROWS = [
    row("mean", 5, value=9.0),
    row("upper_bound", 5, value=30.0, trust="tertiary"),
    row("count", 5, measure="flag", unit="1", value=None, lower=1.0, upper=5.0),
    row("count", 5, id="exact", measure="flag", unit="1", value=4.0),
]
SMALL = SmcSettings(n_particles=48, sweeps=2, last_sweeps=4)


def test_ranks_are_uniform_where_the_fit_is_right():
    posed = problem(ROWS, scenarios=3)
    quantities = named_quantities(
        posed, ["z0", "z1", "never", "spread of s"], typical=("z0", "z1", "never"), varying=("s",)
    )
    ranks = rank_replicates(posed, n_replicates=60, seed=2, quantities=quantities, settings=SMALL, n_draws=15)
    table = ranks.uniformity(bins=5)
    assert set(table["quantity"]) == {
        "z0",
        "z1",
        "never",
        "spread of s",
        "interval of S",
        "log likelihood",
    }
    assert ranks.ranks.shape == (60, 6)
    assert ranks.ranks.min() >= 0 and ranks.ranks.max() <= 15
    # six tests: the smallest p value of uniform ranks is below 0.002 once in eighty runs
    assert table["p_value"].min() > 0.002, table.to_string()
    assert (np.abs(table["mean"] - 0.5) < 4 / np.sqrt(12 * 60)).all()


def test_ranks_tell_a_fit_that_is_too_sure():
    posed = problem(ROWS[:1])

    def too_sure(particles: Particles) -> dict[str, np.ndarray]:
        z = particles.typical[:, 0]
        return {"z0": z if len(z) == 1 else z.mean() + 0.3 * (z - z.mean())}

    ranks = rank_replicates(posed, n_replicates=40, seed=3, quantities=too_sure, settings=SMALL, n_draws=15)
    found = ranks.uniformity(bins=4).set_index("quantity")
    assert found.loc["z0", "p_value"] < 1e-3
    assert found.loc["z0", "spread"] > 1.2


def test_uniform_ranks_have_uniform_p_values():
    rng = np.random.default_rng(1)
    p_values = np.array(
        [
            Ranks(
                names=("a",), ranks=rng.integers(0, 32, size=(100, 1)), n_draws=31, n_redrawn=0
            ).uniformity()["p_value"][0]
            for _ in range(150)
        ]
    )
    assert np.mean(p_values < 0.05) < 0.09
    assert 0.4 < p_values.mean() < 0.6


def test_truths_that_print_nothing_are_drawn_anew_and_counted():
    # the spread of those who have the flag: fewer than two of three have it now and then
    posed = problem([row("sd", 3, value=5.0, given="flag")], n=3)
    ranks = rank_replicates(
        posed,
        n_replicates=6,
        seed=1,
        quantities=lambda particles: {"z0": particles.typical[:, 0]},
        settings=replace(SMALL, n_particles=100, sweeps=1, last_sweeps=1),
        n_draws=7,
    )
    assert ranks.n_redrawn > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_replicate_depends_on_its_seed_only(seed):
    posed = problem(ROWS[:1])
    names = named_quantities(posed, ["z0"], typical=("z0", "z1", "never"), varying=("s",))
    settings = SmcSettings(n_particles=40, sweeps=1, last_sweeps=1)
    few = rank_replicates(posed, n_replicates=2, seed=seed, quantities=names, settings=settings, n_draws=7)
    more = rank_replicates(posed, n_replicates=4, seed=seed, quantities=names, settings=settings, n_draws=7)
    np.testing.assert_array_equal(few.ranks, more.ranks[:2])
