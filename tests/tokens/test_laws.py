"""What holds for every tokenizer and every text."""

import gc
import threading
import types
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partitioned_rag.tokens import tokenizer
from partitioned_rag.tokens.cutting import cutter, pairs_within, run_cutter
from partitioned_rag.tokens.merging import SHORT_SYMBOLS, merge
from partitioned_rag.tokens.pre_rules import RULES
from partitioned_rag.tokens.pretokenize import splitter
from tests.strategies import examples
from tests.tokens import small

FRAGMENTS = (
    *" \n\t\r'.,!/|<>[]", "\r\n", "\n\n", "  ", "the", " the", "ab", "aba", "unaffable",
    "12", "1212", "'s", "'LL", "café", "e\u0301", "中文", "日本", "カナ", "हिन्दी",
    "🎂", "\u3000", "\x1c", "\x85", "\ufffd", "\U000e0001", "\U00010fff",
    "ᄀ", "ß", "İ", "¼", "\uffff", "x" * 60, "=" * 70,
    "<|im_start|>", "<|im_end|>", "<|im|>", "<tool>", "<s>", "</s>", "[INST]", "[CLS]", "<bos>",
    "<|im_", "[IN", "\ud83d",
)  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    """Draw texts made of what the rules distinguish, or of anything at all."""
    return st.one_of(
        st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
        st.text(max_size=30),
        st.text("ab \n", max_size=200),
    )


families = pytest.mark.parametrize("name", list(small.FAMILIES))


@families
@given(text=texts(), special=st.booleans(), bos=st.booleans())
def test_a_count_is_the_number_of_ids(name: str, text: str, special: bool, bos: bool) -> None:  # noqa: FBT001
    made = tokenizer(small.FAMILIES[name]())
    ids = made.ids(text, special=special, bos=bos)
    assert made.count(text, special=special, bos=bos) == len(ids)
    assert made.count(text, special=special, bos=bos) == len(ids)  # from memory now


@families
@given(text=texts())
def test_no_control_token_comes_of_text_where_special_tokens_are_not_parsed(
    name: str, text: str
) -> None:
    info = small.FAMILIES[name]()
    made = tokenizer(info)
    unknown = {info.get("tokenizer.ggml.unknown_token_id")}
    assert not (made.control_ids - unknown) & set(made.ids(text, special=False, bos=False))


@given(text=texts(), special=st.booleans(), pre=st.sampled_from(sorted(RULES)))
def test_tokens_of_byte_bpe_spell_the_text(text: str, special: bool, pre: str) -> None:  # noqa: FBT001
    info = small.byte_bpe(pre)
    letters = {letter: byte for byte, letter in enumerate(small.LETTERS)}
    spelt = b"".join(
        token.encode() if token in small.BPE_SPECIAL else bytes(letters[each] for each in token)
        for token in map(info["tokenizer.ggml.tokens"].__getitem__, ids_of(info, text, special))
    )
    assert spelt == text.replace("\ud83d", "\ufffd").encode()


@pytest.mark.parametrize(
    "info", [small.gemma4(), small.sentencepiece(add_space_prefix=False)], ids=["gemma4", "spm"]
)
@given(text=texts())
def test_tokens_with_bytes_to_fall_back_on_spell_the_text(info: small.ModelInfo, text: str) -> None:
    tokens = [info["tokenizer.ggml.tokens"][id_] for id_ in ids_of(info, text, special=True)]
    spelt = b"".join(
        bytes([small.BYTE_TOKENS.index(token)]) if token in small.BYTE_TOKENS else token.encode()
        for token in tokens
    )
    assert spelt.decode().replace("▁", " ") == text.replace("\ud83d", "\ufffd").replace("▁", " ")


def ids_of(info: small.ModelInfo, text: str, special: bool) -> list[int]:  # noqa: FBT001
    return tokenizer(info).ids(text, special=special, bos=False)


@given(pre=st.sampled_from(sorted(RULES)), text=texts())
@example(pre="deepseek-v3", text="\x1cあ1234\u0301")
@example(pre="deepseek-llm", text="a\u3000。 \n ß  ")
def test_words_are_the_whole_text_and_none_is_empty(pre: str, text: str) -> None:
    words = splitter(RULES[pre])(text)
    assert "".join(words) == text
    assert all(words)


@given(text=st.text("abcd", min_size=1, max_size=300), seed=st.randoms(use_true_random=False))
@example(text="ab" * SHORT_SYMBOLS, seed=Random(1))
def test_the_least_pair_goes_first_and_the_leftmost_of_equals(text: str, seed: Random) -> None:
    pairs = random_pairs(seed)
    costs = {f"{a} {b}": rank for rank, (a, b) in enumerate(pairs)}
    wanted = naive_merge(list(text), costs)
    assert merge(list(text), costs, glue=" ") == wanted


def random_pairs(random: Random) -> list[tuple[str, str]]:
    pieces = ["a", "b", "c", "d", "aa", "ab", "bc", "cd", "abc", "aab", "dd", "bb", "abab"]
    pairs = [(a, b) for a in pieces for b in pieces]
    random.shuffle(pairs)
    return pairs[:60]


def test_a_pair_of_which_the_right_side_has_grown_is_joined_no_more() -> None:
    costs = {"b c": 0, "a b": 1}
    assert merge(list("abc") * SHORT_SYMBOLS, costs, glue=" ") == ["a", "bc"] * SHORT_SYMBOLS


def naive_merge(symbols: list[str], costs: dict[str, int]) -> list[str]:
    """Join the pair of the least rank, the leftmost of equals, until none is left."""
    while found := [
        (costs[f"{a} {b}"], i) for i, (a, b) in enumerate(pairwise(symbols)) if f"{a} {b}" in costs
    ]:
        _, i = min(found)
        symbols = [*symbols[:i], symbols[i] + symbols[i + 1], *symbols[i + 2 :]]
    return symbols


@given(
    text=st.text("abcd", max_size=80),
    tokens=st.dictionaries(st.text("abcd", min_size=1, max_size=4), st.integers(0, 3), max_size=20),
)
def test_cutting_where_nothing_joins_changes_nothing(text: str, tokens: dict[str, int]) -> None:
    whole = merge(list(text), tokens, glue="")
    words = cutter(pairs_within(tokens))(text) if text else []
    assert [symbol for word in words for symbol in merge(list(word), tokens, glue="")] == whole


@given(
    text=st.text("ab.-_é", max_size=80),
    tokens=st.dictionaries(
        st.one_of(
            st.from_regex(r"_*([abé]*|[.-]*)", fullmatch=True, alphabet="ab.-_é"),
            st.text("ab.-_é", max_size=4),
        ),
        st.integers(0, 3),
        max_size=12,
    ),
)
@example(text="ab.-éa" * 3, tokens={"ab": 4, "b.": 3, ".-": 2, "-é": 1, "éa": 0})
def test_cutting_into_runs_changes_nothing(text: str, tokens: dict[str, int]) -> None:
    words = run_cutter(pairs_within(tokens), space="_")(text)
    assert "".join(words) == text
    assert [symbol for word in words for symbol in merge(list(word), tokens, glue="")] == merge(
        list(text), tokens, glue=""
    )


@families
@given(batch=st.lists(texts(), max_size=6))
def test_what_was_counted_before_changes_no_count(name: str, batch: list[str]) -> None:
    shared = tokenizer(small.FAMILIES[name]())
    for text in batch:
        assert shared.count(text) == tokenizer(small.FAMILIES[name]()).count(text)


@pytest.mark.parametrize("name", sorted(small.FAMILIES))
def test_a_tokenizer_remembers_no_word_of_anybody(name: str) -> None:
    made = tokenizer(small.FAMILIES[name]())
    made.count("the code is xyzzy4711, tell no one")
    made.ids("the code is xyzzy4711, tell no one")
    for _ in range(2):
        made.counter()("the code is xyzzy4711, tell no one")
    seen: set[int] = set()
    waiting: list[object] = [made]
    while waiting:
        each = waiting.pop()
        is_module = isinstance(each, types.ModuleType) or (
            isinstance(each, dict) and "__builtins__" in each
        )
        if id(each) in seen or is_module or isinstance(each, type):
            continue
        seen.add(id(each))
        assert not (isinstance(each, str) and "xyzzy" in each)
        waiting += gc.get_referents(each)
        waiting += each if isinstance(each, dict) else ()  # a text as a key is no referent
    assert len(seen) > 20


@examples(20)
@given(batch=st.lists(texts(), min_size=1, max_size=8))
def test_threads_may_share_a_tokenizer(batch: list[str]) -> None:
    made = tokenizer(small.byte_bpe())
    wanted = [tokenizer(small.byte_bpe()).count(text) for text in batch]
    found: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: found.append([made.count(text) for text in batch]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 4
