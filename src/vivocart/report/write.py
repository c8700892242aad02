"""The five files of a trial: all of them new and whole, or none changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vivocart.report.html import render_report
from vivocart.scenarios.endpoint_table import ENDPOINTS_FILE, write_endpoint_file
from vivocart.scenarios.files import replace_folder
from vivocart.scenarios.result import TrialResult
from vivocart.scenarios.summary import summary, to_json

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

FILES = ("endpoints.parquet", "provenance.json", "report.html", "summary.json", "trajectories.parquet")
"""Names of the files, in alphabetical order."""


def write_trial(result: TrialResult, folder: Path) -> None:
    """Write report, summary, endpoints, trajectory bands and provenance into ``folder``.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full; what stood there before is unchanged.
    """
    with replace_folder(folder) as staging:
        write_files(result, staging)


def write_files(result: TrialResult, folder: Path) -> None:
    """Write the files of :func:`write_trial` one after the other into a folder that exists."""
    report = render_report(result)
    (folder / "report.html").write_text(report, encoding="utf-8")
    (folder / "summary.json").write_text(to_json(summary(result)), encoding="utf-8")
    (folder / "provenance.json").write_text(result.provenance.to_json(), encoding="utf-8")
    write_endpoint_file(folder / ENDPOINTS_FILE, {arm.label: arm.table for arm in result.arms})
    band_frame(result).to_parquet(folder / "trajectories.parquet", index=False)


def band_frame(result: TrialResult) -> pd.DataFrame:
    """Quantile bands of every arm, as :func:`long_bands` writes them."""
    return long_bands({arm.label: arm.bands for arm in result.arms})


def long_bands(bands: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Quantile bands in long form: ``arm, observable, unit, time_days, q05, q25, q50, q75, q95``."""
    import pandas as pd

    parts = [_bands(arm, of_arm, str(name)) for arm, of_arm in bands.items() for name in of_arm.data_vars]
    return pd.concat(parts, ignore_index=True)


def _bands(label: str, bands: xr.Dataset, name: str) -> pd.DataFrame:
    import pandas as pd

    values = bands[name]
    columns = {
        f"q{round(100 * float(q)):02d}": values.sel(quantile=q).values for q in bands["quantile"].values
    }
    head = {
        "arm": label,
        "observable": name,
        "unit": values.attrs.get("units", ""),
        "time_days": bands["time"].values,
    }
    return pd.DataFrame({**head, **columns})
