"""Chunks of a document → what each of them is found by.

Floor: core, pure. A turn of a chat is findable by its day and by what was said around it, since an
answer seldom repeats the words of what it answers; a chunk of a document by the name of its file,
the headings above it and its dates in words.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from partitioned_rag.matching.dates import dates_in_words, in_words, meant
from partitioned_rag.matching.words import searchable
from partitioned_rag.values import Chunk, ChunkId, Document, Entry, Fields, Segment, SegmentKind

RECIPE: Final = "fields-3"
"""Changes whenever the same chunks would be found by something else."""

TURNS_AROUND: Final = 2
"""So many turns before and after, within the sitting."""

MAX_NEIGHBOUR_CHARS: Final = 500
"""A neighbour or a heading of any length must not be stored whole with each chunk near it."""

_NAME_PART = re.compile(r"[^\W_]+")


def entries(document: Document, chunks: Sequence[Chunk]) -> list[Entry]:
    """Say what each chunk of a document is found by.

    Args:
        document: What was cut.
        chunks: All its chunks, in order.

    Returns:
        In the same order. Ids are those of the chunks, changed so that they name the fields too:
        what stands around a chunk can change and leave its text and its place as they were.
    """
    of_document = _Document(document)
    return [_entry(chunk, of_document.fields(chunk)) for chunk in chunks]


class _Document:
    """A document, and what is looked up in it for each of its chunks."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._segments = document.segments
        self._starts = [each.start for each in document.segments]
        self._turns = [each for each in document.segments if each.kind is SegmentKind.TURN]
        self._number = {turn.start: number for number, turn in enumerate(self._turns)}
        # Of each turn once, since each is the neighbour of four.
        self._said = [
            self._text[turn.said : min(turn.end, turn.said + MAX_NEIGHBOUR_CHARS)].strip()
            for turn in self._turns
        ]
        self._days = {day: in_words(day) for day in {turn.day for turn in self._turns}}
        self._headings = [each for each in document.segments if each.kind is SegmentKind.HEADING]
        self._heading_starts = [each.start for each in self._headings]
        self._group_starts = _group_starts(document.segments)
        self._name = " ".join(_NAME_PART.findall(document.path.partition("/")[2]))

    def fields(self, chunk: Chunk) -> Fields:
        at = bisect_right(self._starts, chunk.start) - 1
        if at < 0:
            return self._of_text(chunk, part=0)
        segment = self._segments[at]
        part = self._group_starts[segment.group]
        if segment.kind is SegmentKind.TURN:
            return self._of_turn(chunk, segment, part=part)
        return self._of_text(chunk, part=part)

    def _of_turn(self, chunk: Chunk, turn: Segment, *, part: int) -> Fields:
        is_its_beginning = chunk.start <= turn.said
        own = self._text[turn.said : chunk.end].strip() if is_its_beginning else chunk.text
        number = self._number[turn.start]
        last = min(number + TURNS_AROUND, len(self._turns) - 1)
        beside = [
            self._said[other]
            for other in range(max(0, number - TURNS_AROUND), last + 1)
            if other != number and self._turns[other].group == turn.group
        ]
        around = [self._days[turn.day], *meant(own, turn.day), *beside]
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


def _group_starts(segments: Sequence[Segment]) -> dict[int, int]:
    starts: dict[int, int] = {}
    for segment in segments:
        starts.setdefault(segment.group, segment.start)
    return starts


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
