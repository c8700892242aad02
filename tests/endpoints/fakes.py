"""A simulation made by hand: every observable of the model, curves simple enough to work out on paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

from vivocart.model.rows import SledaiItemRow
from vivocart.therapies.regimen import Regimen

OBSERVABLES = {
    "lnp_plasma": 0.1,
    "cd8_blood": 300.0,
    "car_t_blood": 0.0,
    "car_percent_cd8": 0.0,
    "car_percent_cd8_tissue": 0.0,
    "b_cells_blood": 100.0,
    "b_cells_tissue_fraction": 1.0,
    "b_cells_marrow_fraction": 1.0,
    "naive_b_blood": 60.0,
    "memory_b_blood": 40.0,
    "memory_b_tissue_fraction": 1.0,
    "gc_b_fraction": 1.0,
    "plasmablasts_blood": 5.0,
    "plasma_cells_short_fraction": 1.0,
    "plasma_cells_long_fraction": 1.0,
    "autoantibody": 1.0,
    "anti_dsdna": 200.0,
    "igg": 12.0,
    "c3": 0.6,
    "c4": 0.1,
    "il6": 8.0,
    "ifng": 5.0,
    "crp": 4.0,
    "cytokine_signal": 8.0,
    "tissue_inflammation": 1.0,
    "renal_inflammation": 1.0,
    "upcr": 2.0,
    "tocilizumab": 0.0,
    "lymphodepletion": 0.0,
    "carrier_antibody": 0.0,
    "prednisone": 10.0,
}
THRESHOLDS = {
    "crs_fever_threshold": 25.0,
    "crs_grade2_threshold": 120.0,
    "crs_grade3_threshold": 1000.0,
    "crs_grade4_threshold": 5000.0,
}
ITEMS = """seizure 8 CNS|psychosis 8 CNS|organic_brain_syndrome 8 CNS|visual_disturbance 8 CNS|cranial_nerve_disorder 8 CNS
lupus_headache 8 CNS|cva 8 CNS|vasculitis 8 vascular|arthritis 4 musculoskeletal|myositis 4 musculoskeletal
urinary_casts 4 renal|haematuria 4 renal|proteinuria 4 renal|pyuria 4 renal|rash 2 skin|alopecia 2 skin|mucosal_ulcers 2 skin
pleurisy 2 serosal|pericarditis 2 serosal|low_complement 2 immunologic|anti_dsdna 2 immunologic|fever 1 constitutional
thrombocytopenia 1 haematologic|leukopenia 1 haematologic"""


@dataclass(frozen=True)
class FakeSimulation:
    data: xr.Dataset
    patients: SimpleNamespace
    regimen: Regimen
    failures: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"patient": np.empty(0, int), "time_days": np.empty(0)})
    )
    rescues: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            {"patient": np.empty(0, int), "time_days": np.empty(0), "product": np.empty(0, object)}
        )
    )

    @property
    def times_days(self) -> np.ndarray:
        return self.data["time"].values

    @property
    def observables(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(id=name) for name in self.data.data_vars]

    @property
    def values(self) -> list[np.ndarray]:
        return [self.data[name].values.T for name in self.data.data_vars]


def letter() -> Regimen:
    return Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)


def default_times(days: float = 180.0) -> np.ndarray:
    hours = np.arange(0, 14 * 24, 1.0) / 24.0
    return np.unique(np.concatenate([hours, np.arange(0.0, days + 0.5, 1.0)]))


def item_table() -> tuple[SledaiItemRow, ...]:
    """24 items as the model's table has them: clinical ones by threshold, serology and proteinuria by limits."""
    special = {
        "proteinuria": ("upcr", "above", "0.5"),
        "anti_dsdna": ("anti_dsdna", "above", "30"),
        "low_complement": ("c3;c4", "below", "0.9;0.16"),
    }
    rows = []
    for entry in ITEMS.replace("\n", "|").split("|"):
        item, weight, organ = entry.split()
        driver = "renal_inflammation" if organ == "renal" else "tissue_inflammation"
        driver, rule, limit = special.get(item, (driver, "threshold", ""))
        rows.append(
            SledaiItemRow(
                item=item,
                weight=int(weight),
                organ=organ,
                serological=organ == "immunologic",
                driver=driver,
                rule=rule,
                limit=limit,
                unit="1",
                prevalence=0.1,
                kind="assumed",
            )
        )
    return tuple(rows)


def simulation(
    n_patients: int = 3,
    *,
    times: np.ndarray | None = None,
    regimen: Regimen | None = None,
    present: tuple[str, ...] = ("arthritis", "rash"),
    parameters: dict[str, np.ndarray] | None = None,
    rescues: pd.DataFrame | None = None,
    failures: pd.DataFrame | None = None,
    first_patient: int = 0,
    **curves: np.ndarray,
) -> FakeSimulation:
    """Patients at rest but for the ``curves`` given: observable to (n_times,) or (n_patients, n_times)."""
    grid = default_times() if times is None else times
    shape = (n_patients, grid.size)
    variables = {
        name: (("patient", "time"), np.broadcast_to(curves.get(name, value), shape).copy())
        for name, value in OBSERVABLES.items()
    }
    data = xr.Dataset(
        variables, coords={"patient": np.arange(first_patient, first_patient + n_patients), "time": grid}
    )
    thresholds = {
        f"sledai_threshold_{entry.item}": np.full(n_patients, 0.5 if entry.item in present else 2.0)
        for entry in item_table()
    }
    own = {name: np.full(n_patients, value) for name, value in THRESHOLDS.items()} | (parameters or {})
    optional = {
        key: value for key, value in (("rescues", rescues), ("failures", failures)) if value is not None
    }
    return FakeSimulation(
        data=data,
        patients=SimpleNamespace(ids=data["patient"].values, covariates=thresholds, parameters=own),
        regimen=regimen or letter(),
        **optional,
    )
