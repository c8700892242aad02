"""One arm of a trial, any number of patients in chunks that change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from vivocart.calibration.observations import Observation
from vivocart.endpoints.readings import MissingReadingError, Readings, read
from vivocart.endpoints.registry import known_endpoints
from vivocart.endpoints.sledai import sledai_items, sledai_score, sledai_table
from vivocart.endpoints.table import endpoints, quantiles
from vivocart.model.load import Model
from vivocart.patients.criteria import EntryCriteria
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.result import ArmResult
from vivocart.simulation.bands import BandCounts, count_bands, quantile_bands
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.result import Simulation
from vivocart.simulation.run import simulate
from vivocart.simulation.taper import Taper
from vivocart.therapies.regimen import Regimen

CHUNK = 1024
"""Patients simulated at once; a limit on memory only."""

_VISIT_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}

Tick = Callable[[int], None]
"""Called with the number of patients just done."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all arms of a trial share."""

    model: Model
    seed: int
    days: float
    visits_days: tuple[float, ...]
    criteria: EntryCriteria | None
    rescue: tuple[Rescue, ...]
    observations: tuple[Observation, ...]
    threads: int | None
    on_message: Callable[[str], None] | None
    taper: Taper | None = None

    def simulate(
        self, regimen: Regimen, patients: VirtualPopulation, *, observables: Sequence[str] | None = None
    ) -> Simulation:
        """One group of patients under one regimen, as long as the trial lasts after the first infusion."""
        return simulate(
            self.model,
            regimen,
            patients,
            days=self.days + regimen.first_infusion_day,
            observables=observables,
            rescue=self.rescue,
            taper=self.taper,
            threads=self.threads,
            on_message=self.on_message,
        )

    def patients(
        self, first: int, count: int, *, typical_draw: np.ndarray | None = None
    ) -> VirtualPopulation:
        """Virtual patients ``first`` to ``first + count - 1`` of the trial's seed.

        With ``typical_draw`` (count,) those who share a number share uncertain typical values.
        """
        return VirtualPopulation.sample(
            self.model,
            n_patients=count,
            seed=self.seed,
            criteria=self.criteria,
            first=first,
            typical_draw=typical_draw,
        )


def observed(setting: Setting, simulation: Simulation) -> pd.DataFrame:
    """What published observations read and no endpoint of the table gives: a column for each of them.

    Observables on a day, and endpoints on days that are no visit of theirs; none for a day that the simulation lacks.
    """
    columns: dict[str, np.ndarray] = {}
    for observation in setting.observations:
        name, day = observation.measure, observation.time_days
        if name in simulation.data and day is not None:
            start = simulation.regimen.first_infusion_day
            columns[observation.id] = simulation[name].interp(time=day + start).values
        elif name and name not in known_endpoints():
            with suppress(MissingReadingError):
                columns[observation.id] = endpoints(simulation, [name])[name].to_numpy(dtype=float)
    return pd.DataFrame(columns, index=pd.Index(simulation.patients.ids, name="patient"))


def run_arm(
    setting: Setting, label: str, regimen: Regimen, *, n_patients: int, cohort_size: int, tick: Tick
) -> tuple[ArmResult, pd.DataFrame]:
    """Simulate one arm; keep bands, endpoints, SLEDAI-2K at visits and failures, and what :func:`observed` gives.

    Parameters
    ----------
    cohort_size
        Patients whom the source treated in this arm.
    """
    counts: BandCounts | None = None
    tables: list[pd.DataFrame] = []
    seen: list[pd.DataFrame] = []
    items: list[np.ndarray] = []
    failures: list[pd.DataFrame] = []
    for simulation in _chunks(setting, regimen, n_patients):
        names = [str(name) for name in simulation.data.data_vars]
        counts = count_bands(simulation.data, names, before=counts)
        tables.append(endpoints(simulation))
        seen.append(observed(setting, simulation))
        readings, _ = read(simulation)
        items.append(_items_at_visits(readings, setting.visits_days))
        failures.append(simulation.failures)
        tick(len(simulation.patients))
    assert counts is not None  # there is at least one patient, so at least one chunk
    present = np.concatenate(items)
    bands = quantile_bands(counts)
    shifted = bands["time"] - regimen.first_infusion_day
    result = ArmResult(
        label=label,
        regimen=regimen,
        n_patients=n_patients,
        cohort_size=cohort_size,
        bands=bands.assign_coords(time=("time", shifted.values, bands["time"].attrs)),
        endpoints=joined(tables),
        sledai_visits=_score_quantiles(present, setting.visits_days),
        sledai_items=_item_shares(present, setting.visits_days),
        failures=pd.concat(failures, ignore_index=True),
    )
    return result, pd.concat(seen)


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Endpoint tables of several chunks as one, the counts in ``attrs`` added up."""
    table = pd.concat(tables)
    table.attrs = dict(tables[0].attrs)
    table.attrs["n_failed"] = sum(int(part.attrs["n_failed"]) for part in tables)
    for name in ("not_applicable", "not_reached"):
        table.attrs[name] = {
            column: sum(int(part.attrs[name][column]) for part in tables) for column in tables[0].attrs[name]
        }
    return table


def visit_items(readings: Readings, visits_days: Sequence[float]) -> pd.DataFrame:
    """SLEDAI-2K items of the first patient of some readings: columns item, weight, organ, day, present."""
    present = _items_at_visits(readings, visits_days)[0]
    return pd.DataFrame(
        [
            {"item": row.item, "weight": row.weight, "organ": row.organ, "day": day, "present": bool(flag)}
            for visit, day in enumerate(visits_days)
            for row, flag in zip(sledai_table(), present[visit], strict=True)
        ]
    )


def _chunks(setting: Setting, regimen: Regimen, n_patients: int) -> Iterator[Simulation]:
    for first in range(0, n_patients, CHUNK):
        yield setting.simulate(regimen, setting.patients(first, min(CHUNK, n_patients - first)))


def _items_at_visits(readings: Readings, visits_days: Sequence[float]) -> np.ndarray:
    """Items present, shape (n, n_visits, 24)."""
    return np.stack([sledai_items(readings, day) for day in visits_days], axis=1)


def _score_quantiles(present: np.ndarray, visits_days: Sequence[float]) -> pd.DataFrame:
    rows: list[dict[str, float]] = []
    for visit, day in enumerate(visits_days):
        values = quantiles(sledai_score(present[:, visit]).astype(float), tuple(_VISIT_QUANTILES.values()))
        rows.append({"day": day} | dict(zip(_VISIT_QUANTILES, values.tolist(), strict=True)))
    return pd.DataFrame(rows)


def _item_shares(present: np.ndarray, visits_days: Sequence[float]) -> pd.DataFrame:
    shares = present.mean(axis=0)
    return pd.DataFrame(
        [
            {"item": row.item, "weight": row.weight, "organ": row.organ, "day": day, "share": float(share)}
            for visit, day in enumerate(visits_days)
            for row, share in zip(sledai_table(), shares[visit], strict=True)
        ]
    )
