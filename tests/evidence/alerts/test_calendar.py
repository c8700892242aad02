"""Every choice of day over two years equals a walk through Python's own calendar."""

from __future__ import annotations

import calendar
import datetime

import pytest

from vivocart.evidence.alerts.calendar import DAYS, WEEKDAYS, check_day, next_run
from vivocart.ground.errors import InputError, UnknownNameError

FIRST, LAST = datetime.date(2026, 1, 1), datetime.date(2028, 2, 29)
NAMES = [name.lower() for name in calendar.day_name]


def days_of(frequency, day):
    """All due days by month sheets and names of days."""
    span = [FIRST + datetime.timedelta(days=ahead) for ahead in range((LAST - FIRST).days + 1)]
    if frequency == "daily":
        return span
    if frequency == "weekly":
        return [date for date in span if NAMES[date.weekday()] == day]
    found = []
    for year, month in sorted({(date.year, date.month) for date in span}):
        sheet = [date for date in span if (date.year, date.month) == (year, month)]
        if day == "first day":
            found.append(sheet[0])
        elif day == "first weekday":
            found.append(next(date for date in sheet if NAMES[date.weekday()] not in ("saturday", "sunday")))
        else:
            found.append(next(date for date in sheet if f"first {NAMES[date.weekday()]}" == day))
    return found


@pytest.mark.parametrize(("frequency", "day"), [(name, day) for name, days in DAYS.items() for day in days])
def test_due_days_are_those_of_the_calendar(frequency, day):
    due = days_of(frequency, day)
    last = FIRST - datetime.timedelta(days=1)
    for expected in due[:730]:
        assert next_run(frequency, day, last) == expected
        last = expected
    for date in due[1:20]:
        assert next_run(frequency, day, date - datetime.timedelta(days=1)) == date


def test_the_choices_are_those_of_the_page(suites):
    page = (suites / "pubmed" / "seed" / "page.txt").read_text(encoding="utf-8").splitlines()
    at = page.index("Which day?")
    assert tuple(line.removeprefix("The ").lower() for line in page[at + 1 : at + 10]) == DAYS["monthly"]
    at = page.index("Which day?", at + 1)
    assert tuple(line.lower() for line in page[at + 1 : at + 8]) == DAYS["weekly"] == WEEKDAYS


def test_choices_are_read_as_the_page_writes_them():
    assert check_day("Monthly", "The first Sunday") == ("monthly", "first sunday")
    assert check_day("weekly", " FRIDAY ") == ("weekly", "friday")
    assert check_day("Daily", "") == ("daily", "every day")
    assert check_day("monthly", "") == ("monthly", "first sunday")
    with pytest.raises(InputError, match="weekly knows no day 'first day'; one of: sunday, monday"):
        check_day("weekly", "first day")
    with pytest.raises(UnknownNameError, match="unknown frequency 'wekly'; did you mean weekly"):
        check_day("wekly", "")
