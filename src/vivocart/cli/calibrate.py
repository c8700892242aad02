"""``vivocart calibrate``: the population fitted to published summaries, or to the user's own patients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivocart.cli.calibrate_data import calibrate_data, data_options
from vivocart.cli.options import examples, json_option, quiet_option, seed_option, threads_option
from vivocart.cli.print_posterior import Insight, print_posterior
from vivocart.cli.printing import print_json

if TYPE_CHECKING:
    from vivocart.calibration.posterior import Posterior
    from vivocart.scenarios.calibrate import FitProgress

EVERY = "all"
"""In place of a study: HN2301 and then every family of comparators."""


@click.command(
    epilog=examples(
        "vivocart calibrate hn2301",
        "vivocart calibrate hn2301 --resume",
        "vivocart calibrate hn2301 mueller2024 --out both.nc",
        "vivocart calibrate rituximab",
        "vivocart calibrate mystudy.yaml --observations mine.csv",
        "vivocart calibrate --data patients.csv --map map.yaml",
    )
)
@click.argument("studies", nargs=-1, metavar="[STUDY]...")
@click.option(
    "--particles",
    "n_particles",
    type=click.IntRange(min=20),
    default=None,
    metavar="N",
    help="Populations carried along; as many as some minutes allow unless given.",
)
@click.option(
    "--sweeps",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Rounds of moves after each step of the temperature, five times as many after the last; 6 unless given.",
)
@click.option(
    "--cohorts",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Cohorts of each study that every population carries.",
)
@click.option(
    "--observations",
    type=click.Path(path_type=Path),
    default=None,
    metavar="CSV",
    help="Observations of your own, fitted with the shipped ones of the same study.",
)
@click.option("--resume", is_flag=True, help="Go on where the same call was stopped, to the same result.")
@click.option(
    "--mechanisms",
    is_flag=True,
    help="Fit the alternative mechanisms to the same data too (five shorter fits) and compare what they predict.",
)
@data_options
@seed_option
@threads_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="NetCDF file of the posterior, results/STUDY-posterior.nc unless given; with --data a folder.",
)
@json_option
@quiet_option
def calibrate(
    *,
    studies: tuple[str, ...],
    seed: int,
    threads: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Fit the population to published summaries of STUDY (several are fitted together), by sequential Monte Carlo.

    The name of a family of comparators, such as rituximab, fits its own parameters to its own published data, in patients
    and a disease as the shipped fit of HN2301 found them; all fits HN2301 and then every family, as they ship.

    The posterior of typical values, between-patient spreads and unknown dosing intervals goes to one NetCDF file that
    ArviZ reads. The same command and seed give the same file. Ctrl-C leaves a checkpoint; --resume goes on from it.
    With --data, individual patients are fitted instead.
    """
    from vivocart.ground.errors import InputError

    own = {
        name: options.pop(name)
        for name in ("n_particles", "sweeps", "cohorts", "observations", "resume", "mechanisms")
    }
    data: Path | None = options.pop("data")
    if data is not None:
        if studies:
            raise InputError("given with --data", where=" ".join(studies), mend="leave one of them out")
        calibrate_data(
            data, options=options, out=out, seed=seed, threads=threads, as_json=as_json, quiet=quiet
        )
        return
    if not studies:
        raise InputError(
            "nothing to fit", where="calibrate", mend="name a study, such as hn2301, or give --data"
        )
    if studies == (EVERY,):
        _calibrate_every(own, out=out, seed=seed, threads=threads, as_json=as_json, quiet=quiet)
    else:
        _calibrate_studies(studies, own, out=out, seed=seed, threads=threads, as_json=as_json, quiet=quiet)


def _calibrate_every(
    options: dict[str, Any],
    *,
    out: Path | None,
    seed: int,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """HN2301 and then each family with it, into one folder; particles and rounds of ``fits.yaml`` unless given."""
    from vivocart.calibration.fits import BASE, families
    from vivocart.calibration.posterior import Posterior
    from vivocart.ground.errors import InputError

    for name, is_given in (("json", as_json), ("resume", options["resume"])):
        if is_given:
            raise InputError("several fits", where=f"--{name}", mend="name one of them")
    _refuse_for_family(options)
    folder = out or Path("results") / "posteriors"
    path = folder / f"{BASE}.nc"
    usual: dict[str, Any] = {"seed": seed, "threads": threads, "as_json": False, "quiet": quiet}
    _calibrate_studies((BASE,), options, out=path, **usual)
    base = Posterior.read(path)
    for name in families():
        _calibrate_studies((name,), options, out=folder / f"{name}.nc", base=base, **usual)


def _calibrate_studies(
    studies: tuple[str, ...],
    options: dict[str, Any],
    *,
    out: Path | None,
    seed: int,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    base: Posterior | None = None,
) -> None:
    from vivocart.calibration.fits import families
    from vivocart.model.load import load_model
    from vivocart.scenarios.files import replace_file, require_writable

    is_family = len(studies) == 1 and studies[0].lower() in families()
    if is_family:
        _refuse_for_family(options)
    path = out or Path("results") / ("-".join(Path(name).stem for name in studies) + "-posterior.nc")
    require_writable(path.parent)
    checkpoint = path.with_name(path.name + ".checkpoint.npz")
    silent = quiet or as_json
    try:
        posterior = _fitted(
            studies, options, base, seed=seed, checkpoint=checkpoint, threads=threads, silent=silent
        )
    except KeyboardInterrupt:
        if not quiet and checkpoint.exists():
            click.echo(f"kept in {checkpoint}: the same call with --resume goes on", err=True)
        raise
    with replace_file(path) as partial:
        posterior.write(partial)
    checkpoint.unlink(missing_ok=True)
    if quiet and not as_json:
        return
    found = Insight(posterior=posterior, model=load_model())
    if len(studies) == 1 and not is_family:
        said = None if silent else _say
        found = found.with_worth(studies[0], seed=seed, threads=threads, on_message=said)
        if options["mechanisms"]:
            found = found.with_mechanisms(studies[0], seed=seed, threads=threads, on_message=said)
    if as_json:
        print_json(found.summary() | {"file": str(path)})
    else:
        print_posterior(found)
        click.echo(f"Posterior: {path} ({path.stat().st_size / 1e3:.0f} kB)")


def _fitted(
    studies: tuple[str, ...],
    options: dict[str, Any],
    base: Posterior | None,
    *,
    seed: int,
    checkpoint: Path,
    threads: int | None,
    silent: bool,
) -> Posterior:
    """The fit of studies, or of the one family that is named."""
    from vivocart.calibration.fits import families
    from vivocart.scenarios.calibrate import DEFAULT_SWEEPS, calibrate
    from vivocart.scenarios.comparators import calibrate_family

    shared: dict[str, Any] = {
        "n_particles": options["n_particles"],
        "seed": seed,
        "checkpoint": checkpoint,
        "resume": options["resume"],
        "threads": threads,
        "on_progress": None if silent else _teller(),
        "on_message": None if silent else _say,
    }
    if len(studies) == 1 and studies[0].lower() in families():
        return calibrate_family(studies[0], base=base, sweeps=options["sweeps"], **shared)
    return calibrate(
        list(studies),
        sweeps=options["sweeps"] or DEFAULT_SWEEPS,
        cohorts_per_particle=options["cohorts"],
        extra_observations=options["observations"],
        **shared,
    )


def _refuse_for_family(options: dict[str, Any]) -> None:
    """Refuse what a family's fit does not know."""
    from vivocart.ground.errors import InputError

    for name, unless in (("cohorts", 1), ("observations", None), ("mechanisms", False)):
        if options[name] != unless:
            raise InputError(
                "a family of comparators is fitted without it",
                where=f"--{name}",
                mend="leave it out, or name studies instead",
            )


def _say(text: str) -> None:
    click.echo(text, err=True)


def _teller() -> Callable[[FitProgress], None]:
    """Progress on stderr, one line a round, written over where it is a terminal."""
    import sys

    terminal = sys.stderr.isatty()

    def tell(now: FitProgress) -> None:
        if terminal:
            click.echo(f"\r\x1b[K{now}", err=True, nl=now.temperature >= 1.0 and now.sweep == 0)
        elif now.sweep == 0 or now.temperature >= 1.0:
            click.echo(str(now), err=True)

    return tell
