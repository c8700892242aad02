"""Everything that was asked, as one value: shared by the command line, provenance, and a file that asks for it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, final

import yaml
from pydantic import AfterValidator, Field, model_validator

from vivocart.ground.errors import InputError
from vivocart.ground.tables import Document, read_document
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import Study, load_study

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
    interval_days, intervals
        With a study that did not publish its interval: the one used, and those compared, ascending; the study's own
        scenarios unless given.
    days, observables, endpoints
        With arms: length of the simulation, and what to keep and to compute; 180 days and everything unless given. A
        study's protocol says these itself.
    """

    study: str | None = None
    arms: tuple[ArmRequest, ...] = ()
    n_patients: int = Field(default=1000, ge=1)
    seed: int = Field(default=1, ge=0)
    interval_days: Positive | None = None
    intervals: Annotated[tuple[Positive, ...], AfterValidator(_ascending)] = ()
    days: Positive | None = None
    observables: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _study_or_arms(self) -> Self:
        if bool(self.study) == bool(self.arms):
            raise ValueError("name either a study or at least one arm, not both")
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("two arms bear the same name: give one of them a label")
        unread = ("days", "observables", "endpoints") if self.study else ("interval_days", "intervals")
        for name in unread:
            if getattr(self, name):
                kind = "a study's protocol" if self.study else "the regimen's sentence"
                raise ValueError(f"{name}: {kind} says it; take the key out")
        return self

    @property
    def length_days(self) -> float:
        """Length of the simulation of arms, in days."""
        return 180.0 if self.days is None else self.days

    def protocol(self) -> Study:
        """The study that was asked for, with the intervals of this scenario.

        Raises
        ------
        UnknownNameError
            If there is no such study.
        InputError
            If intervals were asked for and the study published its own.
        """
        study = load_study(self.study or "")
        if not self.intervals:
            return study
        if study.interval is None:
            raise InputError(f"{study.id} fixes its interval", where="intervals", mend="take the key out")
        default = self.interval_days or study.interval.default_days
        changed = {"scenarios_days": tuple(sorted({*self.intervals, default})), "default_days": default}
        return study.model_copy(update={"interval": study.interval.model_copy(update=changed)})

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
