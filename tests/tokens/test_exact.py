"""The same ids as llama.cpp, on real vocabularies and thousands of texts."""

import gzip
import json
import zlib
from array import array
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from partitioned_rag.tokens import Tokenizer, tokenizer
from partitioned_rag.values import CountKind

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "vocabularies"
NAMES = ("qwen2", "gpt-oss", "mistral-spm", "bert-bge")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the vocabularies in {DATA}")


@lru_cache(maxsize=1)
def cases() -> list[dict[str, Any]]:
    with gzip.open(DATA / "cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def rebuilt(name: str) -> Tokenizer:
    with gzip.open(DATA / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return tokenizer(json.load(file)["model_info"])


def checksum(ids: list[int]) -> int:
    return zlib.crc32(array("i", ids).tobytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_text_has_the_ids_that_llama_cpp_gives_it(name: str) -> None:
    made = rebuilt(name)
    made.counter()
    count = made.counter()  # the second has words merged by compiled code; `ids` never has
    frame = made.count("")
    for case in cases():
        text, wanted = case["text"], case["expect"][name]
        sent, plain = made.ids(text), made.ids(text, special=False, bos=False)
        assert [len(sent), checksum(sent), len(plain), checksum(plain)] == wanted, text
        assert made.count(text) == frame + count(text) == len(sent), text
        assert made.count(text, special=False, bos=False) == len(plain), text


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_whole_conversation_counts_as_its_ids(name: str) -> None:
    made = rebuilt(name)
    text = "\n".join(case["text"] for case in cases()[:1000])
    assert made.count(text) == len(made.ids(text))
    assert made.kind is CountKind.EXACT
