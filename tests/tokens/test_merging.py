"""What merging comes to, found out beforehand: the same as merging pair by pair."""

import gzip
import json
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partitioned_rag.tokens import tokenizer
from partitioned_rag.tokens.bpe import ByteBPE
from partitioned_rag.tokens.compiled import compiled
from partitioned_rag.tokens.joints import joints
from partitioned_rag.tokens.merging import SHORT_SYMBOLS, Merger, merge
from partitioned_rag.tokens.model_info import Vocabulary, read
from partitioned_rag.tokens.sentencepiece import SentencePiece
from tests.tokens import small
from tests.tokens.test_exact import DATA
from tests.tokens.test_laws import random_pairs, texts

words = st.lists(st.text("abcd", min_size=1, max_size=12), max_size=20)


def ranks_of(seed: Random) -> dict[str, int]:
    return {f"{a} {b}": rank for rank, (a, b) in enumerate(random_pairs(seed))}


@given(words=words, seed=st.randoms(use_true_random=False))
def test_costs_of_joints_do_what_costs_of_pairs_do(words: list[str], seed: Random) -> None:
    ranks = ranks_of(seed)
    found = joints(ranks, glue=" ")
    for word in [*words, *(pair.replace(" ", "") for pair in ranks)]:
        assert merge(list(word), found, glue="") == merge(list(word), ranks, glue=" ")


@given(
    words=words,
    costs=st.dictionaries(st.text("abcd", min_size=1, max_size=5), st.integers(0, 9), max_size=30),
)
@example(words=[], costs={"ab": 3, "abc": 1})  # a dear step before a cheap one
@example(words=[], costs={"aa": 0, "aaa": 0, "aaaa": 0})  # steps of one cost
@example(words=[], costs={"bab": 1, "aba": 2, "bb": 1, "ababa": 3, "ba": 1})  # and left of another
def test_the_joints_are_what_merging_comes_to(words: list[str], costs: dict[str, int]) -> None:
    found = joints(costs, glue="")
    assert found == {
        token: cost
        for token, cost in costs.items()
        if len(token) > 1 and merge(list(token), costs, glue="") == [token]
    }
    for word in words:
        assert merge(list(word), found, glue="") == merge(list(word), costs, glue="")


@given(words=words, seed=st.randoms(use_true_random=False))
@example(words=["abcd" * SHORT_SYMBOLS], seed=Random(3))
def test_compiled_code_merges_likewise(words: list[str], seed: Random) -> None:
    ranks = ranks_of(seed)
    found = joints(ranks, glue=" ")
    # Letters of two bytes, of which the second of one and the first of the next could be mistaken.
    letters = str.maketrans("bd", "ĠÃ")
    spelt = {joint.translate(letters): cost for joint, cost in found.items()}
    merged = compiled(spelt, "aĠcÃ")
    for word in words:
        assert len(merged(word.translate(letters))) == len(merge(list(word), ranks, glue=" "))


def test_words_are_merged_by_hand_where_a_symbol_may_be_no_token() -> None:
    found = joints({"a b": 0, "ab c": 1}, glue=" ")
    for ids in ({"a": 0, "b": 1, "c": 2, "abc": 3}, {"a": 0, "b": 1, "ab": 2, "abc": 3}):
        merger = Merger(ids, found, spell=lambda _: [7, 8, 9], alphabet="abc")
        merger.hasten()
        for word in ("ab", "cab", "abcab", "c"):
            assert merger.count(word) == len(merger.encode(word))


@pytest.mark.parametrize("name", sorted(small.FAMILIES))
@given(batch=st.lists(texts(), max_size=4))
def test_a_second_counter_counts_as_the_first(name: str, batch: list[str]) -> None:
    made = tokenizer(small.FAMILIES[name]())
    first, second = made.counter(), made.counter()
    for text in batch:
        wanted = len(made.ids(text, bos=False))
        assert first(text) == second(text) == wanted


def test_a_token_that_no_merge_comes_to_is_not_taken_whole() -> None:
    for pre, tokens in (("qwen2", 3), ("llama-bpe", 1)):  # the second takes whole words
        info = small.byte_bpe(pre)
        info["tokenizer.ggml.tokens"].append("wow")
        info["tokenizer.ggml.token_type"].append(small.NORMAL)
        made = tokenizer(info)
        assert made.count("wow", bos=False) == made.counter()("wow") == tokens
        assert made.count(" the", bos=False) == 1


def test_of_two_tokens_with_one_spelling_the_last_is_taken() -> None:
    info = small.byte_bpe()
    info["tokenizer.ggml.tokens"].append("he")
    info["tokenizer.ggml.token_type"].append(small.NORMAL)
    assert tokenizer(info).ids("he") == [len(info["tokenizer.ggml.tokens"]) - 1]


def costs_of(vocabulary: Vocabulary) -> tuple[dict[str, float], str]:
    if vocabulary.model == "llama":
        return {token: -vocabulary.scores[id_] for token, id_ in vocabulary.ids.items()}, ""
    return {merge: rank for rank, merge in enumerate(vocabulary.merges)}, " "


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the vocabularies in {DATA}")
@pytest.mark.parametrize("name", ["qwen2", "gpt-oss", "mistral-spm"])
def test_every_joint_of_a_real_vocabulary_is_what_its_letters_merge_to(name: str) -> None:
    with gzip.open(DATA / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        vocabulary = read(json.load(file)["model_info"])
    made = (SentencePiece if vocabulary.model == "llama" else ByteBPE)(vocabulary).merger
    costs, glue = costs_of(vocabulary)
    made.hasten()
    for token in vocabulary.ids:
        symbols = merge(list(token), costs, glue=glue)
        assert (len(symbols) == 1) is (token in made.joints or len(token) == 1)
        if all(symbol in vocabulary.ids for symbol in symbols):
            assert made.count(token) == len(symbols)
