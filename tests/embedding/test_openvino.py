"""Chunks in bf16: each vector from its text alone, near those of fp32, and never among them."""

from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.chunking import chunk
from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.bert import Bert, vector_of
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.embedding.bert_openvino import openvino_layers
from partitioned_rag.embedding.precision import BF16, FP32, multiplies_bf16
from partitioned_rag.embedding.runtimes import TOLERANCES
from partitioned_rag.values import Document
from tests.embedding.alone import run_alone
from tests.embedding.bf16 import needs_bf16
from tests.strategies import examples

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
NEAREST = 10
IN_BF16 = minilm.minilm(precision=BF16)
IN_FP32 = minilm.minilm(precision=FP32)

Vectors = npt.NDArray[np.float32]
TEXTS = st.lists(st.sampled_from("the ferry lemon Schlüssel 9:30 zxqv".split()), max_size=120).map(
    " ".join
)


@pytest.fixture(scope="module")
def bert() -> Bert:
    return minilm.packaged_weights()


# ---------------------------------------------------------------- its vectors


@needs_bf16
@examples(in_ci=60)
@given(st.lists(TEXTS, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_a_vector_follows_from_its_text_alone_to_the_bit(texts: list[str], random: Random) -> None:
    together = dict(zip(texts, IN_BF16.embed_chunks(texts), strict=True))
    random.shuffle(texts)
    for text, vector in zip(texts, IN_BF16.embed_chunks(texts), strict=True):
        assert vector.tobytes() == together[text].tobytes()
    alone = IN_BF16.embed_chunks(texts[:1])
    assert alone.tobytes() == together[texts[0]].tobytes()


@needs_bf16
def test_a_vector_follows_neither_from_what_went_before_nor_from_the_threads(bert: Bert) -> None:
    random = Random(1)
    rows = [random.choices(range(len(bert.words)), k=length) for length in range(2, 257, 3)]
    orders = (rows, rows[::-1], random.sample(rows, len(rows)))
    found = [
        {len(row): vector_of(row, bert=bert, layers=layers).tobytes() for row in order}
        for layers in (openvino_layers(bert, threads=threads) for threads in (1, 3))
        for order in orders
    ]
    assert all(each == found[0] for each in found)


@needs_bf16
@pytest.mark.parametrize("length", [2, 3, 15, 16, 17, 31, 33, 64, 255, 256])
def test_it_agrees_with_numpy_at_every_length(bert: Bert, length: int) -> None:
    ids = np.random.default_rng(length).integers(0, len(bert.words), length).tolist()
    layers = openvino_layers(bert, threads=1)
    first, second = (
        vector_of(ids, bert=bert, layers=each) for each in (layers, numpy_layers(bert))
    )
    assert np.abs(first - second).max() <= dict(TOLERANCES)[BF16]


@needs_bf16
def test_one_token_alone_is_refused(bert: Bert) -> None:
    """The library would give no numbers for all that follow."""
    layers = openvino_layers(bert, threads=1)
    with pytest.raises(ValueError, match="two markers"):
        vector_of([7], bert=bert, layers=layers)
    assert np.isfinite(vector_of([7] * 20, bert=bert, layers=layers)).all()


@needs_bf16
def test_chunks_are_near_those_of_fp32_and_found_alike() -> None:
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
    rough, exact = IN_BF16.embed_chunks(texts), IN_FP32.embed_chunks(texts)
    assert np.abs(rough - exact).max() > dict(TOLERANCES)[FP32], "that is fp32"
    assert (rough * exact).sum(axis=1, dtype=np.float64).min() >= 0.9999
    questions = np.stack([IN_FP32.embed_question(text.splitlines()[-1][:200]) for text in texts])
    same = [
        len(set(first) & set(second))
        for first, second in zip(
            *(nearest(each, questions) for each in (rough, exact)), strict=True
        )
    ]
    assert np.mean(same) / NEAREST >= 0.99


def nearest(vectors: Vectors, questions: Vectors) -> list[list[int]]:
    best: list[list[int]] = np.argsort(-(questions @ vectors.T), axis=1)[:, :NEAREST].tolist()
    return best


# ---------------------------------------------------------------- what is told of it


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile", True),
        ("flags\t\t: fpu avx512_bf16", False),
        ("model name\t: amx_bf16", False),
        ("", False),
    ],
    ids=["matrices", "vectors", "elsewhere", "nothing told"],
)
def test_bf16_is_for_processors_that_multiply_matrices_of_it(flags: str, *, expected: bool) -> None:
    assert multiplies_bf16(["processor\t: 0", flags, "flags\t\t: amx_bf16_of_another"]) is expected


@pytest.mark.parametrize("has_folder", [False, True], ids=["not there", "a mere folder"])
def test_without_the_library_it_is_fp32(tmp_path: Path, *, has_folder: bool) -> None:
    if has_folder:
        (tmp_path / "openvino").mkdir()
    found = run_alone(
        """
        import sys
        from pathlib import Path
        from partitioned_rag.embedding.registry import open_embedder

        sys.path = [place for place in sys.path if not Path(place, "openvino/__init__.py").exists()]
        embedder = open_embedder("all-MiniLM-L6-v2")
        print(embedder.version.split()[0], embedder.runtime)
        """,
        path=(tmp_path,),
    )
    assert (found.stdout, found.stderr) == ("fp32 onnxruntime\n", "")


def test_the_version_tells_the_precision_and_the_runtime_before_anything_is_loaded() -> None:
    assert minilm.minilm(precision=BF16).version == "bf16 53aa51172d142c89"
    assert minilm.minilm(precision=FP32).version == "fp32 53aa51172d142c89"
    assert minilm.minilm(precision=BF16).runtime == "openvino"
    assert minilm.minilm(precision=FP32).runtime == "onnxruntime"


# ---------------------------------------------------------------- a library that is not right

# All of its interface that is used; what it computes is `made`.
STAND_IN = """
import numpy as np

class Anything:
    def __getattr__(self, _name):
        return self

    def __call__(self, *_arguments, **_keywords):
        return self

    __add__ = __mul__ = __call__

Dimension = Model = PartialShape = opset13 = Anything()

class Core:
    def compile_model(self, *_arguments):
        return self

    def create_infer_request(self):
        return self

    def infer(self, given):
        (states,) = given.values()
        return [made(states)]

def made(states):
    {made}
"""
EMBED = """
    import logging
    from partitioned_rag.embedding.minilm import minilm

    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    embedder = minilm(precision="bf16")
    texts = ["The ferry leaves at nine.", "yes", "lemon " * 200]
    vectors = embedder.embed_chunks(texts)
    print(embedder.version, embedder.runtime)
    print(vectors.tobytes() == minilm(precision="fp32").embed_chunks(texts).tobytes())
"""


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        ("raise ImportError('no such\\nprocessor')", "no such processor"),
        ("raise RuntimeError('broken')", "broken"),
        (STAND_IN.format(made="return states * np.float32(1.001)"), "its vectors are wrong"),
        (STAND_IN.format(made="return states * np.float32('nan')"), "OpenVINO gave no numbers"),
    ],
    ids=["cannot be loaded", "is broken", "computes otherwise", "gives no numbers"],
)
def test_a_library_that_is_not_right_is_told_in_one_line_and_all_is_fp32(
    tmp_path: Path, library: str, reason: str
) -> None:
    (tmp_path / "openvino.py").write_text(library)
    found = run_alone(EMBED, path=(tmp_path,))
    assert found.stdout == "fp32 53aa51172d142c89 onnxruntime\nTrue\n"
    (line,) = found.stderr.splitlines()
    assert line.startswith("WARNING OpenVINO cannot be used here, so embedding is slower: ")
    assert reason in line


def test_what_is_no_number_is_never_a_vector(tmp_path: Path) -> None:
    """The library is right when it is tried, and at one length it is not."""
    right = (
        "return np.where(states.shape[1] == 9, np.float32('nan'), LAYERS(states[0]))[np.newaxis]"
    )
    layers = """
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.embedding.minilm import packaged_weights
LAYERS = numpy_layers(packaged_weights())
"""
    (tmp_path / "openvino.py").write_text(layers + STAND_IN.format(made=right))
    found = run_alone(
        """
        from partitioned_rag.embedding.minilm import minilm
        from partitioned_rag.errors import EmbedderError

        embedder = minilm(precision="bf16")
        embedder.embed_chunks(["lemon " * 6])
        print(embedder.version)
        try:
            embedder.embed_chunks(["lemon " * 7])
        except EmbedderError as error:
            print(error)
        """,
        path=(tmp_path,),
    )
    assert found.stdout.startswith("bf16 53aa51172d142c89\nOpenVINO gave no numbers: ")


INDEX = """
    import logging, sys
    from partitioned_rag import OMBox
    from partitioned_rag.embedding.minilm import minilm

    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    embedder = minilm(precision=sys.argv[2])
    with OMBox(sys.argv[1], embedder) as box:
        (report,) = box.index().partitions
        (hit,) = box.view().search("When does the ship go?", k=1)
    print(report.added, report.sources, embedder.version, report.note)
"""


def test_an_index_that_was_made_without_the_broken_library_stays(tmp_path: Path) -> None:
    box, broken = tmp_path / "box", tmp_path / "broken"
    (box / "public").mkdir(parents=True)
    (box / "public" / "ferry.txt").write_text("The ferry leaves at nine.")
    broken.mkdir()
    (broken / "openvino.py").write_text("raise ImportError('broken')")

    def index(precision: str) -> str:
        found = run_alone(INDEX, str(box), precision, path=(broken,))
        lines = found.stderr.splitlines()
        assert [line for line in lines if "OpenVINO cannot" in line] == lines
        assert len(lines) == (precision == BF16), found.stderr
        return found.stdout.rstrip()

    # Begun as what was expected, then made as what there is.
    assert index(BF16).startswith("1 1 fp32 53aa51172d142c89 the index was made by embedder")
    # The next process expects it again, and throws nothing away before it has made sure.
    assert index(BF16) == "0 1 fp32 53aa51172d142c89"
    assert index(FP32) == "0 1 fp32 53aa51172d142c89"


# ---------------------------------------------------------------- telemetry


def test_it_is_loaded_without_its_telemetry(tmp_path: Path) -> None:
    (tmp_path / "openvino_telemetry.py").write_text("print('it tells')")
    (tmp_path / "openvino.py").write_text(
        """
try:
    import openvino_telemetry
except ImportError:
    raise RuntimeError("it cannot tell")
"""
    )
    found = run_alone(
        """
        from partitioned_rag.embedding.minilm import minilm

        minilm(precision="bf16").embed_chunks(["lemon"])
        print("what others do is theirs")
        import openvino_telemetry
        """,
        path=(tmp_path,),
    )
    assert found.stdout == "what others do is theirs\nit tells\n"
    assert found.stderr.endswith("it cannot tell\n")


@needs_bf16
def test_the_library_itself_starts_no_telemetry(tmp_path: Path) -> None:
    (tmp_path / "openvino_telemetry.py").write_text("print('it tells')")
    found = run_alone(
        """
        import os, sys

        def no_network(event, arguments):
            if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
                os.write(2, f"NETWORK {event} {arguments}".encode())

        sys.addaudithook(no_network)
        from partitioned_rag.embedding.minilm import minilm

        embedder = minilm(precision="bf16")
        embedder.embed_chunks(["lemon"])
        print(embedder.runtime)
        """,
        path=(tmp_path,),
        home=tmp_path / "home",
    )
    assert (found.stdout, found.stderr) == ("openvino\n", "")
    assert not (tmp_path / "home").exists()
