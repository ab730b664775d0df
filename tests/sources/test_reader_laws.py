"""What holds of every reader, whatever it is given. A new format inherits all of it."""

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partitioned_rag.sources.composing import MAX_RUN_CHARS, Piece, compose
from partitioned_rag.sources.raw import MAX_SEGMENTS, RawFile, Unreadable
from partitioned_rag.sources.registry import FORMATS, Format, read_here, recognise
from partitioned_rag.values import Document, SegmentKind, SkipReason
from tests.sources.samples import GOOD, Sample, pdf
from tests.strategies import examples

EACH_SAMPLE = pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample.path)
EACH_FORMAT = pytest.mark.parametrize("chosen", FORMATS, ids=lambda chosen: chosen.name)


def check_document(document: Document) -> None:
    """The laws of a document, as far as they need no knowledge of its format."""
    text, end, group = document.text, 0, 0
    assert document.segments
    for segment in document.segments:
        assert end <= segment.start < segment.end <= len(text)
        assert text[segment.start : segment.end].strip() == text[segment.start : segment.end]
        assert not re.search(r"\w", text[end : segment.start]), "text between two segments"
        assert segment.group >= group
        end, group = segment.end, segment.group
    assert not text[end:].strip()
    assert "\0" not in text
    text.encode()  # a lone surrogate cannot be encoded
    assert all(sum(1 for _ in run) <= MAX_RUN_CHARS for _, run in itertools.groupby(text))


def read_or_refuse(chosen: Format, path: str, data: bytes) -> Document | None:
    try:
        document = read_here(chosen, RawFile(path=path, data=data))
    except Unreadable:
        return None
    check_document(document)
    return document


def test_every_format_has_a_sample() -> None:
    assert {sample.format for sample in GOOD} == {one.name for one in FORMATS}


@EACH_SAMPLE
def test_a_sample_is_recognised_and_its_words_are_found(sample: Sample) -> None:
    chosen = recognise(sample.raw)
    assert chosen.name == sample.format
    document = read_here(chosen, sample.raw)
    check_document(document)
    assert document.path == sample.raw.path
    for words in sample.words:
        assert words in document.text


@EACH_SAMPLE
def test_reading_twice_gives_the_same(sample: Sample) -> None:
    chosen = recognise(sample.raw)
    assert read_here(chosen, sample.raw) == read_here(chosen, sample.raw)


@EACH_SAMPLE
def test_a_sample_cut_anywhere_is_read_or_refused(sample: Sample) -> None:
    chosen = recognise(sample.raw)
    step = max(1, len(sample.data) // 40)
    for length in range(1, len(sample.data), step):
        read_or_refuse(chosen, sample.raw.path, sample.data[:length])


@EACH_FORMAT
@examples(60)
@given(data=st.binary(min_size=1, max_size=400), ending=st.integers(0, 9))
@example(data=b"\xff\xfe\x00\xd8", ending=0)
@example(data=b"\xef\xbb\xbf", ending=0)
@example(data=b"[" * 200_000, ending=0)
@example(data=b"a" * 30_000, ending=1)
def test_arbitrary_bytes_are_read_or_refused(chosen: Format, data: bytes, ending: int) -> None:
    name = f"x{chosen.endings[ending % len(chosen.endings)]}".replace("x/", "")
    read_or_refuse(chosen, f"public/{name}", data)


@EACH_FORMAT
@examples(60)
@given(data=st.data())
def test_damaged_samples_are_read_or_refused(chosen: Format, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from([one for one in GOOD if one.format == chosen.name]))
    damaged = bytearray(sample.data)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged)))
        gone = data.draw(st.integers(0, 8))
        damaged[at : at + gone] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b'"', b"\n", b"<", b"{", b"=?", b"\0", b";"])
        )
    if damaged:
        read_or_refuse(chosen, sample.raw.path, bytes(damaged))


@EACH_FORMAT
@examples(60)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_any_utf8_text_is_read_or_refused(chosen: Format, text: str) -> None:
    read_or_refuse(chosen, f"public/x{chosen.endings[0]}", text.encode())


@examples(60)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_prose_keeps_every_character_of_its_file(text: str) -> None:
    document = read_or_refuse(FORMATS[-1], "public/x.txt", b"begin " + text.encode())
    assert document is not None
    assert document.text == "begin " + text


def test_the_laws_notice_text_that_no_segment_holds() -> None:
    document = read_here(FORMATS[-1], RawFile(path="public/a.txt", data=b"one\n\ntwo\n\nthree"))
    first, _, last = document.segments
    with pytest.raises(AssertionError, match="text between two segments"):
        check_document(replace(document, segments=(first, last)))


def test_a_pdf_knows_its_pages() -> None:
    document = read_here(FORMATS[1], RawFile(path="public/x.pdf", data=pdf("one", "", "three")))
    assert [(one.page, one.group) for one in document.segments] == [
        (1, 0),
        (2, 1),
        (3, 2),
    ]


def test_a_document_is_refused_while_it_grows_and_not_when_it_is_too_late() -> None:
    for size_chars in (1, 1000):
        pieces = (Piece(SegmentKind.ROW, "x" * size_chars) for _ in range(MAX_SEGMENTS + 9))
        with pytest.raises(Unreadable) as refusal:
            compose("public/x", pieces)
        assert refusal.value.reason is SkipReason.TOO_LARGE
        assert next(pieces).text
