"""``vivocart sensitivity``: which parameters move a result."""

from __future__ import annotations

from pathlib import Path

import click

from vivocart.cli.options import examples, json_option, out_file_option, quiet_option, threads_option
from vivocart.cli.printing import RESEARCH_ONLY, print_json, print_table


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
@out_file_option("tornado.svg")
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
