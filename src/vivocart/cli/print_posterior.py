"""A posterior in words: what the data informed, what they cannot tell, and what would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

import click

from vivocart.cli.printing import RESEARCH_ONLY, print_table

if TYPE_CHECKING:
    import pandas as pd

    from vivocart.calibration.posterior import Posterior
    from vivocart.model.load import Model
    from vivocart.scenarios.insight import MechanismFit

_TOP = 10
_HELPFUL = 2  # observations shown for each prediction

OnMessage = Callable[[str], None] | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """A posterior with what was asked of it besides."""

    posterior: Posterior
    model: Model
    worth: pd.DataFrame | None = None
    mechanisms: tuple[MechanismFit, ...] = field(default_factory=tuple)

    def with_worth(self, study: str, *, seed: int, threads: int | None, on_message: OnMessage) -> Insight:
        """The same with what is asked here: which observation would narrow each prediction most."""
        from vivocart.scenarios.insight import values_of_observations

        if on_message is not None:
            on_message("asking which observation would narrow each prediction most")
        worth = values_of_observations(
            self.posterior, study=study, model=self.model, seed=seed, threads=threads
        )
        return replace(self, worth=worth)

    def with_mechanisms(
        self, study: str, *, seed: int, threads: int | None, on_message: OnMessage
    ) -> Insight:
        """The same with the alternative mechanisms, fitted here."""
        from vivocart.scenarios.insight import fit_mechanisms

        fits = fit_mechanisms(study, seed=seed, threads=threads, on_message=on_message)
        return replace(self, mechanisms=fits)

    def summary(self) -> dict[str, Any]:
        """Plain data of everything, ready for JSON."""
        from vivocart.calibration.insight import (
            contraction,
            fit_numbers,
            predicted,
            scenario_shares,
            trade_offs,
        )
        from vivocart.scenarios.summary import records

        posterior = self.posterior
        told: dict[str, Any] = {
            "purpose": "for research, not for treatment decisions",
            "command": posterior.command,
            "seed": posterior.provenance.seed,
            "model_hash": posterior.provenance.model_hash,
            "run": dict(fit_numbers(posterior)),
            "scenarios": {name: records(table) for name, table in scenario_shares(posterior).items()},
            "contraction": records(contraction(posterior, self.model)),
            "trade_offs": records(trade_offs(posterior, self.model)),
            "predicted": records(predicted(posterior)),
            "held_out": dict(posterior.held_out),
        }
        if self.worth is not None:
            told["observations_that_would_help"] = records(self.worth)
        if self.mechanisms:
            told["mechanisms"] = [
                {
                    "id": fit.id,
                    "question": fit.question,
                    "label": fit.label,
                    "log_evidence": fit.log_evidence,
                    "predictions": records(fit.predictions),
                }
                for fit in self.mechanisms
            ]
        return told


def _number(value: object) -> str:
    shown = float(str(value))
    return "not reached" if shown == float("inf") else f"{shown:.3g}"


def _published(low: float, high: float) -> str:
    if low == high:
        return _number(low)
    if low == float("-inf"):
        return f"at most {_number(high)}"
    return f"at least {_number(low)}" if high == float("inf") else f"{_number(low)} to {_number(high)}"


def _with_range(row: dict[str, Any], prefix: str = "") -> str:
    middle, low, high = (_number(row[f"{prefix}{name}"]) for name in ("median", "q05", "q95"))
    return f"{middle} ({low} to {high})"


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def print_posterior(found: Insight) -> None:
    """Print everything that is known of a posterior."""
    _print_unknowns(found)
    _print_rows(found.posterior)
    if found.worth is not None:
        _print_worth(found.worth)
    if found.mechanisms:
        _print_mechanisms(found.mechanisms)
    _print_run(found.posterior)


def _print_unknowns(found: Insight) -> None:
    from vivocart.calibration.insight import contraction, scenario_shares, trade_offs

    for name, table in scenario_shares(found.posterior).items():
        print_table(
            f"{name}: a discrete unknown",
            ("value", "prior", "posterior"),
            [
                (
                    _number(row["value"]),
                    f"{row['prior']:.2f}",
                    f"{row['posterior']:.2f} ± {row['error']:.2f}",
                )
                for row in _rows(table)
            ],
        )
    every = contraction(found.posterior, found.model)
    print_table(
        "What the data informed most (contraction 1: known, 0: nothing learned)",
        ("unknown", "contraction", "prior", "posterior", "5 %", "95 %", "kind before", ""),
        [
            (
                row["parameter"] if row["part"] == "typical" else f"spread of {row['parameter']}",
                f"{row['contraction']:.2f} ± {row['error']:.2f}",
                *(_number(row[name]) for name in ("prior_median", "median", "q05", "q95")),
                row["kind"],
                "informed" if row["informed"] else "within chance",
            )
            for row in _rows(every.head(_TOP))
        ],
    )
    read, informed = (sum(bool(row[name]) for row in _rows(every)) for name in ("read", "informed"))
    click.echo(
        f"{len(every)} unknowns; the fitted rows can depend on {read} and inform {informed}; "
        f"the other {len(every) - informed} keep their prior, which is assumed or from other sources.\n"
    )
    pairs = trade_offs(found.posterior, found.model).head(_TOP)
    if len(pairs):
        print_table(
            "Pairs that the data do not tell apart (posterior correlation)",
            ("first", "second", "correlation"),
            [
                (row["first"], row["second"], f"{row['correlation']:.2f} ± {row['error']:.2f}")
                for row in _rows(pairs)
            ],
        )


def _print_rows(posterior: Posterior) -> None:
    from vivocart.calibration.insight import predicted

    print_table(
        "Published, and new cohorts of that size before and after the fit (median, 5 % and 95 %)",
        ("reading", "published", "before", "after", ""),
        [
            (
                row["reading"],
                _published(row["low"], row["high"]),
                _with_range(row, "prior_"),
                _with_range(row),
                "fitted" if row["fitted"] else "held out",
            )
            for row in _rows(predicted(posterior))
        ],
    )


def _print_worth(worth: pd.DataFrame) -> None:
    best = worth.groupby("prediction", sort=False).head(_HELPFUL)
    print_table(
        "What would help: share of a prediction's variance that an observation would take away",
        ("prediction (mean over patients)", "observation", "share"),
        [
            (row["label"], row["observation_label"], f"{row['reduction']:.2f} ± {row['error']:.2f}")
            for row in _rows(best)
        ],
    )


def _print_mechanisms(fits: tuple[MechanismFit, ...]) -> None:
    print_table(
        "Other mechanisms fitted to the same rows (a difference of 1 to 3 in log evidence tells little)",
        ("mechanism", "question", "log evidence"),
        [(fit.label, fit.question, f"{fit.log_evidence:.1f}") for fit in fits],
    )
    print_table(
        "What they predict at the highest dose (mean over patients; median, 5 % and 95 % over the posterior)",
        ("prediction", *(fit.label for fit in fits)),
        [
            (
                row["label"],
                *(_with_range(_rows(fit.predictions)[place]) for fit in fits),
            )
            for place, row in enumerate(_rows(fits[0].predictions))
        ],
    )


def _print_run(posterior: Posterior) -> None:
    from vivocart.calibration.insight import fit_numbers

    run = fit_numbers(posterior)
    click.echo(
        f"{run['particles']:.0f} particles (worth {run['independent_particles']:.0f} independent ones), "
        f"{run['stages']:.0f} temperatures, {run['distinct']:.0f} distinct at the end; "
        f"acceptance {run['acceptance_population']:.2f} of populations, {run['acceptance_patients']:.2f} of patients; "
        f"logarithm of the evidence {run['log_evidence']:.2f}."
    )
    click.echo("Fitted is not validated: rows that were fitted agree because they were fitted.")
    click.echo(RESEARCH_ONLY)
