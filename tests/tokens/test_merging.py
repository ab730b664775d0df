"""Tokens that are taken whole: what merging their own letters comes to, and nothing else."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.tokens import tokenizer
from partitioned_rag.tokens.bpe import ByteBPE
from partitioned_rag.tokens.merging import Merger, merge
from partitioned_rag.tokens.model_info import read
from partitioned_rag.tokens.sentencepiece import SentencePiece
from tests.tokens import small
from tests.tokens.test_exact import DATA
from tests.tokens.test_laws import random_pairs, texts

MERGED = ("byte BPE", "Gemma 4", "SentencePiece")


def merger(ids: dict[str, int], costs: dict[str, int], glue: str) -> Merger:
    return Merger(ids, costs, glue=glue, parted=None, spell=lambda symbol: [-ord(symbol)])


@given(
    words=st.lists(st.text("abcd", min_size=1, max_size=9), max_size=20),
    tokens=st.sets(st.text("abcd", min_size=1, max_size=5)),
    seed=st.randoms(use_true_random=False),
)
def test_a_studied_vocabulary_gives_the_same_ids(words: list[str], tokens: set[str], seed) -> None:  # type: ignore[no-untyped-def]
    pairs = random_pairs(seed)
    ids = {token: i for i, token in enumerate(sorted(tokens | {a + b for a, b in pairs}))}
    costs = {f"{a} {b}": rank for rank, (a, b) in enumerate(pairs)}
    plain, studied = merger(ids, costs, " "), merger(ids, costs, " ")
    parted = studied.study()
    assert parted == {i for token, i in ids.items() if len(merge([*token], costs, glue=" ")) > 1}
    for word in [*words, *ids]:
        assert [*studied.encode(word)] == [*plain.encode(word)]


@pytest.mark.parametrize("name", MERGED)
@given(text=texts())
def test_a_studied_tokenizer_gives_the_same_ids(name: str, text: str) -> None:
    plain, studied = (tokenizer(small.FAMILIES[name]()) for _ in range(2))
    assert studied.study()
    assert studied.ids(text) == plain.ids(text)


def test_a_token_that_no_merge_comes_to_is_not_taken_whole() -> None:
    for pre, tokens in (("qwen2", 3), ("llama-bpe", 1)):  # the second takes whole words
        info = small.byte_bpe(pre)
        info["tokenizer.ggml.tokens"].append("wow")
        info["tokenizer.ggml.token_type"].append(small.NORMAL)
        made = tokenizer(info)
        made.study()
        assert made.count("wow", bos=False) == made.counter()("wow") == tokens
        assert made.count(" the", bos=False) == 1


def test_of_two_tokens_with_one_spelling_the_last_is_taken() -> None:
    info = small.byte_bpe()
    info["tokenizer.ggml.tokens"].append("he")
    info["tokenizer.ggml.token_type"].append(small.NORMAL)
    made = tokenizer(info)
    made.study()
    assert made.ids("he") == tokenizer(info).ids("he") == [len(info["tokenizer.ggml.tokens"]) - 1]


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the vocabularies in {DATA}")
@pytest.mark.parametrize("name", ["qwen2", "gpt-oss", "mistral-spm"])
def test_every_token_taken_whole_is_what_its_letters_merge_to(name: str) -> None:
    with gzip.open(DATA / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        vocabulary = read(json.load(file)["model_info"])
    family = SentencePiece if vocabulary.model == "llama" else ByteBPE
    plain, studied = family(vocabulary).merger, family(vocabulary).merger
    parted = studied.study()
    assert 0 < len(parted) < len(vocabulary.ids) / 10
    for token, id_ in vocabulary.ids.items():
        merged = [*plain.encode(token)]
        assert [*studied.encode(token)] == merged
        assert (merged == [id_]) is (id_ not in parted)
