"""The rougher precisions of the default embedder, and where chunks can be embedded in them."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from partitioned_rag.embedding import minilm
from partitioned_rag.embedding.bert import Bert
from partitioned_rag.embedding.bert_embedder import BertEmbedder
from partitioned_rag.embedding.bert_int8 import int8_layers
from partitioned_rag.embedding.bert_openvino import openvino_layers
from partitioned_rag.embedding.runtimes import BF16_TOLERANCE, INT8_TOLERANCE, multiplies_bf16
from partitioned_rag.errors import EmbedderError

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Layers

PROCESSOR = Path("/proc/cpuinfo")
TOLD = PROCESSOR.read_text() if PROCESSOR.exists() else ""
HAS_AMX = multiplies_bf16(TOLD.splitlines())
IS_X86 = platform.machine() in ("x86_64", "AMD64")


def has_exact_int8() -> bool:
    """Say whether integers are multiplied exactly here.

    It is known of processors with VNNI, so there a refusal is a fault. Where they go another way
    through the library, by AMX or on ARM, it is the embedder's own check that says so.
    """
    if IS_X86 and "amx_int8" not in TOLD:
        return "_vnni" in TOLD
    try:
        minilm.minilm_in_int8().embed_chunks(["yes"])
    except EmbedderError:
        return False
    return True


HAS_EXACT_INT8 = has_exact_int8()

needs_bf16 = pytest.mark.skipif(
    not (HAS_AMX and find_spec("openvino")), reason="needs OpenVINO, and a processor with AMX"
)
needs_amx = pytest.mark.skipif(not HAS_AMX, reason="needs a processor with AMX")
needs_int8 = pytest.mark.skipif(
    not HAS_EXACT_INT8, reason="needs a processor that multiplies integers exactly: x86 with VNNI"
)


@dataclass(frozen=True, kw_only=True)
class Rough:
    """A precision: its embedder, its layers loaded in several ways, and how near it is to fp32.

    `nearest` is the least share of the nearest ten that are those of fp32.
    """

    embedder: BertEmbedder
    ways: tuple[Callable[[Bert], "Layers"], ...]
    tolerance: float
    cosine: float
    nearest: float


IN_BF16 = Rough(
    embedder=minilm.minilm_in_bf16(),
    ways=tuple(partial(openvino_layers, threads=threads) for threads in (1, 3)),
    tolerance=BF16_TOLERANCE,
    cosine=0.9999,
    nearest=0.99,
)
IN_INT8 = Rough(
    embedder=minilm.minilm_in_int8(),
    ways=(int8_layers, int8_layers),
    tolerance=INT8_TOLERANCE,
    cosine=0.997,
    nearest=0.94,
)
PRECISIONS = [
    pytest.param(IN_BF16, marks=needs_bf16, id="bf16"),
    pytest.param(IN_INT8, marks=needs_int8, id="int8"),
]
