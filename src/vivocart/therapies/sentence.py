"""A clinician's sentence such as ``HN2301 4 mg x 3 every 3 d``, read into its parts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import final

from vivocart.ground.errors import InputError

_NUMBER = r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)"
_PER_DAY = {"min": 1440.0, "h": 24.0, "d": 1.0, "w": 1.0 / 7.0}
_TIME = r"(min|h|d|w)(?:ours?|rs?|ays?|eeks?|utes?)?"
_DOSE = re.compile(
    rf"(\S+)\s+(?:(\d+)\s*[x×]\s*)?{_NUMBER}\s*([A-Za-zµμ*0-9]*[A-Za-zµμ](?:/kg|/m2|/m²)?)"
    r"(/(?:d|day|24\s?h))?(?=[\s,]|$)"
)
_CLAUSES = {
    "infusions": re.compile(r"[x×*]\s*([-+]?[\d.]+)(?=[\s,]|$)", re.IGNORECASE),
    "interval_days": re.compile(rf"(?:every|q)\s*{_NUMBER}\s*{_TIME}(?=[\s,]|$)", re.IGNORECASE),
    "infusion_hours": re.compile(rf"over\s*{_NUMBER}\s*{_TIME}(?=[\s,]|$)", re.IGNORECASE),
    "start_day": re.compile(rf"(?:(?:from|on|at)\s+)?day\s*{_NUMBER}(?=[\s,]|$)", re.IGNORECASE),
    "for_days": re.compile(rf"for\s*{_NUMBER}\s*{_TIME}(?=[\s,]|$)", re.IGNORECASE),
    "after_days": re.compile(rf"after\s*{_NUMBER}\s*{_TIME}(?=[\s,]|$)", re.IGNORECASE),
}
_EXAMPLE = '"HN2301 4 mg x 3 every 3 d"'
_MAXIMUM_CHARACTERS = 2000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CourseSentence:
    """One course as it was written; ``None`` where the sentence says nothing."""

    product: str
    dose: float
    dose_unit: str
    infusions: int | None = None
    interval_days: float | None = None
    infusion_hours: float | None = None
    start_day: float | None = None
    after_days: float | None = None


def read_sentence(sentence: str) -> tuple[CourseSentence, ...]:
    """Courses of a sentence, in its order; ``after_days`` is set for those that follow ``then``.

    Raises
    ------
    InputError
        Naming the words that were not understood, with an example.
    """
    if len(sentence) > _MAXIMUM_CHARACTERS:
        raise InputError(
            f"{len(sentence)} characters", where="regimen", mend=f"at most {_MAXIMUM_CHARACTERS}"
        )
    pieces = re.split(r"\s+(then|plus|\+)\s+", sentence.strip(), flags=re.IGNORECASE)
    courses = [_course(pieces[0])]
    for joint, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        course = _course(piece)
        follows = joint.lower() == "then"
        if follows != (course.after_days is not None):
            mend = "write 'then PRODUCT DOSE after 28 d'" if follows else "join with 'then' to say 'after'"
            raise InputError(f"'{joint} {piece}'", where="regimen", mend=mend)
        courses.append(course)
    if courses[0].after_days is not None:
        raise InputError(
            f"'{pieces[0]}' follows nothing", where="regimen", mend="take 'after' out, or write 'from day'"
        )
    return tuple(courses)


def _course(text: str) -> CourseSentence:
    where = f"regimen '{text}'"
    head = _DOSE.match(text)
    if head is None:
        raise InputError(
            "no product and dose found",
            where=where,
            mend=f"write product, dose and unit (mg, ug, cells, each also /kg, /m2 or /day), like {_EXAMPLE}",
        )
    product, count, dose, unit, a_day = head.groups()
    found: dict[str, float] = {} if count is None else {"infusions": float(count)}
    rest = text[head.end() :].lstrip(" ,")
    while rest:
        key, value, length = _clause(rest, where)
        if key in found:
            raise InputError(f"{key} is given twice", where=where, mend="say it once")
        found[key] = value
        rest = rest[length:].lstrip(" ,")
    _spread_over_days(found, a_day is not None, where)
    infusions = found.pop("infusions", None)
    if infusions is not None and infusions != int(infusions):
        raise InputError(f"{infusions:g} infusions", where=where, mend="give a whole number")
    return CourseSentence(
        product=product,
        dose=float(dose),
        dose_unit=unit.replace("µ", "u").replace("μ", "u").replace("²", "2"),
        infusions=None if infusions is None else int(infusions),
        **found,
    )


def _spread_over_days(found: dict[str, float], a_day: bool, where: str) -> None:
    """A dose a day for some days becomes infusions of 24 hours, one after the other."""
    days = found.pop("for_days", None)
    if days is None and not a_day:
        return
    if days is None or not a_day:
        mend = (
            "say for how long: ug/day for 28 d"
            if a_day
            else "'for' goes with a dose a day: 28 ug/day for 28 d"
        )
        raise InputError("a dose a day and its days belong together", where=where, mend=mend)
    said = sorted(found.keys() & {"infusions", "interval_days", "infusion_hours"})
    if said:
        raise InputError(f"{said[0]} beside a dose a day", where=where, mend="take it out: the days say it")
    found |= {"infusions": days, "interval_days": 1.0, "infusion_hours": 24.0}


def _clause(rest: str, where: str) -> tuple[str, float, int]:
    for key, pattern in _CLAUSES.items():
        match = pattern.match(rest)
        if match is None:
            continue
        try:
            value = float(match[1])
        except ValueError:
            break
        if not math.isfinite(value):
            break
        if key in ("interval_days", "after_days", "for_days"):
            value /= _PER_DAY[match[2].lower()]
        elif key == "infusion_hours":
            value *= 24.0 / _PER_DAY[match[2].lower()]
        return key, value, match.end()
    mend = f"clauses are: x 3, every 3 d, over 1 h, from day 0, for 28 d; like {_EXAMPLE}"
    raise InputError(f"'{rest}' is not understood", where=where, mend=mend)
