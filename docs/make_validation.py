"""Run the heavy checks of fits and predictions and write ``validation.md``: ``python docs/make_validation.py``.

Simulation-based calibration of the shipped fit's machinery, closed forms and other samplers by the tests that
hold them,
theophylline beside published estimates, and the credibility table. About half an hour on two cores; replicates
are kept in
``results/validation/ranks`` so that a run that was stopped goes on. For research, not for treatment decisions.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import math
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binom

from vivocart.calibration.fit import fingerprint_of
from vivocart.calibration.observations import observations
from vivocart.calibration.particles import Problem
from vivocart.calibration.ranks import (
    SMALL_FIT,
    Quantities,
    Ranks,
    named_quantities,
    rank_among_prior,
    rank_replicates,
)
from vivocart.cli.main import run as vivocart
from vivocart.model.load import load_model
from vivocart.patients.numbers import patient_numbers
from vivocart.report.credibility_table import (
    answers,
    figures,
    predicted_words,
    verdict_words,
    write_credibility,
)
from vivocart.report.palette import theme_css
from vivocart.scenarios.calibrate import problem_of
from vivocart.scenarios.credibility import Credibility
from vivocart.scenarios.validation import validate_studies
from vivocart.trials.protocol import load_study

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
KEPT = ROOT / "results" / "validation" / "ranks"
STUDY = "hn2301"
REPLICATES, BATCH = 100, 10
RANKED = (
    "car_loss",
    "transfection_half_concentration",
    "car_kill_tissue",
    "transfection_max",
    "car_kill_blood",
    "b_exit_lymphoid",
    "car_display",
    "transfection_share_lymphoid",
    "spread of car_loss",
)
NEGLIGIBLE_CLIMB = (
    0.2  # a tenth of the spread of log likelihoods in one posterior: it moves a mean rank by 0.03
)
LEVEL = 0.05  # a fault this improbable over all quantities together is called one
TESTS = (
    "tests/calibration/test_smc.py",
    "tests/calibration/test_likelihood.py",
    "tests/calibration/test_ranks.py",
    "tests/calibration/individuals",
    "tests/decisions/test_variance.py",
    "tests/scenarios/test_validation.py",
    "tests/simulation/test_independent_solver.py",
)
# README of nlmixr2est (stochastic approximation, additive error): logarithm of the typical value and its standard error
THEOPHYLLINE = {"ka": (0.464, 0.195), "CL": (1.01, 0.085), "V": (3.46, 0.0447)}


def ranks(n_replicates: int, processes: int) -> tuple[Ranks, int]:
    """Ranks of the truth among draws of small fits to studies of the letter's size; batches already made are read."""
    KEPT.mkdir(parents=True, exist_ok=True)
    paths = [kept_path(batch) for batch in range(-(-n_replicates // BATCH))]
    missing = [batch for batch, path in enumerate(paths) if not path.exists()]
    with ProcessPoolExecutor(processes) as pool:
        for done, _ in enumerate(pool.map(make_batch, missing), start=len(paths) - len(missing) + 1):
            sys.stderr.write(f"replicates: {done * BATCH} of {n_replicates}\n")
    parts = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return _joined(parts), len(parts) * BATCH


def make_batch(batch: int) -> None:
    """Make a batch of replicates and keep it; its numbers hang on no process and no other batch."""
    problem = study_problem()
    found = rank_replicates(
        problem,
        n_replicates=BATCH,
        first=batch * BATCH,
        seed=1,
        quantities=ranked_quantities(problem),
        threads=1,
    )
    part = {
        "names": found.names,
        "ranks": found.ranks.tolist(),
        "n_draws": found.n_draws,
        "n_redrawn": found.n_redrawn,
        "climbs": found.climbs.tolist(),
        "processor_seconds": time.process_time(),
    }
    path = kept_path(batch)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(part), encoding="utf-8")
    unfinished.replace(path)


@functools.cache
def study_problem() -> Problem:
    """The fit that is put to the test."""
    return problem_of(load_model(), [load_study(STUDY)], observations())


def ranked_quantities(problem: Problem) -> Quantities:
    """What is ranked."""
    who = patient_numbers(load_model())
    return named_quantities(problem, RANKED, typical=who.uncertain, varying=who.varying)


def kept_path(batch: int | None = None) -> Path:
    """Where a batch is kept, by model, study, rows, sampler and its settings; a pattern for all of them without a number."""
    asked = dataclasses.asdict(SMALL_FIT) | {"ranked": RANKED, "batch": BATCH}
    designs = [study.design for study in study_problem().studies]
    key = fingerprint_of(designs, load_model().hash, asked)
    number = "*" if batch is None else f"{batch:03}"
    return KEPT / f"{load_model().hash[:12]}_{key[:8]}_{number}.json"


def kept_ranks() -> tuple[Ranks, int] | None:
    """Ranks that were kept of this model and this sampler, however many."""
    paths = sorted(KEPT.glob(kept_path().name))
    parts = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return (_joined(parts), len(parts) * BATCH) if parts else None


def _joined(parts: list[dict[str, Any]]) -> Ranks:
    return Ranks(
        names=tuple(parts[0]["names"]),
        ranks=np.array([row for part in parts for row in part["ranks"]]),
        n_draws=parts[0]["n_draws"],
        n_redrawn=sum(part["n_redrawn"] for part in parts),
        climbs=np.array([climb for part in parts for climb in part["climbs"]]),
    )


def prior_ranks() -> Ranks:
    """Ranks of a thousand truths among the prior, weighted: whether studies are printed as the likelihood reads them."""
    problem = study_problem()
    return rank_among_prior(
        problem, n_truths=1_000, n_prior=15_000, seed=1, quantities=ranked_quantities(problem)
    )


def rank_figure(found: Ranks, path: Path, bins: int) -> None:
    """A histogram for each quantity, with the band in which 95 % of the bars of uniform ranks lie."""
    table = found.uniformity(bins=bins)
    columns = 4
    rows = -(-len(table) // columns)
    with mpl.rc_context({"svg.hashsalt": "vivocart", "svg.fonttype": "path", "font.family": "DejaVu Sans"}):
        canvas = Figure(figsize=(11, 0.5 + 1.9 * rows), layout="constrained")
        axes = canvas.subplots(rows, columns, squeeze=False).ravel()
        low, high = binom.interval(0.95, len(found.ranks), 1.0 / bins)
        for place, (panel, row) in enumerate(zip(axes, table.to_dict(orient="records"), strict=False)):
            panel.axhspan(low, high, color="#58616b", alpha=0.15, lw=0)
            panel.axhline(len(found.ranks) / bins, color="#58616b", lw=0.8, ls="--")
            panel.bar(range(bins), row["counts"], 0.92, color="#2f6db3")
            panel.set_title(f"{row['quantity']}\np = {row['p_value']:.2f}", fontsize=7.5, loc="left")
            panel.set_xticks([])
            panel.tick_params(labelsize=7)
            panel.spines[["top", "right"]].set_visible(False)
            panel.set_ylim(0, max(high, *row["counts"]) + 1)
            if place % columns == 0:
                panel.set_ylabel("replicates", fontsize=7.5)
        for panel in axes[len(table) :]:
            panel.set_axis_off()
        canvas.supxlabel(
            "rank of the truth among draws of its posterior; grey: 95 % of bars of uniform ranks",
            fontsize=8.5,
        )
        canvas.savefig(path, metadata={"Date": None})


def rank_section(found: Ranks, n_replicates: int, among_prior: Ranks) -> tuple[str, dict[str, Any]]:
    """The section on simulation-based calibration, and its numbers."""
    bins = 8 if n_replicates >= 80 else 4
    table, table_prior = found.uniformity(bins=bins), among_prior.uniformity(bins=20)
    rank_figure(found, DOCS / "figures" / "validation_ranks.svg", bins)
    least, adjusted = _smallest(table)
    least_prior, adjusted_prior = _smallest(table_prior)
    climb, climb_error = float(found.climbs.mean()), float(found.climbs.std() / math.sqrt(len(found.climbs)))
    converged = (
        "too little to be seen in ranks, since particles of one posterior differ by about two"
        if climb + 2.0 * climb_error < NEGLIGIBLE_CLIMB
        else "**so that these fits stop too early**"
    )
    verdict = (
        "uniform within their own error"
        if adjusted > LEVEL
        else "NOT uniform: the fit is wrong somewhere, or these small fits have not converged"
    )
    verdict_prior = (
        "uniform"
        if adjusted_prior > LEVEL
        else "NOT uniform: studies are printed otherwise than they are read"
    )
    rows = "\n".join(
        f"| {row['quantity']} | {row['p_value']:.3f} | {row['mean']:.2f} | {row['spread']:.2f} |"
        for row in table.to_dict(orient="records")
    )
    text = f"""## Simulation-based calibration

{n_replicates} populations were drawn from the prior, a study of the size of the HN2301 letter was simulated in
each and fitted by the same sampler with {SMALL_FIT.n_particles} particles, and the rank of the truth among
{found.n_draws} nearly independent draws noted. Over {len(table)} quantities the smallest p-value against
uniform ranks is {least:.3f}, {adjusted:.2f} after Bonferroni: **{verdict}**. Mean 0.5 and spread 1 are those
of uniform ranks, the mean with a standard error of {1.0 / math.sqrt(12.0 * n_replicates):.2f}; a spread below
1 says posteriors too wide, above 1 too narrow. {found.n_redrawn} populations could print no study and were
drawn anew.

Has each fit converged? Over the second half of its last rounds the mean log likelihood of the particles rose
by {climb:.2f} ± {climb_error:.2f}, {converged}.

Are studies printed as the likelihood reads them? {len(among_prior.ranks)} truths were ranked among populations
of the prior that carry the weight of their likelihood, which needs no sampler: over {len(table_prior)}
quantities, every row by itself among them, the smallest p-value is {least_prior:.3f}, {adjusted_prior:.2f}
after Bonferroni: **{verdict_prior}**. The mean relative rank of the log likelihood is
{float(table_prior["mean"].iloc[-1]):.3f}.

![Rank histograms](figures/validation_ranks.svg)

| quantity | p | mean of relative rank | spread |
|---|---|---|---|
{rows}
"""
    return text, {
        "n_replicates": n_replicates,
        "n_draws": found.n_draws,
        "settings": dataclasses.asdict(SMALL_FIT),
        "smallest_p": least,
        "smallest_p_adjusted": adjusted,
        "is_uniform": adjusted > LEVEL,
        "climb": climb,
        "climb_standard_error": climb_error,
        "quantities": table.to_dict(orient="records"),
        "among_prior": table_prior.to_dict(orient="records"),
    }


def _smallest(table: pd.DataFrame) -> tuple[float, float]:
    """The smallest p-value, and after Bonferroni."""
    least = float(table["p_value"].min())
    return least, min(1.0, least * len(table))


def test_section() -> tuple[str, dict[str, Any]]:
    """Closed forms, recovery, another sampler, another solver: the tests that hold them, run now."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", *TESTS, "-q", "-n", "0", f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    rows: dict[str, list[int]] = {}
    failed: list[str] = []
    for case in cases:
        place = case.attrib["classname"].replace(".", "/") + ".py"
        counts = rows.setdefault(place, [0, 0, 0])
        state = (
            1
            if case.find("failure") is not None or case.find("error") is not None
            else 2
            if case.find("skipped") is not None
            else 0
        )
        counts[state] += 1
        if state == 1:
            failed.append(f"{place}: {case.attrib['name']}")
    lines = "\n".join(
        f"| `{place}` | {passed} | {bad} | {skipped} |" for place, (passed, bad, skipped) in rows.items()
    )
    total = sum(counts[0] for counts in rows.values())
    said = f"Failed: {'; '.join(failed)}." if failed else "None failed."
    text = f"""## Closed forms, recovery, other samplers and solvers

{total} tests passed just now. {said} They set the sampler beside posteriors and evidence in closed form and
beside importance
sampling that shares no code with it, look for known parameters as a study grows, fit individuals beside
quadrature and linear
mixed models, Sobol indices beside Ishigami and g-functions, the credibility table beside numbers drawn from
its own prior, and
the engine beside SUNDIALS.

| tests | passed | failed | skipped |
|---|---|---|---|
{lines}
"""
    return text, {"passed": total, "failed": failed}


def theophylline_section() -> tuple[str, dict[str, Any]]:
    """The individual fit beside published estimates."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(DOCS / "examples" / "theophylline")
        try:
            words = "calibrate --data theophylline.csv --model theophylline.ant --parameters parameters.csv"
            out = str(Path(folder) / "out")
            if vivocart([*words.split(), "--map", "map.yaml", "--quiet", "--out", out]) != 0:
                raise SystemExit("the theophylline fit failed")
        finally:
            os.chdir(before)
        estimates = pd.read_csv(Path(folder) / "out" / "estimates.csv").set_index("name")
    rows: list[str] = []
    numbers: dict[str, Any] = {}
    for name, (published, error) in THEOPHYLLINE.items():
        found = float(estimates.loc[f"typical:{name}", "normal_scale"])
        apart = (found - published) / error
        numbers[name] = {"log_estimate": found, "published": published, "standard_errors_apart": apart}
        rows.append(f"| log {name} | {found:.3f} | {published:g} ± {error:g} | {apart:+.2f} |")
    worst = max(abs(entry["standard_errors_apart"]) for entry in numbers.values())
    verdict = "within their standard errors" if worst < 1 else "NOT within their standard errors"
    lines = "\n".join(rows)
    text = f"""## Individuals: theophylline

Twelve subjects (Boeckmann, Sheiner and Beal 1994) beside what the README of nlmixr2est prints for the same
data and model: all
typical values are **{verdict}** (largest distance {worst:.2f}). More in [own_data.md](own_data.md).

| number | vivocart | published | standard errors apart |
|---|---|---|---|
{lines}
"""
    return text, numbers


def coverage_section() -> tuple[str, dict[str, Any]]:
    """The credibility table."""
    result = validate_studies(seed=1)
    write_credibility(result, ROOT / "results" / "validation")
    for panel in figures(result):
        (DOCS / "figures" / f"validation_{panel.id}.svg").write_text(_standalone(panel.svg), encoding="utf-8")
    lines = "\n".join(
        f"| {entry.status} | {100 * entry.level:.0f} % | {entry.n_inside} of {entry.n} | {100 * entry.share:.0f} % "
        f"({100 * entry.low:.0f} to {100 * entry.high:.0f}) | {'holds' if entry.is_plausible else 'misses'} |"
        for entry in result.coverage
    )
    sentences = "\n".join(f"- {sentence}" for sentence in (*answers(result), *result.notes))
    text = f"""## Published studies: the credibility table

`vivocart validate`: every published statistic beside cohorts of its study's size. Rows of one study share its
patients, so the
intervals of coverage (exact binomial, 95 %) are too narrow.

{sentences}

| rows | interval | inside | share (95 %) | level |
|---|---|---|---|---|
{lines}

![Places of published numbers](figures/validation_places.svg)

![Histogram of places](figures/validation_pit.svg)

| study | observation | arm | rows | published | predicted median (90 %) | verdict | PIT |
|---|---|---|---|---|---|---|---|
{_rows(result)}

Not predicted: {_left_out(result)}.
"""
    return text, {
        "coverage": [
            {
                "status": e.status,
                "level": e.level,
                "n": e.n,
                "n_inside": e.n_inside,
                "low": e.low,
                "high": e.high,
            }
            for e in result.coverage
        ],
        "sources": dict(result.sources),
    }


def _rows(result: Credibility) -> str:
    return "\n".join(
        f"| {row.study_id} | {row.label} | {row.arm} | {row.status} | {row.observed_text} | {predicted_words(row, part)} | "
        f"{verdict_words(part)} | {f'{part.p:.2f}' if part.is_number else ''} |"
        for row in result.rows
        for part in row.parts
    )


def _left_out(result: Credibility) -> str:
    left = [row for row in result.rows if row.prediction is None]
    return "; ".join(f"{row.study_id}, {row.label.lower()}" for row in left) or "nothing"


def _standalone(svg: str) -> str:
    """A drawing of a page as a picture that stands alone."""
    opened = svg.replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ', 1
    )
    place = opened.index(">") + 1
    return f"{opened[:place]}<style>{theme_css()} :root{{--font:sans-serif}}</style>{opened[place:]}\n"


def _reflowed(text: str) -> str:
    """Prose filled to the width of the other pages; headings, tables, lists and pictures as they are."""
    paragraphs = [
        part
        if part.lstrip().startswith(("#", "|", "-", "!"))
        else textwrap.fill(part, 125, break_on_hyphens=False)
        for part in text.split("\n\n")
    ]
    return "\n\n".join(paragraphs) + "\n"


def main() -> None:
    """Run all checks, or those that are asked for, and write page, figures and numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of simulation-based calibration")
    parser.add_argument(
        "--kept", action="store_true", help="take the replicates that were kept, and make no new ones"
    )
    parser.add_argument("--only-ranks", action="store_true", help="make replicates and write nothing")
    parser.add_argument("--processes", type=int, default=2, help="that make replicates")
    asked = parser.parse_args()
    (DOCS / "figures").mkdir(exist_ok=True)
    if asked.only_ranks:
        ranks(asked.replicates, asked.processes)
        return
    parts: dict[str, tuple[str, dict[str, Any]]] = {
        "credibility_table": coverage_section(),
        "theophylline": theophylline_section(),
        "tests": test_section(),
    }
    found = kept_ranks() if asked.kept else ranks(asked.replicates, asked.processes)
    if found is not None:
        parts["simulation_based_calibration"] = rank_section(*found, prior_ranks())
    order = ("simulation_based_calibration", "tests", "theophylline", "credibility_table")
    head = f"""# Is it right, and does it predict?

Written by `make validate` (`python docs/make_validation.py`), model {load_model().hash[:12]}. For research,
not for treatment
decisions. Checks of the machinery (is the fit what it claims to be?) come first; whether lupus behaves like
the model is the
last section, and it can fail.
"""
    sections = [parts[name][0] for name in order if name in parts]
    if "simulation_based_calibration" not in parts:
        sections.insert(
            0,
            "## Simulation-based calibration\n\nNo replicate was made of this model: run `make validate`.\n",
        )
    (DOCS / "validation.md").write_text(_reflowed("\n".join([head, *sections])), encoding="utf-8")
    numbers = {"model_hash": load_model().hash} | {name: parts[name][1] for name in order if name in parts}
    (DOCS / "validation.json").write_text(
        json.dumps(numbers, indent=1, default=float) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
