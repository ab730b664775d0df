"""Text and structure out of what a reader found: the one place where both are made safe.

Floor: edge. Every document passes here, so no text leaves the room with lone surrogates, NULs or
endless runs of one character, and every segment points at text that is really there.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from partitioned_rag.sources.raw import MAX_SEGMENTS, MAX_TEXT_CHARS, Unreadable
from partitioned_rag.values import Document, Segment, SegmentKind, SkipReason, Span

MAX_RUN_CHARS = 10_000
"""Longer runs of one character crash tokenizers that model runners use."""

# So long that each run above `MAX_RUN_CHARS` fills one stretch from end to end, wherever it begins.
_STRETCH_CHARS: Final = MAX_RUN_CHARS // 2
# With a longer minimum the search would look again and again into runs just below it; with none,
# each character of a text would be a match of its own. Possessive, since the engine would keep some
# 80 bytes for each character that it could give back.
_RUN = re.compile(r"(.)\1{15,}+", re.DOTALL)
_LINE = re.compile(r"([^\r\n]*)(?:[\r\n]+|\Z)")
# A line end and at least one blank line; "\r\n" must not be taken for two line ends.
_GAP = re.compile(r"(?:\r\n|\r(?!\n)|\n)(?:[^\S\r\n]*(?:\r\n|\r(?!\n)|\n))+")


class Piece(NamedTuple):
    """A structural piece on its way into a document; see `Segment` for what the fields mean."""

    kind: SegmentKind
    text: str
    group: int = 0
    page: int | None = None


class Line(NamedTuple):
    """A line of a text at `[start:end]`, without its line end."""

    start: int
    end: int
    ends_paragraph: bool


def clean(text: str, *, run_break: str = "\n") -> str:
    r"""Replace what no text may hold: lone surrogates, NULs, endless runs of one character.

    Args:
        text: As decoded.
        run_break: What is put between two stretches of a run, every `MAX_RUN_CHARS` characters.

    Returns:
        The text; the very same object when nothing had to change.

    >>> clean("a\ud83d\ude00\ud800\0") == "a\U0001f600\ufffd\ufffd"
    True
    """
    if _has_surrogate(text):
        # UTF-16 joins the pairs that belong together; what is left alone is replaced.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if "\0" in text:
        text = text.replace("\0", "\ufffd")

    if not _may_have_endless_run(text):
        return text

    def broken(run: re.Match[str]) -> str:
        if run.end() - run.start() <= MAX_RUN_CHARS:
            return run[0]
        # The break must not make the run longer.
        between = run_break.strip(" ") if run[1] == " " else run_break
        between = " " if run[1] in between else between
        whole, rest = divmod(run.end() - run.start(), MAX_RUN_CHARS)
        stretches = [run[1] * MAX_RUN_CHARS] * whole + [run[1] * rest] * bool(rest)
        return between.join(stretches)

    return _RUN.sub(broken, text)


def _has_surrogate(text: str) -> bool:
    """Encode it, which takes far less time than to look for one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _may_have_endless_run(text: str) -> bool:
    """Look at each stretch alone, which takes a tenth of the time of looking for runs."""
    return any(
        text.count(text[start], start, start + _STRETCH_CHARS) == _STRETCH_CHARS
        for start in range(0, len(text) - _STRETCH_CHARS + 1, _STRETCH_CHARS)
    )


def lines(text: str) -> Iterator[Line]:
    r"""Walk over the lines that are not empty; `\n`, `\r\n` and `\r` end one.

    >>> [text_line.ends_paragraph for text_line in lines("one\ntwo\n\nthree")]
    [False, True, False]
    """
    for match in _LINE.finditer(text):
        if match.end(1) > match.start():
            single = text[match.end(1) : match.end()] in ("", "\n", "\r", "\r\n")
            yield Line(match.start(), match.end(1), not single)


def trimmed(text: str, start: int, end: int) -> Span:
    """Shrink a span by the white space at both its ends; empty when nothing else is in it."""
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    return left, max(left, start + len(piece.rstrip()))


def paragraphs(text: str) -> Iterator[Span]:
    r"""Find the stretches between blank lines, without the white space around them.

    >>> list(paragraphs("one\ntwo\n \n three\n"))
    [(0, 7), (11, 16)]
    """
    start = 0
    for gap in _GAP.finditer(text):
        span = trimmed(text, start, gap.start())
        if span[0] < span[1]:
            yield span
        start = gap.end()
    span = trimmed(text, start, len(text))
    if span[0] < span[1]:
        yield span


def in_paragraphs(text: str, *, group: int = 0, page: int | None = None) -> Iterator[Piece]:
    """Cut prose into pieces at its blank lines."""
    text = clean(text)
    for start, end in paragraphs(text):
        yield Piece(SegmentKind.PARAGRAPH, text[start:end], group, page)


def compose(path: str, pieces: Iterable[Piece]) -> Document:
    """Join pieces into a document: rows by a line break, all others by a blank line.

    Args:
        path: As in `Source.path`.
        pieces: In order; groups never decrease. Pieces of nothing but white space are left out.

    Raises:
        Unreadable: Nothing is left, or far too much.
    """
    parts: list[str] = []
    segments: list[Segment] = []
    length = 0
    for kind, raw_text, group, page in pieces:
        text = clean(raw_text.strip())
        if not text:
            continue
        if segments:
            last = segments[-1]
            rows = kind is last.kind is SegmentKind.ROW and group == last.group
            parts.append("\n" if rows else "\n\n")
            length += len(parts[-1])
        segments.append(
            Segment(kind=kind, start=length, end=length + len(text), group=group, page=page)
        )
        parts.append(text)
        length += len(text)
        # Checked while it grows: a bomb must not be built before it is refused.
        check_size(length, len(segments))
    return finish(path, "".join(parts), segments)


def finish(path: str, text: str, segments: list[Segment]) -> Document:
    """Make the document of a clean text whose segments are known.

    Raises:
        Unreadable: There is no text, or far too much.
    """
    check_size(len(text), len(segments))
    if not segments:
        raise Unreadable(SkipReason.NO_TEXT, "holds no text")
    return Document(path=path, text=text, segments=tuple(segments))


def check_size(text_chars: int, segments: int) -> None:
    """Refuse a document that would be larger than any reader may make it.

    Raises:
        Unreadable: It would.
    """
    if text_chars > MAX_TEXT_CHARS:
        raise Unreadable(
            SkipReason.TOO_LARGE,
            f"its text is longer than {MAX_TEXT_CHARS:,} characters",
        )
    if segments > MAX_SEGMENTS:
        raise Unreadable(SkipReason.TOO_LARGE, f"its text has more than {MAX_SEGMENTS:,} pieces")
