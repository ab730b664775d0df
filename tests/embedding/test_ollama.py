"""Ollama's embedding models: what fits is sure to fit, and nothing is cut by the server."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.chunking import chunk
from partitioned_rag.embedding.ollama import UNIT_BYTES, OllamaEmbedder
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.errors import EmbedderError, InputError, OllamaError
from partitioned_rag.values import Document
from tests.ollama_double import Card, OllamaDouble
from tests.strategies import examples


def a_token_for_each_byte(text: str) -> list[str]:
    """The worst that a tokenizer can do: joined they are the text, and there are as many."""
    return [part for letter in text for part in (letter, *[""] * (len(letter.encode()) - 1))]


def ten_tokens_for_each_character(text: str) -> list[str]:
    """What a normaliser can do with some ligatures."""
    return [part for letter in text for part in (letter, *[""] * 9)]


def models(context_length: int, *, digest: str = "1" * 64, length: int = 16) -> dict[str, Card]:
    card = Card(
        context_length=context_length,
        embedding_length=length,
        capabilities=("embedding",),
        digest=digest,
    )
    return {"embedder:latest": card}


@examples(in_ci=25)
@given(st.text(max_size=400), st.integers(48, 200))
def test_chunks_fit_even_if_every_byte_is_a_token(text: str, context_length: int) -> None:
    clean = text.encode("utf-8", "replace").decode()
    with OllamaDouble(models=models(context_length), tokens=a_token_for_each_byte) as double:
        embedder = OllamaEmbedder("embedder", host=double.host)
        chunks = chunk(
            Document(path="", text=clean),
            token_spans=embedder.token_spans,
            window_tokens=embedder.window_tokens,
        )
        embedder.embed_chunks([piece.text for piece in chunks])
        embedder.embed_question(clean)
        assert double.cut == 0


@given(st.text(max_size=60))
def test_units_share_the_text_out_and_hold_few_bytes(text: str) -> None:
    spans = OllamaEmbedder("any", host=None).token_spans(text)
    assert "".join(text[start:end] for start, end in spans) == text
    for start, end in spans:
        assert 1 <= len(text[start:end].encode("utf-8", "surrogatepass")) <= UNIT_BYTES


def test_a_text_that_has_more_tokens_than_bytes_is_embedded_by_halves() -> None:
    texts = ["a" * 100, "yes", "b" * 100]
    with OllamaDouble(models=models(200), tokens=ten_tokens_for_each_character) as double:
        vectors = OllamaEmbedder("embedder", host=double.host).embed_chunks(texts)
        assert double.cut == 0
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(vectors[0] - vectors[2]) > 0.01


def test_a_character_that_fits_no_window_is_an_error_not_a_loop() -> None:
    with (
        OllamaDouble(models=models(48), tokens=lambda text: [text, *[""] * 99]) as double,
        pytest.raises(OllamaError, match="window"),
    ):
        OllamaEmbedder("embedder", host=double.host).embed_chunks(["abc"])


def test_the_window_is_bounded_though_the_model_takes_more() -> None:
    with OllamaDouble(models=models(1_000_000)) as double:
        assert OllamaEmbedder("embedder", host=double.host).window_tokens == 510


def test_other_weights_of_the_same_name_are_another_version() -> None:
    versions = set()
    for digest in ("a" * 64, "b" * 64):
        with OllamaDouble(models=models(64, digest=digest)) as double:
            versions.add(open_embedder("ollama:embedder", ollama_host=double.host).version)
    assert versions == {"a" * 16, "b" * 16}


def test_many_texts_keep_their_order_over_several_requests() -> None:
    texts = [f"text {n}" for n in range(100)]
    with OllamaDouble(models=models(64)) as double:
        embedder = OllamaEmbedder("embedder", host=double.host)
        vectors = embedder.embed_chunks(texts)
        for n in (0, 31, 32, 99):
            assert np.array_equal(vectors[n], embedder.embed_question(texts[n]))


def test_opening_asks_nobody_and_using_says_what_is_missing() -> None:
    nobody = open_embedder("ollama:embedder", ollama_host="127.0.0.1:9")
    assert nobody.name == "ollama:embedder"
    with pytest.raises(OllamaError, match="ollama serve"):
        _ = nobody.version
    with OllamaDouble() as double:
        missing = open_embedder("ollama:missing", ollama_host=double.host)
        with pytest.raises(OllamaError, match="ollama pull missing"):
            _ = missing.dimensions


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="address"):
        open_embedder("ollama:embedder", ollama_host="ftp://x")


@pytest.mark.parametrize(
    "rows", [b"[[1.0, 0.0]]", b"[[0, 0, 0, 0]]"], ids=["shorter", "without direction"]
)
def test_vectors_that_are_not_as_described_are_an_error(rows: bytes) -> None:
    with OllamaDouble(models=models(64, length=4)) as double:
        embedder = OllamaEmbedder("embedder", host=double.host)
        assert embedder.dimensions == 4
        double.say(200, b'{"embeddings": %b}' % rows)
        with pytest.raises(EmbedderError, match="embedder"):
            embedder.embed_chunks(["lemon"])
