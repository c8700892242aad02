"""``vivocart evidence``: records, quantities and citations behind the numbers."""

from __future__ import annotations

import click

from vivocart.cli.evidence_gone import retractions, what_if_gone
from vivocart.cli.evidence_support import check, show, uses
from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json


@click.group(
    epilog=examples(
        "vivocart evidence check",
        "vivocart evidence show wang2025",
        "vivocart evidence cite wang2025 mueller2024 --style nlm",
    )
)
def evidence() -> None:
    """Records, quantities and citations behind the model's numbers."""


for _command in (check, retractions, show, uses, what_if_gone):
    evidence.add_command(_command)


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
