"""Options that several commands share, each written once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of every random number."
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=None,
    help="Threads of the solver; all cores unless given. Results do not depend on it.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    default="cpu",
    show_default=True,
    help="Where patients are integrated: gpu is the graphics card of this machine (pip install 'vivocart[gpu]').",
)
strict_option = click.option(
    "--strict", is_flag=True, help="A patient whose integration fails is an error, and nothing is written."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else."
)
draws_option = click.option(
    "--draws",
    default="posterior",
    show_default=True,
    metavar="SOURCE",
    help="Where populations come from: posterior (of the shipped fits), prior, or a posterior file.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress; errors only.")


def patients_option(default: int | None):  # noqa: ANN201  (a decorator of click's own type)
    """The ``--patients`` option with its default for one command."""
    shown = default is not None
    return click.option(
        "--patients",
        "n_patients",
        type=click.IntRange(min=1),
        default=default,
        show_default=shown,
        metavar="N",
        help="Number of virtual patients.",
    )


class FiniteRange(click.FloatRange):
    """A range that ``nan`` and ``inf`` do not slip through: they are neither above nor below any limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, if it is finite and within the limits."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number", param, ctx)
        return found


def days_option(shown: str):  # noqa: ANN201  (a decorator of click's own type)
    """The ``--days`` option with what it means for one command."""
    return click.option(
        "--days",
        type=FiniteRange(min=0, min_open=True),
        default=180.0,
        show_default=True,
        help=shown,
    )


def cohorts_option(shown: str):  # noqa: ANN201  (a decorator of click's own type)
    """The ``--cohorts`` option of the credibility table with what it means for one command."""
    return click.option(
        "--cohorts",
        type=click.IntRange(min=2),
        default=400,
        show_default=True,
        metavar="N",
        help=shown,
    )


def out_file_option(example: str, *others: str):  # noqa: ANN201  (a decorator of click's own type)
    """The ``--out`` option for a command that writes one file, in the format of the example or one of the others."""
    suffix = Path(example).suffix
    formats = " or ".join((suffix, *others))

    def checked(context: click.Context, option: click.Parameter, out: Path | None) -> Path | None:
        if out is not None and out.suffix.lower() not in (
            "",
            suffix,
            *others,
        ):  # a .csv would hold what no reader of CSV reads
            raise click.BadParameter(
                f"{out}: this command writes {formats}; name it {out.with_suffix(suffix)}", context, option
            )
        return out

    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=None,
        callback=checked,
        metavar="FILE",
        help=f"File to write, such as {example}; none unless given.",
    )


def examples(*lines: str) -> str:
    """Text under the help of a command: calls that can be copied, one a line."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
