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
    from vivocart.evidence.records import Record
    from vivocart.evidence.uses import Use
    from vivocart.ground.tables import Issue
    from vivocart.scenarios.support import Support

_BROKEN = 1  # exit code of a check that found an error
_PLURALS = {
    "parameter": "parameters",
    "observation": "observations",
    "covariate": "covariates",
    "item": "SLEDAI-2K items",
    "product": "parameters that products set",
}
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog=examples("vivocart evidence check", "vivocart evidence check --parameters mine.csv"))
@click.option("--parameters", type=_FILE, metavar="FILE", help="Check this table instead of the shipped one.")
@click.option("--observations", type=_FILE, metavar="FILE", help="Check this table of observations.")
@json_option
def check(*, parameters: Path | None, observations: Path | None, as_json: bool) -> None:
    """Check records and quantities, and recompute every number that ships from them.

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
    from vivocart.evidence.uses import OWNERS

    for issue in issues:
        click.echo(f"{issue.level}: {issue}")
    for owner in OWNERS:
        click.echo(f"{_PLURALS[owner]}: {support.coverage(owner)}")
    if not errors:
        click.echo(f"the evidence: no error, {len(issues)} warnings")


@click.command(epilog=examples("vivocart evidence uses", "vivocart evidence uses lnp_return c3_loss"))
@click.argument("ids", metavar="[ID]...", nargs=-1)
@json_option
def uses(*, ids: tuple[str, ...], as_json: bool) -> None:
    """Print how each shipped number rests on quantities; only those named by ID if any is."""
    from vivocart.evidence.library import quantities
    from vivocart.evidence.uses import rule_shown, use_state
    from vivocart.ground.errors import UnknownNameError
    from vivocart.scenarios.support import shipped_support

    every, known = shipped_support().uses, quantities()
    for name in ids:
        if name not in {use.number.id for use in every}:
            raise UnknownNameError("number", name, {use.number.id for use in every})
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


@click.command(
    epilog=examples(
        "vivocart evidence show wang2025", "vivocart evidence show 40961420 --html --out letter.html"
    )
)
@click.argument("id_", metavar="ID")
@click.option(
    "--html", "as_html", is_flag=True, help="Print the record's page: one HTML file, opens offline."
)
@click.option("--out", type=_FILE, metavar="FILE", help="Write the page to FILE; needs --html.")
@click.option(
    "--simulation/--no-simulation",
    "is_simulated",
    default=True,
    help="Simulate how far predictions move with the record's parameters, for the page.",
)
@json_option
def show(*, id_: str, as_html: bool, out: Path | None, is_simulated: bool, as_json: bool) -> None:
    """Print a record with its quantities, or one quantity, by ID; a record by its PMID or DOI too.

    With --html, the record's page: its sections, display options, citations, and what rests on it. A record of your own
    library is found too.
    """
    from vivocart.evidence.library import quantities

    if as_html:
        _write_page(id_, out, is_simulated=is_simulated)
        return
    if out is not None:
        raise click.UsageError("--out needs --html")
    known = quantities()
    found, rows = _record_and_rows(known[id_].record_id if id_ in known else id_, id_)
    if id_ in known:
        rows = [known[id_]]
    _print_record(found, rows, as_json=as_json)


def _record_and_rows(name: str, asked: str) -> tuple[Record | None, list[Quantity]]:
    """A record with its quantities, of your own library where it does not ship; nothing for a number without record."""
    from vivocart.evidence.library import find_record, quantities, records
    from vivocart.ground.errors import UnknownNameError

    if not name:
        return None, []
    try:
        found = find_record(name)
    except UnknownNameError:
        unknown = UnknownNameError("record or quantity", asked, [*records(), *quantities()])
        return _own_record(name, unknown), []
    return found, [row for row in quantities().values() if row.record_id == found.id]


def _print_record(found: Record | None, rows: Sequence[Quantity], *, as_json: bool) -> None:
    from vivocart.evidence.citations import ama

    if as_json:
        data = dataclasses.asdict(found) if found else {}
        print_json({"record": data, "quantities": [row.model_dump(mode="json") for row in rows]})
        return
    if found:
        click.echo(ama(found))
    for row in rows:
        click.echo(f"\n{row.id}: {row.quantity}\n  {_number_text(row)}, trust: {row.trust}\n  {row.place}")
        if row.note:
            click.echo(f"  {row.note}")


def _write_page(name: str, out: Path | None, *, is_simulated: bool) -> None:
    from vivocart.ground.errors import UnknownNameError
    from vivocart.report.record_page import render_record
    from vivocart.scenarios.files import replace_file
    from vivocart.scenarios.what_if import sensitivity, without_record

    try:
        used = without_record(name)
    except UnknownNameError as error:
        page = render_record(_own_record(name, error))
    else:
        shifts = sensitivity(used.parameter_ids) if is_simulated and used.parameter_ids else None
        page = render_record(used.record, used, shifts)
    if out is None:
        click.echo(page, nl=False)
        return
    with replace_file(out) as staged:
        staged.write_text(page, encoding="utf-8")
    click.echo(f"Page: {out}")


def _own_record(name: str, unknown: Exception) -> Record:
    """A record of the user's library by id, PMID or DOI; ``unknown`` is raised where there is none."""
    from vivocart.evidence.retractions import names_in
    from vivocart.evidence.store import default_path, get, open_library

    if default_path().is_file():
        wanted = name.strip().casefold().removeprefix("pmid").strip(" :")
        with open_library() as library:
            for names in names_in(library):
                if wanted in (names.id.casefold(), names.pmid, names.doi.casefold()):
                    return get(library, names.id)
    raise unknown


def _number_text(row: Quantity) -> str:
    """Value, unit and bounds; a bound of 0 is a bound."""
    value = f"{row.value:g}" if row.value is not None else "no number"
    text = f"{value} {row.unit}".rstrip()
    if row.lower is None and row.upper is None:
        return text
    low, high = ("..." if bound is None else f"{bound:g}" for bound in (row.lower, row.upper))
    return f"{text} ({low} to {high})"
