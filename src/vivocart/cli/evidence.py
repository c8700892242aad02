"""``vivocart evidence``: records, quantities and citations behind the numbers."""

from __future__ import annotations

import click

from vivocart.cli.options import examples


@click.group(
    epilog=examples(
        "vivocart evidence check",
    )
)
def evidence() -> None:
    """Records, quantities and citations behind the model's numbers."""
