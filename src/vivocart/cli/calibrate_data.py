"""``vivocart calibrate --data``: a model fitted to the user's own patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivocart.cli.printing import RESEARCH_ONLY, print_json, print_table
from vivocart.cli.progress import progress

if TYPE_CHECKING:
    from vivocart.calibration.individuals.analysis import IndividualAnalysis
    from vivocart.calibration.individuals.problem import Problem

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=None,
        metavar="CSV",
        help="Your patients, a row for each dose and measurement, as NONMEM, Monolix and nlmixr2 read them.",
    ),
    click.option(
        "--model",
        "model_path",
        type=click.Path(path_type=Path),
        default=None,
        metavar="FILE",
        help="With --data: an Antimony or SBML file; the shipped model unless given.",
    ),
    click.option(
        "--parameters",
        "parameters_path",
        type=click.Path(path_type=Path),
        default=None,
        metavar="CSV",
        help="With --data: parameters with spread and uncertainty, in the format of the shipped parameters.csv.",
    ),
    click.option(
        "--map",
        "map_path",
        type=click.Path(path_type=Path),
        default=None,
        metavar="YAML",
        help="With --data: what the columns mean, in one file; the options below add to it.",
    ),
    click.option(
        "--observe",
        multiple=True,
        metavar="DVID=ID[:ERROR]",
        help="With --data: what a DVID measures; ERROR is additive, proportional, combined or lognormal.",
    ),
    click.option(
        "--dose",
        "doses",
        multiple=True,
        metavar="CMT=STATE",
        help="With --data: the state that doses of a CMT go into; ,lag=ID and ,fraction=ID may follow.",
    ),
    click.option(
        "--estimate",
        multiple=True,
        metavar="ID[=VALUE][~SPREAD]",
        help="With --data: a parameter to find, from a start; ~0 if all patients share it.",
    ),
    click.option(
        "--covariate",
        "covariates",
        multiple=True,
        metavar="ID~COLUMN",
        help="With --data: CL~WT (a power, found), CL~WT/70^0.75 (held), CL~SEX[F] (a category).",
    ),
    click.option(
        "--correlate",
        multiple=True,
        metavar="ID,ID",
        help="With --data: parameters that may vary together.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="ID=COLUMN",
        help="With --data: a parameter that takes the value of a column.",
    ),
    click.option(
        "--time-unit",
        default=None,
        metavar="UNIT",
        help="With --data: unit of TIME, such as h; the model's unless given.",
    ),
    click.option(
        "--prior",
        is_flag=True,
        help="With --data: count the uncertainty in --parameters as what is known beforehand (few patients).",
    ),
    click.option(
        "--spread-prior",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="N",
        help="With --data: count the spreads of --parameters as those of N more patients.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(min=50),
        default=600,
        show_default=True,
        metavar="N",
        help="With --data: parameter sets drawn for each patient in a round.",
    ),
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what the user's data mean, for the command that takes them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def calibrate_data(
    data: Path,
    *,
    options: Mapping[str, Any],
    out: Path | None,
    seed: int,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fit the patients of a file, write page, tables and draws, and print the estimates.

    Parameters
    ----------
    data
        The table of patients.
    options
        What :func:`data_options` added to the command, by name, less ``data``.
    out
        Folder of the results; ``results/NAME`` with the name of the file unless given.
    """
    from vivocart.calibration.individuals.analysis import analyze_individuals, fit_summary
    from vivocart.report.individual_fit import fit_warnings, write_individual_fit
    from vivocart.scenarios.files import require_writable

    folder = out or Path("results") / data.stem
    require_writable(folder)
    with progress("rounds of the fit", quiet=quiet or as_json) as (on_progress, on_message):
        problem, data_map = _stated(data, options, on_message)
        analysis = analyze_individuals(
            problem,
            data_map,
            seed=seed,
            n_draws=options["draws"],
            threads=threads,
            on_progress=on_progress,
            on_message=on_message,
        )
    write_individual_fit(analysis, folder)
    if as_json:
        print_json(fit_summary(analysis) | {"out": str(folder), "warnings": fit_warnings(analysis)})
    elif not quiet:
        _print_estimates(analysis)
        for sentence in fit_warnings(analysis):
            click.echo(f"Note: {sentence}")
        click.echo(RESEARCH_ONLY)
        click.echo(f"Report: {folder / 'report.html'}")


def _stated(
    data: Path, options: Mapping[str, Any], on_message: Callable[[str], None] | None
) -> tuple[Problem, Any]:
    from vivocart.calibration.individuals.analysis import read_parameter_rows
    from vivocart.calibration.individuals.data_map import DataMap, map_from_words
    from vivocart.calibration.individuals.problem import state_problem
    from vivocart.formats.nonmem import read_nonmem
    from vivocart.ground.tables import read_document, read_text
    from vivocart.model.load import load_model

    path: Path | None = options["parameters_path"]
    rows = None if path is None else read_parameter_rows(read_text(path), name=path.name)
    data_map = map_from_words(
        observe=options["observe"],
        doses=options["doses"],
        estimate=options["estimate"],
        covariates=options["covariates"],
        correlate=options["correlate"],
        settings=options["settings"],
        time_unit=options["time_unit"],
        start=None if options["map_path"] is None else read_document(options["map_path"], DataMap),
    )
    problem = state_problem(
        read_nonmem(data),
        load_model(options["model_path"]),
        data_map,
        rows=rows,
        use_prior=options["prior"],
        prior_patients=options["spread_prior"],
        on_message=on_message,
    )
    return problem, data_map


def _print_estimates(analysis: IndividualAnalysis) -> None:
    from vivocart.scenarios.summary import records

    def shown(value: float | None) -> str:
        return "–" if value is None or value != value else f"{value:.4g}"  # noqa: PLR0124 - NaN is not itself

    rows = [
        (
            str(row["name"]).replace(":", " "),
            "" if row["unit"] == "1" else str(row["unit"]),
            *(shown(row.get(key)) for key in ("estimate", "standard_error", "lower", "upper")),
            str(row.get("note") or ""),
        )
        for row in records(analysis.estimates)
    ]
    fit = analysis.fit
    title = (
        f"{fit.problem.n_subjects} patients, {len(fit.problem.place)} measurements; -2 log-likelihood "
        f"{fit.objective:.2f} (± {fit.objective_error:.2f})"
    )
    print_table(title, ("number", "unit", "estimate", "SE", "95 % from", "to", "note"), rows)
