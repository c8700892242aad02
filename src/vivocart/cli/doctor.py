"""``vivocart doctor``: is everything in place on this machine."""

from __future__ import annotations

import click

from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json


@click.command(
    epilog=examples(
        "vivocart doctor",
        "vivocart doctor --json",
    )
)
@json_option
def doctor(*, as_json: bool) -> None:
    """Say what this machine has: versions, processor, threads, graphics card, cache folder, compiled kernels."""
    import platform

    from vivocart.ground.provenance import current_versions
    from vivocart.simulation.device import graphics_card
    from vivocart.simulation.machine import kernel_cache, thread_count

    cache = kernel_cache()
    versions = current_versions()
    found = {
        "versions": versions,
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "threads": thread_count(),
        "graphics_card": graphics_card(),
        "cache": {"folder": str(cache.folder), "is_writable": cache.is_writable, "kernels": cache.n_kernels},
    }
    if as_json:
        print_json(found)
        return
    for name, value in versions.items():
        click.echo(f"{name:16} {value}")
    click.echo(f"{'platform':16} {found['platform']}")
    click.echo(f"{'processor':16} {found['processor']}, {found['threads']} threads")
    click.echo(f"{'graphics card':16} {found['graphics_card']}")
    state = (
        f"{cache.n_kernels} compiled kernels"
        if cache.n_kernels
        else "no compiled kernel yet: the first run compiles once"
    )
    click.echo(
        f"{'cache':16} {cache.folder} ({'writable' if cache.is_writable else 'NOT writable'}; {state})"
    )
