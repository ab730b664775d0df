"""What a chunk is found by follows from the document, and its id follows from that."""

from dataclasses import replace
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.chunking import chunk
from partitioned_rag.matching.fields import (
    MAX_NEIGHBOUR_CHARS,
    RECIPE,
    TURNS_AROUND,
    cut_from,
    entries,
)
from partitioned_rag.sources import chatlog
from partitioned_rag.sources.raw import RawFile
from partitioned_rag.values import Document, Entry, Segment, SegmentKind
from tests.core.test_chunking import words


def of(document: Document) -> list[Entry]:
    return entries(document, chunk(document, token_spans=words, window_tokens=64))


def chat(*said: str, hours: int = 0) -> Document:
    """A chat of one sitting, or with `hours` between two turns each."""
    lines = [
        f"[2026-03-{1 + number * hours // 24:02} {number * hours % 24:02}:00:{number % 60:02}]"
        f" {('them', 'me')[number % 2]}: {each}\n"
        for number, each in enumerate(said)
    ]
    return chatlog.read(RawFile(path="friend/chat.log", data="".join(lines).encode()))


def document(*parts: tuple[SegmentKind, str], path: str = "friend/tea_list.md") -> Document:
    text = ""
    segments = []
    for kind, part in parts:
        start = len(text) + 2 * bool(text)
        text = f"{text}\n\n{part}" if text else part
        segments.append(Segment(kind=kind, start=start, end=len(text)))
    return Document(path=path, text=text, segments=tuple(segments))


def test_a_turn_is_found_by_its_words_its_day_and_its_neighbours() -> None:
    found = of(chat("zero", "one", "two", "three", "four", "five"))
    third = found[3].fields
    assert (third.embedded, third.speaker) == ("me: three", "me")
    assert third.words == "three 1 March 2026 one two four five"
    assert found[0].fields.words == "zero 1 March 2026 one two"
    assert {each.fields.part for each in found} == {0}
    assert found[3].chunk.text == "[2026-03-01 00:00:03] me: three"


def test_nothing_of_another_sitting_stands_around_a_turn() -> None:
    found = of(chat("zero", "one", "two", hours=3))
    assert [each.fields.words for each in found] == [
        f"{said} 1 March 2026" for said in ("zero", "one", "two")
    ]
    assert [each.fields.part for each in found] == [each.chunk.start for each in found]


def test_the_day_that_is_meant_stands_around_a_turn() -> None:
    (found,) = of(chat("we met yesterday"))
    assert found.fields.words == "we met yesterday 1 March 2026 28 February 2026"
    assert "28 February" not in found.chunk.text + found.fields.embedded


def test_a_long_neighbour_is_not_stored_whole() -> None:
    found = of(chat("x" * 10_000, "short"))
    assert len(found[-1].fields.words) <= len("short 1 March 2026 ") + MAX_NEIGHBOUR_CHARS


def test_a_long_turn_has_parts_and_only_the_first_is_somebodys_words() -> None:
    long = " ".join(f"word{number}" for number in range(200))
    found = of(chat(long, "short"))
    assert len(found) > 2
    parts = [each.fields.embedded.removeprefix("them: ") for each in found[:-1]]
    assert " ".join(parts) == long
    assert all(each.fields.words.startswith(part) for each, part in zip(found, parts, strict=False))
    assert [each.fields.embedded.startswith("them: ") for each in found[:3]] == [True, False, False]


def test_a_chunk_of_a_document_is_found_by_file_and_headings() -> None:
    long = " ".join(f"word{number}" for number in range(100))
    found = of(
        document(
            (SegmentKind.HEADING, "Teas of the house"),
            (SegmentKind.PARAGRAPH, long),
            (SegmentKind.HEADING, "Green ones"),
            (SegmentKind.PARAGRAPH, long),
        )
    )
    assert found[0].fields.words == f"{found[0].chunk.text} tea list md"
    told = "tea list md Teas of the house Green ones"
    assert found[-1].fields.words == f"{found[-1].chunk.text} {told}"
    assert found[0].fields.embedded == found[0].chunk.text
    assert found[-1].fields.part > found[0].fields.part == 0


def test_an_id_names_what_stands_around() -> None:
    before, after = of(chat("zero", "one")), of(chat("zero", "two"))
    assert before[0].chunk.text == after[0].chunk.text
    assert before[0].chunk.id != after[0].chunk.id
    assert replace(before[0].chunk, id=after[0].chunk.id) == after[0].chunk


@given(st.lists(st.text(max_size=30), min_size=1, max_size=9), st.text(max_size=30))
def test_a_chat_that_grew_keeps_all_entries_but_the_last(said: list[str], more: str) -> None:
    before = of(chat(*said))
    after = of(chat(*said, more))
    kept = max(0, len(before) - TURNS_AROUND)
    assert [each.chunk.id for each in after][:kept] == [each.chunk.id for each in before][:kept]
    assert len({each.chunk.id for each in after}) == len(after)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=9), st.integers(0, 3), st.data())
def test_entries_of_some_chunks_are_those_among_all(
    said: list[str], hours: int, data: st.DataObject
) -> None:
    whole = chat(*said, hours=hours)
    chunks = chunk(whole, token_spans=words, window_tokens=64)
    since = data.draw(st.integers(0, len(chunks)))
    assert entries(whole, chunks[since:]) == entries(whole, chunks)[since:]


def test_a_chat_is_found_as_before_up_to_the_neighbours_of_what_may_differ() -> None:
    six = chat("zero", "one", "two", "three", "four", "five")
    starts = [turn.start for turn in six.segments]
    # Four begins before that place and may end elsewhere: two and three stand beside it.
    assert cut_from(six, starts[5]) == starts[4 - TURNS_AROUND]
    assert cut_from(six, starts[5] - 1) == starts[4 - TURNS_AROUND]
    assert cut_from(six, len(six.text)) == starts[5 - TURNS_AROUND]
    assert [cut_from(six, starts[number]) for number in range(4)] == [0] * 4


def test_what_stands_before_the_first_turn_is_never_where_it_begins_to_differ() -> None:
    noted = b"a note\n\nanother\n\n[2026-03-01 09:00:00] them: x\n[2026-03-01 09:00:00] me: y\n"
    read = chatlog.read(RawFile(path="friend/chat.log", data=noted))
    assert [cut_from(read, place) for place in range(len(read.text) + 1)] == [0] * (
        len(read.text) + 1
    )


def test_the_recipe_changes_with_the_fields() -> None:
    """If this fails, fields are made in another way: give `RECIPE` a number, then the digest."""
    found = of(chat("zero yesterday", "one 東京", "two", hours=1))
    found += of(document((SegmentKind.HEADING, "Teas"), (SegmentKind.PARAGRAPH, "green")))
    digest = sha256("".join(each.chunk.id for each in found).encode()).hexdigest()
    assert (RECIPE, digest[:16]) == ("fields-3", "02231dd2f0001579")
