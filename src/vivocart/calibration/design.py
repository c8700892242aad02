"""What a fit knows of a study: arms and their sizes, regimens by scenario, entry, rescue, and the rows it is set against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from vivocart.calibration.observations import Observation
from vivocart.calibration.prediction import arms_of
from vivocart.ground.errors import InputError
from vivocart.patients.criteria import EntryCriteria
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.taper import Taper
from vivocart.therapies.regimen import Regimen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DesignArm:
    """One arm: how many the study treated, and its regimen under each scenario."""

    id: str
    n_patients: int
    regimens: tuple[Regimen, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDesign:
    """A study as a fit simulates it.

    Parameters
    ----------
    intervals_days
        Thinkable intervals between infusions, one for each of an arm's regimens; empty where the study fixes its own, and
        then every arm has one regimen.
    days
        How long each patient is simulated after the first infusion that is not preparation.
    fitted
        Rows that the likelihood reads.
    predicted
        Rows that are only predicted: held out.
    """

    id: str
    arms: tuple[DesignArm, ...]
    intervals_days: tuple[float, ...]
    criteria: EntryCriteria | None
    rescue: tuple[Rescue, ...]
    taper: Taper | None
    days: float
    fitted: tuple[Observation, ...]
    predicted: tuple[Observation, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Patients whom the study treated, by arm."""
        return {arm.id: arm.n_patients for arm in self.arms}

    @property
    def widths(self) -> dict[str, int]:
        """Patients of each arm that a cohort holds: those treated, or more where a row counts more."""
        rows = (*self.fitted, *self.predicted)
        return {
            arm.id: max([arm.n_patients, *(row.n for row in rows if row.arm == arm.id)]) for arm in self.arms
        }

    @property
    def n_patients(self) -> int:
        """Patients of one cohort."""
        return sum(self.widths.values())

    @property
    def n_scenarios(self) -> int:
        """Thinkable intervals, 1 where the study fixes its own."""
        return max(1, len(self.intervals_days))

    def positions(self, observation: Observation) -> tuple[int, ...]:
        """Places in a cohort of the patients whom a row speaks of."""
        widths, start = self.widths, 0
        starts: dict[str, int] = {}
        for arm, width in widths.items():
            starts[arm], start = start, start + width
        return tuple(
            starts[arm] + place
            for arm, count in arms_of(observation, self.sizes).items()
            for place in range(count)
        )


def check_design(design: StudyDesign) -> None:
    """Refuse a design that cannot be fitted.

    Raises
    ------
    InputError
        If no row is fitted, a row's n and arm do not go together, or a visit lies after the end.
    """
    if not design.fitted:
        raise InputError(
            f"no observation of {design.id} is fitted",
            where="calibration",
            mend="add rows with a measure to the observations, or name another study",
        )
    for row in (*design.fitted, *design.predicted):
        design.positions(row)
        if row.visits is not None and row.visits.days[-1] > design.days:
            raise InputError(
                f"a visit on day {row.visits.days[-1]:g}, after the last day {design.days:g}",
                where=f"visits_days of observation '{row.id}'",
                mend="simulate longer, or leave the visit out",
            )
