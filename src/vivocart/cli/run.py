"""``vivocart run``: everything that a scenario file asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.compare import compared_arms, comparison_data, print_comparison
from vivocart.cli.options import examples, json_option, quiet_option, threads_option
from vivocart.cli.trial import deliver_trial

if TYPE_CHECKING:
    import pandas as pd

    from vivocart.decisions.compare import Comparison
    from vivocart.scenarios.scenario import Scenario


@click.command(
    epilog=examples("vivocart run scenario.yaml", "vivocart run scenario.yaml --out results/mine --json")
)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@threads_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Folder of the results; results/NAME unless given, with the name of FILE.",
)
@json_option
@quiet_option
def run(*, path: Path, threads: int | None, out: Path | None, as_json: bool, quiet: bool) -> None:
    """Run the scenario of a YAML FILE: a study, or arms in the same virtual patients.

    Keys: study, or arms (each with regimen and label); n_patients, seed; with a study interval_days and intervals; with
    arms days, observables and endpoints. A study is delivered as by `vivocart trial`; arms as summary.json,
    endpoints.parquet, trajectories.parquet (quantile bands) and provenance.json.
    """
    from vivocart.scenarios.scenario import read_scenario

    scenario = read_scenario(path)
    folder = out or Path("results") / path.stem
    if scenario.study is not None:
        deliver_trial(
            scenario.protocol(),
            folder,
            n_patients=scenario.n_patients,
            seed=scenario.seed,
            interval_days=scenario.interval_days,
            threads=threads,
            as_json=as_json,
            quiet=quiet,
        )
    else:
        _deliver_arms(scenario, folder, threads=threads, as_json=as_json, quiet=quiet)


def _deliver_arms(
    scenario: Scenario, folder: Path, *, threads: int | None, as_json: bool, quiet: bool
) -> None:
    from vivocart.scenarios.files import replace_folder, require_writable
    from vivocart.scenarios.summary import to_json

    require_writable(folder)
    compared = compared_arms(scenario, threads=threads, quiet=quiet or as_json)
    bands = _kept_bands(compared, scenario)
    with replace_folder(folder) as staging:
        (staging / "summary.json").write_text(to_json(comparison_data(compared, scenario)), encoding="utf-8")
        (staging / "provenance.json").write_text(compared.provenance.to_json(), encoding="utf-8")
        compared.endpoints.reset_index().to_parquet(staging / "endpoints.parquet", index=False)
        bands.to_parquet(staging / "trajectories.parquet", index=False)
    print_comparison(compared, scenario, folder, as_json=as_json, quiet=quiet)


def _kept_bands(compared: Comparison, scenario: Scenario) -> pd.DataFrame:
    """Quantile bands of the observables that the scenario keeps, in long form."""
    from vivocart.ground.errors import UnknownNameError
    from vivocart.report.write import long_bands

    kept = {}
    for arm, bands in compared.bands.items():
        known = [str(name) for name in bands.data_vars]
        for name in scenario.observables:
            if name not in known:
                raise UnknownNameError("observable", name, known, where="observables")
        kept[arm] = bands[list(scenario.observables)] if scenario.observables else bands
    return long_bands(kept)
