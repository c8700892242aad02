"""``vivocart compare``: several regimens in the same virtual patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.options import (
    examples,
    json_option,
    out_file_option,
    patients_option,
    quiet_option,
    seed_option,
    threads_option,
)
from vivocart.cli.printing import print_json
from vivocart.cli.progress import progress
from vivocart.cli.simulate import print_endpoints

if TYPE_CHECKING:
    import pandas as pd

    from vivocart.decisions.compare import Comparison


@click.command(
    epilog=examples(
        'vivocart compare --arm "HN2301 4 mg x 3 every 3 d" --arm "rituximab 1000 mg x 2 every 14 d"',
        'vivocart compare --arm "close: HN2301 4 mg x 3 every 2 d" --arm "wide: HN2301 4 mg x 3 every 7 d"',
    )
)
@click.option(
    "--arm",
    "arms",
    multiple=True,
    required=True,
    metavar="ARM",
    help='An arm as "PRODUCT DOSE UNIT x N every DAYS d", with "over HOURS h" and a leading "LABEL: " if wanted. Repeat it.',
)
@patients_option(200)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=180.0,
    show_default=True,
    help="Length of the simulation.",
)
@seed_option
@threads_option
@out_file_option("compared.parquet")
@json_option
@quiet_option
def compare(
    *,
    arms: tuple[str, ...],
    n_patients: int,
    days: float,
    seed: int,
    threads: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate several arms in the same virtual patients and set their endpoints side by side.

    FILE receives the endpoints, a row for each arm and patient.
    """
    from vivocart.decisions.compare import compare as run
    from vivocart.model.load import load_model
    from vivocart.patients.population import VirtualPopulation
    from vivocart.scenarios.files import replace_file, require_writable
    from vivocart.scenarios.scenario import parse_arm
    from vivocart.scenarios.summary import endpoint_table

    asked = [parse_arm(text) for text in arms]
    regimens = {request.name: request.parsed() for request in asked}
    if len(regimens) < len(arms):
        raise click.UsageError("two arms bear the same name; write 'LABEL: ' before one of them")
    if out is not None:
        require_writable(out.absolute().parent)
    model = load_model()
    patients = VirtualPopulation.sample(model, n_patients=n_patients, seed=seed)
    with progress("simulating", quiet=quiet or as_json) as (on_progress, _):
        compared = run(model, regimens, patients, days=days, threads=threads, on_progress=on_progress)
    tables = {label: endpoint_table(_of_arm(compared, label)) for label in regimens}
    if out is not None:
        with replace_file(out) as partial:
            compared.endpoints.reset_index().to_parquet(partial, index=False)
    if as_json:
        print_json(
            {
                "purpose": "for research, not for treatment decisions",
                "arms": {label: table.to_dict(orient="records") for label, table in tables.items()},
                "provenance": compared.provenance.as_dict(),
                "out": str(out) if out is not None else None,
            }
        )
    elif not quiet:
        print_endpoints(
            f"{n_patients} virtual patients, the same in each arm, {days:g} d: median (5 to 95 %)", tables
        )
        if out is not None:
            click.echo(f"Endpoints: {out}")


def _of_arm(compared: Comparison, arm: str) -> pd.DataFrame:
    """Endpoints of one arm with what :func:`endpoint_table` reads beside them."""
    table = compared.endpoints.loc[arm]
    table.attrs.update(
        compared.endpoints.attrs, n_failed=[str(name) for name in compared.failures["arm"]].count(arm)
    )
    return table
