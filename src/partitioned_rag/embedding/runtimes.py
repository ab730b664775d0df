"""Which runtime computes a BERT encoder's layers on this machine: the fastest that is right.

Floor: edge; a home of numpy. ONNX Runtime and numpy both compute in float32 and agree to the sixth
digit, so vectors of both may lie in one partition. Those of OpenVINO are of another precision, and
that is part of an embedder's version.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.embedding.bert import Bert, vector_of
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.embedding.precision import BF16, FP32

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Layers

log = logging.getLogger(__name__)

# How far a runtime may be from numpy on the texts that it is tried with, in any number of a
# vector; these are about 0.05. Those that are right are a hundred times closer in fp32, and three
# times in bf16.
TOLERANCES = ((FP32, 1e-5), (BF16, 5e-3))
_TRIED_TOKENS = (3, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime, loaded.

    Attributes:
        name: As shown by `prag status`.
        precision: In what it computes.
        layers: What it computes, each call in one thread.
    """

    name: str
    precision: str
    layers: "Layers"


def open_runtime(bert: Bert, *, precision: str, threads: int) -> Runtime:
    """Load the fastest runtime that gives what numpy gives, and numpy if there is none.

    Args:
        bert: The weights.
        precision: In bf16, OpenVINO is tried first; what computes in fp32 is there in any case.
        threads: How many call it at once.
    """

    def openvino() -> "Layers":
        # A door: it brings the library.
        from partitioned_rag.embedding.bert_openvino import openvino_layers  # noqa: PLC0415

        return openvino_layers(bert, threads=threads)

    def onnx() -> "Layers":
        # A door: it brings the library.
        from partitioned_rag.embedding.bert_onnx import onnx_layers  # noqa: PLC0415

        return onnx_layers(bert)

    if precision == BF16 and (layers := _tried_out("OpenVINO", openvino, bert, BF16)):
        return Runtime(name="openvino", precision=BF16, layers=layers)
    if layers := _tried_out("ONNX Runtime", onnx, bert, FP32):
        return Runtime(name="onnxruntime", precision=FP32, layers=layers)
    return Runtime(name="numpy", precision=FP32, layers=numpy_layers(bert))


def _tried_out(
    name: str, load: "Callable[[], Layers]", bert: Bert, precision: str
) -> "Layers | None":
    try:
        layers = load()
        _try_out(layers, bert, tolerance=dict(TOLERANCES)[precision])
    # Whatever is wrong with a library that is here for speed alone, there is another way.
    except Exception as error:  # noqa: BLE001
        reason = " ".join(str(error).split())
        log.warning("%s cannot be used here, so embedding is slower: %s", name, reason)
        return None
    return layers


def _try_out(layers: "Layers", bert: Bert, *, tolerance: float) -> None:
    reference = numpy_layers(bert)
    for length in _TRIED_TOKENS:
        ids = [7 * n * n % len(bert.words) for n in range(1, length + 1)]
        found, expected = (vector_of(ids, bert=bert, layers=each) for each in (layers, reference))
        # Written so that what is no number fails.
        if not np.abs(found - expected).max() <= tolerance:
            raise ValueError("its vectors are wrong")
