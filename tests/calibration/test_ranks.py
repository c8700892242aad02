from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivocart.calibration import ranks as ranks_module
from vivocart.calibration.likelihood import Reading, printed_again
from vivocart.calibration.particles import Particles
from vivocart.calibration.ranks import Ranks, named_quantities, rank_among_prior, rank_replicates
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


# every statistic that a row can have, and what only some rows have: a condition, a score, a limit of time, "some of n"
EVERY_STATISTIC = [
    row("maximum", 5),
    row("minimum", 5, trust="primary"),
    row("median", 4, trust="tertiary"),
    row("mean", 5, lower=2.0, upper=6.0),
    row("sd", 5),
    row("quantile", 5, level=0.25),
    row("range", 5, value=None, lower=2.0, upper=9.0),
    row("upper_bound", 5, value=6.0, trust="tertiary"),
    row("lower_bound", 5, value=1.0, trust="tertiary"),
    row("point", 1),
    row("median_time", 5),
    row("median_time", 5, id="not_reached", value=None, lower=4.0),
    row("maximum", 5, id="score", unit="score", value=3.0),
    row("count", 5, measure="flag", unit="1", value=2.0, trust="memory"),
    row("count", 5, id="some", measure="flag", unit="1", value=None, lower=1.0, upper=4.0, trust="memory"),
    row("fraction", 5, measure="flag", unit="%", value=40.0, trust="memory"),
    row("mean", 5, id="of_those", given="flag"),
]


def test_every_statistic_is_printed_as_the_likelihood_reads_it():
    posed = problem(EVERY_STATISTIC, scenarios=3)
    quantities = named_quantities(posed, ["z0", "z1"], typical=("z0", "z1", "never"), varying=("s",))
    found = rank_among_prior(posed, n_truths=400, n_prior=1500, seed=4, quantities=quantities)
    # cohorts of nobody who has the flag print nothing
    assert 0 < found.n_redrawn < 250
    table = found.uniformity(bins=8).set_index("quantity")
    assert set(table.index) == {
        "z0",
        "z1",
        "interval of S",
        "log likelihood",
        *(each.id for each in EVERY_STATISTIC),
    }
    assert table["p_value"].min() > 0.05 / len(table) / 5, table.to_string()
    assert (np.abs(table["mean"] - 0.5) < 4 / np.sqrt(12 * len(found.ranks))).all(), table.to_string()


@pytest.mark.parametrize("fault", ["too narrow", "never misread", "rounded"])
def test_a_study_printed_otherwise_than_it_is_read_is_found(monkeypatch, fault):
    def otherwise(reading: Reading, statistic: float, normal: float, uniform: float) -> Reading:
        if fault == "too narrow":
            return printed_again(reading, statistic, 0.6 * normal, uniform)
        if fault == "never misread":
            return printed_again(reading, statistic, normal, 1.0)
        printed = printed_again(reading, statistic, normal, uniform)
        number = 10.0 ** np.round(np.log10(printed.low))
        return replace(printed, low=number, high=number)

    monkeypatch.setattr(ranks_module, "printed_again", otherwise)
    rows = [row("mean", 5, trust="memory")]
    found = rank_among_prior(problem(rows), n_truths=1500, n_prior=1500, seed=4)
    assert found.uniformity(bins=8)["p_value"].min() < 1e-4


def test_a_fit_that_is_stopped_too_early_shows_in_its_climb_and_its_log_likelihood():
    rows = [
        row("maximum", 5, trust="primary"),
        row("minimum", 5, value=2.0, trust="primary"),
        row("count", 5, id="exact", measure="flag", unit="1", value=4.0),
    ]
    posed = problem(rows, n=5)

    def ranked(rounds: int, n_particles: int) -> Ranks:
        return rank_replicates(
            posed,
            n_replicates=40,
            seed=3,
            quantities=lambda particles: {"z0": particles.typical[:, 0]},
            settings=SmcSettings(n_particles=n_particles, sweeps=1, last_sweeps=rounds),
        )

    early, enough = ranked(2, 12), ranked(12, 100)
    place = enough.names.index("log likelihood")
    mean = [found.uniformity()["mean"][place] for found in (early, enough)]
    climb = [found.climbs.mean() / (found.climbs.std() / np.sqrt(40)) for found in (early, enough)]
    assert early.climbs.shape == (40,)
    assert mean[0] > 0.5 + 3 / np.sqrt(12 * 40) > mean[1]
    assert climb[0] > 3 > abs(climb[1])


def test_replicates_that_share_their_start_are_the_same_wherever_a_run_begins():
    posed = problem(ROWS[:1])
    names = named_quantities(posed, ["z0"], typical=("z0", "z1", "never"), varying=("s",))
    settings = SmcSettings(n_particles=40, sweeps=1, last_sweeps=1, n_first=300)

    def ranked(first: int, count: int) -> np.ndarray:
        found = rank_replicates(
            posed, n_replicates=count, first=first, seed=1, quantities=names, settings=settings, n_draws=7
        )
        return found.ranks

    whole = ranked(0, 12)
    np.testing.assert_array_equal(whole[:3], ranked(0, 3))
    np.testing.assert_array_equal(whole[8:], ranked(8, 4))
