"""``vivocart evidence``: records, quantities and citations behind the numbers."""

from __future__ import annotations

from pathlib import Path

import click

from vivocart.cli.evidence_alerts import alerts, searches
from vivocart.cli.evidence_gone import retractions, what_if_gone
from vivocart.cli.evidence_import import fetch, import_
from vivocart.cli.evidence_kept import bibliography, clipboard, collections
from vivocart.cli.evidence_library import library_option, moment, own_library
from vivocart.cli.evidence_search import changed, history, save, search
from vivocart.cli.evidence_send import email, feed
from vivocart.cli.evidence_support import check, show, uses
from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json


@click.group(
    epilog=examples(
        "vivocart evidence check",
        "vivocart evidence show wang2025",
        "vivocart evidence cite wang2025 mueller2024 --style nlm",
        "vivocart evidence search 'lupus[ti] AND car-t'",
    )
)
def evidence() -> None:
    """Records, quantities and citations behind the model's numbers."""


for _command in (
    alerts, bibliography, changed, check, clipboard, collections, email, feed, fetch, history, import_, retractions, save,
    search, searches, show, uses, what_if_gone,
):  # fmt: skip
    evidence.add_command(_command)


@evidence.command()
@click.argument("record_ids", metavar="RECORD...", nargs=-1, required=True)
@click.option("--style", default="ama", show_default=True, help="ama, apa, mla, nlm or short.")
@library_option
@json_option
def cite(*, record_ids: tuple[str, ...], style: str, library_path: Path | None, as_json: bool) -> None:
    """Print the citation of each RECORD, in the order given: a shipped record, or one of your library."""
    from vivocart.evidence.citations import cite as cited
    from vivocart.evidence.library import records

    if library_path is None and all(name in records() for name in record_ids):
        texts = cited(record_ids, style)
    else:
        from vivocart.evidence.own_library import known_ids
        from vivocart.evidence.store import get

        with own_library(library_path, moment(None)) as library:
            known = {name: get(library, *known_ids(library, [name])) for name in record_ids}
        texts = cited(record_ids, style, library=known)
    if as_json:
        print_json({"style": style, "citations": dict(zip(dict.fromkeys(record_ids), texts, strict=True))})
        return
    for text in texts:
        click.echo(text)
