"""The same ids as llama.cpp itself, where it is installed, for the vocabularies of these tests."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from partitioned_rag.tokens import tokenizer
from partitioned_rag.tokens.pre_rules import RULES
from tests.strategies import examples
from tests.tokens import small
from tests.tokens.test_laws import texts

llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python")
Ids = Callable[..., list[int]]

MAGIC, VERSION = b"GGUF", 3
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
# What llama.cpp wants to know of any model, though only its vocabulary is loaded.
SHAPE = {
    "llama.context_length": 8,
    "llama.embedding_length": 8,
    "llama.block_count": 1,
    "llama.feed_forward_length": 8,
    "llama.attention.head_count": 1,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
}


def packed(value: Any) -> bytes:
    """Write a value of GGUF with its type before it."""
    if isinstance(value, list):
        head = struct.pack("<IIQ", ARRAY, kind(value[0]), len(value))
        return head + b"".join(bare(each) for each in value)
    return struct.pack("<I", UINT32 if type(value) is int else kind(value)) + bare(value)


def kind(value: Any) -> int:
    return {bool: BOOL, int: INT32, float: FLOAT32, str: STRING}[type(value)]


def bare(value: Any) -> bytes:
    if isinstance(value, str):
        return string(value)
    return struct.pack({bool: "<?", int: "<i", float: "<f"}[type(value)], value)


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf(info: small.ModelInfo) -> bytes:
    """Write a file without any tensor."""
    pairs = info | {"general.architecture": "llama"} | SHAPE
    head = MAGIC + struct.pack("<IQQ", VERSION, 0, len(pairs))
    return head + b"".join(string(key) + packed(value) for key, value in pairs.items())


def theirs(info: small.ModelInfo, folder: Path) -> Ids:
    path = folder / "vocabulary.gguf"
    path.write_bytes(gguf(info))
    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)

    def ids(text: str, *, special: bool) -> list[int]:
        # With special tokens also BOS, as for a whole prompt.
        raw = text.replace("\ud83d", "\ufffd").encode()
        found: list[int] = model.tokenize(raw, add_bos=special, special=special)
        return found

    return ids


@pytest.fixture(scope="module", params=[*small.FAMILIES, *sorted(RULES)])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    make = small.FAMILIES.get(request.param)
    info = make() if make else small.byte_bpe(request.param)
    return tokenizer(info), theirs(info, tmp_path_factory.mktemp("gguf"))


@pytest.mark.slow
@examples(100)
@given(text=texts())
def test_llama_cpp_gives_the_same_ids(pair: Any, text: str) -> None:
    ours, ids = pair
    assert ours.ids(text) == ids(text, special=True)
    assert ours.ids(text, special=False, bos=False) == ids(text, special=False)
