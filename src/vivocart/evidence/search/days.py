"""Days of records and of queries, as PubMed's rules read them.

No month is January, several months are the first, no day is the first; winter is January, spring April, summer July and fall
October (PubMed User Guide, 16 April 2024).
"""

from __future__ import annotations

import datetime
import re

from vivocart.evidence.records import MONTHS

_SEASONS = {"winter": 1, "spring": 4, "summer": 7, "fall": 10, "autumn": 10}
_DATE = re.compile(r"(\d{4})(?:/(\d{1,2})(?:/(\d{1,2}))?)?")
_OPEN = "3000"  # PubMed's own way to write "until now"


def number_of(day: datetime.date | None) -> int | None:
    """``20250917`` for a day; nothing for none."""
    return None if day is None else day.year * 10000 + day.month * 100 + day.day


def printed_day(text: str) -> int | None:
    """First day that a journal's date names, as a number: ``2011 Jul-Aug`` gives 20110701; nothing without a year."""
    year = re.search(r"\b(1[5-9]|2[01])\d\d\b", text)
    if year is None:
        return None
    rest = text[year.end() :]
    month = next((found for found in map(_month, re.findall(r"[A-Za-z]+", rest)) if found), 1)
    exact = re.fullmatch(r"\s+[A-Za-z]+\s+(\d{1,2})\b.*", rest)
    return int(year[0]) * 10000 + month * 100 + (int(exact[1]) if exact else 1)


def _month(word: str) -> int:
    short = word[:3].capitalize()
    return MONTHS.index(short) + 1 if short in MONTHS else _SEASONS.get(word.lower(), 0)


def bounds(text: str) -> tuple[int, int]:
    """First and last day of ``2025``, ``2025/09`` or ``2025/09/17``, as numbers.

    Raises
    ------
    ValueError
        With the reason, if ``text`` is no such date.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("not a date")
    year, month, day = (int(part) if part else None for part in found.groups())
    if text == _OPEN:
        return 30001231, 30001231
    datetime.date(year or 0, month or 1, day or 1)  # raises ValueError for a month 13 or a 31 June
    first = (year or 0) * 10000 + (month or 1) * 100 + (day or 1)
    last = (year or 0) * 10000 + (month or 12) * 100 + (day or 31)
    return first, last


def relative(text: str, today: datetime.date) -> tuple[int, int] | None:
    """First and last day of ``last 90 days``, ``last 3 months`` or ``last 2 years``; nothing for other words."""
    found = re.fullmatch(r"last\s+(\d{1,4})\s+(day|month|year)s?", text.strip().lower())
    if found is None:
        return None
    count, unit = int(found[1]), found[2]
    if unit == "day":
        first = datetime.date.fromordinal(max(1, today.toordinal() - count))
    else:
        months = today.year * 12 + today.month - 1 - count * (12 if unit == "year" else 1)
        year, month = divmod(max(12, months), 12)
        first = datetime.date(year, month + 1, min(today.day, _length(year, month + 1)))
    return number_of(first) or 0, number_of(today) or 0


def _length(year: int, month: int) -> int:
    following = datetime.date(year + month // 12, month % 12 + 1, 1)
    return (following - datetime.timedelta(days=1)).day
