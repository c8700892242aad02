"""What an endpoint reads: trajectories, covariates, parameters, doses and rescues of the patients that reached the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, final

import numpy as np
import pandas as pd

from vivocart.endpoints import curves
from vivocart.ground.errors import InputError

if TYPE_CHECKING:
    from vivocart.simulation.result import Simulation
    from vivocart.therapies.regimen import Regimen

Shared = TypeVar("Shared")

CAR_DOSE_STATES = ("lnp_plasma_amount", "ev_effector_blood")
"""Input states whose doses make or bring CAR-T cells."""


@final
class MissingReadingError(InputError):
    """An endpoint needs an observable, a covariate, a parameter or a day that the simulation does not hold."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Trajectories and properties of ``n`` patients, every one of whom was simulated to the end.

    Parameters
    ----------
    patients
        Ids, shape (n,).
    times
        Output times, shape (n_times,), ascending, in days since the first infusion that is not preparation: negative
        while a preparation such as lymphodepletion runs.
    trajectories
        Observable id to values of shape (n, n_times).
    covariates, parameters
        Name to values of shape (n,).
    dose_days
        Input state to the days on which the regimen doses it, ascending, counted like ``times``.
    regimen
        The regimen simulated.
    rescues
        Columns ``patient, time_days, product``; its days count from the start of the simulation.
    first_infusion_day
        Day of the simulation on which day 0 of these readings lies.
    """

    patients: np.ndarray
    times: np.ndarray
    trajectories: Mapping[str, np.ndarray]
    covariates: Mapping[str, np.ndarray]
    parameters: Mapping[str, np.ndarray]
    dose_days: Mapping[str, np.ndarray]
    regimen: Regimen
    rescues: pd.DataFrame
    first_infusion_day: float = 0.0
    _shared: dict[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    @property
    def n_patients(self) -> int:
        """Number of patients read."""
        return len(self.patients)

    def __getitem__(self, observable: str) -> np.ndarray:
        """Trajectory of one observable, shape (n, n_times).

        Raises
        ------
        MissingReadingError
            If the simulation did not keep it.
        """
        if observable not in self.trajectories:
            raise MissingReadingError(
                f"the simulation holds no observable '{observable}'",
                mend="simulate with that observable kept",
            )
        return self.trajectories[observable]

    def covariate(self, name: str) -> np.ndarray:
        """One covariate, shape (n,); :class:`MissingReadingError` if the patients have none of that name."""
        if name not in self.covariates:
            raise MissingReadingError(
                f"the patients have no covariate '{name}'", mend="add it to the patients"
            )
        return self.covariates[name]

    def parameter(self, name: str) -> np.ndarray:
        """The patients' own values of one parameter, shape (n,); :class:`MissingReadingError` if they have none."""
        if name not in self.parameters:
            raise MissingReadingError(
                f"the patients have no value of the parameter '{name}'",
                mend="give it a between-subject distribution or set it for each patient",
            )
        return self.parameters[name]

    def baseline(self, observable: str) -> np.ndarray:
        """Value at the start of the simulation, before anything is given, shape (n,)."""
        return self[observable][:, 0]

    def highest(self, observable: str) -> np.ndarray:
        """Highest value over the whole simulation, shape (n,), found once for all endpoints that ask for it."""
        return self.shared(f"highest/{observable}", lambda: self[observable].max(axis=1))

    def lowest(self, observable: str) -> np.ndarray:
        """Lowest value over the whole simulation, shape (n,), found once likewise."""
        return self.shared(f"lowest/{observable}", lambda: self[observable].min(axis=1))

    def require_day(self, day: float) -> None:
        """Refuse a visit that the simulation does not reach.

        Raises
        ------
        MissingReadingError
            If the last output time is before ``day``.
        """
        if self.times[-1] < day - 1e-9:
            raise MissingReadingError(
                f"the simulation ends at day {self.times[-1]:g} and the visit is at day {day:g}",
                mend=f"simulate at least {day + self.first_infusion_day:g} days",
            )

    def at(self, observable: str, day: float) -> np.ndarray:
        """Value at a visit, shape (n,), interpolated linearly between output times.

        Raises
        ------
        MissingReadingError
            If the simulation ends before ``day`` or lacks the observable.
        """
        self.require_day(day)
        return curves.value_at(self.times, self[observable], day)

    def car_dose_days(self) -> np.ndarray:
        """Days on which a product that makes or brings CAR-T cells is given, ascending; empty if none is."""
        days = [self.dose_days[state] for state in CAR_DOSE_STATES if state in self.dose_days]
        return np.unique(np.concatenate(days)) if days else np.empty(0)

    def shared(self, name: str, compute: Callable[[], Shared]) -> Shared:
        """What ``compute`` gives, computed once for all endpoints that ask for it under this name."""
        if name not in self._shared:
            self._shared[name] = compute()
        return self._shared[name]

    def known(self, name: str) -> Any:
        """What :meth:`shared` computed under this name; None if nobody has asked for it yet."""
        return self._shared.get(name)

    def first_rescue_day(self, product: str) -> np.ndarray:
        """Day of each patient's first rescue with ``product``, shape (n,); infinite if never given."""
        first = np.full(self.n_patients, np.inf)
        if self.n_patients == 0:
            return first
        given = np.asarray(self.rescues["product"]) == product
        who = np.asarray(self.rescues["patient"])[given]
        when = np.asarray(self.rescues["time_days"], dtype=float)[given] - self.first_infusion_day
        order = np.argsort(self.patients)
        places = order[np.searchsorted(self.patients, who, sorter=order) % self.n_patients]
        read = self.patients[places] == who  # who failed is not
        np.minimum.at(first, places[read], when[read])
        return first


def _finite(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Who has no value that is missing or infinite, from values (n, n_times), shape (n,)."""
    found = np.ones(len(next(iter(arrays.values()))), dtype=bool)
    for values in arrays.values():
        # a sum is finite if all its terms are, and much cheaper to look at; a sum of huge values only costs the second look
        with np.errstate(invalid="ignore", over="ignore"):
            doubtful = ~np.isfinite(values.sum(axis=1))
        found[doubtful] &= np.isfinite(values[doubtful]).all(axis=1)
    return found


def read(simulation: Simulation, finite: np.ndarray | None = None) -> tuple[Readings, np.ndarray]:
    """Readings of the patients that reached the end, and which of all patients they are.

    A patient that stands in ``failures`` or has a missing value anywhere is left out altogether, so that a failed
    integration can never become a number.

    Parameters
    ----------
    simulation
        What is read.
    finite
        Who has no value that is missing or infinite, shape (n,), Boolean, where somebody has looked already.

    Returns
    -------
    tuple
        The readings, and a Boolean array over all patients of the simulation: True where the patient is in them.
    """
    patients = np.asarray(simulation.patients.ids)
    arrays = {row.id: values.T for row, values in zip(simulation.observables, simulation.values, strict=True)}
    complete = ~np.isin(patients, np.asarray(simulation.failures["patient"], dtype=patients.dtype))
    complete &= _finite(arrays) if finite is None else finite

    def kept(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        whole = bool(complete.all())
        # patients of one time lie side by side in memory, and so do those that are kept
        return {
            name: np.asarray(array) if whole else np.asarray(array).T[..., complete].T
            for name, array in values.items()
        }

    day_zero = simulation.regimen.first_infusion_day
    dose_days: dict[str, list[float]] = {}
    for dose in simulation.regimen.doses(np.ones(1)):
        dose_days.setdefault(dose.state, []).append(dose.time_days - day_zero)
    readings = Readings(
        patients=patients[complete],
        times=simulation.times_days - day_zero,
        trajectories=kept(arrays),
        covariates=kept(simulation.patients.covariates),
        parameters=kept(simulation.patients.parameters),
        dose_days={state: np.unique(days) for state, days in dose_days.items()},
        regimen=simulation.regimen,
        rescues=simulation.rescues,
        first_infusion_day=day_zero,
    )
    return readings, complete
