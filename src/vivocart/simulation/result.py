"""What a simulation returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pandas as pd

from vivocart.ground.errors import UnknownNameError
from vivocart.ground.provenance import Provenance
from vivocart.model.rows import ObservableRow
from vivocart.patients.population import VirtualPopulation
from vivocart.therapies.regimen import Regimen

if TYPE_CHECKING:
    import xarray as xr


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Trajectories of virtual patients under one regimen.

    ``data`` has one variable for each observable with dimensions ``(patient, time)`` and attributes ``units`` and
    ``long_name``; time is in days. It is made from ``values`` (n_observables, n_times, n_patients) when it is first asked
    for. A failed patient's values are missing from its failure on, and it stands in ``failures`` (patient, time_days,
    state, reason, advice). ``rescues`` lists the doses that the patient's own course triggered (patient, time_days,
    product).
    """

    values: np.ndarray
    times_days: np.ndarray  # output times, ascending
    observables: tuple[ObservableRow, ...]
    patients: VirtualPopulation
    regimen: Regimen
    failures: pd.DataFrame
    rescues: pd.DataFrame
    provenance: Provenance
    _made: list[xr.Dataset] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def data(self) -> xr.Dataset:
        """Every observable by patient and time, as a data set with units and names."""
        if not self._made:
            self._made.append(self._data_set())
        return self._made[0]

    def _data_set(self) -> xr.Dataset:
        import xarray as xr  # a tenth of a second that who reads ``values`` need not wait

        variables = {row.id: self._variable(place) for place, row in enumerate(self.observables)}
        return xr.Dataset(variables, coords=self._coordinates())

    def _variable(self, place: int) -> tuple[tuple[str, str], np.ndarray, dict[str, str]]:
        row = self.observables[place]
        return ("patient", "time"), self.values[place].T, {"units": row.unit, "long_name": row.label}

    def _coordinates(self) -> dict[str, Any]:
        about_time = {"units": "d", "long_name": "time since the first infusion or preparation"}
        # an index of pandas is taken as it is; of an array xarray would first ask libraries of units
        return {
            "patient": pd.Index(self.patients.ids),
            "time": ("time", pd.Index(self.times_days), about_time),
        }

    def __getitem__(self, observable: str) -> xr.DataArray:
        """Values of one observable, shape (patient, time); an unknown name is answered with the nearest three."""
        import xarray as xr

        ids = [row.id for row in self.observables]
        if observable not in ids:
            raise UnknownNameError("observable", observable, ids)
        if self._made:
            return self._made[0][observable]
        dimensions, values, about = self._variable(ids.index(observable))
        return xr.DataArray(values, dims=dimensions, coords=self._coordinates(), attrs=about, name=observable)

    def to_frame(self) -> pd.DataFrame:
        """One row for each patient and time, one column for each observable."""
        return self.data.to_dataframe().reset_index()
