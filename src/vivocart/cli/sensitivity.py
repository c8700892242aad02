"""``vivocart sensitivity``: which parameters move a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.options import (
    days_option,
    examples,
    json_option,
    out_file_option,
    patients_option,
    quiet_option,
    seed_option,
    threads_option,
)
from vivocart.cli.printing import RESEARCH_ONLY, print_json, print_table
from vivocart.cli.progress import progress

if TYPE_CHECKING:
    from vivocart.decisions.sensitivity import GlobalSensitivity


@click.group()
def sensitivity() -> None:
    """Which parameters move a result."""


@sensitivity.command(
    epilog=examples(
        'vivocart sensitivity local "HN2301 4 mg x 3 every 3 d" --observable autoantibody --day 90',
        'vivocart sensitivity local "HN2301 4 mg x 3 every 3 d" --observable b_cells_blood --day 7 --out tornado.svg',
    )
)
@click.argument("regimen")
@click.option("--observable", required=True, metavar="ID", help="What is read, such as autoantibody.")
@click.option("--day", type=float, required=True, help="Day on which it is read.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Parameters to show.")
@threads_option
@out_file_option("tornado.svg", ".png")
@json_option
@quiet_option
def local(
    *,
    regimen: str,
    observable: str,
    day: float,
    top: int,
    out: Path | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Exact derivatives in the typical patient under REGIMEN, such as "HN2301 4 mg x 3 every 3 d".

    An elasticity of -0.5 says: one percent more of the parameter, half a percent less of the observable.
    """
    from vivocart.ground.errors import InputError
    from vivocart.model.load import load_model
    from vivocart.report.tornado import write_tornado
    from vivocart.scenarios.files import replace_file, require_writable
    from vivocart.scenarios.summary import records
    from vivocart.simulation.sensitivity import local_sensitivity
    from vivocart.therapies.regimen import Regimen

    if out is not None:
        if out.suffix.lower() not in (".svg", ".png"):
            raise InputError(f"'{out.name}'", where="--out", mend="name a file that ends in .svg or .png")
        require_writable(out.absolute().parent)
    given = Regimen.parse(regimen)
    table = local_sensitivity(
        load_model(),
        given,
        observable=observable,
        days=[day],
        threads=threads,
        on_message=None if quiet or as_json else lambda text: click.echo(text, err=True),
    )
    if out is not None:
        with replace_file(out) as partial:
            title = f"{observable} on day {day:g}, {given.sentence}"
            write_tornado(table, partial, title=title, top=top)
    if as_json:
        print_json(
            {
                "purpose": "for research, not for treatment decisions",
                "observable": observable,
                "regimen": given.sentence,
                "sensitivities": records(table),
            }
        )
    elif not quiet:
        rows = [
            (str(row["parameter_id"]), str(row["kind"]), f"{row['elasticity']:+.3f}")
            for row in table.head(top).to_dict(orient="records")
        ]
        title = f"{observable} on day {day:g} in the typical patient: {table['value'].iloc[0]:.4g}"
        print_table(title, ("parameter", "kind", "% for 1 %"), rows)
        click.echo(RESEARCH_ONLY)
        if out is not None:
            click.echo(f"Figure: {out}")


@sensitivity.command(
    name="global",
    epilog=examples(
        'vivocart sensitivity global "HN2301 4 mg x 3 every 3 d"',
        'vivocart sensitivity global "HN2301 4 mg x 3 every 3 d" --endpoint sledai_d180 --screen 20 --out results/sobol',
        'vivocart sensitivity global "HN2301 4 mg x 3 every 3 d" --parameter car_loss --parameter car_display --patients 64',
    ),
)
@click.argument("regimen")
@click.option(
    "--endpoint",
    "endpoint_ids",
    multiple=True,
    metavar="ID",
    help="Endpoint to explain; repeat it. All unless given.",
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="ID",
    help="Parameter to vary; repeat it. Every one with a stated uncertainty unless given.",
)
@click.option(
    "--screen",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    metavar="N",
    help="With more parameters than N, screen by Morris and vary the N that move an endpoint most; 0: no screening.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=2),
    default=1024,
    show_default=True,
    metavar="N",
    help="Base points, a power of two; runs are N times the parameters and two more.",
)
@patients_option(1)
@days_option("Length after the first infusion.")
@seed_option
@threads_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Parameters to print.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Folder for page, figure, CSV and JSON; none unless given.",
)
@json_option
@quiet_option
def global_(  # noqa: PLR0913  (an option of the command each)
    *,
    regimen: str,
    endpoint_ids: tuple[str, ...],
    parameters: tuple[str, ...],
    screen: int,
    samples: int,
    n_patients: int,
    days: float,
    seed: int,
    threads: int | None,
    top: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Share out the variance of endpoints under REGIMEN among the uncertain typical values (Sobol indices).

    In the typical patient, or in the mean over N fixed virtual patients with --patients N. Every parameter varies over
    its own uncertainty at once. A time that is not reached counts as the end of the simulation, and it is said how often.
    The same command and seed give the same numbers.
    """
    from vivocart.decisions.sensitivity import global_sensitivity
    from vivocart.model.load import load_model
    from vivocart.patients.population import VirtualPopulation
    from vivocart.report.sensitivity_page import sensitivity_summary, write_sensitivity
    from vivocart.scenarios.files import require_writable
    from vivocart.therapies.regimen import Regimen
    from vivocart.trials.protocol import reference_entry

    if out is not None:
        require_writable(out)
    model, given = load_model(), Regimen.parse(regimen)
    patients = None
    if n_patients > 1:
        patients = VirtualPopulation.sample(
            model, n_patients=n_patients, seed=seed, criteria=reference_entry()
        )
    with progress("simulating", quiet=quiet or as_json) as (on_progress, on_message):
        result = global_sensitivity(
            model,
            given,
            patients=patients,
            endpoint_ids=endpoint_ids or None,
            parameters=parameters or None,
            screen=screen or None,
            n_base=samples,
            days=days,
            seed=seed,
            threads=threads,
            on_progress=on_progress,
            on_message=on_message,
        )
    if out is not None:
        write_sensitivity(result, out)
    if as_json:
        print_json(sensitivity_summary(result))
    elif not quiet:
        _print_strongest(result, top)
        if out is not None:
            click.echo(f"Page: {out / 'sensitivity.html'}")


def _print_strongest(result: GlobalSensitivity, top: int) -> None:
    from vivocart.report.sensitivity_page import strongest_rows

    title = (
        f"{result.regimen.sentence}: the endpoint that each parameter decides most, {result.n_runs:,} runs"
    )
    columns = ("parameter", "kind", "endpoint", "share of variance (95 %)")
    print_table(title, columns, strongest_rows(result, top))
    click.echo(
        f"Share of variance: total order, interactions included; {len(result.left_out)} endpoints have none:"
    )
    for name, reason in sorted(result.left_out.items()):
        click.echo(f"  {name}: {reason}")
    click.echo(RESEARCH_ONLY)
