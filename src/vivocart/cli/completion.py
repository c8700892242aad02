"""``vivocart completion``: completion of commands and options in the shell."""

from __future__ import annotations

import click

from vivocart.cli.options import examples


@click.command(
    epilog=examples(
        "vivocart completion bash >> ~/.bashrc",
        "vivocart completion fish > ~/.config/fish/completions/vivocart.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print the completion script of a SHELL: bash, zsh or fish."""
    from click.shell_completion import get_completion_class

    maker = get_completion_class(shell)
    if maker is None:  # the choice above names only shells that click knows
        raise click.UsageError(f"no completion for {shell}")
    script = maker(context.find_root().command, {}, "vivocart", "_VIVOCART_COMPLETE")
    click.echo(script.source_template % script.source_vars())
