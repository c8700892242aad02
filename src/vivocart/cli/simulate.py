"""``vivocart simulate``: one regimen in virtual patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.options import (
    days_option,
    device_option,
    examples,
    json_option,
    out_file_option,
    patients_option,
    quiet_option,
    seed_option,
    strict_option,
    threads_option,
)
from vivocart.cli.printing import RESEARCH_ONLY, print_json, print_table
from vivocart.cli.progress import progress

if TYPE_CHECKING:
    import pandas as pd

    from vivocart.simulation.device import DeviceName
    from vivocart.simulation.result import Simulation


@click.command(
    epilog=examples(
        "vivocart simulate --product HN2301 --dose-mg 4 --infusions 3 --interval-days 3",
        "vivocart simulate --product rituximab --dose-mg 1000 --infusions 2 --interval-days 14 --out rituximab.parquet",
    )
)
@click.option("--product", required=True, metavar="ID", help="Product, such as HN2301 or rituximab.")
@click.option("--dose-mg", type=float, default=None, metavar="MG", help="Dose of one infusion in mg.")
@click.option(
    "--dose",
    type=float,
    default=None,
    help="Dose of one infusion in the product's own unit, for products not dosed in mg.",
)
@click.option("--infusions", type=int, default=1, show_default=True, help="Number of infusions.")
@click.option(
    "--interval-days",
    type=float,
    default=None,
    metavar="DAYS",
    help="Days from the start of one infusion to the next.",
)
@click.option(
    "--infusion-hours",
    type=float,
    default=None,
    metavar="HOURS",
    help="Length of one infusion; the product's own unless given.",
)
@patients_option(200)
@days_option("Length of the simulation.")
@seed_option
@threads_option
@device_option
@strict_option
@out_file_option("run.parquet")
@json_option
@quiet_option
def simulate(  # noqa: PLR0913  (click hands over every option by name)
    *,
    product: str,
    dose_mg: float | None,
    dose: float | None,
    infusions: int,
    interval_days: float | None,
    infusion_hours: float | None,
    n_patients: int,
    days: float,
    seed: int,
    threads: int | None,
    device: DeviceName,
    strict: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate one regimen in virtual patients with refractory SLE who meet the entry criteria of NCT06801119.

    Prints the infusions and the endpoints (median, 5 to 95 % of patients). FILE receives a row for each patient and
    time, with a column for each observable.
    """
    from vivocart.model.load import load_model
    from vivocart.patients.population import VirtualPopulation
    from vivocart.scenarios.files import require_writable
    from vivocart.simulation.run import simulate as run
    from vivocart.therapies.regimen import Regimen
    from vivocart.trials.protocol import reference_entry

    regimen = Regimen(
        product,
        dose_mg=dose_mg,
        dose=dose,
        infusions=infusions,
        interval_days=interval_days,
        infusion_hours=infusion_hours,
    )
    if out is not None:
        require_writable(out.absolute().parent)
    model = load_model()
    patients = VirtualPopulation.sample(model, n_patients=n_patients, seed=seed, criteria=reference_entry())
    with progress("simulating", quiet=quiet or as_json) as (on_progress, on_message):
        result = run(
            model,
            regimen,
            patients,
            days=days,
            threads=threads,
            device=device,
            strict=strict,
            on_progress=on_progress,
            on_message=on_message,
        )
    _deliver(result, out, f"{n_patients} virtual patients, {days:g} d", as_json=as_json, quiet=quiet)


def _deliver(result: Simulation, out: Path | None, title: str, *, as_json: bool, quiet: bool) -> None:
    """Write the trajectories, then print what was asked for."""
    from vivocart.endpoints.table import endpoints
    from vivocart.scenarios.files import replace_file
    from vivocart.scenarios.summary import endpoint_table

    table = endpoint_table(endpoints(result))
    if out is not None:
        with replace_file(out) as partial:
            result.to_frame().to_parquet(partial, index=False)
    if as_json:
        print_json(
            {
                "purpose": "for research, not for treatment decisions",
                "endpoints": table.to_dict(orient="records"),
                "failures": result.failures.to_dict(orient="records"),
                "provenance": result.provenance.as_dict(),
                "out": str(out) if out is not None else None,
            }
        )
    elif not quiet:
        click.echo(str(result.regimen))
        print_endpoints(title, {"": table})
        if len(result.failures):
            click.echo(f"{len(result.failures)} patients failed and stand in no statistic: see --json")
        click.echo(RESEARCH_ONLY)
        if out is not None:
            click.echo(f"Trajectories: {out}")


def print_endpoints(title: str, tables: dict[str, pd.DataFrame]) -> None:
    """Endpoints of one or several arms side by side: median (5 to 95 % of patients), or the share of patients."""
    from vivocart.report.spelling import as_printed, in_print, summary_cell

    first, *_ = tables.values()
    by_arm = {name: table.set_index("endpoint", drop=False) for name, table in tables.items()}
    rows = [
        (
            in_print(str(row["label"])),
            ""
            if row["is_flag"]
            else as_printed(str(row["endpoint"]), str(row["label"]), str(row["unit"]))[1],
            *(
                summary_cell(table.loc[row["endpoint"]].to_dict()) if row["endpoint"] in table.index else "–"
                for table in by_arm.values()
            ),
        )
        for row in first.to_dict(orient="records")
    ]
    print_table(title, ("endpoint", "unit", *(name or "median (5 to 95 %)" for name in tables)), rows)
