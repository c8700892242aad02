"""Everything that was asked, as one value: shared by the command line, provenance, and a file that asks for it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, final

import yaml
from pydantic import AfterValidator, Field, model_validator

from vivocart.ground.errors import InputError
from vivocart.ground.tables import Document, read_document
from vivocart.therapies.regimen import Regimen

Positive = Annotated[float, Field(gt=0)]


def _ascending(days: tuple[float, ...]) -> tuple[float, ...]:
    if list(days) != sorted(set(days)):
        raise ValueError("write the intervals in ascending order, each once")
    return days


@final
class ArmRequest(Document):
    """One arm as it was asked for: a regimen in a clinician's words, such as ``HN2301 4 mg x 3 every 3 d``, and a name."""

    regimen: str = Field(min_length=1)
    label: str | None = None

    @property
    def name(self) -> str:
        """The label, or the sentence itself."""
        return self.label or self.regimen

    def parsed(self) -> Regimen:
        """The regimen as a value.

        Raises
        ------
        InputError
            If the product is unknown, or dose, number, interval and length do not go together.
        """
        return Regimen.parse(self.regimen)


@final
class Scenario(Document):
    """Everything asked in one run: either a ``study`` (its arms, cohorts and published observations) or ``arms``.

    Parameters
    ----------
    n_patients, seed
        Virtual patients in each arm, the same ones, and the seed of every random number.
    days
        Length of the simulation; the study's follow-up, or 180 days, unless given.
    interval_days
        Interval between infusions where the study did not publish it; the study's default scenario unless given.
    intervals
        Intervals to compare, ascending; the study's own scenarios unless given.
    observables, endpoints
        What to keep and to compute; all unless given.
    """

    study: str | None = None
    arms: tuple[ArmRequest, ...] = ()
    n_patients: int = Field(default=1000, ge=1)
    seed: int = Field(default=1, ge=0)
    days: Positive | None = None
    interval_days: Positive | None = None
    intervals: Annotated[tuple[Positive, ...], AfterValidator(_ascending)] = ()
    observables: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _study_or_arms(self) -> Self:
        if bool(self.study) == bool(self.arms):
            raise ValueError("name either a study or at least one arm, not both")
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("two arms bear the same name: give one of them a label")
        return self

    def as_dict(self) -> dict[str, Any]:
        """Plain data that asks for the same again; what was left at its default is named too."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """YAML text that :func:`read_scenario` reads back to an equal value."""
        return yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)


def read_scenario(path: Path) -> Scenario:
    """The scenario of a YAML file.

    Raises
    ------
    InputError
        If the file is missing, is not YAML (with the line), or a key or value is wrong (with its place and the mend).
    """
    return read_document(path, Scenario)


def parse_arm(text: str) -> ArmRequest:
    """The arm of a line such as ``HN2301 4 mg x 3 every 3 d``, with a name before it if wanted: ``high: HN2301 ...``.

    Raises
    ------
    InputError
        If there is no regimen in the line. Whether it can be given is asked by :meth:`ArmRequest.parsed`.
    """
    label, separator, rest = text.partition(":")
    regimen = (rest if separator else text).strip()
    if not regimen:
        raise InputError(
            "no regimen", where=f"arm '{text}'", mend='write one, such as "HN2301 4 mg x 3 every 3 d"'
        )
    return ArmRequest(regimen=regimen, label=label.strip() or None if separator else None)
