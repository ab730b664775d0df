"""Dates in words, as people ask for them.

Floor: core, pure. Nothing here knows what day it is: words such as "yesterday" are read against
the day on which they were said.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

_MONTHS: Final = (
    "January February March April May June July August September October November December".split()
)
_WEEKDAYS: Final = "monday tuesday wednesday thursday friday saturday sunday".split()
_NUMBERS: Final = MappingProxyType(
    {
        word: number
        for number, word in enumerate("one two three four five six seven eight nine ten".split(), 1)
    }
    | {"a": 1, "an": 1, "couple of": 2, "a couple of": 2}
)
_COUNT: Final = rf"({'|'.join(sorted(_NUMBERS, key=len, reverse=True))}|[0-9]{{1,2}})"

_ISO = re.compile(r"\b([0-9]{4}-[0-9]{2}-[0-9]{2})\b")
_NEAR: Final = MappingProxyType(
    {
        "day before yesterday": -2,
        "yesterday": -1,
        "last night": -1,
        "today": 0,
        "tonight": 0,
        "this morning": 0,
        "tomorrow": 1,
        "day after tomorrow": 2,
    }
)
_NEAR_DAY = re.compile(rf"\b({'|'.join(sorted(_NEAR, key=len, reverse=True))})\b")
_WEEKDAY = re.compile(rf"\b(last|next|this|on)\s+({'|'.join(_WEEKDAYS)}|weekend)\b")
_AGO = re.compile(rf"\b{_COUNT}\s+(day|week|month|year)s?\s+ago\b")
_IN = re.compile(rf"\bin\s+{_COUNT}\s+(day|week|month|year)s?\b")
_SPAN = re.compile(r"\b(last|this|next)\s+(month|year)\b")
# All of the above hold one of these, and most of what is said holds none.
_HINT = re.compile(r"day|night|morning|tomorrow|weekend|\bago\b|month|year|\bin\s")


def in_words(day: str) -> str:
    """Write a date as people say it; empty for one that there is not.

    >>> in_words("2026-03-01"), in_words("2026-02-31")
    ('1 March 2026', '')
    """
    found = _date(day)
    return _day(found) if found else ""


def dates_in_words(text: str) -> list[str]:
    """Write every date of a text that stands there like `2026-03-01` in words.

    >>> dates_in_words("what was on 2026-03-01?")
    ['1 March 2026']
    """
    return [words for date in _ISO.findall(text) if (words := in_words(date))]


def meant(said: str, day: str) -> list[str]:
    """Say in words which days, months and years are meant by "last Tuesday" and its like.

    Args:
        said: In English; what is not understood is passed over.
        day: On which it was said, like `2026-03-01`.

    Returns:
        Each once, in order.

    >>> meant("we met yesterday, and two weeks ago", "2026-03-01")
    ['28 February 2026', '15 February 2026']
    """
    today = _date(day)
    lowered = said.lower()
    if today is None or not _HINT.search(lowered):
        return []
    try:
        return list(dict.fromkeys(_meant(lowered, today)))
    except OverflowError:  # before the first year, or after the last
        return []


def _meant(said: str, today: date) -> Iterator[str]:
    for match in _NEAR_DAY.finditer(said):
        yield _day(today + timedelta(days=_NEAR[match[1]]))
    for match in _WEEKDAY.finditer(said):
        for day in _weekday(match[1], match[2], today):
            yield _day(day)
    for pattern, sign in ((_AGO, -1), (_IN, 1)):
        for match in pattern.finditer(said):
            count = _NUMBERS.get(match[1]) or int(match[1])
            yield _shifted(today, sign * count, match[2])
    for match in _SPAN.finditer(said):
        yield _shifted(today, {"last": -1, "this": 0, "next": 1}[match[1]], match[2])


def _weekday(which: str, name: str, today: date) -> list[date]:
    """Find the last or the next day of that name; "on Friday" may be either, so both."""
    if name == "weekend":
        saturday = _weekday(which, "saturday", today)
        return [day + timedelta(days=more) for day in saturday for more in (0, 1)]
    ahead = (_WEEKDAYS.index(name) - today.weekday()) % 7
    coming = today + timedelta(days=ahead or 7)
    gone = today - timedelta(days=(7 - ahead) % 7 or 7)
    return {"last": [gone], "next": [coming], "this": [coming], "on": [gone, coming]}[which]


def _shifted(today: date, count: int, unit: str) -> str:
    if unit in ("day", "week"):
        return _day(today + timedelta(days=count * (7 if unit == "week" else 1)))
    if unit == "year":
        return str(today.year + count)
    months = 12 * today.year + today.month - 1 + count
    return f"{_MONTHS[months % 12]} {months // 12}"


def _date(day: str) -> date | None:
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
