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
_DOSE = re.compile(rf"(\S+)\s+(?:(\d+)\s*[x×]\s*)?{_NUMBER}\s*([A-Za-zµμ*0-9]*[A-Za-zµμ](?:/kg)?)(?=[\s,]|$)")
_CLAUSES = {
    "infusions": re.compile(r"[x×*]\s*([-+]?[\d.]+)(?=[\s,]|$)", re.IGNORECASE),
    "interval_days": re.compile(rf"(?:every|q)\s*{_NUMBER}\s*{_TIME}(?=[\s,]|$)", re.IGNORECASE),
    "infusion_hours": re.compile(rf"over\s*{_NUMBER}\s*{_TIME}(?=[\s,]|$)", re.IGNORECASE),
    "start_day": re.compile(rf"(?:(?:from|on|at)\s+)?day\s*{_NUMBER}(?=[\s,]|$)", re.IGNORECASE),
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
            "no product and dose found", where=where, mend=f"write product, dose and unit, like {_EXAMPLE}"
        )
    product, count, dose, unit = head.groups()
    found: dict[str, float] = {} if count is None else {"infusions": float(count)}
    rest = text[head.end() :].lstrip(" ,")
    while rest:
        key, value, length = _clause(rest, where)
        if key in found:
            raise InputError(f"{key} is given twice", where=where, mend="say it once")
        found[key] = value
        rest = rest[length:].lstrip(" ,")
    infusions = found.pop("infusions", None)
    if infusions is not None and infusions != int(infusions):
        raise InputError(f"{infusions:g} infusions", where=where, mend="give a whole number")
    return CourseSentence(
        product=product,
        dose=float(dose),
        dose_unit=unit.replace("µ", "u").replace("μ", "u"),
        infusions=None if infusions is None else int(infusions),
        **found,
    )


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
        if key in ("interval_days", "after_days"):
            value /= _PER_DAY[match[2].lower()]
        elif key == "infusion_hours":
            value *= 24.0 / _PER_DAY[match[2].lower()]
        return key, value, match.end()
    mend = f"clauses are: x 3, every 3 d, over 1 h, from day 0; like {_EXAMPLE}"
    raise InputError(f"'{rest}' is not understood", where=where, mend=mend)
