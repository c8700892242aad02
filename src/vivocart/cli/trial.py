"""``vivocart trial``: a published study in virtual patients, beside what was published."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.options import (
    device_option,
    examples,
    json_option,
    patients_option,
    quiet_option,
    seed_option,
    strict_option,
    threads_option,
)
from vivocart.cli.printing import RESEARCH_ONLY, print_json, print_table
from vivocart.cli.progress import progress

if TYPE_CHECKING:
    from vivocart.scenarios.result import TrialResult
    from vivocart.simulation.device import DeviceName
    from vivocart.trials.protocol import Study

_OBJECTS_MADE = 50_000  # between two looks for garbage


@click.command(
    epilog=examples(
        "vivocart trial hn2301",
        "vivocart trial hn2301 --patients 5000 --interval-days 2 --out results/two-days",
        "vivocart trial hn2301 --json > summary.json",
    )
)
@click.argument("study")
@patients_option(None)
@seed_option
@click.option(
    "--interval-days",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    metavar="DAYS",
    help="Days from one infusion to the next. The study's default scenario unless given; it was not published for HN2301.",
)
@threads_option
@device_option
@strict_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Folder of the report and its files; results/STUDY unless given.",
)
@json_option
@quiet_option
def trial(
    *,
    study: str,
    n_patients: int | None,
    seed: int,
    interval_days: float | None,
    threads: int | None,
    device: DeviceName,
    strict: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate STUDY in virtual patients and write the report.

    STUDY is the id of a study, such as hn2301, or a study's YAML file. DIR receives report.html (one file, opens
    offline), summary.json, endpoints.parquet, trajectories.parquet and provenance.json. The same command and seed give
    the same numbers.
    """
    deliver_trial(
        study,
        out or Path("results") / Path(study).stem,
        n_patients=n_patients,
        seed=seed,
        interval_days=interval_days,
        threads=threads,
        device=device,
        strict=strict,
        as_json=as_json,
        quiet=quiet,
    )


def deliver_trial(
    study: str | Study,
    folder: Path,
    *,
    n_patients: int | None,
    seed: int,
    interval_days: float | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    device: DeviceName = "cpu",
    strict: bool = False,
) -> None:
    """Run the main job with progress, write its files into ``folder``, print what was asked for."""
    with _rarely_collected():
        result = _delivered(
            study,
            folder,
            n_patients=n_patients,
            seed=seed,
            interval_days=interval_days,
            threads=threads,
            device=device,
            strict=strict,
            is_quiet=quiet or as_json,
        )
    if as_json:
        from vivocart.scenarios.summary import summary

        print_json(summary(result))
    elif not quiet:
        _print_result(result, folder)


@contextmanager
def _rarely_collected() -> Generator[None]:
    """Garbage looked for seldom: libraries make much that stays, and looking through it takes a tenth of a short job."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_MADE, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _delivered(
    study: str | Study,
    folder: Path,
    *,
    n_patients: int | None,
    seed: int,
    interval_days: float | None,
    threads: int | None,
    device: DeviceName,
    strict: bool,
    is_quiet: bool,
) -> TrialResult:
    from concurrent.futures import Future, ThreadPoolExecutor

    from vivocart.report.write import write_files
    from vivocart.scenarios.files import replace_folder
    from vivocart.scenarios.trial import run_trial

    with replace_folder(folder) as staging, ThreadPoolExecutor(1) as pool:
        with progress("simulating", quiet=is_quiet) as (on_progress, on_message):
            begun: list[Future[None]] = []

            def count(done: int, total: int) -> None:
                if not begun:  # what was asked is in order, and the first patients are simulated
                    begun.append(pool.submit(_prepare_report))
                if on_progress is not None:
                    on_progress(done, total)

            result = run_trial(
                study,
                n_patients=n_patients,
                seed=seed,
                interval_days=interval_days,
                threads=threads,
                device=device,
                strict=strict,
                folder=staging,
                on_progress=count,
                on_message=on_message,
            )
        write_files(result, staging)
    return result


def _prepare_report() -> None:
    """Load what the report takes, while the simulation runs."""
    from vivocart.report.html import prepare_report

    prepare_report()


def _print_result(result: TrialResult, folder: Path) -> None:
    from vivocart.report.spelling import number, unit_words

    rows = [
        (
            row.label,
            row.arm,
            row.observed_text,
            row.predicted_text
            or f"{number(row.predicted_median)} ({number(row.low90)} to {number(row.high90)}) {unit_words(row.unit)}",
            ("inside" if row.is_inside else "outside") if row.is_predicted else "not predicted",
        )
        for row in result.comparison
    ]
    print_table(
        "Published and predicted (median and 90 % of cohorts of the source's size)",
        ("observation", "arm", "published", "predicted", ""),
        rows,
    )
    failed = sum(len(arm.failures) for arm in result.arms)
    if failed:
        click.echo(
            f"{failed} virtual patients could not be integrated; they are listed in the report and in no statistic"
        )
    click.echo(f"Parameters by what was read of their sources: {_coverage_words(result)}.")
    click.echo(RESEARCH_ONLY)
    if result.interval_days is not None:
        click.echo(f"The dosing interval, {result.interval_days:g} d, is a scenario: it was not published.")
    click.echo(f"Report: {folder / 'report.html'}")


def _coverage_words(result: TrialResult) -> str:
    """Counts of the model's parameters by state of their evidence, best state first."""
    from vivocart.scenarios.support import coverage_of

    return ", ".join(f"{row['parameters']} {row['state']}" for row in coverage_of(result))
