"""Words for days are read against the day on which they were said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.matching.dates import dates_in_words, in_words, meant

SUNDAY = "2026-03-01"


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("I saw her yesterday", ["28 February 2026"]),
        ("the day before yesterday", ["27 February 2026"]),
        ("See you tomorrow!", ["2 March 2026"]),
        ("last Tuesday", ["24 February 2026"]),
        ("next Sunday", ["8 March 2026"]),
        ("last sunday", ["22 February 2026"]),
        ("on friday", ["27 February 2026", "6 March 2026"]),
        ("last weekend", ["28 February 2026", "1 March 2026"]),
        ("three weeks ago", ["8 February 2026"]),
        ("in 10 days", ["11 March 2026"]),
        ("last month", ["February 2026"]),
        ("two months ago", ["January 2026"]),
        ("next year we move", ["2027"]),
        ("a few years back, in May", []),
        ("nothing of the kind", []),
    ],
)
def test_what_is_meant(said: str, days: list[str]) -> None:
    assert meant(said, SUNDAY) == days


def test_the_last_saturday_of_a_sunday_was_yesterday() -> None:
    assert meant("last saturday", SUNDAY) == meant("yesterday", SUNDAY)


def test_a_day_that_there_is_not_means_nothing() -> None:
    assert meant("yesterday", "2026-02-31") == []
    assert in_words("") == ""
    assert dates_in_words("on 2026-02-31 or 2026-03-01") == ["1 March 2026"]


@given(st.text(), st.dates().map(str))
def test_anything_may_be_said_on_any_day(said: str, day: str) -> None:
    words = f"{said} yesterday {said} 9 years ago, in 99 weeks"
    assert all(" " in each or each.isdigit() for each in meant(words, day))
