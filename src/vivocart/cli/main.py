"""The ``vivocart`` command and the one place where errors become one line and an exit code.

Exit codes: 0 done; 1 a fault of ours; 2 something asked that cannot be done; 130 stopped with Ctrl-C; 141 reader went away.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence

import click

from vivocart.cli.calibrate import calibrate
from vivocart.cli.compare import compare
from vivocart.cli.completion import completion
from vivocart.cli.doctor import doctor
from vivocart.cli.evidence import evidence
from vivocart.cli.model import model
from vivocart.cli.options import examples
from vivocart.cli.report import report
from vivocart.cli.run import run as run_scenario
from vivocart.cli.sensitivity import sensitivity
from vivocart.cli.serve import serve
from vivocart.cli.simulate import simulate
from vivocart.cli.trial import trial
from vivocart.cli.validate import validate
from vivocart.ground.errors import DISK_FULL, VivocartError

_DEBUG = "VIVOCART_DEBUG"
_REFUSED, _FAULT, _INTERRUPTED, _READER_GONE = 2, 1, 130, 141


def _print_version(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked:
        import importlib.metadata

        click.echo(f"vivocart {importlib.metadata.version('vivocart')}")
        context.exit()


@click.group(
    name="vivocart",
    epilog=examples(
        "vivocart trial hn2301",
        "vivocart simulate --product HN2301 --dose-mg 4 --infusions 3 --interval-days 3",
        'vivocart compare --arm "HN2301 4 mg x 3 every 3 d" --arm "rituximab 1000 mg x 2 every 14 d"',
    ),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
@click.option(
    "--debug", is_flag=True, help=f"Show the full traceback of an unexpected error (or set {_DEBUG}=1)."
)
@click.pass_context
def cli(context: click.Context, *, debug: bool) -> None:
    """In vivo CAR-T, in silico: from LNP dose to lupus remission, in virtual patients.

    For research, not for treatment decisions.
    """
    if debug:
        os.environ[_DEBUG] = "1"
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _command in (
    trial,
    simulate,
    compare,
    calibrate,
    run_scenario,
    sensitivity,
    serve,
    model,
    evidence,
    doctor,
    completion,
    validate,
    report,
):
    cli.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Exit code of one call of the command line; every error has been said on stderr in one line.

    Parameters
    ----------
    arguments
        Words after ``vivocart``.
    """
    try:
        with cli.make_context("vivocart", list(arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say("stopped: interrupted before the end; no result was changed", _INTERRUPTED)
    except BrokenPipeError:
        _drop_output()
        return _READER_GONE
    except Exception as error:  # the outermost frame: nothing may reach the user as a traceback
        return _tell(error)
    return 0


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    if "_VIVOCART_COMPLETE" in os.environ:
        cli.main(prog_name="vivocart")
    code = _guard(lambda: run(sys.argv[1:]))
    sys.exit(code)


def _guard(call: Callable[[], int]) -> int:
    """Ctrl-C while an error is being told still ends quietly."""
    try:
        return call()
    except KeyboardInterrupt:
        return _INTERRUPTED


def _debugging() -> bool:
    return os.environ.get(_DEBUG, "") not in {"", "0"}


def _tell(error: Exception) -> int:
    if _debugging():
        import traceback

        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        return _say(_usage_text(error), _REFUSED)
    if isinstance(error, VivocartError):
        return _say(str(error), _REFUSED)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        _drop_output()
        return _say(
            "no space is left on the disk that was written to; make room, or write elsewhere", _REFUSED
        )
    hint = "" if _debugging() else f"; run again with {_DEBUG}=1 for the details and report it"
    return _say(f"unexpected {type(error).__name__}: {error}{hint}", _FAULT)


def _say(text: str, code: int) -> int:
    line = " ".join(text.split())
    click.echo(line if line.startswith("stopped:") else f"error: {line}", err=True)
    return code


def _usage_text(error: click.ClickException) -> str:
    text = error.format_message()
    context = getattr(error, "ctx", None)
    return f"{text.rstrip('.')}; see {context.command_path} --help" if context is not None else text


def _drop_output() -> None:
    # what is still buffered must not fail a second time when Python closes the stream
    with contextlib.suppress(OSError):  # a stream without a number has no such buffer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
