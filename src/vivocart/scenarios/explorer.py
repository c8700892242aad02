"""What the explorer shows, as data: charts, types of patient, endpoints, places of published observations."""

from __future__ import annotations

import functools
import math
from importlib import resources
from typing import Self, final

from pydantic import Field, model_validator

from vivocart.ground.errors import UnknownNameError
from vivocart.ground.tables import Document, read_document
from vivocart.patients.criteria import Criterion, EntryCriteria
from vivocart.therapies.product import Number, Product, load_products
from vivocart.trials.protocol import load_study, reference_entry, study_ids

SLEDAI = "sledai"
"""Id of the SLEDAI-2K score among the bands; it is no observable of the model."""


@final
class Level(Document):
    """A reference line of a panel, in the unit drawn."""

    value: Number
    label: str


@final
class Panel(Document):
    """One curve of a chart; ``factor`` turns the observable's unit into ``unit``, ``floor`` ends a logarithmic axis."""

    observable: str
    label: str
    unit: str
    factor: Number = 1.0
    log: bool
    floor: Number
    levels: tuple[Level, ...] = ()


@final
class Chart(Document):
    """One chart; ``days`` is how much of the time after the first infusion it shows at first, all where left out."""

    id: str
    title: str
    days: Number | None = None
    panels: tuple[Panel, ...] = Field(min_length=1)


@final
class PatientType(Document):
    """Patients who meet some criteria, and those of the reference study if ``is_study_entry``."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    note: str
    is_study_entry: bool = False
    criteria: tuple[Criterion, ...] = ()

    @property
    def entry(self) -> EntryCriteria | None:
        """All criteria that these patients meet; none where they are not chosen."""
        reference = reference_entry() if self.is_study_entry else None
        criteria = (*(reference.criteria if reference else ()), *self.criteria)
        return EntryCriteria(criteria=criteria) if criteria else None


@final
class MarkPlace(Document):
    """Where published observations of a measure are drawn; a measure without a place stands in the table only."""

    measure: str
    chart: str
    observable: str
    day: Number | None = None
    height: Number | None = None
    is_from_last_infusion: bool = False


@final
class Knobs(Document):
    """With what the knobs of a product begin, and how far its dose slider goes."""

    product: str
    dose: Number
    dose_range: tuple[Number, Number]
    is_log: bool = False
    infusions: int = Field(default=1, ge=1)
    interval_days: Number | None = None


@final
class ExplorerSettings(Document):
    """All that ``explorer.yaml`` says."""

    charts: tuple[Chart, ...]
    endpoints: tuple[str, ...]
    item_days: tuple[Number, ...]
    patient_types: tuple[PatientType, ...]
    mark_places: tuple[MarkPlace, ...]
    knobs: tuple[Knobs, ...]
    not_alone: tuple[str, ...]

    @model_validator(mode="after")
    def _places_exist(self) -> Self:
        drawn = {(chart.id, panel.observable) for chart in self.charts for panel in chart.panels}
        lost = [place.measure for place in self.mark_places if (place.chart, place.observable) not in drawn]
        if lost:
            raise ValueError(f"no chart shows {', '.join(lost)} where mark_places says")
        return self

    @property
    def charted(self) -> tuple[str, ...]:
        """Observables that charts show, SLEDAI-2K left out."""
        names = (panel.observable for chart in self.charts for panel in chart.panels)
        return tuple(dict.fromkeys(name for name in names if name != SLEDAI))

    def patient_type(self, name: str) -> PatientType:
        """The type of this id; an unknown one is answered with the nearest three."""
        by_id = {entry.id: entry for entry in self.patient_types}
        if name not in by_id:
            raise UnknownNameError("patient type", name, by_id, where="patient_type")
        return by_id[name]


@functools.cache
def explorer_settings() -> ExplorerSettings:
    """The shipped settings.

    Raises
    ------
    InputError
        If the file is malformed: place, value and mend are named.
    """
    return read_document(resources.files("vivocart.scenarios") / "explorer.yaml", ExplorerSettings)


def explored_products() -> tuple[Product, ...]:
    """Products that the explorer offers as a therapy, those with knobs of their own first."""
    settings = explorer_settings()
    known = load_products()
    first = [knobs.product for knobs in settings.knobs if knobs.product in known]
    names = dict.fromkeys([*first, *known])
    return tuple(known[name] for name in names if name not in settings.not_alone)


@functools.cache
def knobs_of(product: Product) -> Knobs:
    """Where the knobs of a product begin: as set, else as a study gave it, else in the middle of its limits."""
    for knobs in explorer_settings().knobs:
        if knobs.product == product.id:
            return knobs
    low, high = product.dose_limits
    for study in (load_study(name) for name in study_ids()):
        for regimen in study.regimens(None).values():
            course = regimen.courses[0]
            if course.product.id == product.id:
                return Knobs(
                    product=product.id,
                    dose=course.dose,
                    dose_range=(max(low, course.dose / 10), min(high, course.dose * 4)),
                    is_log=True,
                    infusions=course.infusions,
                    interval_days=course.interval_days,
                )
    return Knobs(
        product=product.id,
        dose=float(f"{math.sqrt(low * high):.1g}"),
        dose_range=(low, high),
        is_log=True,
        infusions=product.infusions or 1,
        interval_days=product.interval_days,
    )
