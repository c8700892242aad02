"""``vivocart evidence``: records, quantities and citations behind the numbers."""

from __future__ import annotations

import dataclasses

import click

from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_issues, print_json


@click.group(
    epilog=examples(
        "vivocart evidence check",
        "vivocart evidence show wang2025",
        "vivocart evidence cite wang2025 mueller2024 --style nlm",
    )
)
def evidence() -> None:
    """Records, quantities and citations behind the model's numbers."""


@evidence.command()
@json_option
def check(*, as_json: bool) -> None:
    """Check records and quantities; exit code 2 if there is an error."""
    from vivocart.evidence.lint import lint_shipped

    print_issues("the evidence", lint_shipped(), as_json=as_json)


@evidence.command()
@click.argument("id_", metavar="ID")
@json_option
def show(*, id_: str, as_json: bool) -> None:
    """Print a record with its quantities, or one quantity, by ID."""
    from vivocart.evidence.citations import cite as cited
    from vivocart.evidence.library import quantities, record, records

    known = quantities()
    if id_ in known:
        rows, of = [known[id_]], known[id_].record_id
    else:
        if id_ not in records():
            from vivocart.ground.errors import UnknownNameError

            raise UnknownNameError("record or quantity", id_, [*records(), *known])
        rows, of = [row for row in known.values() if row.record_id == id_], id_
    if as_json:
        found = dataclasses.asdict(record(of)) if of else {}
        print_json({"record": found, "quantities": [row.model_dump(mode="json") for row in rows]})
        return
    if of:
        click.echo(cited([of])[0])
    for row in rows:
        value = f"{row.value:g}" if row.value is not None else "no number"
        bounds = (
            f" ({row.lower or '..'} to {row.upper or '..'})" if (row.lower, row.upper) != (None, None) else ""
        )
        click.echo(
            f"\n{row.id}: {row.quantity}\n  {value} {row.unit}{bounds}, trust: {row.trust}\n  {row.place}"
        )
        if row.note:
            click.echo(f"  {row.note}")


@evidence.command()
@click.argument("record_ids", metavar="RECORD...", nargs=-1, required=True)
@click.option("--style", default="ama", show_default=True, help="ama, apa, mla, nlm or short.")
@json_option
def cite(*, record_ids: tuple[str, ...], style: str, as_json: bool) -> None:
    """Print the citation of each RECORD, in the order given."""
    from vivocart.evidence.citations import cite as cited

    texts = cited(record_ids, style)
    if as_json:
        print_json({"style": style, "citations": dict(zip(dict.fromkeys(record_ids), texts, strict=True))})
        return
    for text in texts:
        click.echo(text)
