"""Write the reference page of the command line, ``docs/reference/cli.md``; with ``--check``, only compare it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vivocart.cli.main import cli

_HEAD = """# Command line

Written by `python docs/make_reference.py` from the commands themselves; change the commands, not this page.

Exit codes: 0 done; 1 a fault of ours, or one that `evidence check` or `evidence retractions` found; 2 something asked that
cannot be done; 130 stopped with Ctrl-C.

For research, not for treatment decisions.
"""
_WIDTH = 100


def cli_page() -> str:
    """Markdown of every command's help, in the order of the command line."""
    parts = [_HEAD, _section("vivocart", cli, None)]
    return "\n".join(parts)


def _section(name: str, command: click.Command, parent: click.Context | None) -> str:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    help_text = command.get_help(context).replace("\b", "").rstrip()
    text = f"## {context.command_path}\n\n```text\n{help_text}\n```\n"
    below = command.commands if isinstance(command, click.Group) else {}
    return "\n".join([text, *(_section(inner, below[inner], context) for inner in sorted(below))])


def main() -> int:
    """Write the pages, or compare them; 1 if one is out of date."""
    target = Path(__file__).parent / "reference" / "cli.md"
    page = cli_page()
    if "--check" in sys.argv[1:]:
        if target.is_file() and target.read_text(encoding="utf-8") == page:
            return 0
        sys.stderr.write("docs/reference/cli.md is out of date: run python docs/make_reference.py\n")
        return 1
    target.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
