"""The laws of the chunker, on arbitrary Unicode cut into arbitrary segments."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partitioned_rag.chunking import (
    MAX_CHUNK_CHARS,
    MAX_LEAD_CHARS,
    MAX_OVERLAP_CHARS,
    OVERLAP_TOKENS,
    RECIPE,
    TARGET_TOKENS,
    chunk,
)
from partitioned_rag.values import Chunk, Document, Segment, SegmentKind, Span

Tokenizer = Callable[[str], Sequence[Span]]

HEADING, PARAGRAPH, ROW, TURN = SegmentKind


def words(text: str) -> list[Span]:
    """One token a word, as for a tokenizer that knows every word."""
    spans: list[Span] = []
    start = 0
    for word in text.split():
        start = text.index(word, start)
        spans.append((start, start + len(word)))
        start += len(word)
    return spans


def characters(text: str) -> list[Span]:
    """Up to three tokens for one character, as WordPiece has it for Hangul."""
    return [(i, i + 1) for i, c in enumerate(text) for _ in range(1 + ord(c) % 3)]


def moody(text: str) -> list[Span]:
    """Words or characters, by the whole text: nothing follows from the counts of parts."""
    coarse = sha256(text.encode("utf-8", "surrogatepass")).digest()[0] % 2
    return words(text) if coarse else characters(text)


def silent(_text: str) -> list[Span]:
    """No token at all, as for text of control characters."""
    return []


steady_tokenizers = st.sampled_from([words, characters, silent])
tokenizers = st.one_of(steady_tokenizers, st.just(moody))
windows = st.one_of(st.just(254), st.integers(8, 400))

nasty_texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ab. \n", max_size=80),
    st.sampled_from(
        [
            " " * 2_500,
            "x" * 2_500,
            "word " * 300,
            "One sentence. Another one! A third? " * 30,
            "日本語の文。" * 60,
            "e\u0301" * 400,
            "\u0301" * 300,
            "👨\u200d👩\u200d👧" * 100,
            "한국어 " * 150,
            "\x00\u200b" * 40,
            "a" + " " * 2_100 + "b",
            "\r\n\x0b\u2028",
            "",
        ]
    ),
)


@st.composite
def documents(draw: st.DrawFn, kinds: Sequence[SegmentKind] = tuple(SegmentKind)) -> Document:
    """Any text, cut into any segments, with anything between them."""
    text, segments, group = "", [], 0
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            text += draw(st.sampled_from(["\n", "\n\n", " ", "\n---\n", "", ","]))
        start = len(text)
        text += draw(nasty_texts)
        group += draw(st.sampled_from([0, 0, 0, 1, 5]))
        kind = draw(st.sampled_from(kinds))
        page = draw(st.none() | st.integers(1, 3))
        segments.append(Segment(kind=kind, start=start, end=len(text), group=group, page=page))
    text += draw(st.sampled_from(["", "\n", " end"]))
    return Document(path=draw(st.text(max_size=5)), text=text, segments=tuple(segments))


def cut(document: Document, tokenizer: Tokenizer = words, window: int = 254) -> list[Chunk]:
    return chunk(document, token_spans=tokenizer, window_tokens=window)


def of(*parts: tuple[SegmentKind, str], group: int = 0) -> Document:
    """A document of the given segments, one to a line."""
    text, segments = "", []
    for kind, part in parts:
        segments.append(Segment(kind=kind, start=len(text), end=len(text) + len(part), group=group))
        text += part + "\n"
    return Document(path="friend/a.txt", text=text, segments=tuple(segments))


def some_words(n: int, word: str = "word") -> str:
    return " ".join([word] * n)


# ---------------------------------------------------------------- laws


@settings(deadline=None)
@given(documents(), tokenizers, windows)
@example(Document(path="", text="  \n "), words, 8)
@example(Document(path="", text="x" * 5_000), words, 8)
@example(Document(path="", text="Now one. Another one! A third? " * 35), moody, 254)
def test_chunks_cover_the_text_in_order_and_within_bounds(
    document: Document, tokenizer: Tokenizer, window: int
) -> None:
    chunks = cut(document, tokenizer, window)
    text = document.text
    reached = 0
    for piece in chunks:
        assert piece.text == text[piece.start : piece.end]
        assert piece.text == piece.text.strip() != ""
        assert len(tokenizer(piece.text)) <= window
        assert len(piece.text) <= MAX_CHUNK_CHARS
        assert not text[reached : piece.start].strip(), "text was lost"
        reached = piece.end
    assert not text[reached:].strip(), "text was lost at the end"
    for before, after in pairwise(chunks):
        assert before.start < after.start
        assert before.end < after.end
        between = text[before.end : after.start]
        assert after.lead == (between if len(between) <= MAX_LEAD_CHARS else "")


@settings(deadline=None)
@given(documents(), tokenizers, windows)
def test_groups_never_share_a_chunk(document: Document, tokenizer: Tokenizer, window: int) -> None:
    starts = [segment.start for segment in document.segments]
    for piece in cut(document, tokenizer, window):
        groups = {
            document.segments[max(0, bisect_right(starts, i) - 1)].group
            for i in range(piece.start, piece.end)
            if not document.text[i].isspace() and document.segments
        }
        assert len(groups) <= 1


@settings(deadline=None)
@given(documents(), documents(), steady_tokenizers, windows)
def test_what_is_appended_changes_no_chunk_but_the_last(
    old: Document, more: Document, tokenizer: Tokenizer, window: int
) -> None:
    begins, group = len(old.text), old.segments[-1].group if old.segments else 0
    moved = tuple(
        Segment(
            kind=segment.kind,
            start=segment.start + begins,
            end=segment.end + begins,
            group=segment.group + group,
            page=segment.page,
        )
        for segment in more.segments
    )
    whole = Segment(kind=PARAGRAPH, start=0, end=begins)
    grown = Document(
        path=old.path,
        text=old.text + (more.text if moved else ""),
        segments=(old.segments or (whole,)) + moved,
    )
    if moved and more.text[: more.segments[0].start].strip():
        # Text before the first new segment belongs to the last old one, which so has changed.
        return
    stable = cut(old, tokenizer, window)[:-1]
    assert cut(grown, tokenizer, window)[: len(stable)] == stable


@settings(deadline=None)
@given(st.lists(st.lists(nasty_texts, min_size=1, max_size=4), min_size=2, max_size=4), st.data())
def test_after_an_edit_the_chunks_are_the_old_ones_again_from_the_next_sitting_on(
    sittings: list[list[str]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(sittings) - 2))
    edited = [list(turns) for turns in sittings]
    edited[at] = data.draw(st.lists(nasty_texts, min_size=1, max_size=4))

    def chat(all_turns: list[list[str]]) -> tuple[Document, int]:
        text, segments, next_sitting = "", [], 0
        for group, turns in enumerate(all_turns):
            for turn in turns:
                end = len(text) + len(turn)
                segments.append(Segment(kind=TURN, start=len(text), end=end, group=group))
                text += turn + "\n"
            if group == at:
                next_sitting = len(text)
        return Document(path="friend/chat.log", text=text, segments=tuple(segments)), next_sitting

    def after(document: Document, start: int) -> list[tuple[int, str]]:
        return [(c.start - start, c.text) for c in cut(document) if c.start >= start]

    assert after(*chat(edited)) == after(*chat(sittings))


@settings(deadline=None)
@given(documents(), tokenizers, windows)
def test_only_the_parts_of_one_long_segment_overlap(
    document: Document, tokenizer: Tokenizer, window: int
) -> None:
    for before, after in pairwise(cut(document, tokenizer, window)):
        if after.start < before.end:
            assert before.end - after.start <= MAX_OVERLAP_CHARS
            assert (
                any(
                    segment.start <= after.start and before.end < _next_start(document, number)
                    for number, segment in enumerate(document.segments)
                    if segment.kind is not TURN
                )
                or not document.segments
            )


def _next_start(document: Document, number: int) -> int:
    following = document.segments[number + 1 :]
    return following[0].start if following else len(document.text) + 1


@settings(deadline=None)
@given(documents(), tokenizers, windows)
def test_the_same_document_gives_the_same_chunks_with_ids_of_their_own(
    document: Document, tokenizer: Tokenizer, window: int
) -> None:
    chunks = cut(document, tokenizer, window)
    assert chunks == cut(document, tokenizer, window)
    assert len({piece.id for piece in chunks}) == len(chunks)


# ---------------------------------------------------------------- structure


def test_whole_paragraphs_share_a_chunk_up_to_the_target() -> None:
    chunks = cut(of(*[(PARAGRAPH, some_words(50))] * 7))
    assert [len(words(piece.text)) for piece in chunks] == [150, 150, 50]


def test_a_heading_begins_a_chunk_once_the_one_before_has_substance() -> None:
    chunks = cut(
        of(
            (PARAGRAPH, some_words(TARGET_TOKENS // 4)),
            (HEADING, "Opening hours"),
            (PARAGRAPH, "Nine to five."),
        )
    )
    assert [piece.text.splitlines()[0] for piece in chunks][1:] == ["Opening hours"]


def test_a_heading_after_a_few_words_does_not_begin_a_chunk() -> None:
    document = of((PARAGRAPH, "A few words."), (HEADING, "Hours"), (PARAGRAPH, "Nine to five."))
    assert len(cut(document)) == 1


@pytest.mark.parametrize("following", [150, 159, 170, 400])
def test_a_heading_goes_with_what_follows_it(following: int) -> None:
    chunks = cut(
        of(
            (PARAGRAPH, some_words(20)),
            (HEADING, "Hours"),
            (HEADING, "In winter"),
            (PARAGRAPH, some_words(following, "hour")),
        )
    )
    (with_heading,) = [piece for piece in chunks if "Hours" in piece.text]
    assert with_heading.text.startswith("Hours\nIn winter\nhour")


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 500))
@settings(deadline=None)
def test_no_heading_is_the_last_of_a_chunk_when_text_follows(
    before: int, heading: int, following: int
) -> None:
    chunks = cut(
        of(
            (PARAGRAPH, some_words(before)),
            (HEADING, some_words(heading, "Title")),
            (PARAGRAPH, some_words(following, "text")),
        )
    )
    assert not any(piece.text.endswith("Title") for piece in chunks)


def test_each_turn_of_a_chat_is_a_chunk_of_its_own() -> None:
    turns = [(TURN, f"[2025-01-01 10:00:{n:02}] them: hi") for n in range(12)]
    chunks = cut(of((PARAGRAPH, "what stood before"), *turns, (PARAGRAPH, "what stands behind")))
    said = [text for _, text in turns]
    assert [piece.text for piece in chunks] == ["what stood before", *said, "what stands behind"]


def test_most_turns_are_not_tokenised() -> None:
    counted: list[str] = []

    def counting(text: str) -> list[Span]:
        counted.append(text)
        return words(text)

    long = some_words(250)
    chunk(of((TURN, "short"), (TURN, long), (TURN, "kürzer")),
          token_spans=counting, window_tokens=254)  # fmt: skip
    assert "short" not in counted
    assert {long, "kürzer"} <= set(counted)


@pytest.mark.parametrize("kind", [TURN, ROW])
def test_a_turn_or_row_within_the_window_is_never_cut(kind: SegmentKind) -> None:
    chunks = cut(of((kind, "short"), (kind, some_words(250)), (kind, "short")))
    assert [len(words(piece.text)) for piece in chunks] == [1, 250, 1]


def test_a_long_paragraph_is_cut_at_sentence_ends_and_overlaps_by_whole_sentences() -> None:
    sentence = "This sentence has seven words in it. "
    chunks = cut(of((PARAGRAPH, sentence * 60)))
    for before, after in pairwise(chunks):
        assert before.text.endswith("in it.")
        assert after.text.startswith("This sentence")
        shared = before.text[after.start - before.start :]
        assert 0 < len(words(shared)) <= OVERLAP_TOKENS


def test_a_long_turn_is_cut_without_overlap() -> None:
    chunks = cut(of((TURN, "This sentence has seven words in it. " * 60)))
    assert len(chunks) > 1
    assert all(before.end <= after.start for before, after in pairwise(chunks))


def test_a_sentence_without_end_is_cut_between_words() -> None:
    for piece in cut(of((PARAGRAPH, some_words(1_000, "endless")))):
        assert set(piece.text.split()) == {"endless"}


def test_a_cut_within_a_word_does_not_part_a_letter_from_its_accent() -> None:
    chunks = cut(Document(path="", text="e\u0301" * 3_000))
    assert len(chunks) > 1
    assert all(piece.text.startswith("e") for piece in chunks)


def test_text_between_segments_goes_with_the_one_before() -> None:
    text = "title: one\n***\ntwo"
    first = Segment(kind=PARAGRAPH, start=7, end=10, group=0)
    second = Segment(kind=PARAGRAPH, start=15, end=18, group=1)
    chunks = cut(Document(path="", text=text, segments=(first, second)))
    assert [piece.text for piece in chunks] == ["title: one\n***", "two"]


def test_a_chunk_has_the_page_of_its_first_segment() -> None:
    text = "one\ntwo\nthree"
    spans = [(0, 3, 0, 4), (4, 7, 0, 5), (8, 13, 1, 6)]
    segments = tuple(
        Segment(kind=PARAGRAPH, start=a, end=b, group=g, page=p) for a, b, g, p in spans
    )
    chunks = cut(Document(path="", text=text, segments=segments))
    assert [(piece.text, piece.page) for piece in chunks] == [("one\ntwo", 4), ("three", 6)]


@settings(deadline=None)
@given(documents(), tokenizers, windows)
def test_chunks_since_a_turn_are_the_last_of_all_chunks(
    document: Document, tokenizer: Tokenizer, window: int
) -> None:
    every = cut(document, tokenizer, window)
    for segment in document.segments[1:]:
        if segment.kind is TURN and segment.start < segment.end:
            wanted = chunk(
                document, token_spans=tokenizer, window_tokens=window, since=segment.start
            )
            assert wanted == [piece for piece in every if piece.start >= segment.start]


@pytest.mark.parametrize("since", [1, 5, 8, 10, 100])
def test_chunks_since_no_further_turn_are_refused(since: int) -> None:
    turn = of((TURN, "one"), (PARAGRAPH, "two"), (TURN, "three"))
    document = replace(
        turn,
        text=" " + turn.text,
        segments=tuple(
            replace(each, start=each.start + 1, end=each.end + 1) for each in turn.segments
        ),
    )
    assert [each.start for each in document.segments] == [1, 5, 9]
    with pytest.raises(ValueError, match="no further turn"):
        chunk(document, token_spans=words, window_tokens=64, since=since)


# ---------------------------------------------------------------- ids, errors, recipe


def test_an_id_tells_path_span_and_text_apart() -> None:
    def only(path: str, text: str) -> str:
        (piece,) = cut(Document(path=path, text=text))
        return piece.id

    ids = [
        only("friend/a", "text"),
        only("friend/b", "text"),
        only("friend/a", " text"),
        only("friend/a", "texts"),
        only("friend/at", "ext"),
        only("friend/\udce9", "text"),
        only("friend/\udcea", "text"),
    ]
    assert len(set(ids)) == len(ids)
    assert all(len(id_) == 32 for id_ in ids)


def test_a_window_too_small_for_text_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        cut(Document(path="", text="a"), words, 7)
    with pytest.raises(ValueError, match="one of the characters"):
        cut(Document(path="", text="a"), lambda text: [(0, 1)] * 9 * len(text), 8)


@pytest.mark.parametrize(
    "segments",
    [
        [(0, 2, 0), (1, 3, 0)],
        [(2, 3, 0), (0, 1, 0)],
        [(0, 9, 0)],
        [(-1, 2, 0)],
        [(0, 1, 1), (1, 2, 0)],
    ],
)
def test_segments_out_of_order_are_refused(segments: list[tuple[int, int, int]]) -> None:
    made = tuple(Segment(kind=PARAGRAPH, start=a, end=b, group=g) for a, b, g in segments)
    with pytest.raises(ValueError, match="segments"):
        cut(Document(path="", text="abc", segments=made))


def test_the_recipe_changes_with_the_chunks() -> None:
    """If this fails, chunks are cut in another way: give `RECIPE` a new number, then the digest."""
    prose = " ".join(f"Sentence {n} of the story has some words, e.g. {n}." for n in range(90))
    parts = [(HEADING, "Title"), (PARAGRAPH, prose), (ROW, "a: 1; b: 2"), (HEADING, "日本語")]
    parts += [(PARAGRAPH, "これは文です。" * 200), (TURN, "x" * 3_000)]
    parts += [(TURN, f"[2025-01-01 10:00:{n:02}] me: turn {n}") for n in range(9)]
    chunks = cut(of(*parts), characters)
    digest = sha256("".join(piece.id for piece in chunks).encode()).hexdigest()
    assert (RECIPE, digest[:16]) == ("chunks-3", "4d5c0a70d3bce171")
