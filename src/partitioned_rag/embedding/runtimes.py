"""Which runtime computes a BERT encoder's layers, once it has shown that it is right.

Floor: edge; a home of numpy. In float32 it is ONNX Runtime, or numpy in its place: they agree to
the sixth digit, so vectors of both may lie in one partition. In 8-bit integers it is ONNX Runtime
and in bfloat16 OpenVINO, and nothing else: their vectors are others, so an embedder that has them
is another one.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.cores import cores
from partitioned_rag.embedding.bert import Bert, vector_of
from partitioned_rag.embedding.bert_embedder import BF16, FP32, INT8, NUMPY
from partitioned_rag.embedding.bert_numpy import numpy_layers
from partitioned_rag.errors import EmbedderError

if TYPE_CHECKING:
    from partitioned_rag.embedding.bert import Layers

log = logging.getLogger(__name__)

# How far a runtime may be from numpy on the text that it is tried with, in any number of a
# vector; these are about 0.05. Those that are right are a hundred times closer in float32, and
# three times in bfloat16, and twice in integers.
TOLERANCE = 1e-5
BF16_TOLERANCE = 5e-3
INT8_TOLERANCE = 3e-2
_PROCESSOR = Path("/proc/cpuinfo")
# Of the text that a runtime is tried with: rows are left over, in whatever blocks it takes them.
TRIED_TOKENS = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime, loaded.

    Attributes:
        name: As shown by `prag status`.
        layers: What it computes, each call in one thread.
    """

    name: str
    layers: "Layers"


def open_runtime(bert: Bert, name: str) -> Runtime:
    """Load a runtime, or what may take its place.

    Args:
        bert: The weights.
        name: `NUMPY` or `FP32`, both in float32, `INT8` or `BF16`.

    Raises:
        EmbedderError: It is `INT8` or `BF16`, and cannot be used here.
    """
    if name == NUMPY:
        return Runtime(name=NUMPY, layers=numpy_layers(bert))
    return {FP32: _open_fp32, INT8: _open_int8, BF16: _open_bf16}[name](bert)


def _open_fp32(bert: Bert) -> Runtime:
    """Load ONNX Runtime if it gives what numpy gives, and numpy otherwise."""
    try:
        # A door: it brings the library.
        from partitioned_rag.embedding.bert_onnx import onnx_layers  # noqa: PLC0415

        layers = onnx_layers(bert)
        _try_out(layers, bert, tolerance=TOLERANCE)
    # Whatever is wrong with a library that is here for speed alone, there is another way.
    except Exception as error:  # noqa: BLE001
        log.warning("ONNX Runtime cannot be used here, so embedding is slower: %s", error)
        return Runtime(name=NUMPY, layers=numpy_layers(bert))
    return Runtime(name=FP32, layers=layers)


def _open_int8(bert: Bert) -> Runtime:
    """Load ONNX Runtime if it multiplies integers exactly, and gives nearly what numpy gives."""

    def load() -> "Layers":
        # A door: it brings the library.
        from partitioned_rag.embedding.bert_int8 import int8_layers  # noqa: PLC0415

        return int8_layers(bert)

    return _open_rough(
        INT8,
        load,
        bert,
        tolerance=INT8_TOLERANCE,
        cannot="ONNX Runtime cannot embed in 8-bit integers here",
        needs="on x86 this one needs a processor with VNNI",
    )


def _open_bf16(bert: Bert) -> Runtime:
    """Load OpenVINO if it is there, right, and on a processor that is made for bfloat16."""

    def load() -> "Layers":
        _check_processor()
        # A door: it brings the library.
        from partitioned_rag.embedding.bert_openvino import openvino_layers  # noqa: PLC0415

        return openvino_layers(bert, threads=cores())

    return _open_rough(
        BF16,
        load,
        bert,
        tolerance=BF16_TOLERANCE,
        cannot="OpenVINO cannot embed in bfloat16 here",
        needs="this one needs a processor with AMX, and `pip install 'partitioned-rag[openvino]'`",
    )


def _open_rough(
    name: str,
    load: "Callable[[], Layers]",
    bert: Bert,
    *,
    tolerance: float,
    cannot: str,
    needs: str,
) -> Runtime:
    """Load a rougher precision, in whose place nothing else may come.

    Raises:
        EmbedderError: It cannot be loaded or is not right.
    """
    try:
        layers = load()
        _try_out(layers, bert, tolerance=tolerance)
    # Whatever is wrong with it, the same weights have vectors without it.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise EmbedderError(
            f"{cannot}: {reason}", fix=f"choose the embedder all-MiniLM-L6-v2; {needs}"
        ) from error
    return Runtime(name=name, layers=layers)


def _check_processor() -> None:
    with _PROCESSOR.open(encoding="ascii", errors="replace") as told:
        if not multiplies_bf16(told):
            raise ValueError("the processor has no AMX")


def multiplies_bf16(told: Iterable[str]) -> bool:
    """Say whether a processor multiplies matrices of bfloat16, which Intel calls AMX.

    One that only multiplies vectors of it gains nothing over float32, and OpenVINO is reported to
    do it wrongly there (`docs/dependencies.md`).

    Args:
        told: The lines of `/proc/cpuinfo`; those of the first core are read.
    """
    flags = next((line for line in told if line.startswith("flags")), "")
    return "amx_bf16" in flags.split()


def _try_out(layers: "Layers", bert: Bert, *, tolerance: float) -> None:
    ids = [7 * n * n % len(bert.words) for n in range(1, TRIED_TOKENS + 1)]
    found, expected = (
        vector_of(ids, bert=bert, layers=each) for each in (layers, numpy_layers(bert))
    )
    # Written so that what is no number fails.
    if not np.abs(found - expected).max() <= tolerance:
        raise ValueError("its vectors are wrong")
