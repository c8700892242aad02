"""A study as data: who is treated, with what, when they are seen, and when rescue is given."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, Self, final

from pydantic import Field, model_validator

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import Document, read_document
from vivocart.patients.criteria import Criterion, EntryCriteria
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.taper import TAPERED_DRUGS, Taper
from vivocart.therapies.product import Number, find_product
from vivocart.therapies.regimen import Regimen

_DOSES = ("dose", "dose_mg", "dose_ug", "dose_cells", "dose_mg_per_kg", "dose_ug_per_kg", "dose_cells_per_kg")


@final
class IntervalScenarios(Document):
    """Intervals between infusions that are thinkable where a study did not publish its own."""

    scenarios_days: tuple[Number, ...] = Field(min_length=1)
    default_days: Number = Field(gt=0)
    is_published: bool
    records: tuple[str, ...] = ()
    note: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.scenarios_days) != sorted(set(self.scenarios_days)) or self.scenarios_days[0] <= 0:
            raise ValueError("scenarios_days must be positive and ascending, each once")
        if self.default_days not in self.scenarios_days:
            raise ValueError(f"default_days {self.default_days:g} is not among scenarios_days")
        return self


@final
class Arm(Document):
    """Patients with one assignment: either a product with its dose, or ``regimen`` as a sentence.

    Without ``interval_days`` and with several infusions, the interval is the study's scenario.
    """

    id: str
    n_patients: int = Field(ge=1)
    regimen: str | None = None
    product: str | None = None
    dose: Number | None = None
    dose_mg: Number | None = None
    dose_ug: Number | None = None
    dose_cells: Number | None = None
    dose_mg_per_kg: Number | None = None
    dose_ug_per_kg: Number | None = None
    dose_cells_per_kg: Number | None = None
    infusions: int | None = None
    interval_days: Number | None = None
    infusion_hours: Number | None = None
    note: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.regimen is None) == (self.product is None):
            raise ValueError("write either a product with its dose or a regimen sentence")
        fields = (*_DOSES, "infusions", "interval_days", "infusion_hours")
        extra = [name for name in fields if self.regimen is not None and getattr(self, name) is not None]
        if extra:
            raise ValueError(f"the regimen sentence says it already: take {', '.join(extra)} out")
        return self

    @property
    def needs_interval(self) -> bool:
        """Whether the interval is a scenario: several infusions, and neither the arm nor the product has an interval."""
        if self.product is None or self.interval_days is not None or (self.infusions or 1) == 1:
            return False
        return find_product(self.product).interval_days is None

    def as_regimen(self, interval_days: float | None = None) -> Regimen:
        """The arm's regimen; ``interval_days`` is used where the interval is a scenario.

        Raises
        ------
        InputError
            Naming the field at fault.
        """
        if self.regimen is not None:
            return Regimen.parse(self.regimen)
        assert self.product is not None  # one of the two is given
        return Regimen(
            self.product,
            infusions=self.infusions,
            interval_days=interval_days if self.needs_interval else self.interval_days,
            infusion_hours=self.infusion_hours,
            **{name: getattr(self, name) for name in _DOSES},
        )


@final
class RescueRule(Document):
    """When ``observable`` rises above ``threshold`` (a number, or the patient's own parameter), ``product`` is given."""

    product: str
    dose: Number = Field(gt=0)
    observable: str
    threshold: str | Number
    delay_hours: Number = Field(default=0.0, ge=0)
    at_least_hours_apart: Number = Field(default=8.0, gt=0)
    at_most: int = Field(default=1, ge=1)
    kind: Literal["measured", "estimated", "assumed", "scenario"]
    records: tuple[str, ...] = Field(min_length=1)
    note: str

    def as_rescue(self) -> Rescue:
        """The rule as a simulation takes it.

        Raises
        ------
        InputError
            If the product is unknown or the dose is outside its limits.
        """
        product = find_product(self.product)
        product.check_dose(self.dose)
        return Rescue(
            product=product.id,
            observable=self.observable,
            threshold=self.threshold,
            dose=self.dose,
            delay_hours=self.delay_hours,
            minimum_spacing_hours=self.at_least_hours_apart,
            maximum_count=self.at_most,
        )


@final
class TaperCondition(Document):
    """What a review asks before a step down: that ``observable`` is ``below`` a number."""

    observable: str
    below: Number


@final
class TaperRule(Document):
    """Reviews of a daily dose from ``from_day`` on: a step down if what ``while`` asks holds, else none or a step up."""

    drug: str
    from_day: Number = Field(ge=0)
    step_mg_per_day: Number = Field(gt=0)
    every_days: Number = Field(ge=1)
    to_mg_per_day: Number = Field(ge=0)
    condition: TaperCondition | None = Field(default=None, alias="while")
    step_up_mg_per_day: Number = Field(default=0.0, ge=0)
    kind: Literal["measured", "estimated", "assumed", "scenario"]
    records: tuple[str, ...] = ()
    note: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.drug not in TAPERED_DRUGS:
            raise ValueError(f"no daily dose of '{self.drug}': use {', '.join(TAPERED_DRUGS)}")
        if self.step_up_mg_per_day and self.condition is None:
            raise ValueError("step_up_mg_per_day needs a condition: add while")
        if self.kind in ("measured", "estimated") and not self.records:
            raise ValueError(f"{self.kind} without a record: add records, or call it assumed")
        return self

    def as_taper(self) -> Taper:
        """The rule as a simulation takes it."""
        return Taper(
            drug=self.drug,
            from_day=self.from_day,
            step_mg_per_day=self.step_mg_per_day,
            every_days=self.every_days,
            to_mg_per_day=self.to_mg_per_day,
            step_up_mg_per_day=self.step_up_mg_per_day,
            observable=self.condition.observable if self.condition else None,
            below=self.condition.below if self.condition else math.inf,
        )


@final
class ReadingRule(Document):
    """At which visits patients were read, and in how many microliters of blood cells were counted (none: without error)."""

    visits_days: tuple[Number, ...] = Field(min_length=1)
    counted_ul: Number | None = Field(default=None, gt=0)
    kind: Literal["measured", "assumed"]
    records: tuple[str, ...] = ()
    note: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.visits_days) != sorted(set(self.visits_days)) or self.visits_days[0] < 0:
            raise ValueError("visits_days must not be negative, and ascending, each once")
        if self.kind == "measured" and not self.records:
            raise ValueError("measured without a record: add records, or call it assumed")
        return self


@final
class Study(Document):
    """A published study, with what was read of its protocol and what is assumed in its place."""

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    title: str
    registry_id: str = ""
    records: tuple[str, ...] = Field(min_length=1)
    population: str
    follow_up_days: Number = Field(gt=0, le=3650)
    visits_days: tuple[Number, ...] = Field(min_length=1)
    interval: IntervalScenarios | None = None
    arms: tuple[Arm, ...] = Field(min_length=1)
    entry_criteria: tuple[Criterion, ...] = ()
    rescue: tuple[RescueRule, ...] = ()
    taper: TaperRule | None = None
    readings: ReadingRule | None = None
    disclaimers: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        visits = self.visits_days
        if list(visits) != sorted(set(visits)) or visits[0] < 0:
            raise ValueError("visits_days must not be negative, and ascending, each once")
        if visits[-1] > self.follow_up_days:
            raise ValueError(
                f"the visit on day {visits[-1]:g} lies after follow_up_days {self.follow_up_days:g}"
            )
        if self.readings is not None and self.readings.visits_days[-1] > self.follow_up_days:
            raise ValueError("readings: the last visit lies after follow_up_days")
        names = [arm.id for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("two arms have the same id")
        return self

    @property
    def n_patients(self) -> int:
        """Patients treated in all arms."""
        return sum(arm.n_patients for arm in self.arms)

    @property
    def entry(self) -> EntryCriteria | None:
        """Entry criteria, or none if the study states none."""
        return EntryCriteria(criteria=self.entry_criteria) if self.entry_criteria else None

    @property
    def rescues(self) -> tuple[Rescue, ...]:
        """Rescue rules as a simulation takes them."""
        return tuple(rule.as_rescue() for rule in self.rescue)

    @property
    def interval_scenarios_days(self) -> tuple[float, ...]:
        """Intervals to compare; empty where the study's arms fix their own."""
        return self.interval.scenarios_days if self.interval else ()

    @property
    def default_interval_days(self) -> float | None:
        """Interval used unless another is asked for; none where the study's arms fix their own."""
        return self.interval.default_days if self.interval else None

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Records that the study and its rules rest on, sorted."""
        rules = (*self.rescue, *(rule for rule in (self.taper, self.readings) if rule is not None))
        found = {*self.records, *(record for rule in rules for record in rule.records)}
        return tuple(sorted(found | set(self.interval.records if self.interval else ())))

    def arm(self, arm_id: str) -> Arm:
        """The arm of this id; an unknown one is answered with the nearest three."""
        by_id = {arm.id: arm for arm in self.arms}
        if arm_id not in by_id:
            raise UnknownNameError("arm", arm_id, by_id, where=self.id)
        return by_id[arm_id]

    def regimens(self, interval_days: float | None = None) -> dict[str, Regimen]:
        """Regimen of each arm.

        Parameters
        ----------
        interval_days
            Interval between infusions where the study did not publish it; the default scenario when left out.

        Raises
        ------
        InputError
            If an interval is asked for and the study's arms fix their own.
        """
        if interval_days is not None and not any(arm.needs_interval for arm in self.arms):
            mend = "leave it out, or compare regimens of your own"
            raise InputError(
                f"{interval_days:g}: {self.id} fixes its interval", where="interval_days", mend=mend
            )
        chosen = self.default_interval_days if interval_days is None else interval_days
        return {arm.id: arm.as_regimen(chosen) for arm in self.arms}


def study_ids() -> tuple[str, ...]:
    """Ids of the shipped studies, sorted."""
    return tuple(sorted(_shipped()))


def load_study(name: str | Path) -> Study:
    """A shipped study by id (upper or lower case), or the study of a YAML file.

    Raises
    ------
    UnknownNameError
        If there is no such study; with the nearest three.
    InputError
        If the file is malformed: file, place (``arms[1].dose_mg``), value and mend are named.
    """
    text = str(name)
    if text.endswith((".yaml", ".yml")):
        return _checked(Path(text))
    by_id = _shipped()
    if text.lower() not in by_id:
        raise UnknownNameError("study", text, by_id, where="study")
    return _checked(by_id[text.lower()])


def _shipped() -> dict[str, Traversable]:
    folder = resources.files("vivocart.trials") / "studies"
    return {
        entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }


def _checked(source: Path | Traversable) -> Study:
    study = read_document(source, Study)
    for position, arm in enumerate(study.arms):
        with _placed(f"{source.name}, arms[{position}]"):
            if arm.needs_interval and study.interval is None:
                mend = "add it, or give the study interval scenarios"
                raise InputError("missing", where="interval_days", mend=mend)
            for days in study.interval_scenarios_days or (None,):
                arm.as_regimen(days)
    for position, rule in enumerate(study.rescue):
        with _placed(f"{source.name}, rescue[{position}]"):
            rule.as_rescue()
    return study


@contextmanager
def _placed(place: str) -> Generator[None]:
    try:
        yield
    except InputError as error:
        where = f"{place}.{error.where}" if error.where else place
        raise InputError(error.problem, where=where, mend=error.mend) from error


def reference_entry() -> EntryCriteria | None:
    """Entry criteria of NCT06801119: whom virtual patients stand for where no study is named."""
    return load_study("hn2301").entry
