"""What a server says wrong, leaves out or makes up is refused, with its name."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.errors import TokenizerError, WorkError
from partitioned_rag.tokens import tokenizer
from partitioned_rag.tokens.model_info import PREFIX
from tests.tokens import small

KEYS = (
    "model", "pre", "tokens", "token_type", "scores", "merges", "bos_token_id", "eos_token_id",
    "add_bos_token", "add_eos_token", "add_space_prefix", "unknown_token_id", "seperator_token_id",
    "remove_extra_whitespaces", "precompiled_charsmap", "normalizer.lowercase",
)  # fmt: skip
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
        st.sampled_from(["gpt2", "gemma4", "llama", "bert", "t5", "qwen2", "AAAA", "////////"]),
    ),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)  # fmt: skip


@given(
    family=st.sampled_from(list(small.FAMILIES)),
    changes=st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1, max_size=4),
    text=st.text(max_size=20),
)
def test_garbage_is_refused_or_makes_a_tokenizer_and_nothing_else(
    family: str, changes: dict[str, Any], text: str
) -> None:
    info = small.FAMILIES[family]() | {PREFIX + key: value for key, value in changes.items()}
    with suppress(TokenizerError):
        made = tokenizer(info)
        assert made.count(text) == len(made.ids(text))


@given(info=st.dictionaries(st.sampled_from([PREFIX + key for key in KEYS]), JSON))
def test_garbage_alone_is_refused_or_makes_a_tokenizer(info: dict[str, Any]) -> None:
    with suppress(TokenizerError):
        tokenizer(info)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"pre": "made-up"}, "made-up"),
        ({"model": "rwkv"}, "rwkv"),
        ({"model": 5}, "model"),
        ({"tokens": None}, "verbose"),
        ({"merges": None}, "verbose"),
        ({"token_type": None}, "verbose"),
        ({"tokens": []}, "tokens"),
        ({"tokens": "abc"}, "tokens"),
        ({"tokens": ["a", 1]}, "tokens"),
        ({"token_type": [1]}, "token_type"),
        ({"token_type": [True] * 300}, "token_type"),
        ({"scores": [0.5]}, "scores"),
        ({"merges": []}, "merges"),
        ({"merges": [1]}, "merges"),
        ({"add_bos_token": 1}, "add_bos_token"),
        ({"bos_token_id": "1", "add_bos_token": True}, "bos_token_id"),
    ],
)
def test_an_error_names_what_is_wrong(changes: dict[str, Any], named: str) -> None:
    info = small.byte_bpe() | {PREFIX + key: value for key, value in changes.items()}
    with pytest.raises(TokenizerError) as caught:
        tokenizer(info)
    assert named in str(caught.value)
    assert isinstance(caught.value, WorkError)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 1e300, 10**400, None, "1"])
def test_scores_that_are_no_numbers_are_refused(score: object) -> None:
    info = small.sentencepiece()
    info[PREFIX + "scores"][5] = score
    with pytest.raises(TokenizerError, match="scores"):
        tokenizer(info)


def test_a_vocabulary_without_some_bytes_is_refused_where_bytes_are_fallen_back_on() -> None:
    info = small.sentencepiece()
    info[PREFIX + "tokens"][40] = "something else"
    with pytest.raises(TokenizerError, match="bytes"):
        tokenizer(info)


def test_a_bos_that_is_wanted_and_not_there_is_refused() -> None:
    with pytest.raises(TokenizerError, match="bos_token_id"):
        tokenizer(small.gemma4() | {PREFIX + "bos_token_id": 10**6})


def test_an_id_that_names_no_token_counts_as_not_given() -> None:
    info = small.sentencepiece(bos_token_id=10**6)
    assert tokenizer(info).ids("", bos=True) == [1]


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(TokenizerError):
        tokenizer([])  # type: ignore[arg-type]
