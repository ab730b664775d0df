"""The bridge's `chat.log`: one message a line, with its time and who wrote it.

Floor: edge. Only a line feed ends a line here: the bridge writes a message's own line breaks as
an arrow, so whatever else looks like a line break belongs to the text of a message, and what
stands behind it is never a turn of another speaker.
"""

import codecs
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from partitioned_rag.sources.composing import clean, finish, paragraphs
from partitioned_rag.sources.decoding import decode
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.values import Document, Segment, SegmentKind, Turn

LINE_BREAK: Final = " ↵ "
"""What the bridge puts where a message had a line break."""

_NEW_SITTING: Final = timedelta(hours=2)
# A cut character has at most three bytes; fewer than eight bytes tell no charset from another.
_CUT_BYTES: Final = 3
_TELLING_BYTES: Final = 8
_UTF16_OR_32: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_ESCAPED = re.compile("[\udc80-\udcff]")
# `^` in Python means the beginning of the text or behind a line feed, and nothing else.
_TURN = re.compile(
    r"^\[([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})\] (them|me):(?=[ \r\n]|\Z)",
    re.MULTILINE,
)


def read(raw: RawFile) -> Document:
    """Read a chat: a segment for each turn, a group for each sitting.

    A sitting ends when more than two hours lie between two turns, or the clock was set back by
    more than that. A time that does not exist changes nothing.

    Raises:
        Unreadable: It cannot be decoded and has no turns, or it holds no text.
    """
    text = _text(raw)
    first = _TURN.search(text)
    opening = text[: first.start()] if first else text
    segments = [
        Segment(kind=SegmentKind.PARAGRAPH, start=start, end=end)
        for start, end in paragraphs(opening)
    ]
    sitting = 0
    last: datetime | None = None
    for turn, end, _ in _spoken(text):
        at = _time(turn[1])
        if at is not None:
            sitting += last is not None and abs(at - last) > _NEW_SITTING
            last = at
        segments.append(
            Segment(
                kind=SegmentKind.TURN,
                start=turn.start(),
                end=end,
                group=sitting,
                speaker=turn[2],
                said=min(turn.end(), end),
                day=_day(turn),
            )
        )
    return finish(raw.path, text, segments)


def same_until(document: Document, before: RawFile) -> int:
    """Say up to where a chat that went on reads as it did.

    Args:
        document: As `read` makes it of the chat as it is now.
        before: The chat as it was.

    Returns:
        A place in the text; as in `Reading.same_until`.
    """
    text = _text(before)
    # What stands behind the last line feed may be half of a line, or of a character.
    whole_lines = text.rfind("\n") + 1
    # Compared, since what was added may let all of it be decoded in another way.
    return whole_lines if document.text.startswith(text[:whole_lines]) else 0


def turns(document: Document) -> list[Turn]:
    """Take a chat apart into its messages, oldest first as they stand in the file.

    Args:
        document: As `read` made it; one that is no chat has no turns.
    """
    text = document.text
    return [
        Turn(
            source=document.path,
            start=turn.start(),
            end=end,
            at=turn[1],
            speaker=turn[2],
            text=text[turn.end() : next_start].replace(LINE_BREAK, "\n").strip(),
            line=text[turn.start() : end],
        )
        for turn, end, next_start in _spoken(text)
    ]


def day_of(text: str) -> str:
    """Say on which day a piece of a chat begins, from its first turn; empty if it has none.

    >>> day_of("[2026-03-01 09:00:00] them: sunday?")
    '2026-03-01'
    """
    first = _TURN.search(text)
    return _day(first) if first else ""


def _day(turn: re.Match[str]) -> str:
    return turn[1][: len("2026-03-01")]


def _spoken(text: str) -> Iterator[tuple[re.Match[str], int, int]]:
    """Find the turns: their beginning, where their line ends and where the next turn begins.

    A line in no turn's form belongs to the turn before it. The white space at the end of a line
    may be half of a line break that was said.
    """
    beginnings = _TURN.finditer(text)
    turn = next(beginnings, None)
    while turn:
        following = next(beginnings, None)
        next_start = following.start() if following else len(text)
        yield turn, turn.start() + len(text[turn.start() : next_start].rstrip()), next_start
        turn = following


def _time(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None


def _text(raw: RawFile) -> str:
    # An arrow, since with a line break a contact could begin a line of its own choosing: the rest
    # of a run of "[" followed by what a turn of "me" looks like.
    return clean(_decoded(raw), run_break=LINE_BREAK)


def _decoded(raw: RawFile) -> str:
    """Decode what the bridge wrote, which is UTF-8: a bad byte costs itself, not the conversation.

    Killed inside a character, the bridge leaves it cut, at the end or, when it went on later, in
    the middle of a line. Only where most of the lines beyond ASCII are no UTF-8 may the chat be in
    another charset.
    """
    if raw.data.startswith(_UTF16_OR_32):
        return decode(raw.data)
    escaped = raw.data.decode("utf-8-sig", "surrogateescape")
    foreign = [line for line in escaped.split("\n") if not line.isascii()]
    bad = [n for n in (len(_ESCAPED.findall(line)) for line in foreign) if n > _CUT_BYTES]
    marked = raw.data.decode("utf-8-sig", "replace")
    if 2 * len(bad) <= len(foreign) or sum(bad) < _TELLING_BYTES:
        return marked
    try:
        return decode(raw.data)
    except Unreadable:
        if _TURN.search(marked):
            return marked
        raise
