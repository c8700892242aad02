"""``vivocart model run --patients``: any model for a table of patients."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivocart.cli.printing import print_json
from vivocart.cli.progress import progress

if TYPE_CHECKING:
    from vivocart.simulation.run_patients import PatientFailure

_SHOWN = 5  # failures in words


def deliver_patients(
    path: Path,
    patients: Path,
    doses: Path | None,
    out: Path | None,
    *,
    times: Sequence[float],
    observables: tuple[str, ...],
    settings: Mapping[str, Any],
    strict: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Runs the model for every patient of a table and writes the results, to stdout as CSV where no file is named."""
    from vivocart.ground.columns import read_columns
    from vivocart.ground.errors import SimulationError
    from vivocart.scenarios.files import replace_file
    from vivocart.scenarios.patient_results import check_format, file_provenance, write_patients
    from vivocart.simulation.patient_table import PATIENT
    from vivocart.simulation.run_model import read_model_file
    from vivocart.simulation.run_patients import run_patients

    if out is not None:
        check_format(out)
    if as_json and out is None:
        raise click.UsageError("--json needs --out FILE: the results go there")
    model = read_model_file(path)
    table = read_columns(patients, words=(PATIENT,))
    given = None
    if doses is not None:
        given = read_columns(doses, words=(PATIENT, "into"), blank_as_zero=("duration",))
    read = tuple(observables) or model.system.state_ids
    asked = {name: value for name, value in settings.items() if name != "threads"}
    provenance = file_provenance([file for file in (path, patients, doses) if file is not None], asked)

    def write(target: Path) -> tuple[int, list[PatientFailure]]:
        with progress("simulating", quiet=quiet or as_json) as (on_progress, on_message):
            calls = {"on_progress": on_progress, "on_message": on_message}
            parts = run_patients(
                model, table, times=times, doses=given, observables=read, **calls, **settings
            )
            n, failures = write_patients(parts, target, times=times, observables=read, provenance=provenance)
        if strict and failures:
            raise SimulationError(f"{len(failures)} of {n} patients failed; {_in_words(failures[0])}")
        return n, failures

    if out is None:
        _print_results(write)
        return
    with replace_file(out) as partial:
        n, failures = write(partial)
    if as_json:
        told = [{"patient": one.patient, "reason": one.reason} for one in failures]
        print_json({"out": str(out), "patients": n, "failures": told, "provenance": provenance})
        return
    if not quiet:
        click.echo(f"{n} patients, {len(times)} times, {len(read)} observables: {out}")
    _tell_failures(failures)


def _print_results(write: Callable[[Path], tuple[int, list[PatientFailure]]]) -> None:
    """Results as CSV on stdout, once they are all there."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.csv"
        _, failures = write(file)
        with file.open(encoding="utf-8") as stream:
            for line in stream:
                click.echo(line, nl=False)
    _tell_failures(failures)


def _tell_failures(failures: list[PatientFailure]) -> None:
    """Who failed, the first of them in words."""
    for one in failures[:_SHOWN]:
        click.echo(f"failed: {_in_words(one)}", err=True)
    if len(failures) > _SHOWN:
        click.echo(f"failed: {len(failures) - _SHOWN} more; --json lists them all", err=True)


def _in_words(failure: PatientFailure) -> str:
    return f"patient {failure.patient}: {failure.reason}"
