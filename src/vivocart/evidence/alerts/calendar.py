"""The day on which an alert is due; a calendar, not a clock."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Literal

from vivocart.ground.errors import InputError, UnknownNameError

Frequency = Literal["monthly", "weekly", "daily"]

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
#: Days that a frequency may name; the first is taken when none is named.
DAYS: dict[Frequency, tuple[str, ...]] = {
    "monthly": (*(f"first {day}" for day in WEEKDAYS), "first day", "first weekday"),
    "weekly": WEEKDAYS,
    "daily": ("every day",),
}


def check_day(frequency: str, day: str) -> tuple[Frequency, str]:
    """Frequency and day in lower case, the day filled in where it is empty.

    Raises
    ------
    UnknownNameError
        If there is no such frequency.
    InputError
        If the frequency knows no such day.
    """
    known: Frequency | None = next((name for name in DAYS if name == frequency.strip().lower()), None)
    if known is None:
        raise UnknownNameError("frequency", frequency, DAYS)
    plain = " ".join(day.lower().removeprefix("the ").split()) or DAYS[known][0]
    if plain not in DAYS[known]:
        raise InputError(f"{known} knows no day '{day}'", mend=f"one of: {', '.join(DAYS[known])}")
    return known, plain


def next_run(frequency: Frequency, day: str, last_run: datetime.date) -> datetime.date:
    """The first day after ``last_run`` on which an alert of this frequency and day is due."""
    is_due = _rule(frequency, day)
    return next(
        found
        for found in (last_run + datetime.timedelta(days=ahead) for ahead in range(1, 64))
        if is_due(found)
    )


def _rule(frequency: Frequency, day: str) -> Callable[[datetime.date], bool]:
    if frequency == "daily":
        return lambda _: True
    if frequency == "weekly":
        return lambda date: _weekday(date) == day
    if day == "first day":
        return lambda date: date.day == 1
    if day == "first weekday":
        return lambda date: date == _first_weekday(date)
    return lambda date: date.day <= 7 and f"first {_weekday(date)}" == day


def _weekday(date: datetime.date) -> str:
    return WEEKDAYS[date.isoweekday() % 7]


def _first_weekday(date: datetime.date) -> datetime.date:
    """The first Monday to Friday of the month."""
    first = date.replace(day=1)
    return first + datetime.timedelta(days={6: 2, 7: 1}.get(first.isoweekday(), 0))
