"""What a person is told of a calendar's days."""

from partitioned_rag.sources.calendar import read
from partitioned_rag.sources.raw import RawFile


def text_of(*lines: str) -> str:
    event = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]
    return read(RawFile(path="public/a.ics", data="\r\n".join(event).encode())).text


def test_an_event_of_whole_days_ends_on_its_last_day() -> None:
    text = text_of("SUMMARY:Shut", "DTSTART;VALUE=DATE:20260803", "DTEND;VALUE=DATE:20260817")
    assert "Start: Monday 2026-08-03" in text
    assert "End: Sunday 2026-08-16" in text


def test_an_event_with_a_clock_ends_when_it_says() -> None:
    text = text_of("SUMMARY:Ride", "DTSTART:20260607T100000", "DTEND:20260607T120000")
    assert "End: Sunday 2026-06-07 12:00" in text
