"""Write the table of comparators into ``calibration.md`` from shipped posteriors: ``python docs/make_comparators.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from vivocart.calibration.fits import Family, families, own_parameters
from vivocart.calibration.insight import contraction, fit_numbers, predicted
from vivocart.calibration.likelihood import Reading, log_likelihood, readings_of
from vivocart.calibration.observations import observations
from vivocart.calibration.posterior import Posterior, load_posterior
from vivocart.model.load import Model, load_model
from vivocart.trials.protocol import load_study

PAGE = Path(__file__).resolve().parent / "calibration.md"
BEGIN = "<!-- comparators: written by docs/make_comparators.py -->"
END = "<!-- end of comparators -->"


def readings_by_name(family: Family) -> dict[str, Reading]:
    """The readings of a family's studies by the name under which a posterior keeps their statistics."""
    found: dict[str, Reading] = {}
    for study in (load_study(name) for name in family.studies):
        for row in observations():
            if row.study_id != study.id or not row.measure:
                continue
            readings = readings_of(row, days=float(study.follow_up_days))
            for reading in readings:
                found[row.id if len(readings) == 1 else f"{row.id}:{reading.name}"] = reading
    return found


def log_likelihoods(posterior: Posterior, family: Family, group: str) -> np.ndarray:
    """Logarithm of the likelihood of all fitted rows in the new cohorts of a predictive group."""
    data, readings = posterior.tree[group].to_dataset(), readings_by_name(family)
    names, values = data["reading"].values.astype(str), data["statistic"].values[0]
    fitted = posterior.fitted_ids
    return sum(
        log_likelihood(readings[name], values[:, place])
        for place, name in enumerate(names)
        if name.split(":")[0] in fitted
    ) + np.zeros(len(values))


def inside(table: pd.DataFrame, prefix: str, *, fitted: bool) -> str:
    """How many published numbers lie in the central 90 % of new cohorts."""
    chosen = table.loc[table["fitted"].to_numpy(dtype=bool) == fitted]
    low, high = chosen[f"{prefix}q05"].to_numpy(), chosen[f"{prefix}q95"].to_numpy()
    kept = (low <= chosen["high"].to_numpy()) & (chosen["low"].to_numpy() <= high)
    return f"{int(kept.sum())} of {len(chosen)}" if len(chosen) else "–"


def row_of(name: str, family: Family, model: Model) -> str:
    """One family as a row of the table."""
    posterior = load_posterior(name, model=model)
    table, learned = predicted(posterior), contraction(posterior, model)
    run = fit_numbers(posterior)
    informed = int(np.count_nonzero(learned["informed"].to_numpy(dtype=bool)))
    before, after = (
        float(np.median(log_likelihoods(posterior, family, group)))
        for group in ("prior_predictive", "posterior_predictive")
    )
    at_end = float(np.median(posterior.tree["sample_stats"].to_dataset()["lp"].values))
    cells = (
        f"`{name}`",
        ", ".join(family.studies),
        f"{before:.0f} → {at_end:.1f} ({after:.0f})",
        f"{run['particles']:.0f} ({run['independent_particles']:.0f})",
        f"{informed} of {2 * len(own_parameters(family, model))}",
        f"{inside(table, 'prior_', fitted=True)} → {inside(table, '', fitted=True)}",
        f"{inside(table, 'prior_', fitted=False)} → {inside(table, '', fitted=False)}",
        ", ".join(family.tested_on) or "–",
        f"`{posterior.command}`",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Put the table between its marks."""
    model = load_model()
    head = (
        "| family | fitted to | log likelihood, start → end (new cohorts) | particles (worth) | "
        "unknowns informed | fitted numbers inside 90 %, "
        "before → after | held-out rows of these studies | studies no fit saw | command |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    lines += [row_of(name, family, model) for name, family in families().items()]
    page = PAGE.read_text(encoding="utf-8")
    start, rest = page.split(BEGIN)
    end = rest.split(END)[1]
    PAGE.write_text(f"{start}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{end}", encoding="utf-8")


if __name__ == "__main__":
    main()
