"""The embedder without a model: quick, exact, and good enough to find a phrase."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.embedding.hashing import HashingEmbedder

words = st.sampled_from("lemon cake ferry island roof key Schlüssel 日曜日 party tide".split())
texts = st.one_of(st.text(max_size=80), st.lists(words, max_size=10).map(" ".join))


@given(st.lists(texts, min_size=1, max_size=6), st.data())
def test_a_vector_is_the_same_to_the_bit_whatever_it_is_embedded_with(
    batch: list[str], data: st.DataObject
) -> None:
    embedder = HashingEmbedder()
    batch = [text for text in batch if len(embedder.token_spans(text)) <= embedder.window_tokens]
    shuffled = data.draw(st.permutations(batch))
    alone = {text: embedder.embed_question(text).tobytes() for text in batch}
    for text, vector in zip(shuffled, embedder.embed_chunks(shuffled), strict=True):
        assert vector.tobytes() == alone[text]


@given(texts)
def test_no_text_has_a_vector_of_nothing(text: str) -> None:
    assert np.isclose(np.linalg.norm(HashingEmbedder().embed_question(text)), 1)


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("are you free on sunday?", "them: free on Sunday, all day", "them: see you at the ferry"),
        ("lemon cakes", "a lemon cake for the party", "the tide comes in at nine"),
        ("日曜日", "会議は日曜日の朝です。", "船は九時に出ます。"),
        ("東京", "来週は東京へ行きます。", "来週は京都へ行きます。"),
        ("Schluessel", "Der Schlüssel liegt hier", "Die Fähre legt ab"),
        ("🎂", "bring the 🎂 at noon", "bring the 🎈 at noon"),
    ],
)
def test_a_phrase_is_nearest_to_the_text_that_has_it(
    question: str, answer: str, other: str
) -> None:
    embedder = HashingEmbedder()
    right, wrong = embedder.embed_chunks([answer, other]) @ embedder.embed_question(question)
    assert right > wrong


def test_a_word_without_end_has_tokens_without_end() -> None:
    spans = HashingEmbedder().token_spans("x" * 150_000)
    assert len(spans) == 150_000 / 16
    assert spans[:2] == [(0, 16), (16, 32)]


def test_tokens_are_words_marks_and_ideographs() -> None:
    text = "Don't panic: 東京 ok_1!"
    tokens = [text[start:end] for start, end in HashingEmbedder().token_spans(text)]
    assert tokens == ["Don", "'", "t", "panic", ":", "東", "京", "ok_1", "!"]


def test_the_version_changes_with_the_vectors() -> None:
    """If this fails, vectors are made in another way: give `version` a new number, then these."""
    vectors = HashingEmbedder().embed_chunks(["", "Lemon cake, 日曜日!", "ferry " * 60])
    digest = sha256(vectors.astype("<f4").tobytes()).hexdigest()
    assert (HashingEmbedder().version, digest[:16]) == ("1", "d0aa4d319ab88314")
