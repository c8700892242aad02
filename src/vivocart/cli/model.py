"""``vivocart model``: the therapy model as text."""

from __future__ import annotations

from pathlib import Path

import click

from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_issues, print_json, print_table


@click.group(
    epilog=examples(
        "vivocart model show --module lnp",
        "vivocart model check",
        "vivocart model export --format sbml --out vivocart.xml",
        "vivocart model run my-model.xml --until 100 --set k=0.1",
        "vivocart model run model.xml --settings settings.txt --out results.csv",
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


@model.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--until", type=float, default=None, help="Last time, in the model's own unit of time.")
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
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="CSV to write; stdout unless given.",
)
def run(
    *,
    path: Path,
    until: float | None,
    points: int,
    settings: Path | None,
    values: tuple[str, ...],
    out: Path | None,
) -> None:
    """Simulate any SBML or Antimony FILE once and print its states over time as CSV."""
    from vivocart.scenarios.files import replace_file
    from vivocart.simulation.run_model import write_suite_case

    if (until is None) == (settings is None):
        raise click.UsageError("give one of --until TIME and --settings FILE")
    given = dict(_assignment(text) for text in values)
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
