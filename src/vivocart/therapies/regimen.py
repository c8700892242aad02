"""What is given, how much, how often: a value that prints its infusions and composes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from vivocart.ground.errors import InputError
from vivocart.therapies.course import (
    Course,
    DoseRow,
    Infusion,
    amounts_for,
    checked_dose,
    make_course,
    natural_start_day,
    number_of,
    plain,
    plain_time,
)
from vivocart.therapies.product import Product, find_product
from vivocart.therapies.sentence import CourseSentence, read_sentence

# argument -> the unit it is given in
_DOSE_ARGUMENTS = {
    "dose_mg": "mg",
    "dose_ug": "ug",
    "dose_cells": "cells",
    "dose_mg_per_kg": "mg/kg",
    "dose_ug_per_kg": "ug/kg",
    "dose_cells_per_kg": "cells/kg",
    "dose_mg_per_m2": "mg/m2",
}


@final
@dataclass(frozen=True, slots=True, init=False)
class Regimen:
    """Infusions of one or more products; ``print`` it to see them.

    Parameters
    ----------
    product
        Id of a shipped product, path of a product YAML file, or a :class:`Product`.
    dose
        Amount of one administration, in ``dose_unit`` or the product's own unit; or with the unit in the argument's name:
        ``dose_mg``, ``dose_ug``, ``dose_cells``, ``dose_mg_per_kg``, ``dose_ug_per_kg``, ``dose_cells_per_kg``,
        ``dose_mg_per_m2`` (body surface from weight).
    infusions
        Number of infusions; the product's usual number when left out, 1 if it has none.
    interval_days
        Start to start; the product's usual interval when left out. A product without one has no default: say it.
    infusion_hours
        Duration of one infusion; the product's usual one when left out.
    start_day
        Day of the first infusion. When left out, day 0, or as late as the product's preparation needs.

    Raises
    ------
    InputError
        One line naming argument, value and mend.

    Examples
    --------
    >>> print(Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3))
    HN2301 4 mg x 3 every 3 d, over 1 h
    infusion  day  product  dose  over
           1    0  HN2301   4 mg   1 h
           2    3  HN2301   4 mg   1 h
           3    6  HN2301   4 mg   1 h
    """

    courses: tuple[Course, ...]

    def __init__(
        self,
        product: str | Product,
        *,
        dose: float | None = None,
        dose_unit: str | None = None,
        infusions: int | None = None,
        interval_days: float | None = None,
        infusion_hours: float | None = None,
        start_day: float | None = None,
        **dose_with_unit: float | None,
    ) -> None:
        known = find_product(product) if isinstance(product, str) else product
        amount, unit = _dose(known, dose, dose_unit, dose_with_unit)
        course = make_course(
            known,
            dose=amount,
            dose_unit=unit,
            infusions=infusions,
            interval_days=interval_days,
            infusion_hours=infusion_hours,
            start_day=start_day,
        )
        object.__setattr__(self, "courses", (course,))

    @classmethod
    def of_courses(cls, courses: tuple[Course, ...]) -> Self:
        """A regimen made of courses that stand already; products that contradict each other are refused."""
        _refuse_contradictions(courses)
        regimen = object.__new__(cls)
        object.__setattr__(regimen, "courses", tuple(sorted(courses, key=lambda course: course.start_day)))
        return regimen

    @classmethod
    def parse(cls, sentence: str, products: Mapping[str, Product] | None = None) -> Regimen:
        """The regimen of a clinician's sentence.

        Parameters
        ----------
        sentence
            Product, dose with unit, then in any order ``x 3``, ``every 3 d``, ``over 1 h``, ``from day 0``, or
            ``on days 1, 15 and 168`` (from the first of them); a dose a day runs on: ``28 ug/day for 28 d``, and may run
            again: ``x 2 every 42 d``. Several courses join by ``+`` (each on its own days) or ``then ... after 28 d``
            (days from the last infusion so far).
        products
            Products by id; the shipped ones when left out.

        Raises
        ------
        InputError
            Naming the words that were not understood.

        Examples
        --------
        >>> Regimen.parse("HN2301 4 mg x 3 every 3 d then rituximab 1000 mg x 2 every 14 d after 28 d").last_infusion_day
        48.0
        """
        whole: Regimen | None = None
        for part in read_sentence(sentence):
            course = cls._of_part(part, products)
            if whole is None:
                whole = course
            else:
                whole = (
                    whole.plus(course)
                    if part.after_days is None
                    else whole.then(course, after_days=part.after_days)
                )
        assert whole is not None  # a sentence has at least one part
        return whole

    @classmethod
    def _of_part(cls, part: CourseSentence, products: Mapping[str, Product] | None) -> Regimen:
        """One course of a sentence; several of the same dose where it lists days that are not evenly apart."""
        product = find_product(part.product, products)
        infusions, interval_days = part.infusions, part.interval_days
        starts = [part.start_day]
        if part.days:
            first = natural_start_day(product) if part.start_day is None else part.start_day
            starts = [first + day for day in part.days]
            apart = set(np.diff(part.days).tolist())
            if infusions is None and len(apart) == 1:
                infusions, interval_days, starts = len(starts), apart.pop(), starts[:1]
            elif infusions is None:
                infusions = 1
        return cls.of_courses(
            tuple(
                course
                for start_day in starts
                for course in cls(
                    product,
                    dose=part.dose,
                    dose_unit=part.dose_unit,
                    infusions=infusions,
                    interval_days=interval_days,
                    infusion_hours=part.infusion_hours,
                    start_day=start_day,
                ).courses
            )
        )

    def then(self, other: Regimen, *, after_days: float) -> Regimen:
        """Both in sequence: ``other`` begins ``after_days`` after the start of the last infusion here."""
        number_of(after_days, "after_days")
        last = max(self.infusions_table, key=lambda row: row.day)
        if after_days * 24 < last.hours:
            raise InputError(
                f"{after_days:g} d is before the last infusion ends ({last.hours:g} h)",
                where="after_days",
                mend="wait longer, or join the two with plus()",
            )
        shift = last.day + after_days - other.infusions_table[0].day
        return Regimen.of_courses(self.courses + tuple(course.shifted(shift) for course in other.courses))

    def plus(self, other: Regimen) -> Regimen:
        """Both regimens, each on its own days."""
        return Regimen.of_courses(self.courses + other.courses)

    @property
    def infusions_table(self) -> tuple[Infusion, ...]:
        """Every infusion, preparation included, in order of time."""
        rows = [row for course in self.courses for row in course.table]
        return tuple(sorted(rows, key=lambda row: row.day))

    @property
    def first_infusion_day(self) -> float:
        """Day of the first infusion that is not preparation: what a visit's day counts from."""
        return min(course.start_day for course in self.courses)

    @property
    def last_infusion_day(self) -> float:
        """Day of the last infusion."""
        return self.infusions_table[-1].day

    @property
    def products(self) -> tuple[Product, ...]:
        """The products given, those that prepare included, in order of first use."""
        given: dict[str, Product] = {}
        for course in self.courses:
            for step in course.product.preparation:
                given.setdefault(step.product, find_product(step.product))
            given.setdefault(course.product.id, course.product)
        return tuple(given.values())

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Records that the products rest on, sorted."""
        return tuple(sorted({record for product in self.products for record in product.records}))

    @property
    def assumed(self) -> tuple[str, ...]:
        """What is assumed about the products, one sentence each."""
        return tuple(sentence for product in self.products for sentence in product.assumed)

    @property
    def parameter_overrides(self) -> dict[str, float]:
        """Typical values that the products set in the model, by parameter id."""
        return {key: value for product in self.products for key, value in product.parameters.items()}

    @property
    def parameter_widths(self) -> dict[str, float]:
        """How many times as wide as in the model's table those parameters are, where a product says so."""
        return {key: value for product in self.products for key, value in product.widths.items()}

    @property
    def sentence(self) -> str:
        """The regimen in one line; :meth:`parse` reads it back."""
        parts = [self.courses[0].sentence]
        natural = natural_start_day(self.courses[0].product)
        if self.courses[0].start_day != natural:
            parts[0] += f", from day {plain(self.courses[0].start_day)}"
        parts += [f"{course.sentence}, from day {plain(course.start_day)}" for course in self.courses[1:]]
        return " + ".join(parts)

    def doses(self, weight_kg: np.ndarray) -> tuple[DoseRow, ...]:
        """Every infusion with its amount for each patient, in the unit of the state that receives it.

        Parameters
        ----------
        weight_kg
            Body weight, shape (n_patients,).
        """
        weight = np.asarray(weight_kg, dtype=np.float64)
        products = {product.id: product for product in self.products}
        return tuple(
            DoseRow(
                time_days=row.day,
                duration_days=row.hours / 24.0,
                state=products[row.product_id].state,
                amount=amounts_for(products[row.product_id], row, weight),
                product_id=row.product_id,
            )
            for row in self.infusions_table
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data, enough to make the regimen again with :meth:`from_dict`."""
        return {
            "sentence": self.sentence,
            "courses": [
                {
                    "product": course.product.id,
                    "dose": course.dose,
                    "dose_unit": course.dose_unit,
                    "infusions": course.infusions,
                    "interval_days": course.interval_days,
                    "infusion_hours": course.infusion_hours,
                    "start_day": course.start_day,
                }
                for course in self.courses
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], products: Mapping[str, Product] | None = None) -> Regimen:
        """The regimen of :meth:`as_dict`; what is missing or wrong is named."""
        courses: list[Course] = []
        for position, entry in enumerate(data.get("courses", ())):
            keys = ("dose", "infusions", "interval_days", "infusion_hours", "start_day")
            missing = [key for key in ("product", *keys) if key not in entry]
            if missing:
                raise InputError(
                    f"missing: {', '.join(missing)}", where=f"courses[{position}]", mend="add it"
                )
            product = find_product(str(entry["product"]), products)
            given = {key: entry[key] for key in keys} | {"dose_unit": entry.get("dose_unit")}
            courses.extend(Regimen(product, **given).courses)
        if not courses:
            raise InputError("no courses", where="courses", mend="write what as_dict() returns")
        return cls.of_courses(tuple(courses))

    def __str__(self) -> str:
        """The sentence and the table of infusions."""
        head = ("infusion", "day", "product", "dose", "over")
        rows = [
            (
                str(number),
                f"{row.day:g}",
                row.product_id,
                f"{plain(row.amount)} {row.unit}",
                plain_time(row.hours),
            )
            for number, row in enumerate(self.infusions_table, start=1)
        ]
        widths = [max(len(row[column]) for row in [head, *rows]) for column in range(5)]
        left = (False, False, True, False, False)
        lines = [self.sentence]
        for row in [head, *rows]:
            cells = [
                c.ljust(w) if is_left else c.rjust(w) for c, w, is_left in zip(row, widths, left, strict=True)
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        """As :meth:`__str__`: what prints in a notebook is what a colleague needs to see."""
        return str(self)

    def to_json(self) -> str:
        """:meth:`as_dict` as JSON with sorted keys."""
        return json.dumps(self.as_dict(), sort_keys=True)


def _dose(
    product: Product, dose: float | None, dose_unit: str | None, named: Mapping[str, float | None]
) -> tuple[float, str]:
    """The dose and its unit, checked."""
    for name in named:
        if name not in _DOSE_ARGUMENTS:
            known = ", ".join(_DOSE_ARGUMENTS)
            raise InputError(
                f"unknown argument '{name}'", where="Regimen", mend=f"for the dose write dose, {known}"
            )
    given = {name: value for name, value in {"dose": dose, **named}.items() if value is not None}
    if len(given) != 1:
        found = f"{len(given)} doses ({', '.join(given)})" if given else "no dose"
        raise InputError(f"{found} of {product.id}", where="dose", mend=f"give one, in {product.dose_unit}")
    name, value = next(iter(given.items()))
    unit = _DOSE_ARGUMENTS.get(name, dose_unit or product.dose_unit)
    number = number_of(value, name)
    if number <= 0:
        raise InputError(f"{number:g} {unit}", where=name, mend="give a positive number")
    return checked_dose(product, number, unit, where=name)


def _refuse_contradictions(courses: tuple[Course, ...]) -> None:
    products = {course.product.id: course.product for course in courses}.values()
    for one in products:
        for other in products:
            shared = one.parameters.keys() & other.parameters.keys()
            apart = sorted(key for key in shared if one.parameters[key] != other.parameters[key])
            if one.state == other.state and one.parameters != other.parameters:
                apart = apart or sorted(one.parameters.keys() ^ other.parameters.keys())
            if apart:
                raise InputError(
                    f"{one.id} and {other.id} need different values of {apart[0]}",
                    where="regimen",
                    mend="the model holds one value for a patient: simulate them in separate regimens",
                )
