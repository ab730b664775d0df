"""OpenVINO: what is asked of it and of the processor, and that it tells nobody."""

from pathlib import Path

import numpy as np
import pytest

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.bert import Bert, vector_of
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.embedding.bert_openvino import RELEASE, openvino_layers
from partitioned_rag.embedding.runtimes import BF16_TOLERANCE, multiplies_bf16
from tests.embedding.alone import EMBED_OR_SAY, run_alone
from tests.embedding.rough import needs_amx, needs_bf16

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
NEAREST = 10
IN_BF16 = minilm.minilm_in_bf16()
IN_FP32 = minilm.minilm()


@pytest.fixture(scope="module")
def bert() -> Bert:
    return minilm.packaged_weights()


# ---------------------------------------------------------------- its vectors


@needs_bf16
def test_one_token_alone_harms_nothing(bert: Bert) -> None:
    """The library (2026.4.1) would give no numbers for all that follow, were it not filled up."""
    layers = openvino_layers(bert, threads=1)
    for ids in ([7], [7] * 20):
        found, expected = (
            vector_of(ids, bert=bert, layers=each) for each in (layers, numpy_layers(bert))
        )
        assert np.abs(found - expected).max() <= BF16_TOLERANCE


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


def test_its_version_names_the_release_that_was_tried() -> None:
    assert f"OpenVINO {RELEASE} " in minilm.minilm_in_bf16().version


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

__version__ = "2026.4.1"

class Core:
    def compile_model(self, *_arguments):
        return self

    def create_infer_request(self):
        return self

    def infer(self, given):
        states, mask = given.values()
        return [made(states[:, : np.count_nonzero(mask == 0)])]

def made(states):
    {made}
"""
EMBED = EMBED_OR_SAY.format(make="minilm_in_bf16")


@needs_amx
@pytest.mark.parametrize(
    ("library", "reason"),
    [
        ("raise ImportError('no such\\nprocessor')", "no such processor"),
        ("raise RuntimeError('broken')", "broken"),
        (STAND_IN.format(made="return states * np.float32(1.001)"), "its vectors are wrong"),
        (STAND_IN.format(made="return states * np.float32('nan')"), "OpenVINO gave no numbers"),
        ("__version__ = '2026.40.1'", "it is not the 2026.4 that was tried, but 2026.40.1"),
        ("__version__ = '2027.1'", "it is not the 2026.4 that was tried, but 2027.1"),
    ],
    ids=[
        *("cannot be loaded", "is broken", "computes otherwise", "gives no numbers"),
        *("looks alike", "is newer"),
    ],
)
def test_a_library_that_is_not_right_is_told(tmp_path: Path, library: str, reason: str) -> None:
    (tmp_path / "openvino.py").write_text(library)
    found = run_alone(EMBED, path=(tmp_path,))
    assert found.stderr == ""
    assert found.stdout.startswith(f"OpenVINO cannot embed in bfloat16 here: {reason}")
    assert "choose the embedder all-MiniLM-L6-v2;" in found.stdout


RIGHT_AT_FIRST = f"""
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.embedding.minilm import packaged_weights
LAYERS = numpy_layers(packaged_weights())
{STAND_IN}"""


@needs_amx
def test_what_is_no_number_is_never_a_vector(tmp_path: Path) -> None:
    """The library is right when it is tried, and at one length it is not."""
    made = "return np.where(states.shape[1] == 9, np.float32('nan'), LAYERS(states[0]))[np.newaxis]"
    (tmp_path / "openvino.py").write_text(RIGHT_AT_FIRST.format(made=made))
    found = run_alone(
        """
        from partitioned_rag.embedding.minilm import minilm_in_bf16
        from partitioned_rag.errors import EmbedderError

        embedder = minilm_in_bf16()
        embedder.embed_chunks(["lemon " * 6])
        print(embedder.runtime)
        try:
            embedder.embed_chunks(["lemon " * 7])
        except EmbedderError as error:
            print(error)
        """,
        path=(tmp_path,),
    )
    assert found.stdout.startswith("openvino\nOpenVINO gave no numbers: ")


@needs_amx
def test_what_the_library_cannot_do_does_not_keep_it_from_the_rest(tmp_path: Path) -> None:
    """Of the calls that it can work on at once, none is lost with one that failed."""
    made = "return LAYERS(states[0])[np.newaxis] if states.shape[1] != 9 else states.no_memory"
    (tmp_path / "openvino.py").write_text(RIGHT_AT_FIRST.format(made=made))
    found = run_alone(
        """
        from partitioned_rag.embedding.bert import vector_of
        from partitioned_rag.embedding.bert_openvino import openvino_layers
        from partitioned_rag.embedding.minilm import packaged_weights

        bert = packaged_weights()
        layers = openvino_layers(bert, threads=1)
        try:
            vector_of([7] * 9, bert=bert, layers=layers)
        except AttributeError as error:
            print(error)
        print(vector_of([7] * 8, bert=bert, layers=layers).shape)
        """,
        path=(tmp_path,),
    )
    assert found.stdout.splitlines() == [
        "'numpy.ndarray' object has no attribute 'no_memory'",
        "(384,)",
    ]


# ---------------------------------------------------------------- telemetry


@needs_amx
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
    others = """
    print("what others do is theirs")
    import openvino_telemetry
    """
    found = run_alone(EMBED + others, path=(tmp_path,))
    told, *rest = found.stdout.splitlines()
    assert told.startswith("OpenVINO cannot embed in bfloat16 here: it cannot tell: ")
    assert rest == ["what others do is theirs", "it tells"]


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
        from partitioned_rag.embedding.minilm import minilm_in_bf16

        embedder = minilm_in_bf16()
        embedder.embed_chunks(["lemon"])
        print(embedder.runtime)
        """,
        path=(tmp_path,),
        home=tmp_path / "home",
    )
    assert (found.stdout, found.stderr) == ("openvino\n", "")
    assert not (tmp_path / "home").exists()
