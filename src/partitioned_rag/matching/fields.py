"""Chunks of a document → what each of them is found by.

Floor: core, pure. A turn of a chat is findable by its day and by what was said around it, since an
answer seldom repeats the words of what it answers; a chunk of a document by the name of its file,
the headings above it and its dates in words.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Final

from partitioned_rag.matching.dates import dates_in_words, in_words, meant
from partitioned_rag.matching.words import searchable
from partitioned_rag.values import Chunk, ChunkId, Document, Entry, Fields, SegmentKind

RECIPE: Final = "fields-3"
"""Changes whenever the same chunks would be found by something else."""

TURNS_AROUND: Final = 2
"""So many turns before and after, within the sitting."""

MAX_NEIGHBOUR_CHARS: Final = 500
"""A neighbour or a heading of any length must not be stored whole with each chunk near it."""

_START = attrgetter("start")
_GROUP = attrgetter("group")
_NAME_PART = re.compile(r"[^\W_]+")


def cut_from(document: Document, same_until: int) -> int:
    """Say from where on the chunks of a chat may be found by something else than before it went on.

    Args:
        document: The chat as it is now.
        same_until: As in `Reading.same_until`.

    Returns:
        Where a turn begins, or 0 if it may be any chunk.
    """
    same = bisect_left(document.segments, same_until, key=_START)
    # The last of them may end elsewhere now, and it is the neighbour of those before it.
    number = same - 1 - TURNS_AROUND
    if number <= 0 or document.segments[number].kind is not SegmentKind.TURN:
        return 0
    return document.segments[number].start


def entries(document: Document, chunks: Sequence[Chunk]) -> list[Entry]:
    """Say what each chunk of a document is found by.

    Args:
        document: What was cut.
        chunks: Of its chunks those that are wanted, in order.

    Returns:
        In the same order. Ids are those of the chunks, changed so that they name the fields too:
        what stands around a chunk can change and leave its text and its place as they were.
    """
    of_document = _Document(document)
    return [_entry(chunk, of_document.fields(chunk)) for chunk in chunks]


class _Document:
    """A document, and what is looked up in it for each of its chunks."""

    def __init__(self, document: Document) -> None:
        # Of a long chat that grew a few chunks are asked for: so what is known of its turns is
        # looked up when it is needed, and kept, since each turn is the neighbour of four.
        self._text = document.text
        self._segments = document.segments
        self._said: dict[int, str] = {}
        self._days: dict[str, str] = {}
        self._parts: dict[int, int] = {}
        self._headings = [each for each in document.segments if each.kind is SegmentKind.HEADING]
        self._heading_starts = [each.start for each in self._headings]
        self._name = " ".join(_NAME_PART.findall(document.path.partition("/")[2]))

    def fields(self, chunk: Chunk) -> Fields:
        at = bisect_right(self._segments, chunk.start, key=_START) - 1
        if at < 0:
            return self._of_text(chunk, part=0)
        part = self._part(self._segments[at].group)
        if self._segments[at].kind is SegmentKind.TURN:
            return self._of_turn(chunk, at, part=part)
        return self._of_text(chunk, part=part)

    def _of_turn(self, chunk: Chunk, number: int, *, part: int) -> Fields:
        turn = self._segments[number]
        is_its_beginning = chunk.start <= turn.said
        own = self._text[turn.said : chunk.end].strip() if is_its_beginning else chunk.text
        last = min(number + TURNS_AROUND, len(self._segments) - 1)
        beside = [
            self._words_of(other)
            for other in range(max(0, number - TURNS_AROUND), last + 1)
            if other != number and self._segments[other].group == turn.group
        ]
        around = [self._day(turn.day), *meant(own, turn.day), *beside]
        return Fields(
            embedded=f"{turn.speaker}: {own}" if is_its_beginning else chunk.text,
            words=searchable(" ".join(filter(None, [own, *around]))),
            speaker=turn.speaker,
            part=part,
        )

    def _of_text(self, chunk: Chunk, *, part: int) -> Fields:
        """Take the first heading and the nearest along, unless they stand in the chunk itself."""
        telling = [self._name, *dates_in_words(chunk.text)]
        above = bisect_right(self._heading_starts, chunk.start)
        if above:
            first, nearest = self._headings[0], self._headings[above - 1]
            part = max(part, nearest.start)
            for heading in dict.fromkeys((first, nearest)):
                if heading.end <= chunk.start:
                    end = min(heading.end, heading.start + MAX_NEIGHBOUR_CHARS)
                    telling.append(self._text[heading.start : end])
        return Fields(
            embedded=chunk.text,
            words=searchable(" ".join(filter(None, [chunk.text, *telling]))),
            part=part,
        )

    def _words_of(self, number: int) -> str:
        """Give what was said in a turn; nothing of what stands before the first turn."""
        if number not in self._said:
            turn = self._segments[number]
            end = min(turn.end, turn.said + MAX_NEIGHBOUR_CHARS)
            is_turn = turn.kind is SegmentKind.TURN
            self._said[number] = self._text[turn.said : end].strip() if is_turn else ""
        return self._said[number]

    def _day(self, day: str) -> str:
        if day not in self._days:
            self._days[day] = in_words(day)
        return self._days[day]

    def _part(self, group: int) -> int:
        """Say where a group begins; they never decrease."""
        if group not in self._parts:
            first = bisect_left(self._segments, group, key=_GROUP)
            self._parts[group] = self._segments[first].start
        return self._parts[group]


def _entry(chunk: Chunk, fields: Fields) -> Entry:
    # Lengths first, as in the id of the chunk itself: no two sets of fields are written alike.
    sizes = (len(fields.embedded), len(fields.words), fields.part)
    written = f"{chunk.id}:{sizes}:{fields.speaker}:{fields.embedded}{fields.words}"
    digest = sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
    return Entry(
        chunk=Chunk(
            id=ChunkId(digest[:32]),
            start=chunk.start,
            end=chunk.end,
            text=chunk.text,
            page=chunk.page,
            lead=chunk.lead,
        ),
        fields=fields,
    )
