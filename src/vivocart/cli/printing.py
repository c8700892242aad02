"""Tables and JSON on stdout."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vivocart.ground.tables import Issue


RESEARCH_ONLY = "For research, not for treatment decisions."
_PIPE_WIDTH = 140  # a file has no width; wide enough that identifiers stay whole


def print_json(data: Mapping[str, Any]) -> None:
    """One JSON object with sorted keys; a number that is missing is null."""
    from vivocart.scenarios.summary import to_json

    click.echo(to_json(data), nl=False)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal; the first column is flush left, the others right."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))  # brackets are text, such as a unit's
    console.print(table)


def print_issues(what: str, issues: Sequence[Issue], *, as_json: bool) -> None:
    """Findings of a check, one a line.

    Raises
    ------
    InputError
        If one of them is an error, so that the exit code says it.
    """
    from vivocart.ground.errors import InputError

    errors = [issue for issue in issues if issue.level == "error"]
    if as_json:
        print_json({"errors": len(errors), "issues": [issue.model_dump(mode="json") for issue in issues]})
    else:
        for issue in issues:
            click.echo(f"{issue.level}: {issue}")
    if errors:
        raise InputError(f"{len(errors)} errors in {what}", mend="mend the places named above")
    if not as_json:
        click.echo(f"{what}: no error, {len(issues)} warnings")
