"""Products of 8-bit integers: exact or refused, and nothing else in their place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from partitioned_rag.embedding.bert_int8 import check_products
from partitioned_rag.embedding.runtimes import TRIED_TOKENS
from tests.embedding.alone import EMBED_OR_SAY, ONNX_STAND_IN, run_alone
from tests.embedding.rough import needs_int8

pytestmark = pytest.mark.slow

Floats = npt.NDArray[np.float32]
Signed = npt.NDArray[np.int8]
Multiply = Callable[[Floats, Signed], Floats]

# ---------------------------------------------------------------- products that are not exact


def exact(states: Floats, weight: Signed) -> Floats:
    return np.asarray(states @ weight.T.astype(np.float32))


def cut_off(states: Floats, weight: Signed) -> Floats:
    """What `vpmaddubsw` makes of it: two products of bytes are added in 16 bits."""
    unsigned = (states + 128).astype(np.int64)[:, np.newaxis]
    signed = weight.astype(np.int64)
    pairs = (unsigned * signed).reshape(len(states), len(weight), -1, 2).sum(axis=3)
    cut = np.clip(pairs, -(1 << 15), (1 << 15) - 1).sum(axis=2)
    return np.asarray(cut - 128 * signed.sum(axis=1), dtype=np.float32)


def cut_off_above(states: Floats, weight: Signed) -> Floats:
    return np.minimum(exact(states, weight), cut_off(states, weight))


def cut_off_below(states: Floats, weight: Signed) -> Floats:
    return np.maximum(exact(states, weight), cut_off(states, weight))


def cut_off_for_one(states: Floats, weight: Signed) -> Floats:
    return (cut_off if len(states) == 1 else exact)(states, weight)


def cut_off_for_several(states: Floats, weight: Signed) -> Floats:
    return (cut_off if len(states) > 1 else exact)(states, weight)


def one_off(states: Floats, weight: Signed) -> Floats:
    return exact(states, weight) + np.eye(len(states), len(weight), dtype=np.float32)


def no_numbers(states: Floats, weight: Signed) -> Floats:
    return exact(states, weight) * np.float32("nan")


def test_products_that_are_exact_are_let_through() -> None:
    check_products(exact)


@pytest.mark.parametrize(
    "multiply",
    [
        *(cut_off, cut_off_above, cut_off_below, cut_off_for_one, cut_off_for_several),
        *(one_off, no_numbers),
    ],
)
def test_products_that_are_not_exact_are_refused(multiply: Multiply) -> None:
    with pytest.raises(ValueError, match="not exact"):
        check_products(multiply)


# ---------------------------------------------------------------- a library that is not right

# The library itself, but for what is as long as the text that it is tried with.
NEARLY_RIGHT = f"""
import importlib, sys
import numpy as np

here = sys.path.pop(0)
del sys.modules["onnxruntime"]
library = importlib.import_module("onnxruntime")
sys.modules["onnxruntime"] = sys.modules[__name__] = library
sys.path.insert(0, here)
right = library.InferenceSession

class InferenceSession(right):
    def run(self, outputs, given):
        found = super().run(outputs, given)
        (states,) = given.values()
        return [np.roll(each, 1) if states.shape[1] == {TRIED_TOKENS} else each for each in found]

library.InferenceSession = InferenceSession
"""


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        ("raise ImportError('no such\\nprocessor')", "no such processor"),
        (ONNX_STAND_IN.format(factor=1), "its products of integers are not exact"),
        pytest.param(NEARLY_RIGHT, "its vectors are wrong", marks=needs_int8),
    ],
    ids=["cannot be loaded", "multiplies otherwise", "computes otherwise"],
)
def test_a_library_that_is_not_right_is_told(tmp_path: Path, library: str, reason: str) -> None:
    (tmp_path / "onnxruntime.py").write_text(library)
    found = run_alone(EMBED_OR_SAY.format(make="minilm_in_int8"), path=(tmp_path,))
    assert found.stderr == ""
    assert found.stdout.startswith(f"ONNX Runtime cannot embed in 8-bit integers here: {reason}: ")
    assert "choose the embedder all-MiniLM-L6-v2;" in found.stdout
