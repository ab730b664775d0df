"""What every embedder keeps; a new one is added to `EMBEDDERS` and inherits all laws."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.chunking import chunk
from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.embedding.runtimes import BF16_TOLERANCE, INT8_TOLERANCE
from partitioned_rag.values import Document
from tests.embedding.rough import needs_bf16, needs_int8
from tests.ollama_double import OllamaDouble
from tests.strategies import examples

# What batch mates may move: nothing where a text goes through by itself.
TOLERANCE = {
    "hashing": 0.0,
    "minilm": 0.0,
    "minilm in bf16": 0.0,
    "minilm in int8": 0.0,
    "ollama": 1e-6,
}
# What it may move that a question goes through another runtime.
QUESTION_TOLERANCE = TOLERANCE | {
    "minilm": 1e-6,
    "minilm in bf16": BF16_TOLERANCE,
    "minilm in int8": INT8_TOLERANCE,
}

ODD_TEXTS = (
    "",
    " ",
    "\n\x00\x7f",
    "\ud800",
    "a\udfffb \udcff",
    "\u200b\ufeff",
    "\ufffd",
    "e\u0301 \u0301",
    "👨\u200d👩\u200d👧",
    "한국어 텍스트",
    "日本語の文",
    "ﷺ ﬃ İSTANBUL ß",
    "[CLS] [SEP] [PAD] [UNK] [MASK]",
    "https://picture.example/cat.png",
    "x" * 200,
)
SENTENCES = (
    "The ferry to the island leaves at nine.",
    "Bring a lemon cake to the party on Sunday!",
    "yes",
    "Der Schlüssel liegt unter der Matte, wie immer, und die Tür klemmt ein wenig.",
    "The ferry to the island leaves at nine.",
)


def _hashing(_stack: ExitStack) -> Embedder:
    return open_embedder("hashing")


def _minilm(_stack: ExitStack) -> Embedder:
    return minilm.minilm()


def _minilm_in_bf16(_stack: ExitStack) -> Embedder:
    return minilm.minilm_in_bf16()


def _minilm_in_int8(_stack: ExitStack) -> Embedder:
    return minilm.minilm_in_int8()


def _folder(_stack: ExitStack) -> Embedder:
    return open_embedder(str(minilm.packaged_folder()))


def _ollama(stack: ExitStack) -> Embedder:
    double = stack.enter_context(OllamaDouble())
    return open_embedder("ollama:nomic-embed-text", ollama_host=double.host)


EMBEDDERS: dict[str, Callable[[ExitStack], Embedder]] = {
    "hashing": _hashing,
    "minilm": _minilm,
    "minilm in bf16": _minilm_in_bf16,
    "minilm in int8": _minilm_in_int8,
    "folder": _folder,
    "ollama": _ollama,
}
MARKS: dict[str, tuple[pytest.MarkDecorator, ...]] = {
    "minilm": (pytest.mark.slow,),
    "minilm in bf16": (pytest.mark.slow, needs_bf16),
    "minilm in int8": (pytest.mark.slow, needs_int8),
    "folder": (pytest.mark.slow,),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=MARKS.get(name, ())) for name in EMBEDDERS],
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def embedder(kind: str) -> Iterator[Embedder]:
    with ExitStack() as stack:
        yield EMBEDDERS[kind](stack)


def fitting(embedder: Embedder, text: str) -> list[str]:
    """Cut a text as a document is cut, so that it may be embedded."""
    document = Document(path="", text=text)
    window_tokens = embedder.window_tokens
    chunks = chunk(document, token_spans=embedder.token_spans, window_tokens=window_tokens)
    return [piece.text for piece in chunks]


def test_vectors_are_unit_rows_of_the_length_it_says(embedder: Embedder) -> None:
    texts = [part for text in SENTENCES for part in fitting(embedder, text)]
    vectors = embedder.embed_chunks(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), embedder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_chunks([]).shape == (0, embedder.dimensions)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_any_text_can_be_embedded(embedder: Embedder, text: str) -> None:
    for vectors in (embedder.embed_chunks([text[:30]])[0], embedder.embed_question(text)):
        assert vectors.shape == (embedder.dimensions,)
        assert np.isclose(np.linalg.norm(vectors), 1, atol=1e-5)


def test_a_text_alone_has_the_vector_it_has_in_a_batch(embedder: Embedder, kind: str) -> None:
    texts = [part for text in SENTENCES * 12 for part in fitting(embedder, text)]
    together = embedder.embed_chunks(texts)
    alone = np.stack([embedder.embed_chunks([text])[0] for text in texts[:8]])
    assert np.abs(together[:8] - alone).max() <= TOLERANCE.get(kind, 1e-5)


def test_rows_keep_the_order_of_the_texts(embedder: Embedder, kind: str) -> None:
    texts = [part for text in SENTENCES for part in fitting(embedder, text)]
    forward = embedder.embed_chunks(texts)
    backward = embedder.embed_chunks(texts[::-1])[::-1]
    assert np.abs(forward - backward).max() <= TOLERANCE.get(kind, 1e-5)
    assert np.linalg.norm(forward[0] - forward[1]) > 0.01


def test_the_same_texts_give_the_same_bits(embedder: Embedder) -> None:
    texts = [part for text in SENTENCES for part in fitting(embedder, text)]
    assert embedder.embed_chunks(texts).tobytes() == embedder.embed_chunks(texts).tobytes()


def test_a_question_is_embedded_as_a_text_alone_is(embedder: Embedder, kind: str) -> None:
    question = SENTENCES[0][:30]
    difference = embedder.embed_question(question) - embedder.embed_chunks([question])[0]
    assert np.abs(difference).max() <= QUESTION_TOLERANCE.get(kind, 1e-5)


def test_a_text_longer_than_the_window_is_refused_not_cut(embedder: Embedder) -> None:
    word = "lemon "
    fits = word
    while len(embedder.token_spans(fits + word)) <= embedder.window_tokens:
        fits += word
    assert embedder.embed_chunks([fits]).shape == (1, embedder.dimensions)
    with pytest.raises(ValueError, match=str(embedder.window_tokens)):
        embedder.embed_chunks(["yes", fits + word])


def test_a_question_longer_than_the_window_counts_to_its_end(embedder: Embedder) -> None:
    begun = " ".join(f"lemon cake number {n} for the party." for n in range(90))
    cake, key = (embedder.embed_question(f"{begun} {end * 40}") for end in ("cake. ", "Schloss. "))
    assert len(embedder.token_spans(begun)) > embedder.window_tokens
    assert np.isclose(np.linalg.norm(key), 1, atol=1e-5)
    assert np.linalg.norm(cake - key) > 1e-3


@given(st.text(max_size=300))
def test_spans_lie_in_the_text_in_order(embedder: Embedder, text: str) -> None:
    spans = embedder.token_spans(text)
    reached_start = reached_end = 0
    for start, end in spans:
        assert reached_start <= start <= end <= len(text)
        assert reached_end <= end
        reached_start, reached_end = start, end
    assert spans == embedder.token_spans(text)


@pytest.mark.parametrize("text", ["lemon cake, yes!", "日本語", "Ångström überall", "1234 5678"])
def test_every_letter_lies_in_a_token(embedder: Embedder, text: str) -> None:
    covered = {i for start, end in embedder.token_spans(text) for i in range(start, end)}
    assert covered >= {i for i, letter in enumerate(text) if letter.isalnum()}


@examples(in_ci=15)
@given(
    st.lists(
        st.one_of(st.text(max_size=200), st.sampled_from(ODD_TEXTS), st.sampled_from(SENTENCES)),
        max_size=6,
    ).map("\n".join)
)
def test_whatever_the_chunker_cuts_can_be_embedded(embedder: Embedder, text: str) -> None:
    # Documents are free of lone surrogates; so says the value.
    clean = text.encode("utf-8", "replace").decode()
    parts = fitting(embedder, clean)
    assert len(embedder.embed_chunks(parts)) == len(parts)


def test_threads_may_share_one_from_its_first_use_on(kind: str) -> None:
    with ExitStack() as stack:
        fresh = EMBEDDERS[kind](stack)
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(fresh.embed_question, ["lemon cake"] * 8))
    assert max(np.abs(vector - found[0]).max() for vector in found) <= 1e-6


def test_opening_it_again_gives_the_same_name_version_and_vectors(
    embedder: Embedder, kind: str
) -> None:
    with ExitStack() as stack:
        again = EMBEDDERS[kind](stack)
        assert again.runtime == embedder.runtime != ""
        assert (again.name, again.version, again.dimensions, again.window_tokens) == (
            embedder.name,
            embedder.version,
            embedder.dimensions,
            embedder.window_tokens,
        )
        both = [one.embed_question("lemon").tobytes() for one in (again, embedder)]
    assert hashlib.sha256(both[0]).digest() == hashlib.sha256(both[1]).digest()
