"""Prose: plain text, Markdown, reStructuredText, logs without a better reader.

Floor: edge. The text stays as it was decoded, so offsets are those of the file's own characters.
"""

import itertools
import re
from collections.abc import Iterator

from partitioned_rag.sources.composing import (
    Line,
    clean,
    finish,
    lines,
    paragraphs,
    trimmed,
)
from partitioned_rag.sources.decoding import decode
from partitioned_rag.sources.raw import MAX_SEGMENTS, RawFile
from partitioned_rag.values import Document, Segment, SegmentKind, Span

_MARKDOWN = (".md", ".markdown", ".rst")
_ATX = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r"(?:={3,}|-{3,}|~{3,})[ \t]*$")


def read(raw: RawFile) -> Document:
    """Read prose.

    Raises:
        Unreadable: It cannot be decoded, or holds no text.
    """
    text = clean(decode(raw.data))
    is_marked_up = raw.name.endswith(_MARKDOWN)
    found = _markdown(text) if is_marked_up else map(_paragraph, paragraphs(text))
    # One more than allowed is enough to be refused.
    segments = list(itertools.islice(found, MAX_SEGMENTS + 1))
    return finish(raw.path, text, segments)


def _paragraph(span: Span) -> Segment:
    return Segment(kind=SegmentKind.PARAGRAPH, start=span[0], end=span[1])


def _heading(span: Span) -> Segment:
    return Segment(kind=SegmentKind.HEADING, start=span[0], end=span[1])


def _markdown(text: str) -> Iterator[Segment]:
    """Cut at blank lines and headings; what stands between two fences is one paragraph."""
    paragraph: list[Line] = []
    fence = ""

    def gathered() -> Iterator[Segment]:
        if paragraph:
            span = trimmed(text, paragraph[0].start, paragraph[-1].end)
            paragraph.clear()
            yield _paragraph(span)

    for line in lines(text):
        content = text[line.start : line.end]
        if fence:
            paragraph.append(line)
            if content.strip().startswith(fence) and not content.strip().strip(fence[0]):
                fence = ""
                yield from gathered()
        elif opening := _FENCE.match(content):
            yield from gathered()
            fence = opening[1]
            paragraph.append(line)
        elif not content.strip():
            yield from gathered()
        elif _ATX.match(content):
            yield from gathered()
            yield _heading(trimmed(text, line.start, line.end))
        elif len(paragraph) == 1 and _UNDERLINE.match(content):
            span = trimmed(text, paragraph[0].start, line.end)
            paragraph.clear()
            yield _heading(span)
        else:
            paragraph.append(line)
        if line.ends_paragraph and not fence:
            yield from gathered()
    yield from gathered()
