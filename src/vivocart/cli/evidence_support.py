"""What rests on what: ``vivocart evidence check``, ``uses`` and ``show``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vivocart.evidence.quantities import Quantity
    from vivocart.evidence.uses import Use
    from vivocart.ground.tables import Issue
    from vivocart.scenarios.support import Support

_BROKEN = 1  # exit code of a check that found an error
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog=examples("vivocart evidence check", "vivocart evidence check --parameters mine.csv"))
@click.option("--parameters", type=_FILE, metavar="FILE", help="Check this table instead of the shipped one.")
@click.option("--observations", type=_FILE, metavar="FILE", help="Check this table of observations.")
@json_option
def check(*, parameters: Path | None, observations: Path | None, as_json: bool) -> None:
    """Check records and quantities, and recompute every parameter and observation from them.

    Exit code 1 if a number does not follow from what it rests on, or the library itself has an error.
    """
    from vivocart.evidence.lint import lint_shipped
    from vivocart.scenarios.support import check_support

    support = check_support(parameters, observations)
    issues = [*lint_shipped(), *support.issues]
    errors = sum(issue.level == "error" for issue in issues)
    if as_json:
        print_json(
            {
                "errors": errors,
                "issues": [issue.model_dump(mode="json") for issue in issues],
                "coverage": {owner: support.coverage(owner).counts for owner in ("parameter", "observation")},
            }
        )
    else:
        _print_findings(support, issues, errors)
    if errors:
        click.echo(f"error: {errors} errors in the evidence; mend the places named above", err=True)
        raise click.exceptions.Exit(_BROKEN)


def _print_findings(support: Support, issues: Sequence[Issue], errors: int) -> None:
    for issue in issues:
        click.echo(f"{issue.level}: {issue}")
    click.echo(f"parameters: {support.coverage('parameter')}")
    click.echo(f"observations: {support.coverage('observation')}")
    if not errors:
        click.echo(f"the evidence: no error, {len(issues)} warnings")


@click.command(epilog=examples("vivocart evidence uses", "vivocart evidence uses lnp_return c3_loss"))
@click.argument("ids", metavar="[ID]...", nargs=-1)
@json_option
def uses(*, ids: tuple[str, ...], as_json: bool) -> None:
    """Print how each parameter and observation rests on quantities; only those named by ID if any is."""
    from vivocart.evidence.library import quantities
    from vivocart.evidence.uses import rule_shown, use_state
    from vivocart.ground.errors import UnknownNameError
    from vivocart.scenarios.support import shipped_support

    every, known = shipped_support().uses, quantities()
    for name in ids:
        if name not in {use.number.id for use in every}:
            raise UnknownNameError("parameter or observation", name, {use.number.id for use in every})
    chosen = [use for use in every if not ids or use.number.id in ids]
    if as_json:
        print_json({"uses": [_use_data(use, known) for use in chosen]})
        return
    rows = [
        (
            use.number.id if use.number.part == "value" else f"{use.number.id}, {use.number.part}",
            f"{use.number.value:g}",
            rule_shown(use, known),
            use.formula or ("beside " + ", ".join(use.beside) if use.beside else ""),
            use_state(use, known),
        )
        for use in chosen
    ]
    print_table("What each number rests on", ("number", "ships as", "rule", "from", "state"), rows)


def _use_data(use: Use, known: Mapping[str, Quantity]) -> dict[str, object]:
    from vivocart.evidence.uses import recomputed, rule_shown, use_state

    number = use.number
    return {
        "owner": number.owner,
        "id": number.id,
        "part": number.part,
        "value": number.value,
        "unit": number.unit,
        "rule": rule_shown(use, known),
        "formula": use.formula,
        "recomputed": list(recomputed(use, known)),
        "quantity_ids": list(use.quantity_ids),
        "beside": list(use.beside),
        "state": use_state(use, known),
        "note": use.note,
    }


@click.command()
@click.argument("id_", metavar="ID")
@json_option
def show(*, id_: str, as_json: bool) -> None:
    """Print a record with its quantities, or one quantity, by ID; a record by its PMID or DOI too."""
    from vivocart.evidence.citations import cite as cited
    from vivocart.evidence.library import quantities, record

    known = quantities()
    rows, of = ([known[id_]], known[id_].record_id) if id_ in known else _rows_of(id_)
    if as_json:
        found = dataclasses.asdict(record(of)) if of else {}
        print_json({"record": found, "quantities": [row.model_dump(mode="json") for row in rows]})
        return
    if of:
        click.echo(cited([of])[0])
    for row in rows:
        click.echo(f"\n{row.id}: {row.quantity}\n  {_number_text(row)}, trust: {row.trust}\n  {row.place}")
        if row.note:
            click.echo(f"  {row.note}")


def _rows_of(name: str) -> tuple[list[Quantity], str]:
    from vivocart.evidence.library import find_record, quantities, records
    from vivocart.ground.errors import UnknownNameError

    try:
        found = find_record(name)
    except UnknownNameError:
        raise UnknownNameError("record or quantity", name, [*records(), *quantities()]) from None
    return [row for row in quantities().values() if row.record_id == found.id], found.id


def _number_text(row: Quantity) -> str:
    """Value, unit and bounds; a bound of 0 is a bound."""
    value = f"{row.value:g}" if row.value is not None else "no number"
    text = f"{value} {row.unit}".rstrip()
    if row.lower is None and row.upper is None:
        return text
    low, high = ("..." if bound is None else f"{bound:g}" for bound in (row.lower, row.upper))
    return f"{text} ({low} to {high})"
