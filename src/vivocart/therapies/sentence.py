"""A clinician's sentence such as ``HN2301 4 mg x 3 every 3 d``, read into its parts."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import final

from vivocart.ground.errors import InputError

_NUMBER = r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)"
_POWER = r"(?:\s*[x×*·]\s*10(?:\^([-+]?\d+)|([⁰¹²³⁴⁵⁶⁷⁸⁹]+)))?"
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_PER_DAY = {"min": 1440.0, "h": 24.0, "d": 1.0, "w": 1.0 / 7.0, "mo": 12.0 / 365.25}
_TIME = r"(min|mo(?=nths?|\b)|h|d|w)(?:ours?|rs?|ays?|eeks?|k|ks|utes?|nths?)?"
_DOSE = re.compile(
    rf"(\S+(?:\s+\S+){{0,7}}?)\s+(?:(\d+)\s*[x×]\s*)?{_NUMBER}{_POWER}\s*([A-Za-zµμ*0-9]*[A-Za-zµμ](?:/kg|/m2|/m²)?)"
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
_WORDS = {
    "once": ("infusions", 1.0),
    "twice": ("infusions", 2.0),
    "daily": ("interval_days", 1.0),
    "every day": ("interval_days", 1.0),
    "every other day": ("interval_days", 2.0),
    "weekly": ("interval_days", 7.0),
    "every week": ("interval_days", 7.0),
    "every other week": ("interval_days", 14.0),
    "monthly": ("interval_days", 365.25 / 12.0),
    "every month": ("interval_days", 365.25 / 12.0),
}
_WORD = re.compile(rf"({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?=[\s,]|$)", re.IGNORECASE)
_LIST = re.compile(
    r"(?:(?:on|at|in)\s+)?(day|week)s?\s+(\d+(?:\.\d+)?(?:(?:\s*(?:,\s*and\s|,|\band\b|&)\s*|\s+)(?:\1s?\s+)?\d+(?:\.\d+)?(?=[\s,&]|$))+)",
    re.IGNORECASE,
)
_UNTREATED = frozenset({"none", "no treatment", "untreated", "placebo", "control", "standard of care", "soc"})
_EXAMPLE = '"HN2301 4 mg x 3 every 3 d"'
_MAXIMUM_CHARACTERS = 2000
_MAXIMUM_RUNS = 100  # of a dose a day; far above any label


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CourseSentence:
    """One course as it was written; ``None`` where the sentence says nothing.

    ``days`` are those on which the dose (or a run of a dose a day) is given, counted from the first of them, as in
    ``on days 1, 15, 168``; empty where the sentence gives an interval or nothing.
    """

    product: str
    dose: float
    dose_unit: str
    infusions: int | None = None
    interval_days: float | None = None
    infusion_hours: float | None = None
    start_day: float | None = None
    after_days: float | None = None
    days: tuple[float, ...] = ()


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
    if text.strip().lower() in _UNTREATED:
        mend = "leave the arm out: what patients do without a product is not simulated"
        raise InputError("no product is given", where=where, mend=mend)
    head = _DOSE.match(text)
    if head is None:
        raise InputError(
            "no product and dose found",
            where=where,
            mend=f"write product, dose and unit (mg, ug, cells, each also /kg, /m2 or /day), like {_EXAMPLE}",
        )
    product, count, dose, power, superscript, unit, a_day = head.groups()
    found: dict[str, float] = {} if count is None else {"infusions": float(count)}
    days: tuple[float, ...] = ()
    rest = text[head.end() :].lstrip(" ,")
    while rest:
        listed = _LIST.match(rest)
        key, value, length = ("days", 0.0, listed.end()) if listed else _clause(rest, where)
        if key in found or (listed and days):
            raise InputError(f"{key} is given twice", where=where, mend="say it once")
        if listed:
            days = _listed_days(listed, where)
        else:
            found[key] = value
        rest = rest[length:].lstrip(" ,")
    if days and a_day is not None:
        mend = "write the dose of each day, or how often the run is given: 28 ug/day for 28 d x 2 every 42 d"
        raise InputError(f"a dose a day beside {len(days)} days", where=where, mend=mend)
    days = _checked_days(found, days, where) or _spread_over_days(found, a_day is not None, where)
    infusions = found.pop("infusions", None)
    if infusions is not None and infusions != int(infusions):
        raise InputError(f"{infusions:g} infusions", where=where, mend="give a whole number")
    exponent = power or (superscript or "0").translate(_SUPERSCRIPT)
    return CourseSentence(
        product=product,
        dose=float(f"{dose}e{exponent}") if int(exponent) else float(dose),
        dose_unit=unit.replace("µ", "u").replace("μ", "u").replace("²", "2"),
        infusions=None if infusions is None else int(infusions),
        days=days,
        **found,
    )


def _listed_days(listed: re.Match[str], where: str) -> tuple[float, ...]:
    """Days of a list, from its first; sources count from day 1 or from day 0, which is the same here."""
    numbers = [float(text) for text in re.findall(r"\d+(?:\.\d+)?", listed[2])]
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise InputError(f"'{listed[0]}' does not ascend", where=where, mend="write each day once, in order")
    length = 7.0 if listed[1].lower() == "week" else 1.0
    return tuple(length * (number - numbers[0]) for number in numbers)


def _checked_days(found: dict[str, float], days: tuple[float, ...], where: str) -> tuple[float, ...]:
    """The listed days, where nothing else contradicts them."""
    if not days:
        return ()
    infusions = found.pop("infusions", len(days))
    said = sorted(found.keys() & {"interval_days", "for_days"})
    if said or infusions != len(days):
        other = said[0] if said else f"{infusions:g} infusions"
        raise InputError(f"{other} beside {len(days)} days", where=where, mend="take it out: the days say it")
    return days


def _spread_over_days(found: dict[str, float], a_day: bool, where: str) -> tuple[float, ...]:
    """A dose a day for some days becomes infusions of 24 hours, one after the other; the days on which such runs begin."""
    days = found.pop("for_days", None)
    if days is None and not a_day:
        return ()
    if days is None or not a_day:
        mend = (
            "say for how long: ug/day for 28 d"
            if a_day
            else "'for' goes with a dose a day: 28 ug/day for 28 d"
        )
        raise InputError("a dose a day and its days belong together", where=where, mend=mend)
    if "infusion_hours" in found:
        raise InputError(
            "infusion_hours beside a dose a day", where=where, mend="take it out: the days say it"
        )
    runs, interval = found.pop("infusions", None), found.pop("interval_days", None)
    found |= {"infusions": days, "interval_days": 1.0, "infusion_hours": 24.0}
    if runs is None and interval is None:
        return ()
    if (
        runs is None
        or interval is None
        or runs != int(runs)
        or not 1 <= runs <= _MAXIMUM_RUNS
        or interval < days
    ):
        raise InputError(
            f"runs of {days:g} d again and again",
            where=where,
            mend="write how often and, start to start, how far apart: 28 ug/day for 28 d x 2 every 42 d",
        )
    return tuple(interval * index for index in range(int(runs)))


def _clause(rest: str, where: str) -> tuple[str, float, int]:
    word = _WORD.match(rest)
    if word is not None:
        return *_WORDS[word[1].lower()], word.end()
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
    mend = (
        "clauses are: x 3, every 3 d, weekly, on days 1, 15 and 29, over 1 h, from day 0, for 28 d; "
        f"like {_EXAMPLE}"
    )
    raise InputError(f"'{rest}' is not understood", where=where, mend=mend)
