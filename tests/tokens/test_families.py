"""What each family of tokenizers makes of a text, worked out by hand on a small vocabulary."""

import pytest

from partitioned_rag.tokens import tokenizer
from partitioned_rag.tokens.pre_rules import RULES
from partitioned_rag.tokens.pretokenize import splitter
from tests.tokens import small


def spelt(
    info: small.ModelInfo, text: str, *, special: bool = True, bos: bool = False
) -> list[str]:
    made = tokenizer(info)
    ids = made.ids(text, special=special, bos=bos)
    assert made.count(text, special=special, bos=bos) == len(ids)
    return [info["tokenizer.ggml.tokens"][id_] for id_ in ids]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("the", ["t", "he"]),
        (" the", ["Ġthe"]),
        ("the the", ["t", "he", "Ġthe"]),
        ("   the", ["ĠĠ", "Ġthe"]),  # the last space goes with the word
        ("121", ["1", "2", "1"]),  # each digit is a word of its own
        ("it's", ["i", "t", "'s"]),
        ("café", ["cafÃ©"]),
        (".\n\n", [".ĊĊ"]),
        (" 中", ["Ġ", "ä", "¸", "Ń"]),
    ],
)
def test_byte_bpe_joins_the_most_urgent_pair_of_each_word_first(
    text: str, tokens: list[str]
) -> None:
    assert spelt(small.byte_bpe(), text) == tokens


def test_numbers_go_by_threes_or_singly_as_the_pre_tokenizer_says() -> None:
    assert spelt(small.byte_bpe("qwen2"), "1212") == ["1", "2", "1", "2"]
    assert spelt(small.byte_bpe("llama-bpe"), "1212") == ["12", "1", "2"]
    assert spelt(small.byte_bpe("gpt-2"), "1212") == ["12", "12"]


def test_whole_words_that_are_tokens_need_no_merge_where_the_pre_tokenizer_says_so() -> None:
    for pre, tokens in (("qwen2", ["w", "o", "w"]), ("llama-bpe", ["wow"])):
        info = small.byte_bpe(pre)
        info["tokenizer.ggml.tokens"].append("wow")
        info["tokenizer.ggml.token_type"].append(small.NORMAL)
        assert spelt(info, "wow") == tokens


def test_the_first_of_two_equal_merges_counts() -> None:
    info = small.byte_bpe()
    info["tokenizer.ggml.merges"] += ["t h", "h e"]
    assert spelt(info, "the") == ["t", "he"]


def test_bytes_without_a_token_are_dropped_after_merging() -> None:
    info = small.byte_bpe()
    at = info["tokenizer.ggml.tokens"].index("z")
    del info["tokenizer.ggml.tokens"][at], info["tokenizer.ggml.token_type"][at]
    assert spelt(info, "hzexz") == ["h", "e", "x"]  # not "he"


def test_a_model_without_the_name_of_a_pre_tokenizer_goes_by_the_default() -> None:
    info = small.byte_bpe()
    del info["tokenizer.ggml.pre"]
    assert spelt(info, "1212 121") == spelt(small.byte_bpe("default"), "1212 121")


def test_combining_marks_belong_to_words_for_qwen35_alone() -> None:
    mark = "".join(small.LETTERS[byte] for byte in "\u0301".encode())
    for info, tokens in ((small.byte_bpe("qwen35"), ["Ġ", "eÌģ"]), (small.byte_bpe(), None)):
        info["tokenizer.ggml.merges"] += [f"{mark[0]} {mark[1]}", f"e {mark}"]
        info["tokenizer.ggml.tokens"] += [mark, f"e{mark}"]
        info["tokenizer.ggml.token_type"] += [small.NORMAL] * 2
        assert spelt(info, " e\u0301") == (tokens or ["Ġ", "e", mark])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a b", ["a", "▁b"]),
        (" he", ["▁he"]),
        ("\n\n\n", ["\n\n", "\n"]),
        ("\n\n", ["\n\n"]),
        ("zé", ["z", "é"]),
        ("ü", ["<0xC3>", "<0xBC>"]),
    ],
)
def test_gemma4_joins_across_a_line_and_falls_back_to_bytes(text: str, tokens: list[str]) -> None:
    assert spelt(small.gemma4(), text) == tokens


def test_gemma4_begins_each_text_with_bos_whatever_it_says() -> None:
    assert spelt(small.gemma4(), "a", bos=True) == ["<bos>", "a"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("ab", ["▁ab"]),  # "ab" first, since its score is best
        ("aba", ["▁ab", "a"]),  # of "ab" and "ba", equally good, the left one
        ("a  b", ["▁a", "▁▁", "b"]),
        ("é\n", ["▁", "é", "\n"]),
        ("ü", ["▁", "<0xC3>", "<0xBC>"]),
        ("[INST]ab", ["[INST]", "▁ab"]),  # a space again after a special token
        ("a[INST]", ["▁a", "[INST]"]),
    ],
)
def test_sentencepiece_joins_the_best_scored_token_first(text: str, tokens: list[str]) -> None:
    assert spelt(small.sentencepiece(), text) == tokens


def test_sentencepiece_puts_a_space_first_unless_the_model_says_not_to() -> None:
    assert spelt(small.sentencepiece(add_space_prefix=False), "[INST]ab") == ["[INST]", "ab"]


def test_sentencepiece_begins_with_bos_and_ends_with_eos_as_the_model_says() -> None:
    assert spelt(small.sentencepiece(), "a", bos=True) == ["<s>", "▁a"]
    other = small.sentencepiece(add_bos_token=False, add_eos_token=True)
    assert spelt(other, "a", bos=True) == ["▁a", "</s>"]
    named = small.sentencepiece(bos_token_id=3)
    assert spelt(named, "a", bos=True) == ["[INST]", "▁a"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("unaffable", ["▁un", "aff", "able"]),
        ("UNAFFABLE!", ["▁un", "aff", "able", "▁!"]),
        ("unaffablex", ["[UNK]"]),  # one gap makes the whole word unknown
        ("café cafe\u0301", ["▁cafe", "▁cafe"]),
        ("a中b", ["▁a", "▁中", "[UNK]"]),
        ("a\x00\ufffd\u200bb", ["▁a", "b"]),  # characters that are no text vanish
        ("a\u3000\x85a", ["▁a", "▁a"]),
        ("Σ", ["▁σ"]),
    ],
)
def test_wordpiece_takes_the_longest_token_of_each_rest(text: str, tokens: list[str]) -> None:
    assert spelt(small.wordpiece(), text) == tokens
    assert spelt(small.wordpiece(), text, bos=True) == ["[CLS]", *tokens, "[SEP]"]


def test_wordpiece_keeps_case_and_accents_where_the_model_says_so() -> None:
    kept = {"normalizer.lowercase": False}
    assert spelt(small.wordpiece(**kept), "unaffable UNAFFABLE") == ["▁un", "aff", "able", "[UNK]"]
    assert spelt(small.wordpiece(**kept), "café") == ["[UNK]"]
    both = kept | {"normalizer.strip_accents": True}
    assert spelt(small.wordpiece(**both), "café") == ["▁cafe"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("   ", []),
        ("ab", ["▁", "ab"]),  # -8 beats "▁a" + "b" at -9 and "▁ab" at -9.5
        ("  a   b ", ["▁a", "▁b"]),  # "▁" + "b" ties with "▁b": the longer last token
        ("axyzb", ["▁a", "<unk>", "b"]),  # a run of unknown characters is one token
        ("x y", ["▁", "<unk>", "▁", "<unk>"]),
    ],
)
def test_unigram_takes_the_tokens_of_the_best_sum(text: str, tokens: list[str]) -> None:
    assert spelt(small.unigram(), text) == tokens
    assert spelt(small.unigram(), text, bos=True) == ["<s>", *tokens, "</s>"]


def test_unigram_keeps_spaces_where_the_model_says_so() -> None:
    info = small.unigram(remove_extra_whitespaces=False)
    assert spelt(info, " a ") == ["▁", "▁a", "▁"]


def test_half_a_surrogate_pair_counts_as_the_replacement_that_arrives() -> None:
    for make in small.FAMILIES.values():
        made = tokenizer(make())
        assert made.ids("a\ud83d b") == made.ids("a\ufffd b")


@pytest.mark.parametrize("pre", ["deepseek-coder", "deepseek-llm", "deepseek-v3"])
def test_the_first_ideograph_is_one_where_two_ranges_of_a_rule_meet(pre: str) -> None:
    assert splitter(RULES[pre])("a一二b1") == ["a", "一二", "b", "1"]
