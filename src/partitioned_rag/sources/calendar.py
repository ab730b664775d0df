"""Calendars and address cards: each event or card a paragraph of `Label: value` lines.

Floor: edge, in the child process. Unfolding and unescaping by RFC 5545 and RFC 6350, and what
vCard 2.1 did before them; pictures and other binaries are left out.
"""

import binascii
import codecs
import re
from collections.abc import Iterator
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from partitioned_rag.sources.composing import Piece, compose
from partitioned_rag.sources.decoding import decode, decode_as, likely_charset
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.values import Document, SegmentKind, SkipReason

_ENTRIES: Final = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VCARD"})
_LABELS: Final = MappingProxyType(
    {
        "SUMMARY": "Event",
        "DTSTART": "Start",
        "DTEND": "End",
        "DUE": "Due",
        "DURATION": "Duration",
        "RRULE": "Repeats",
        "LOCATION": "Location",
        "DESCRIPTION": "Description",
        "ORGANIZER": "Organizer",
        "ATTENDEE": "Attendee",
        "FN": "Name",
        "N": "Full name",
        "NICKNAME": "Nickname",
        "ORG": "Organization",
        "TEL": "Phone",
        "ADR": "Address",
        "BDAY": "Birthday",
    }
)
# Of use to programs alone.
_UNSEEN: Final = frozenset(
    "BEGIN CALSCALE CLASS CREATED DTSTAMP END LAST-MODIFIED METHOD PRODID REV SEQUENCE TRANSP UID"
    " VERSION".split()
)
_BINARY: Final = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
_DAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)

_FOLD = re.compile(rb"\r?\n[ \t]")
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2})(?::?\d{2})?(Z?))?", re.ASCII)
_NAME = re.compile(rb"(?:[\w-]+\.)?([\w-]+)((?:;(?:\"[^\"]*\"|[^\":;])*)*):", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# What a line belongs to that no property stands before: it is shown as a remark.
_NO_PROPERTY: Final = ("NOTE", "", b"")


class _Property(NamedTuple):
    """A line of a calendar, unfolded; the group that a card may put before its name is dropped."""

    name: str
    parameters: str
    value: str


def read(raw: RawFile) -> Document:
    """Read a calendar or cards.

    Raises:
        Unreadable: It cannot be decoded, is no calendar, or holds no entry.
    """
    data = raw.data.removeprefix(codecs.BOM_UTF8)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = decode(data).encode("utf-8", "replace")
    if not re.search(rb"(?im)^\s*BEGIN:V", data):
        raise Unreadable(SkipReason.CORRUPT, "is neither a calendar nor a card")
    return compose(raw.path, _entries(data))


def _entries(data: bytes) -> Iterator[Piece]:
    """Gather each entry's lines; one that is never closed ends where the next begins."""
    gathered: list[str] = []
    nested = 0
    inside = False
    for name, parameters, value in _properties(data):
        component = value.strip().upper()
        if name in ("BEGIN", "END") and component in _ENTRIES:
            yield Piece(SegmentKind.PARAGRAPH, "\n".join(gathered))
            gathered.clear()
            nested, inside = 0, name == "BEGIN"
        elif name in ("BEGIN", "END"):
            # An alarm within an event says nothing of its own.
            nested = max(0, nested + (1 if name == "BEGIN" else -1))
        elif inside and not nested:
            gathered += _shown(_Property(name, parameters, value))
    yield Piece(SegmentKind.PARAGRAPH, "\n".join(gathered))


def _properties(data: bytes) -> Iterator[_Property]:
    # Judged as a whole, since a single name is too short to tell one charset from another; and
    # unfolded before it is decoded, since a fold may fall between the bytes of one character.
    unfolded = _FOLD.sub(b"", data)
    usual = likely_charset(unfolded)
    lines = iter(unfolded.splitlines())
    name, parameters, value = _NO_PROPERTY
    for line in lines:
        found = _NAME.match(line)
        if found:
            yield from _decoded(name, parameters, value, usual)
            name = found[1].decode("ascii", "replace").upper()
            parameters = found[2].decode(usual, "replace")
            value = line[found.end() :]
            if re.search("(?i);(?:ENCODING=)?QUOTED-PRINTABLE", parameters):
                while value.endswith(b"="):
                    value = value[:-1] + next(lines, b"")
                value = binascii.a2b_qp(value)
        elif line.strip():
            # The next line of a value, by a writer that forgot to fold it.
            if name in ("BEGIN", "END"):
                yield from _decoded(name, parameters, value, usual)
                name, parameters, value = _NO_PROPERTY
            value += b"\n" + line
    yield from _decoded(name, parameters, value, usual)


def _decoded(name: str, parameters: str, value: bytes, usual: str) -> Iterator[_Property]:
    if name not in _BINARY:
        declared = _parameter(parameters, "CHARSET")
        yield _Property(name, parameters, decode_as(value, declared, usual))


def _parameter(parameters: str, name: str) -> str:
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.upper() == name:
            return value.strip('"')
    return ""


def _shown(prop: _Property) -> list[str]:
    """Render a property as a line, or not at all."""
    encoding = _parameter(prop.parameters, "ENCODING").upper()
    if prop.name in _UNSEEN or encoding in ("B", "BASE64") or prop.value.startswith("data:"):
        return []
    if prop.name == "N":
        family, given, *others = [*prop.value.split(";"), ""]
        value = " ".join(filter(None, [*others[1:2], given, *others[:1], family, *others[2:]]))
    elif prop.name in ("ADR", "ORG"):
        value = ", ".join(filter(None, prop.value.split(";")))
    else:
        value = prop.value
    value = _unescaped(value).strip()
    if not value:
        return []
    if prop.name == "DTEND":
        value = _last_day(value)
    if prop.name in ("DTSTART", "DTEND", "DUE", "BDAY"):
        value = _time(value, _parameter(prop.parameters, "TZID"))
    label = _LABELS.get(prop.name, prop.name.removeprefix("X-").capitalize())
    return [f"{label}: {value}"]


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def _last_day(value: str) -> str:
    """Name the last day of what lasts whole days, as a person does.

    A calendar names the day after it (RFC 5545, 3.6.1). A time of day is given back as it is.

    >>> _last_day("20260817"), _last_day("20260817T090000")
    ('20260816', '20260817T090000')
    """
    found = _DATE.fullmatch(value)
    if not found or found[4]:
        return value
    try:
        last = date(int(found[1]), int(found[2]), int(found[3])) - timedelta(days=1)
    except (ValueError, OverflowError):
        return value
    return last.strftime("%Y%m%d")


def _time(value: str, zone: str) -> str:
    r"""Write a time as people look for it, with the day of the week.

    >>> _time("20260102T100000Z", "")
    'Friday 2026-01-02 10:00 UTC'
    """
    found = _DATE.fullmatch(value)
    if not found:
        return value
    year, month, day, hour, minute, utc = found.groups()
    try:
        weekday = _DAYS[date(int(year), int(month), int(day)).weekday()]
    except ValueError:
        return value
    clock = f" {hour}:{minute}" if hour else ""
    where = " UTC" if utc else f" {zone}" if zone and hour else ""
    return f"{weekday} {year}-{month}-{day}{clock}{where}"
