"""``vivocart report``: documents about a study and the model."""

from __future__ import annotations

from pathlib import Path

import click

from vivocart.cli.options import (
    cohorts_option,
    draws_option,
    examples,
    json_option,
    quiet_option,
    seed_option,
    threads_option,
)
from vivocart.cli.printing import RESEARCH_ONLY, print_json, print_table
from vivocart.cli.progress import progress


@click.group()
def report() -> None:
    """Documents about a study and the model."""


@report.command(
    epilog=examples(
        "vivocart report credibility",
        "vivocart report credibility hn2301 --context context.yaml --out results/credibility",
    )
)
@click.argument("study", default="hn2301")
@click.option(
    "--context",
    "context_file",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="YAML with question, context_of_use, endpoints, and what only you can say: model_influence, "
    "decision_consequence, model_impact (each with rating and rationale).",
)
@draws_option
@cohorts_option("Cohorts of each study in the credibility table.")
@seed_option
@threads_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results") / "credibility",
    show_default=True,
    metavar="DIR",
    help="Folder of page and JSON.",
)
@json_option
@quiet_option
def credibility(
    *,
    study: str,
    context_file: Path | None,
    draws: str,
    cohorts: int,
    seed: int,
    threads: int | None,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Model analysis report of STUDY in the order of ICH M15, each item filled from results or marked open.

    The command itself checks units, the resting state, another solver, tolerances and mass balance, predicts every
    published statistic, and weighs what is assumed. No item is filled with words alone. Takes a minute or two. DIR
    receives report.html (one file, opens offline) and credibility.json.
    """
    from vivocart.report.model_analysis import (
        analysis_context,
        filled_items,
        item_counts,
        model_analysis_summary,
        write_model_analysis,
    )
    from vivocart.scenarios.files import require_writable
    from vivocart.scenarios.model_analysis import run_model_analysis

    require_writable(out)
    context = analysis_context(context_file)
    with progress("simulating", quiet=quiet or as_json) as (on_progress, on_message):
        analysis = run_model_analysis(
            study,
            context.endpoints,
            draws=draws,
            n_cohorts=cohorts,
            seed=seed,
            threads=threads,
            on_progress=on_progress,
            on_message=on_message,
        )
    write_model_analysis(analysis, context, out)
    if as_json:
        print_json(model_analysis_summary(analysis, context))
    elif not quiet:
        items = filled_items(analysis, context)
        rows = [
            (entry.item.framework, entry.item.title, "OPEN" if entry.state == "open" else entry.state)
            for entry in items
        ]
        print_table("Items of the model analysis report", ("framework", "item", "state"), rows)
        counts = ", ".join(f"{count} {state}" for state, count in item_counts(items).items())
        click.echo(f"{len(items)} items: {counts}.")
        click.echo(RESEARCH_ONLY)
        click.echo(f"Report: {out / 'report.html'}")
