"""One virtual patient, looked at from near: course, SLEDAI-2K item by item, covariates and own parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from vivocart.endpoints.readings import read
from vivocart.endpoints.safety import crs_grade_max, crs_grade_of_signal
from vivocart.endpoints.sledai import items_at_visits, sledai_table
from vivocart.ground.errors import InputError, SimulationError
from vivocart.ground.provenance import Provenance
from vivocart.model.load import load_model
from vivocart.patients.covariates import load_covariates
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios.explore import (
    Asked,
    explorer_population,
    needed_observables,
    run_simulation,
)
from vivocart.scenarios.explorer import explorer_settings
from vivocart.simulation.grid import output_times

if TYPE_CHECKING:
    from vivocart.therapies.regimen import Regimen

_OTHER_COVARIATES = ("sledai_baseline", "sledai_clinical_baseline", "sledai_serological_baseline")
_DAY = 1.0
_MOST_TIMES = 260


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnValue:
    """A covariate or parameter of the patient beside that of the typical patient."""

    id: str
    value: float
    typical: float | None
    unit: str
    kind: str
    note: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PatientView:
    """What one patient would see; times are days after the first infusion.

    ``items`` holds for each SLEDAI-2K item whether it counts at each of ``item_days``; ``events`` are (day, words).
    """

    patient: int
    regimen: Regimen
    times: np.ndarray
    series: Mapping[str, np.ndarray]
    item_days: np.ndarray
    items: Mapping[str, np.ndarray]
    item_weights: Mapping[str, int]
    sledai: np.ndarray
    crs_grade: int
    covariates: tuple[OwnValue, ...]
    parameters: tuple[OwnValue, ...]
    events: tuple[tuple[float, str], ...]
    provenance: Provenance


def explore_patient(asked: Asked, patient: int) -> PatientView:
    """The patient of that number under the first arm; the same patient as in an exploration with this type and seed.

    Raises
    ------
    InputError
        If the user's own patients have none at that place.
    SimulationError
        If this patient cannot be integrated.
    """
    arm, one = asked.arms[0], _one_patient(asked, patient)
    start = arm.regimen.first_infusion_day
    days = [row.day for row in arm.regimen.infusions_table]
    times = _thinned(output_times(days, days=asked.days + start), days)
    observables = tuple(dict.fromkeys([*needed_observables(), "car_t_blood", "igg", "upcr"]))
    simulation = run_simulation(asked, arm, one, times_days=times, observables=observables)
    readings, complete = read(simulation)
    if not complete.all():
        failed = simulation.failures.iloc[0]
        raise SimulationError(
            f"patient {patient} failed at day {failed['time_days']:.4g}: {failed['reason']}"
        )
    item_days = np.array([day for day in explorer_settings().item_days if day <= asked.days])
    present = items_at_visits(readings, item_days)[:, :, 0].T  # (n_days, 24)
    table = sledai_table()
    grades = crs_grade_of_signal(readings, readings["cytokine_signal"][0], anticytokine_given=False)
    given = simulation.rescues
    events = [
        (float(when) - start, f"{product} given by the protocol's rule")
        for product, when in zip(given["product"], given["time_days"], strict=True)
    ]
    if grades.max() > 0:
        events.append(
            (
                float(readings.times[int(np.argmax(grades > 0))]),
                "cytokine release syndrome begins (assumed threshold)",
            )
        )
    return PatientView(
        patient=patient,
        regimen=arm.regimen,
        times=readings.times,
        series={name: values[0] for name, values in readings.trajectories.items()},
        item_days=item_days,
        items={row.item: present[:, place] for place, row in enumerate(table)},
        item_weights={row.item: row.weight for row in table},
        sledai=present.astype(int) @ np.array([row.weight for row in table]),
        crs_grade=int(crs_grade_max(readings)[0]),
        covariates=_covariates(one),
        parameters=_parameters(one),
        events=tuple(sorted(events)),
        provenance=simulation.provenance,
    )


def _one_patient(asked: Asked, patient: int) -> VirtualPopulation:
    if asked.patients is None:
        one = dataclasses.replace(asked, first=patient, n_patients=1)
        return explorer_population(one, asked.arms[0].regimen)
    if not 0 <= patient < len(asked.patients):
        raise InputError(
            f"{patient}", where="patient", mend=f"give 0 to {len(asked.patients) - 1}, the rows of the table"
        )
    return asked.patients.take([patient])


def _thinned(times: np.ndarray, infusion_days: list[float]) -> np.ndarray:
    """At most about 260 times; those within a day of an infusion stay."""
    if len(times) <= _MOST_TIMES:
        return times
    near = np.zeros(len(times), dtype=bool)
    for day in infusion_days[:4]:
        near |= (times >= day) & (times <= day + _DAY)
    step = int(np.ceil(len(times) / _MOST_TIMES))
    kept = near | (np.arange(len(times)) % step == 0)
    kept[-1] = True
    return times[kept]


def _covariates(one: VirtualPopulation) -> tuple[OwnValue, ...]:
    table = load_covariates()
    typical = table.medians()
    own = [
        OwnValue(
            id=name,
            value=float(one.covariates[name][0]),
            typical=float(typical[name]) if name in typical else None,
            unit=rows[0].unit,
            kind=rows[0].kind,
            note=rows[0].note,
        )
        for name, rows in table.rows.items()
        if name in one.covariates
    ]
    scores = [
        OwnValue(
            id=name,
            value=float(one.covariates[name][0]),
            typical=None,
            unit="score",
            kind="derived",
            note="Sum of the weights of this patient's items",
        )
        for name in _OTHER_COVARIATES
        if name in one.covariates
    ]
    return (*scores, *own)


def _parameters(one: VirtualPopulation) -> tuple[OwnValue, ...]:
    """Parameters in which this patient differs from the typical one, those set by covariates left out."""
    rows = load_model().parameters
    set_by_covariate = set(load_covariates().parameters)
    return tuple(
        OwnValue(
            id=name,
            value=float(values[0]),
            typical=float(rows[name].value),
            unit=rows[name].unit,
            kind=rows[name].kind,
            note=rows[name].note,
        )
        for name, values in one.parameters.items()
        if name in rows and name not in set_by_covariate
    )
