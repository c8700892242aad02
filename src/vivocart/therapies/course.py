"""One product, one dose, one or more infusions: the building block of a regimen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from vivocart.ground import units
from vivocart.ground.errors import InputError
from vivocart.therapies.product import Product, find_product

_PER_WEIGHT = "/kg"
_PER_AREA = "/m2"
_TYPICAL_WEIGHT_KG = 70.0  # at which a dose given otherwise than the product's own is held against its limits
_MAXIMUM_INFUSIONS = 1000  # far above any regimen; catches a dose and a count exchanged


def plain(value: float) -> str:
    """A number as people write it (``4``, ``0.5``, ``1e6``) that reads back to the same number."""
    short = f"{value:g}".replace("e+0", "e").replace("e-0", "e-")
    return short if float(short) == value else repr(float(value))


def plain_time(hours: float) -> str:
    """Hours as people write them (``1.5 h``; ``80 min`` where hours have no end), which read back to the same number."""
    minutes = round(hours * 60.0, 6)
    is_plain = float(f"{hours:g}") == hours or minutes * (24.0 / 1440.0) != hours
    return f"{plain(hours)} h" if is_plain else f"{plain(minutes)} min"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Infusion:
    """One administration, as the table of infusions prints it; ``amount`` is in the product's dose unit."""

    day: float
    hours: float
    amount: float
    unit: str
    product_id: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DoseRow:
    """One administration for the solver: ``amount`` has one entry a patient, in the unit of ``state``."""

    time_days: float
    duration_days: float
    state: str
    amount: np.ndarray
    product_id: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One product given one or more times at one dose; ``start_day`` is the day of its first infusion.

    ``dose`` is in ``dose_unit``: the product's own mass or cells; flat, per kg or per square metre of body surface.
    """

    product: Product
    dose: float
    dose_unit: str
    infusions: int
    interval_days: float | None
    infusion_hours: float
    start_day: float

    @property
    def days(self) -> tuple[float, ...]:
        """Start of each infusion, in days."""
        step = self.interval_days or 0.0
        return tuple(self.start_day + index * step for index in range(self.infusions))

    @property
    def table(self) -> tuple[Infusion, ...]:
        """The infusions of this course with those that prepare for it, in order of time."""
        product = self.product
        rows = [
            Infusion(
                day=self.start_day + step.day,
                hours=step.infusion_hours or find_product(step.product).infusion_hours,
                amount=step.dose,
                unit=find_product(step.product).dose_unit,
                product_id=step.product,
            )
            for step in product.preparation
        ]
        rows += [
            Infusion(
                day=day,
                hours=self.infusion_hours,
                amount=self.dose,
                unit=self.dose_unit,
                product_id=product.id,
            )
            for day in self.days
        ]
        return tuple(sorted(rows, key=lambda row: row.day))

    @property
    def sentence(self) -> str:
        """The course as a clinician writes it; :func:`~vivocart.therapies.sentence.read_sentence` reads it back."""
        every = (
            f" x {self.infusions} every {plain(self.interval_days)} d"
            if self.interval_days is not None
            else ""
        )
        amount = f"{self.product.id} {plain(self.dose)} {self.dose_unit}"
        return f"{amount}{every}, over {plain_time(self.infusion_hours)}"

    def shifted(self, days: float) -> Course:
        """The same course, ``days`` later."""
        return replace(self, start_day=self.start_day + days)


def checked_dose(product: Product, value: float, unit: str, *, where: str = "dose") -> tuple[float, str]:
    """A dose and its unit as a course keeps them: the product's own mass or cells; flat, per kg or per square metre.

    Raises
    ------
    InputError
        If the unit is not one of the product's (cells instead of mg), or the dose is outside what the model is meant for (in
        a patient of 70 kg, where it is given otherwise than the product's own).
    """
    per, own_unit = _per(unit), product.dose_unit.removesuffix(_PER_WEIGHT)
    own = value * _dose_factor(product, unit.removesuffix(per), own_unit, where=where)
    per_own = _per(product.dose_unit)
    weight = np.array(_TYPICAL_WEIGHT_KG)
    if per == per_own:
        product.check_dose(own, where=where)
    else:
        typical = own * float(_size(per, weight) / _size(per_own, weight))
        at = f"{where}: {own:g} {own_unit}{per} in a patient of {_TYPICAL_WEIGHT_KG:g} kg"
        product.check_dose(typical, where=at)
    return own, own_unit + per


def _per(unit: str) -> str:
    return next((per for per in (_PER_WEIGHT, _PER_AREA) if unit.endswith(per)), "")


def _size(per: str, weight_kg: np.ndarray) -> np.ndarray:
    """What a dose is multiplied by: weight, body surface or one."""
    if per == _PER_WEIGHT:
        return weight_kg
    return body_surface_m2(weight_kg) if per == _PER_AREA else np.ones_like(weight_kg)


def body_surface_m2(weight_kg: np.ndarray) -> np.ndarray:
    """Body surface from weight alone, as heights are not simulated.

    Source: Livingston and Lee 2001, 0.1173 times the weight to the power of 0.6466, from 10 kg on (livingston2001).
    """
    return 0.1173 * weight_kg**0.6466


def _dose_factor(product: Product, unit: str, own_unit: str, *, where: str) -> float:
    if unit == own_unit:
        return 1.0
    try:
        return units.factor(unit, own_unit)
    except InputError as error:
        raise InputError(
            f"{product.id} is dosed in {product.dose_unit}, not in {unit}",
            where=where,
            mend=f"give dose=... in {product.dose_unit}",
        ) from error


def make_course(
    product: Product,
    *,
    dose: float,
    dose_unit: str | None = None,
    infusions: int | None = None,
    interval_days: float | None = None,
    infusion_hours: float | None = None,
    start_day: float | None = None,
) -> Course:
    """A course with every number checked; what is left out is the product's usual value.

    Raises
    ------
    InputError
        One line naming argument, value and mend.
    """
    infusions = (product.infusions or 1) if infusions is None else infusions
    interval_days = product.interval_days if interval_days is None else interval_days
    if isinstance(infusions, bool) or int(number_of(infusions, "infusions")) != infusions or infusions < 1:
        raise InputError(f"{infusions}", where="infusions", mend="give a whole number, 1 or more")
    if infusions > _MAXIMUM_INFUSIONS:
        raise InputError(f"{infusions}", where="infusions", mend=f"at most {_MAXIMUM_INFUSIONS}")
    hours = product.infusion_hours if infusion_hours is None else number_of(infusion_hours, "infusion_hours")
    if hours <= 0:
        raise InputError(f"{hours:g}", where="infusion_hours", mend="give a positive number of hours")
    interval = _interval(product, int(infusions), interval_days, hours)
    natural = natural_start_day(product)
    start = natural if start_day is None else number_of(start_day, "start_day")
    if start < natural:
        before = f"its preparation starts {natural:g} d before; " if natural else ""
        raise InputError(f"{start:g}", where="start_day", mend=f"{before}give {natural:g} or more")
    return Course(
        product=product,
        dose=dose,
        dose_unit=dose_unit or product.dose_unit,
        infusions=int(infusions),
        interval_days=interval,
        infusion_hours=hours,
        start_day=start,
    )


def _interval(product: Product, infusions: int, interval_days: float | None, hours: float) -> float | None:
    if interval_days is None:
        if infusions == 1:
            return None
        raise InputError(
            f"missing: {product.id} has no published interval and {infusions} infusions are asked",
            where="interval_days",
            mend="give it, start to start, for example interval_days=3",
        )
    days = number_of(interval_days, "interval_days")
    if days <= 0:
        raise InputError(f"{days:g}", where="interval_days", mend="give a positive number of days")
    if infusions == 1:
        return None
    if days * 24 < hours:
        raise InputError(
            f"{days:g} d is shorter than the infusion ({hours:g} h)",
            where="interval_days",
            mend=f"give {hours / 24:g} or more, or shorten infusion_hours",
        )
    return days


def natural_start_day(product: Product) -> float:
    """Earliest day of a product's first infusion: 0, or as late as its preparation needs."""
    return -min((step.day for step in product.preparation), default=0.0)


def amounts_for(product: Product, given: Infusion, weight_kg: np.ndarray) -> np.ndarray:
    """Amount of one infusion for each patient, in the unit of the product's state."""
    amount = given.amount * _size(_per(given.unit), weight_kg)
    if product.maximum_dose is not None:
        amount = np.minimum(amount, product.maximum_dose)
    return amount * product.amount_per_dose_unit


def number_of(value: object, name: str) -> float:
    """``value`` as a finite float; anything else is refused under the argument's ``name``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InputError(f"{value!r} is not a number", where=name, mend="give a number")
    number = float(value)
    if not math.isfinite(number):
        raise InputError(f"{number}", where=name, mend="give a finite number")
    return number
