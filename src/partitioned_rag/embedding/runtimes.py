"""Which runtime computes a BERT encoder's layers on this machine: ONNX Runtime if it is right.

Floor: edge; a home of numpy. Both compute in float32 and agree to the sixth digit, so vectors of
both may lie in one partition, and which one it was is no part of an embedder's version.
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.embedding.bert import Bert, vector_of
from partitioned_rag.embedding.bert_numpy import numpy_layers

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Layers

log = logging.getLogger(__name__)

# How far a runtime may be from numpy on the texts that it is tried with, in any number of a
# vector. Those that are right are a hundred times closer.
TOLERANCE = 1e-5
_TRIED_TOKENS = (3, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime, loaded.

    Attributes:
        name: As shown by `prag status`.
        layers: What it computes, each call in one thread.
    """

    name: str
    layers: "Layers"


def open_runtime(bert: Bert) -> Runtime:
    """Load ONNX Runtime if it gives what numpy gives, and numpy otherwise."""
    try:
        # A door: it brings the library.
        from partitioned_rag.embedding.bert_onnx import onnx_layers  # noqa: PLC0415

        layers = onnx_layers(bert)
        _try_out(layers, bert)
    # Whatever is wrong with a library that is here for speed alone, there is another way.
    except Exception as error:  # noqa: BLE001
        log.warning("ONNX Runtime cannot be used here, so embedding is slower: %s", error)
        return Runtime(name="numpy", layers=numpy_layers(bert))
    return Runtime(name="onnxruntime", layers=layers)


def _try_out(layers: "Layers", bert: Bert) -> None:
    reference = numpy_layers(bert)
    for length in _TRIED_TOKENS:
        ids = [7 * n * n % len(bert.words) for n in range(1, length + 1)]
        found, expected = (vector_of(ids, bert=bert, layers=each) for each in (layers, reference))
        # Written so that what is no number fails.
        if not np.abs(found - expected).max() <= TOLERANCE:
            raise ValueError("its vectors are wrong")
