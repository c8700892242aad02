"""``vivocart validate``: every published statistic beside its prediction, and how many hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from vivocart.scenarios.credibility import Credibility


@click.command(
    epilog=examples(
        "vivocart validate",
        "vivocart validate --study LUNAR --study Mueller2024",
        "vivocart validate --observations my.csv --out results/my-validation",
    )
)
@click.option(
    "--observations",
    "own",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="CSV of your own observations, with regimen and population of each arm; see below.",
)
@click.option(
    "--study", "studies", multiple=True, metavar="ID", help="Shipped study; repeat it. All unless given."
)
@click.option(
    "--only-own", is_flag=True, help="Judge the file of --observations alone, without the shipped studies."
)
@draws_option
@cohorts_option("Cohorts of each study; fewer where it is large.")
@seed_option
@threads_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results") / "validation",
    show_default=True,
    metavar="DIR",
    help="Folder of page, CSV and JSON.",
)
@json_option
@quiet_option
def validate(
    *,
    own: Path | None,
    studies: tuple[str, ...],
    only_own: bool,
    draws: str,
    cohorts: int,
    seed: int,
    threads: int | None,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Set every published statistic beside what cohorts of its study's size show: the credibility table.

    For each study and statistic: fitted or held out, observed, predicted median, 50 % and 90 % interval, inside or
    outside, place in the predictive distribution; and the coverage of each kind of rows apart. The command succeeds
    whatever the verdict. DIR receives report.html, credibility.csv and credibility.json.

    FILE has the columns study_id, arm, n, measure, unit, statistic and value (or lower and upper); regimen, such as
    "HN2301 4 mg x 3 every 3 d", and population, such as "age 18 to 69; sledai_baseline >= 6", once for each arm and study;
    and if wanted time_days, level, given, rescue, follow_up_days, trust, record_id, note. A measure is an endpoint or an
    observable on a day; "upcr < 0.5" counts patients below a limit.
    """
    from vivocart.report.credibility_table import credibility_summary, write_credibility
    from vivocart.scenarios.files import require_writable
    from vivocart.scenarios.validation import validate_studies

    require_writable(out)
    with progress("simulating", quiet=quiet or as_json) as (on_progress, on_message):
        result = validate_studies(
            studies=studies,
            own=own,
            only_own=only_own,
            draws=draws,
            n_cohorts=cohorts,
            seed=seed,
            threads=threads,
            on_progress=on_progress,
            on_message=on_message,
        )
    write_credibility(result, out)
    if as_json:
        print_json(credibility_summary(result))
    elif not quiet:
        _print(result)
        click.echo(f"Report: {out / 'report.html'}")


def _print(result: Credibility) -> None:
    from vivocart.report.credibility_table import answers, predicted_words, verdict_words

    rows = [
        (
            row.study_id,
            row.label,
            row.arm,
            row.status,
            row.observed_text,
            predicted_words(row, part),
            verdict_words(part),
            f"{part.p:.2f}" if part.is_number else "",
        )
        for row in result.rows
        for part in row.parts
    ]
    columns = (
        "study",
        "observation",
        "arm",
        "rows",
        "published",
        "predicted median (90 %)",
        "verdict",
        "PIT",
    )
    print_table("Published and predicted in cohorts of the source's size", columns, rows)
    left = [row for row in result.rows if row.prediction is None]
    if left:
        click.echo(f"Not predicted ({len(left)}):")
        for row in left:
            click.echo(f"  {row.study_id}, {row.label}: {row.reason}")
    for note in result.notes:
        click.echo(note)
    for sentence in answers(result):
        click.echo(sentence.replace("**", ""))
    click.echo(RESEARCH_ONLY)
