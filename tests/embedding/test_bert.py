"""A BERT encoder without torch: the same vectors, each from its text alone, whatever computes."""

import textwrap
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.bert import Bert, read_bert, vector_of
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.embedding.bert_onnx import GIVEN, load, onnx_layers
from partitioned_rag.embedding.encoder import Encoder
from partitioned_rag.embedding.onnx_graph import Graph
from partitioned_rag.embedding.parts import parts_of
from partitioned_rag.embedding.runtimes import open_runtime
from tests.embedding.alone import ONNX_STAND_IN, run_alone
from tests.embedding.rough import needs_int8
from tests.strategies import examples

pytestmark = pytest.mark.slow

# In any number of a vector; a vector's numbers are about 0.05.
TOLERANCE = 1e-6
EMBEDDER = minilm.minilm()

ODD = st.sampled_from(
    [
        "",
        " ",
        "\n\x00\x1b[2J",
        "👨\u200d👩\u200d👧 🦆",
        "日本語の文 한국어",
        "e\u0301ﬃß",
        "[SEP] [MASK]",
    ]
)
WORDS = st.lists(st.sampled_from("the ferry lemon Schlüssel 9:30 zxqv".split()), max_size=400)
TEXTS = st.one_of(st.text(max_size=200), ODD, WORDS.map(" ".join))


def parts(text: str) -> list[str]:
    """Cut a text as one is that does not fit the window."""
    clean = text.encode("utf-8", "replace").decode()
    window = EMBEDDER.window_tokens
    return parts_of(clean, token_spans=EMBEDDER.token_spans, window_tokens=window)


@pytest.fixture(scope="module")
def bert() -> Bert:
    return minilm.packaged_weights()


@pytest.fixture(scope="module")
def reference() -> Encoder:
    """Torch, with the same weights."""
    return Encoder(minilm.packaged_folder())


@examples(in_ci=60)
@given(TEXTS)
def test_vectors_are_those_of_torch(reference: Encoder, text: str) -> None:
    texts = parts(text)
    expected = reference.encode([reference.ids(part) for part in texts])
    chunks = EMBEDDER.embed_chunks(texts)
    questions = np.stack([EMBEDDER.embed_question(part) for part in texts])
    assert np.abs(chunks - expected).max() <= TOLERANCE
    assert np.abs(questions - expected).max() <= TOLERANCE


@examples(in_ci=30)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_vector_follows_from_its_text_alone_to_the_bit(texts: list[str], random: Random) -> None:
    whole = [part for text in texts for part in parts(text)]
    together = dict(zip(whole, EMBEDDER.embed_chunks(whole), strict=True))
    random.shuffle(whole)
    again = EMBEDDER.embed_chunks(whole)
    for text, vector in zip(whole, again, strict=True):
        assert vector.tobytes() == together[text].tobytes()
    alone = EMBEDDER.embed_chunks(whole[:1])
    assert alone.tobytes() == together[whole[0]].tobytes()


@pytest.mark.parametrize("length", [1, 2, 3, 17, 255, 256])
def test_runtimes_agree_at_every_length(bert: Bert, length: int) -> None:
    ids = np.random.default_rng(length).integers(0, len(bert.words), length).tolist()
    first, second = (
        vector_of(ids, bert=bert, layers=layers)
        for layers in (numpy_layers(bert), onnx_layers(bert))
    )
    assert np.abs(first - second).max() <= TOLERANCE


def test_onnx_runtime_is_what_chunks_go_through(bert: Bert) -> None:
    assert open_runtime(bert, "onnxruntime").name == "onnxruntime"


@pytest.mark.parametrize("asks_once", [False, True])
def test_what_computes_a_question_was_decided_before_anything_was_embedded(
    bert: Bert, *, asks_once: bool
) -> None:
    embedder = minilm.minilm(asks_once=asks_once)
    question = "When does the ferry to the island leave?"
    first = embedder.embed_question(question)
    embedder.embed_chunks(["The ferry leaves at nine."])
    again = embedder.embed_question(question)
    (ids,) = embedder._rows([question])
    layers = {True: numpy_layers(bert), False: onnx_layers(bert)}
    by_runtime = {once: vector_of(ids, bert=bert, layers=layers[once]) for once in layers}
    assert by_runtime[True].tobytes() != by_runtime[False].tobytes()
    assert first.tobytes() == again.tobytes() == by_runtime[asks_once].tobytes()
    assert embedder.embed_chunks([question])[0].tobytes() == by_runtime[False].tobytes()


# ---------------------------------------------------------------- weights that are none


def described(description: str, content: bytes = b"") -> bytes:
    return len(description).to_bytes(8, "little") + description.encode() + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        described("[1]"),
        described("{}"),
        described('{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}', b"0" * 8),
        (1 << 62).to_bytes(8, "little"),
    ],
    ids=["empty", "short", "no object", "nothing in it", "cut off", "too long"],
)
def test_a_file_that_holds_no_weights_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_bert(file, heads=12, epsilon=1e-12)


# ---------------------------------------------------------------- runtimes that are not right

HEAVY = {
    *(
        "numpy",
        "onnxruntime",
        "openvino",
        "safetensors",
        "scipy",
        "sentence_transformers",
        "sklearn",
    ),
    *("tokenizers", "torch", "transformers"),
}
EMBED = """
    import logging, sys
    import numpy as np
    from partitioned_rag.embedding.minilm import minilm

    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    embedder = minilm()
    texts = ["The ferry leaves at nine.", "yes", "lemon " * 200]
    chunks = embedder.embed_chunks(texts)
    questions = np.stack([embedder.embed_question(text) for text in texts])
    print(chunks.tobytes() == questions.tobytes())
"""


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        ("raise ImportError('no such processor')", "no such processor"),
        ("raise RuntimeError('broken')", "broken"),
        (ONNX_STAND_IN.format(factor=1.001), "its vectors are wrong"),
        (ONNX_STAND_IN.format(factor="'nan'"), "its vectors are wrong"),
    ],
    ids=["cannot be loaded", "is broken", "computes otherwise", "gives no numbers"],
)
def test_a_runtime_that_is_not_right_is_told_in_one_line_and_not_used(
    tmp_path: Path, library: str, reason: str
) -> None:
    (tmp_path / "onnxruntime.py").write_text(library)
    found = run_alone(EMBED, path=(tmp_path,))
    assert found.stdout == "True\n"
    (line,) = found.stderr.splitlines()
    assert line == f"WARNING ONNX Runtime cannot be used here, so embedding is slower: {reason}"


def test_a_loaded_model_keeps_no_look_at_its_arrays() -> None:
    graph = Graph()
    weight = np.ones(5_000, dtype=np.float32)
    model = graph.model(
        GIVEN, graph.node("Add", GIVEN, graph.weight(weight)), shape=(1, "rows", len(weight))
    )
    assert np.shares_memory(model.arrays["w0"], weight)
    layers = load(model)
    weight[:] = 2
    assert (layers(np.zeros((3, len(weight)), dtype=np.float32)) == 1).all()


# What happens within a library's own threads is seen by the system alone: here it is the library
# that is asked whether it was told.
TELLING = """
import os
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
raise ImportError("it was told")
"""


@pytest.mark.parametrize("before", [None, "0"])
def test_the_runtime_is_told_to_send_nothing_and_the_environment_stays(
    tmp_path: Path, before: str | None
) -> None:
    (tmp_path / "onnxruntime.py").write_text(TELLING)
    setting = f"os.environ['ORT_DISABLE_TELEMETRY'] = {before!r}" if before else ""
    found = run_alone(
        f"""
        import os
        {setting}
        {textwrap.indent(textwrap.dedent(EMBED), " " * 8).strip()}
        assert os.environ.get("ORT_DISABLE_TELEMETRY") == {before!r}
        """,
        path=(tmp_path,),
    )
    assert found.returncode == 0, found.stderr
    assert found.stderr.endswith("it was told\n")


@pytest.mark.parametrize("name", [minilm.NAME, pytest.param(minilm.NAME_IN_INT8, marks=needs_int8)])
def test_indexing_and_asking_load_no_torch_and_write_nothing_elsewhere(
    tmp_path: Path, name: str
) -> None:
    home, box = tmp_path / "home", tmp_path / "box"
    home.mkdir()
    (box / "public").mkdir(parents=True)
    (box / "public" / "ferry.txt").write_text("The ferry leaves at nine.")

    def loaded_by(*arguments: str) -> set[str]:
        program = "from partitioned_rag.cli.main import main; main()"
        given = (*arguments, "--box", str(box), "--embedder", name)
        found = run_alone(program, *given, home=home, options=("-X", "importtime"))
        assert found.returncode == 0, found.stderr
        names = [line.rpartition("|")[2].strip() for line in found.stderr.splitlines()]
        assert "partitioned_rag.cli.main" in names
        return HEAVY & {name.partition(".")[0] for name in names}

    assert loaded_by("index") == {"numpy", "onnxruntime", "tokenizers"}
    assert loaded_by("search", "When does the ship go?") == {"numpy", "tokenizers"}
    assert [file for file in home.rglob("*") if file.is_file()] == []
