"""Every command that a record page shows exists and takes what it shows."""

from __future__ import annotations

import click
import pytest

from vivocart.cli.main import cli
from vivocart.evidence.library import record, records
from vivocart.report.record_page import record_view


def _parsed(words: list[str]) -> click.Context:
    """The context of a command line, parsed and not run."""
    command: click.Command = cli
    context = click.Context(cli, info_name="vivocart")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    return command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("name", ["wang2025", next(name for name in records() if not record(name).pmid)])
def test_commands_on_the_page_exist(name):
    view = record_view(record(name))
    lines = [list(words) for _, _, words in view["commands"]] + [view["local"].split()]
    lines.append([*view["email"], "--to", "you@example.org", "--format", "abstract_text", "--mesh"])
    assert len(lines) == 6
    for words in lines:
        assert words[0] == "vivocart"
        _parsed(words[1:])
