"""Chunks in a rougher precision: each vector from its text alone, and near those of float32."""

from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag import OMBox
from partitioned_rag.chunking import chunk
from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.bert import Bert, vector_of
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.embedding.runtimes import TOLERANCE
from partitioned_rag.values import Document
from tests.embedding.rough import PRECISIONS, Rough
from tests.strategies import examples

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
NEAREST = 10
IN_FP32 = minilm.minilm()

Vectors = npt.NDArray[np.float32]
TEXTS = st.lists(st.sampled_from("the ferry lemon Schlüssel 9:30 zxqv".split()), max_size=120).map(
    " ".join
)


@pytest.fixture(scope="module")
def bert() -> Bert:
    return minilm.packaged_weights()


@pytest.fixture(scope="module", params=PRECISIONS)
def rough(request: pytest.FixtureRequest) -> Rough:
    found: Rough = request.param
    return found


@examples(in_ci=60)
@given(st.lists(TEXTS, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_a_vector_follows_from_its_text_alone_to_the_bit(
    rough: Rough, texts: list[str], random: Random
) -> None:
    embed = rough.embedder.embed_chunks
    together = dict(zip(texts, embed(texts), strict=True))
    random.shuffle(texts)
    for text, vector in zip(texts, embed(texts), strict=True):
        assert vector.tobytes() == together[text].tobytes()
    assert embed(texts[:1]).tobytes() == together[texts[0]].tobytes()


def test_a_vector_follows_neither_from_what_went_before_nor_from_the_threads(
    rough: Rough, bert: Bert
) -> None:
    random = Random(1)
    rows = [random.choices(range(len(bert.words)), k=length) for length in range(2, 257, 3)]
    orders = (rows, rows[::-1], random.sample(rows, len(rows)))
    found = [
        {len(row): vector_of(row, bert=bert, layers=layers).tobytes() for row in order}
        for layers in (load(bert) for load in rough.ways)
        for order in orders
    ]
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("length", [2, 3, 15, 16, 17, 31, 33, 64, 255, 256])
def test_it_agrees_with_numpy_at_every_length(rough: Rough, bert: Bert, length: int) -> None:
    ids = np.random.default_rng(length).integers(0, len(bert.words), length).tolist()
    layers = rough.ways[0](bert)
    first, second = (
        vector_of(ids, bert=bert, layers=each) for each in (layers, numpy_layers(bert))
    )
    assert np.abs(first - second).max() <= rough.tolerance


def test_chunks_are_near_those_of_fp32_and_found_alike(rough: Rough) -> None:
    texts = [
        piece.text
        for page in sorted(DOCS.glob("*.md"))
        for piece in chunk(
            Document(path="", text=page.read_text(encoding="utf-8")),
            token_spans=IN_FP32.token_spans,
            window_tokens=IN_FP32.window_tokens,
        )
    ]
    assert len(texts) > 200
    found, exact = rough.embedder.embed_chunks(texts), IN_FP32.embed_chunks(texts)
    assert np.abs(found - exact).max() > TOLERANCE, "that is fp32"
    assert (found * exact).sum(axis=1, dtype=np.float64).min() >= rough.cosine
    questions = np.stack([IN_FP32.embed_question(text.splitlines()[-1][:200]) for text in texts])
    same = [
        len(set(first) & set(second))
        for first, second in zip(
            *(nearest(each, questions) for each in (found, exact)), strict=True
        )
    ]
    assert np.mean(same) / NEAREST >= rough.nearest


def nearest(vectors: Vectors, questions: Vectors) -> list[list[int]]:
    best: list[list[int]] = np.argsort(-(questions @ vectors.T), axis=1)[:, :NEAREST].tolist()
    return best


def test_an_index_holds_vectors_of_one_precision(rough: Rough, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    text = "The ferry leaves at nine."
    (tmp_path / "public" / "ferry.txt").write_text(text)
    with OMBox(tmp_path) as box:
        box.index()
    with OMBox(tmp_path, embedder=rough.embedder.name) as box:
        (report,) = box.index().partitions
        status = box.status()
        (hit,) = box.view().search(text)
    assert f"made by embedder {IN_FP32.name} ({IN_FP32.version})" in report.note
    assert rough.embedder.name in report.note
    assert (status.embedder, status.embedder_runtime) == (
        rough.embedder.name,
        rough.embedder.runtime,
    )
    assert hit.text == text


def test_a_precision_has_a_name_and_a_version_of_its_own() -> None:
    embedders = [IN_FP32, minilm.minilm_in_bf16(), minilm.minilm_in_int8()]
    assert [open_embedder(each.name).version for each in embedders] == [
        *("fp32 53aa51172d142c89", "bf16 scheme 2 OpenVINO 2026.4 53aa51172d142c89"),
        "int8 scheme 1 53aa51172d142c89",
    ]
    assert [each.runtime for each in embedders] == [
        *("onnxruntime", "openvino", "onnxruntime in int8"),
    ]
