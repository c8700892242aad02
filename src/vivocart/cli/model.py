"""``vivocart model``: the therapy model as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.options import (
    FiniteRange,
    device_option,
    examples,
    json_option,
    quiet_option,
    strict_option,
    threads_option,
)
from vivocart.cli.printing import print_issues, print_json, print_table

if TYPE_CHECKING:
    from vivocart.simulation.device import DeviceName
    from vivocart.simulation.run_patients import Precision

_OF_PATIENTS = frozenset(
    ["doses", "observables", "rtol", "atol", "precision", "threads", "device", "strict", "as_json", "quiet"]
)


@click.group(
    epilog=examples(
        "vivocart model show --module lnp",
        "vivocart model check",
        "vivocart model export --format sbml --out vivocart.xml",
        "vivocart model run my-model.xml --until 100 --set k=0.1",
        "vivocart model run model.xml --settings settings.txt --out results.csv",
        "vivocart model run my-model.ant --until 180 --patients patients.csv --out results.parquet",
    )
)
def model() -> None:
    """Show, check and export the model; run any SBML or Antimony model."""


@model.command()
@click.option(
    "--module", default=None, metavar="NAME", help="Only the parameters of one module, such as lnp."
)
@click.option(
    "--kind",
    type=click.Choice(["measured", "estimated", "assumed", "scenario"]),
    default=None,
    help="Only one kind.",
)
@json_option
def show(*, module: str | None, kind: str | None, as_json: bool) -> None:
    """Print the parameters with value, unit, kind and the quantities they rest on, and the observables."""
    from vivocart.ground.errors import UnknownNameError
    from vivocart.model.load import load_model

    loaded = load_model()
    rows = list(loaded.parameters.values())
    if module is not None:
        modules = sorted({row.module for row in rows})
        if module not in modules:
            raise UnknownNameError("module", module, modules)
        rows = [row for row in rows if row.module == module]
    if kind is not None:
        rows = [row for row in rows if row.kind == kind]
    if as_json:
        print_json(
            {
                "id": loaded.id,
                "hash": loaded.hash,
                "parameters": [row.model_dump(mode="json") for row in rows],
                "observables": [row.model_dump(mode="json") for row in loaded.observables.values()],
            }
        )
        return
    click.echo(
        f"{loaded.id}: {len(loaded.system.states)} states, {len(loaded.parameters)} parameters, hash {loaded.hash[:12]}"
    )
    print_table(
        "Parameters",
        ("id", "value", "unit", "kind", "module", "rests on"),
        [
            (row.id, f"{row.value:g}", row.unit, row.kind, row.module, ", ".join(row.quantity_ids) or "–")
            for row in rows
        ],
    )
    if module is None and kind is None:
        print_table(
            "Observables",
            ("id", "unit", "label"),
            [(o.id, o.unit, o.label) for o in loaded.observables.values()],
        )


@model.command()
@json_option
def check(*, as_json: bool) -> None:
    """Check text, tables and units of the model; exit code 2 if there is an error."""
    from vivocart.model.lint import lint_shipped

    print_issues("the model", lint_shipped(), as_json=as_json)


@model.command()
@click.option(
    "--format",
    "format_",
    type=click.Choice(["sbml", "antimony"]),
    default="sbml",
    show_default=True,
    help="SBML L3V2 or Antimony.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="File to write; stdout unless given.",
)
def export(*, format_: str, out: Path | None) -> None:
    """Write the flattened model as SBML Level 3 Version 2 or as Antimony."""
    from vivocart.model.load import load_model
    from vivocart.scenarios.files import replace_file

    loaded = load_model()
    text = loaded.sbml if format_ == "sbml" else loaded.antimony
    if out is None:
        click.echo(text, nl=False)
        return
    with replace_file(out) as partial:
        partial.write_text(text, encoding="utf-8")
    click.echo(f"{format_}: {out}")


@model.command(
    epilog=examples(
        "vivocart model run my-model.xml --until 100 --set k=0.1",
        "vivocart model run model.xml --settings settings.txt --out results.csv",
        "vivocart model run my-model.ant --until 180 --patients patients.csv --doses doses.csv --out results.parquet",
    )
)
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--until", type=FiniteRange(min=0), default=None, help="Last time, in the model's own unit of time."
)
@click.option(
    "--points", type=click.IntRange(min=2), default=101, show_default=True, help="Number of output times."
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Settings of the SBML semantic test suite, instead of --until; results are written in its format.",
)
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="ID=VALUE",
    help="Value of a parameter other than the file's. Repeat it.",
)
@click.option(
    "--patients",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="CSV or Parquet with a row a patient and a column a parameter or start value; column patient names them.",
)
@click.option(
    "--doses",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="With --patients: a row a dose, columns time, amount, into (a species), duration and patient (both optional).",
)
@click.option(
    "--observe",
    "observables",
    multiple=True,
    metavar="ID",
    help="With --patients: what to write, all states unless given. Repeat it.",
)
@click.option(
    "--rtol",
    type=FiniteRange(min=1e-13, max=1e-1),
    default=1e-6,
    show_default=True,
    help="With --patients: relative tolerance of the solver.",
)
@click.option(
    "--atol",
    type=FiniteRange(min=0, min_open=True),
    default=1e-9,
    show_default=True,
    help="With --patients: absolute tolerance for states of size one, in proportion for larger ones.",
)
@click.option(
    "--precision",
    type=click.Choice(["double", "single"]),
    default="double",
    show_default=True,
    help="With --patients: of the solver's steps; single is quicker, for --rtol 1e-5 or more.",
)
@threads_option
@device_option
@strict_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="CSV to write (with --patients also Parquet, by the ending); stdout unless given.",
)
@json_option
@quiet_option
def run(  # noqa: PLR0913  (click hands over every option by name)
    *,
    path: Path,
    until: float | None,
    points: int,
    settings: Path | None,
    values: tuple[str, ...],
    patients: Path | None,
    doses: Path | None,
    observables: tuple[str, ...],
    rtol: float,
    atol: float,
    precision: Precision,
    threads: int | None,
    device: DeviceName,
    strict: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate any SBML or Antimony FILE and write what it does over time.

    Once, as CSV with a column for each state; or for every patient of a table, with a row for each patient and time.
    """
    given = dict(_assignment(text) for text in values)
    if (until is None) == (settings is None):
        raise click.UsageError("give one of --until TIME and --settings FILE")
    if patients is None:
        _refuse_without_patients()
        _run_once(path, until, points, settings, given, out)
        return
    if until is None:
        raise click.UsageError("--patients goes with --until TIME")
    import numpy as np

    from vivocart.cli.model_patients import deliver_patients

    deliver_patients(
        path,
        patients,
        doses,
        out,
        times=np.linspace(0.0, until, points).tolist(),
        observables=observables,
        settings={
            "parameters": given,
            "relative_tolerance": rtol,
            "absolute_tolerance": atol,
            "precision": precision,
            "threads": threads,
            "device": device,
        },
        strict=strict,
        as_json=as_json,
        quiet=quiet,
    )


def _refuse_without_patients() -> None:
    """Refuse options that only mean something for a table of patients."""
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") == click.core.ParameterSource.COMMANDLINE
        if given and option.name in _OF_PATIENTS:
            raise click.UsageError(f"{option.opts[0]} goes with --patients FILE")


def _run_once(
    path: Path,
    until: float | None,
    points: int,
    settings: Path | None,
    given: dict[str, float],
    out: Path | None,
) -> None:
    """One run, as CSV."""
    from vivocart.scenarios.files import replace_file
    from vivocart.simulation.run_model import write_suite_case

    if settings is not None:
        text = write_suite_case(path, settings, parameters=given)
    else:
        text = _table(path, until or 0.0, points, given)
    if out is None:
        click.echo(text, nl=False)
        return
    with replace_file(out) as partial:
        partial.write_text(text, encoding="utf-8")
    click.echo(f"csv: {out}")


def _table(path: Path, until: float, points: int, given: dict[str, float]) -> str:
    import numpy as np

    from vivocart.simulation.run_model import read_model_file, run_model

    system = read_model_file(path).system
    return run_model(system, np.linspace(0.0, until, points).tolist(), parameters=given).to_csv()


def _assignment(text: str) -> tuple[str, float]:
    name, separator, value = text.partition("=")
    try:
        if separator:
            return name.strip(), float(value)
    except ValueError:
        pass
    raise click.UsageError(f"--set {text}: write ID=VALUE with a number, such as --set k=0.1")
