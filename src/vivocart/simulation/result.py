"""What a simulation returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
import xarray as xr

from vivocart.ground.errors import UnknownNameError
from vivocart.ground.provenance import Provenance
from vivocart.patients.population import VirtualPopulation
from vivocart.therapies.regimen import Regimen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Trajectories of virtual patients under one regimen.

    ``data`` has one variable for each observable with dimensions ``(patient, time)`` and attributes ``units`` and
    ``long_name``; time is in days. A failed patient's values are missing from its failure on, and it stands in
    ``failures`` (patient, time_days, state, reason, advice). ``rescues`` lists the doses that the patient's own course
    triggered (patient, time_days, product).
    """

    data: xr.Dataset
    patients: VirtualPopulation
    regimen: Regimen
    failures: pd.DataFrame
    rescues: pd.DataFrame
    provenance: Provenance

    def __getitem__(self, observable: str) -> xr.DataArray:
        """Values of one observable, shape (patient, time); an unknown name is answered with the nearest three."""
        if observable not in self.data:
            raise UnknownNameError("observable", observable, (str(name) for name in self.data.data_vars))
        return self.data[observable]

    @property
    def times_days(self) -> np.ndarray:
        """Output times in days, ascending."""
        return np.asarray(self.data["time"].values)

    def to_frame(self) -> pd.DataFrame:
        """One row for each patient and time, one column for each observable."""
        return self.data.to_dataframe().reset_index()
