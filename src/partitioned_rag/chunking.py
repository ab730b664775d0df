"""Cuts the text of a document into chunks, each short enough for one vector.

Floor: core, pure. It cuts along the structure that a reader found, and it loses nothing: every
character that is not white space stands in a chunk.

What is decided at a place depends on what stands before it and on the one segment that did not
fit any more. So a chat that grew at its end keeps all its chunks but the last (if joined pieces
never count more tokens than apart), and after an edit the chunks are the old ones again from the
next group on.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from operator import attrgetter

from partitioned_rag.values import Chunk, ChunkId, Document, Segment, SegmentKind, Span

RECIPE = "chunks-3"
"""Changes whenever the same document would be cut in another way."""

TARGET_TOKENS = 160
OVERLAP_TOKENS = 32
# A word of any length can be one token, [UNK]: tokens alone would not bound a chunk.
MAX_CHUNK_CHARS = 2_000
MIN_WINDOW_TOKENS = 8
# What a tokenizer may put around a text of its own accord, generously.
MARGIN_TOKENS = 8
MAX_OVERLAP_CHARS = MAX_CHUNK_CHARS // 8
MAX_LEAD_CHARS = 64
# A long segment is tokenised block by block: memory stays flat, few tokens are made twice.
BLOCK_CHARS = 8 * MAX_CHUNK_CHARS

_NOT_SPACE = re.compile(r"\S")
# A sentence ends after its stop and what closes behind it, or with its line. A run of stops is
# tried from its beginning alone and never given back, or a page of dots would take its square.
_SENTENCE_END = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’»)\]]*+(?=\s)|[。！？．｡।॥؟۔]+["'”’»)\]」』）]*|\n"""
)
# What belongs to the character before it though it is no combining mark: joiner and variations.
_JOINERS = "\u200d\ufe0e\ufe0f"


def chunk(
    document: Document,
    *,
    token_spans: Callable[[str], Sequence[Span]],
    window_tokens: int,
    since: int = 0,
) -> list[Chunk]:
    """Cut a document into chunks of whole segments, and long segments apart.

    A chunk holds text of one group. It grows to about `TARGET_TOKENS`; a turn of a chat is a chunk
    of its own, since a few words are found best alone. A heading begins a new chunk once the one
    before has some substance; it is not the last of a chunk where what follows it fits. A paragraph
    longer than the target is cut at the end of a sentence, else at white space, else between
    characters; a turn or a row only if it is longer than the window.

    Chunks of one paragraph that was cut apart overlap by whole sentences, of `OVERLAP_TOKENS` at
    most; no others overlap.

    Args:
        document: Its text between two segments goes with the first of them. A text without
            segments is one paragraph.
        token_spans: Where the embedder's tokens lie in a text, as `Embedder.token_spans` says.
        window_tokens: What no chunk exceeds by its own count; at least `MIN_WINDOW_TOKENS`.
        since: Where a turn begins that is not the first segment, if only chunks from there on are
            wanted; 0 for all chunks. A turn is cut in one way whatever stands before it.

    Returns:
        Chunks in order, each beginning and ending later than the one before, without white space
        at their ends, at most `MAX_CHUNK_CHARS` long. None for a text of white space alone.

    Raises:
        ValueError: The window is too small, for any text or for a single character of this one,
            the segments are not in order, or no such turn begins at `since`.

    Each character is tokenised about twice. Cutting and joining changes tokens, so sums of counts
    only guide the search; what they lead to is counted once more.
    """
    if window_tokens < MIN_WINDOW_TOKENS:
        raise ValueError(f"a window of {window_tokens} tokens is too small to cut text for")
    first = _turn_at(document, since) if since else 0
    # Every mark before it stands in a chunk.
    reached = _last_mark(document.text, 0, since)
    cutter = _Cutter(document, token_spans, window_tokens, reached=reached)
    for piece in _pieces(document, first):
        cutter.take(piece)
    cutter.close()
    return cutter.chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A segment, or the end of one, without white space at its ends."""

    kind: SegmentKind
    start: int
    end: int
    group: int
    page: int | None
    tokens: int = 0


def _turn_at(document: Document, start: int) -> int:
    """Say which segment begins there, which has to be a turn behind another segment."""
    # The last of them: what begins there, too, is empty.
    number = bisect_right(document.segments, start, key=attrgetter("start")) - 1
    if number > 0:
        turn = document.segments[number]
        if turn.kind is SegmentKind.TURN and turn.start == start:
            return number
    raise ValueError("chunks are wanted since a place where no further turn begins")


def _pieces(document: Document, first: int) -> Iterator[_Piece]:
    """Share the text out among the segments, from the first that is wanted on."""
    text = document.text
    whole = Segment(kind=SegmentKind.PARAGRAPH, start=0, end=len(text))
    segments = document.segments or (whole,)
    reached = 0
    group = segments[first].group
    for number in range(first, len(segments)):
        segment = segments[number]
        if not reached <= segment.start <= segment.end <= len(text) or segment.group < group:
            raise ValueError("segments must lie in the text, apart and in order")
        reached, group = segment.end, segment.group
        is_last = number + 1 == len(segments)
        start = _first_mark(text, segment.start if number else 0, len(text))
        end = _last_mark(text, start, len(text) if is_last else segments[number + 1].start)
        if start < end:
            yield _Piece(
                kind=segment.kind,
                start=start,
                end=end,
                group=segment.group,
                page=segment.page,
            )


def _first_mark(text: str, start: int, end: int) -> int:
    """Where the first character that is not white space stands, or `end`."""
    found = _NOT_SPACE.search(text, start, end)
    return found.start() if found else end


def _last_mark(text: str, start: int, end: int) -> int:
    """Where the last character that is not white space ends, or `start`."""
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


class _Cutter:
    """Takes pieces in order and makes chunks of them; the last run of pieces stays open."""

    def __init__(
        self,
        document: Document,
        token_spans: Callable[[str], Sequence[Span]],
        window_tokens: int,
        *,
        reached: int,
    ) -> None:
        self.chunks: list[Chunk] = []
        # Where the last chunk ends, be it among `chunks` or not; 0 if there is none.
        self._reached = reached
        self._path = document.path.encode("utf-8", "surrogatepass")
        self._text = document.text
        self._token_spans = token_spans
        self._window_tokens = window_tokens
        self._target_tokens = min(TARGET_TOKENS, window_tokens)
        self._run: list[_Piece] = []
        self._run_tokens = 0
        self._block = _Block(start=0, end=0, token_starts=())

    # ------------------------------------------------------------ whole pieces

    def take(self, piece: _Piece) -> None:
        """Put a piece into the open run, or end that run and begin the next with the piece."""
        if self._run and self._run[0].group != piece.group:
            self.close()
        if piece.kind is SegmentKind.TURN:
            self._take_turn(piece)
            return
        if piece.kind is SegmentKind.HEADING and self._has_substance():
            self.close()
        # What is longer than any chunk is cut apart, whatever its count.
        is_short = piece.end - piece.start <= MAX_CHUNK_CHARS
        if is_short:
            piece = replace(piece, tokens=self._count(piece.start, piece.end))
        if is_short and self._fits(piece):
            self._append(piece)
            return
        headings = self._release_headings()
        self.close()
        if is_short and piece.tokens <= self._most_tokens_alone(piece.kind):
            for heading in headings:
                self._append(heading)
            if self._run_tokens + piece.tokens > self._window_tokens or self._is_wide(piece):
                self.close()
            self._append(piece)
        else:
            self._take_apart(piece, headings)

    def _take_turn(self, turn: _Piece) -> None:
        """Make a chunk of a turn, or several if it is too long for one."""
        self.close()
        text = self._text[turn.start : turn.end]
        # No tokenizer makes more tokens than characters of ASCII, so most turns need no counting:
        # it would be most of the work when a line was added to a long chat.
        is_surely_short = text.isascii() and len(text) <= self._window_tokens - MARGIN_TOKENS
        if is_surely_short:
            self._add((turn.start, turn.end), [turn])
            return
        for part in self._parts(
            turn.start, turn.end, most_tokens=self._window_tokens, overlap_tokens=0
        ):
            self._add(part, [turn])

    def close(self) -> None:
        """Make a chunk of the open run, or several if joined it counts more than its parts."""
        if not self._run:
            return
        start, end = self._run[0].start, self._run[-1].end
        for part in self._parts(start, end, most_tokens=self._window_tokens, overlap_tokens=0):
            self._add(part, self._run)
        self._run = []
        self._run_tokens = 0

    def _append(self, piece: _Piece) -> None:
        self._run.append(piece)
        self._run_tokens += piece.tokens

    def _has_substance(self) -> bool:
        only_headings = all(piece.kind is SegmentKind.HEADING for piece in self._run)
        return not only_headings and 4 * self._run_tokens >= self._target_tokens

    def _most_tokens_alone(self, kind: SegmentKind) -> int:
        return self._window_tokens if kind is SegmentKind.ROW else self._target_tokens

    def _fits(self, piece: _Piece) -> bool:
        if not self._run:
            return piece.tokens <= self._most_tokens_alone(piece.kind)
        return self._run_tokens + piece.tokens <= self._target_tokens and not self._is_wide(piece)

    def _is_wide(self, piece: _Piece) -> bool:
        return bool(self._run) and piece.end - self._run[0].start > MAX_CHUNK_CHARS

    def _release_headings(self) -> list[_Piece]:
        """Take the headings off the end of the run: they belong to what comes now."""
        kept = len(self._run)
        while kept and self._run[kept - 1].kind is SegmentKind.HEADING:
            kept -= 1
        headings = self._run[kept:]
        if not headings or 2 * _tokens(headings) > self._target_tokens:
            return []
        if 2 * (headings[-1].end - headings[0].start) > MAX_CHUNK_CHARS:
            return []
        del self._run[kept:]
        self._run_tokens -= _tokens(headings)
        return headings

    # ------------------------------------------------------------ long pieces

    def _take_apart(self, piece: _Piece, headings: Sequence[_Piece]) -> None:
        """Cut a piece, with the headings that stand before it; its last part opens a run."""
        pieces = [*headings, piece]
        parts = self._parts(
            pieces[0].start,
            piece.end,
            beyond=piece.start,
            most_tokens=self._target_tokens,
            overlap_tokens=min(OVERLAP_TOKENS, self._target_tokens // 4),
        )
        for start, end in parts:
            if end < piece.end:
                self._add((start, end), pieces)
            else:
                page = _page_at(start, pieces)
                tokens = self._count(start, end)
                self._append(replace(piece, start=start, tokens=tokens, page=page))

    def _parts(
        self,
        start: int,
        end: int,
        *,
        most_tokens: int,
        overlap_tokens: int,
        beyond: int = 0,
    ) -> Iterator[Span]:
        """Cut `text[start:end]` into parts of about `most_tokens`, none beyond the window.

        The first part reaches past `beyond` where that is possible.
        """
        # The headings before the piece stand in no overlap.
        lowest = beyond
        done = self._reached
        beyond = max(done, beyond)
        while start < end:
            if self._is_last_part(start, end, most_tokens):
                yield start, end
                return
            cut = self._cut(start, end, beyond=beyond, most_tokens=most_tokens)
            if cut <= beyond:
                # Not beyond the overlap, or the headings: then without.
                start = _first_mark(self._text, max(start, done), end)
                beyond = done
                continue
            yield start, cut
            if cut == end:
                return
            done = beyond = cut
            start = self._overlap(max(start + 1, lowest), cut, end, overlap_tokens)

    def _is_last_part(self, start: int, end: int, most_tokens: int) -> bool:
        return end - start <= MAX_CHUNK_CHARS and self._count(start, end) <= most_tokens

    def _cut(self, start: int, end: int, *, beyond: int, most_tokens: int) -> int:
        """Find the best end of a part; not above `beyond` if none there is short enough."""
        hard = min(start + MAX_CHUNK_CHARS, end)
        token_starts = self._starts(start, hard, end)
        if len(token_starts) > most_tokens:
            # Several tokens of one character start where it does: always take that one.
            hard = max(token_starts[most_tokens], start + 1)
        cut = _boundary(self._text, start, hard, beyond)
        while True:
            part_end = _last_mark(self._text, start, cut)
            tokens = self._count(start, part_end)
            if tokens <= self._window_tokens:
                return part_end
            if part_end == start + 1:
                raise ValueError("the window is too small for one of the characters")
            shorter = (part_end - start) * self._window_tokens // (tokens + 1)
            cut = _white_space(self._text, start, start + max(1, shorter), start)

    def _overlap(self, lowest: int, cut: int, end: int, most_tokens: int) -> int:
        """Where the next part starts: at a sentence within reach before the cut, or after it."""
        earliest = max(lowest, cut - MAX_OVERLAP_CHARS)
        if most_tokens:
            for sentence_end in _SENTENCE_END.finditer(self._text, earliest, cut):
                sentence = _first_mark(self._text, sentence_end.end(), cut)
                if sentence < cut and len(self._starts(sentence, cut, end)) <= most_tokens:
                    return sentence
        return _first_mark(self._text, cut, end)

    # ------------------------------------------------------------ tokens

    def _count(self, start: int, end: int) -> int:
        return len(self._token_spans(self._text[start:end]))

    def _starts(self, start: int, end: int, limit: int) -> Sequence[int]:
        """Where tokens start in `text[start:end]`, seen as part of a text that ends at `limit`."""
        block = self._block
        if not block.start <= start <= end <= block.end <= limit:
            block_end = min(start + BLOCK_CHARS, limit)
            spans = self._token_spans(self._text[start:block_end])
            block = self._block = _Block(
                start=start, end=block_end, token_starts=[start + s for s, _ in spans]
            )
        known = block.token_starts
        return known[bisect_left(known, start) : bisect_left(known, end)]

    def _add(self, span: Span, pieces: Sequence[_Piece]) -> None:
        start, end = span
        text = self._text[start:end]
        lead = self._text[self._reached : start] if self._reached else ""
        if len(lead) > MAX_LEAD_CHARS:
            lead = ""
        # Lengths first: no two of (path, start, end, lead, text) are written alike. The lead is in
        # it, since what stands before a chunk can change and leave it where it is.
        head = b"%d:%d:%d:%d:" % (len(self._path), start, end, len(lead))
        content = text.encode("utf-8", "surrogatepass")
        digest = sha256(head + self._path + lead.encode() + content).hexdigest()
        page = _page_at(start, pieces)
        self.chunks.append(
            Chunk(id=ChunkId(digest[:32]), start=start, end=end, text=text, page=page, lead=lead)
        )
        self._reached = end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A stretch of text that was tokenised in one go, and where its tokens start."""

    start: int
    end: int
    token_starts: Sequence[int]


def _page_at(start: int, pieces: Sequence[_Piece]) -> int | None:
    """The page of the piece in which a part starts; an overlap starts before its piece."""
    begun = [piece.page for piece in pieces if piece.start <= start]
    return begun[-1] if begun else pieces[0].page


def _tokens(pieces: Sequence[_Piece]) -> int:
    return sum(piece.tokens for piece in pieces)


def _boundary(text: str, start: int, hard: int, beyond: int) -> int:
    """Find where to cut `text[start:hard]`: at a sentence's end, white space, or anywhere.

    An early sentence end would leave a part too short, so it counts from a third on; white space
    from a half on. Nothing is cut at or before `beyond`, if `hard` is above it.
    """
    third = max(start + (hard - start) // 3, beyond)
    ends = [found.end() for found in _SENTENCE_END.finditer(text, start, hard + 1)]
    late = [end for end in ends if third < end <= hard]
    # Behind white space that was cut off may be no more than what was there before.
    if late and _last_mark(text, start, late[-1]) > beyond:
        return late[-1]
    return _white_space(text, start, hard, max(start + (hard - start) // 2, beyond))


def _white_space(text: str, start: int, hard: int, lowest: int) -> int:
    """Find the last white space in `text[lowest:hard]`, else `hard` or just before."""
    cut = hard
    while cut > lowest and cut < len(text):
        if text[cut].isspace() or text[cut - 1].isspace():
            if _last_mark(text, start, cut) > lowest:
                return cut
            break
        cut -= 1
    cut = hard
    while lowest + 1 < cut < len(text) and _joins(text, cut):
        cut -= 1
    return cut if cut > lowest + 1 else hard


def _joins(text: str, cut: int) -> bool:
    """Whether the characters on both sides of a cut make one sign."""
    after, before = text[cut], text[cut - 1]
    return unicodedata.combining(after) > 0 or after in _JOINERS or before == "\u200d"
