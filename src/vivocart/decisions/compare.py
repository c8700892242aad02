"""Therapies compared in the same virtual patients.

Every arm sees the same patients with the same parameters, so that a difference between arms is the therapy's and not the
draw's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
import xarray as xr

from vivocart.endpoints.table import endpoints, quantiles, summarize
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.provenance import Provenance, join
from vivocart.model.load import Model
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.bands import count_bands, quantile_bands
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Arms in the same virtual patients.

    ``endpoints`` has the index (arm, patient) and a column for each endpoint (units in ``attrs["units"]``); ``bands`` holds
    each arm's quantile bands; ``failures`` names the patients who stand in no statistic.
    """

    arms: Mapping[str, Regimen]
    endpoints: pd.DataFrame
    bands: Mapping[str, xr.Dataset]
    failures: pd.DataFrame
    provenance: Provenance

    def of_arm(self, arm: str) -> pd.DataFrame:
        """Endpoints of one arm as :func:`vivocart.endpoints.table.endpoints` gives them.

        Raises
        ------
        UnknownNameError
            If there is no such arm.
        """
        if arm not in self.arms:
            raise UnknownNameError("arm", arm, self.arms)
        table = self.endpoints.loc[arm]
        n_failed = [str(name) for name in self.failures["arm"]].count(arm)
        table.attrs.update(self.endpoints.attrs, n_failed=n_failed)
        return table

    def summary(self) -> pd.DataFrame:
        """Each arm's endpoints as :func:`vivocart.endpoints.table.summarize` gives them, with a column ``arm`` in front."""
        parts: list[pd.DataFrame] = []
        for arm in self.arms:
            part = summarize(self.of_arm(arm))
            part.insert(0, "arm", arm)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def paired(self, reference: str) -> pd.DataFrame:
        """Difference of each arm from ``reference`` within the same patient.

        Returns
        -------
        pandas.DataFrame
            Columns ``arm, endpoint, q05, median, q95, n``; patients in whom either value is missing or not reached are
            left out of ``n``.

        Raises
        ------
        UnknownNameError
            If ``reference`` is no arm.
        """
        if reference not in self.arms:
            raise UnknownNameError("arm", reference, self.arms)
        base = self.endpoints.loc[reference]
        rows: list[dict[str, object]] = []
        for arm in self.arms:
            if arm == reference:
                continue
            here = self.endpoints.loc[arm]
            for name in here.columns.intersection(base.columns):
                values = here[name].to_numpy() - base[name].to_numpy()
                values = values[np.isfinite(values)]
                low, middle, high = quantiles(values, (0.05, 0.5, 0.95))
                rows.append(
                    {
                        "arm": arm,
                        "endpoint": name,
                        "q05": low,
                        "median": middle,
                        "q95": high,
                        "n": len(values),
                    }
                )
        return pd.DataFrame(rows)


def compare(
    model: Model,
    arms: Mapping[str, Regimen],
    patients: VirtualPopulation,
    *,
    days: float,
    endpoint_ids: Sequence[str] | None = None,
    rescue: Sequence[Rescue] = (),
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Simulate every arm in the same patients and read the endpoints.

    Parameters
    ----------
    arms
        Label to regimen, at least one.
    days
        Length of each simulation, in days.
    endpoint_ids
        Endpoints to read; all that the simulation allows if left out.
    on_progress
        Called with (patients done, patients in all arms).

    Raises
    ------
    InputError
        If there is no arm.
    """
    if not arms:
        raise InputError("no arm to compare", where="arms", mend="name at least one regimen")
    n_patients = len(patients.ids)
    tables: dict[str, pd.DataFrame] = {}
    bands: dict[str, xr.Dataset] = {}
    failures: list[pd.DataFrame] = []
    provenances: list[Provenance] = []
    for position, (label, regimen) in enumerate(arms.items()):
        step = _shifted(on_progress, position * n_patients, len(arms) * n_patients)
        sim = simulate(model, regimen, patients, days=days, rescue=rescue, threads=threads, on_progress=step)
        tables[label] = endpoints(sim, endpoint_ids)
        bands[label] = quantile_bands(count_bands(sim.data, [str(name) for name in sim.data.data_vars]))
        failures.append(sim.failures.assign(arm=label))
        provenances.append(sim.provenance)
    united = pd.concat(tables, names=["arm", "patient"])
    united.attrs.update(next(iter(tables.values())).attrs)
    return Comparison(
        arms=dict(arms),
        endpoints=united,
        bands=bands,
        failures=pd.concat(failures, ignore_index=True),
        provenance=join(provenances),
    )


def _shifted(
    on_progress: Callable[[int, int], None] | None, before: int, total: int
) -> Callable[[int, int], None] | None:
    """Progress of one arm, told as progress of all of them."""
    if on_progress is None:
        return None
    return lambda done, _: on_progress(before + done, total)
