"""``vivocart compare``: several regimens in the same virtual patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from vivocart.cli.printing import RESEARCH_ONLY, print_json
from vivocart.cli.progress import progress
from vivocart.cli.simulate import print_endpoints

if TYPE_CHECKING:
    from vivocart.decisions.compare import Comparison
    from vivocart.scenarios.scenario import Scenario


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
@days_option("Length of the simulation.")
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

    The patients meet the entry criteria of NCT06801119. FILE receives the endpoints, a row for each arm and patient.
    """
    from vivocart.ground.errors import InputError
    from vivocart.scenarios.files import replace_file, require_writable
    from vivocart.scenarios.scenario import Scenario, parse_arm

    asked = tuple(parse_arm(text) for text in arms)
    if len({arm.name for arm in asked}) < len(asked):
        raise InputError(
            "two arms bear the same name", where="--arm", mend="write 'LABEL: ' before one of them"
        )
    scenario = Scenario(arms=asked, n_patients=n_patients, seed=seed, days=days)
    if out is not None:
        require_writable(out.absolute().parent)
    compared = compared_arms(scenario, threads=threads, quiet=quiet or as_json)
    if out is not None:
        with replace_file(out) as partial:
            compared.endpoints.reset_index().to_parquet(partial, index=False)
    print_comparison(compared, scenario, out, as_json=as_json, quiet=quiet)


def compared_arms(scenario: Scenario, *, threads: int | None, quiet: bool) -> Comparison:
    """The arms of a scenario in the same virtual patients, with progress."""
    from vivocart.decisions.compare import compare as run
    from vivocart.model.load import load_model
    from vivocart.patients.population import VirtualPopulation
    from vivocart.trials.protocol import reference_entry

    regimens = {arm.name: arm.parsed() for arm in scenario.arms}
    model = load_model()
    patients = VirtualPopulation.sample(
        model, n_patients=scenario.n_patients, seed=scenario.seed, criteria=reference_entry()
    )
    with progress("simulating", quiet=quiet) as (on_progress, _):
        return run(
            model,
            regimens,
            patients,
            days=scenario.length_days,
            endpoint_ids=scenario.endpoints or None,
            threads=threads,
            on_progress=on_progress,
        )


def comparison_data(compared: Comparison, scenario: Scenario) -> dict[str, Any]:
    """A comparison as plain data: what was asked, endpoints of each arm, failures, provenance."""
    from vivocart.scenarios.summary import endpoint_table, records

    return {
        "purpose": "for research, not for treatment decisions",
        "asked": scenario.as_dict(),
        "arms": {arm: records(endpoint_table(compared.of_arm(arm))) for arm in compared.arms},
        "failures": records(compared.failures),
        "provenance": compared.provenance.as_dict(),
    }


def print_comparison(
    compared: Comparison, scenario: Scenario, out: Path | None, *, as_json: bool, quiet: bool
) -> None:
    """Endpoints of the arms side by side, or everything as one JSON object."""
    from vivocart.scenarios.summary import endpoint_table

    if as_json:
        print_json(comparison_data(compared, scenario) | {"out": str(out) if out is not None else None})
    elif not quiet:
        tables = {arm: endpoint_table(compared.of_arm(arm)) for arm in compared.arms}
        head = f"{scenario.n_patients} virtual patients, the same in each arm, {scenario.length_days:g} d"
        print_endpoints(f"{head}: median (5 to 95 %)", tables)
        if len(compared.failures):
            click.echo(f"{len(compared.failures)} patients failed and stand in no statistic: see --json")
        click.echo(RESEARCH_ONLY)
        if out is not None:
            click.echo(f"Written: {out}")
