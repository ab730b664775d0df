"""Which spellings become special tokens, and where."""

import pytest

from partitioned_rag.tokens import tokenizer
from tests.tokens import small
from tests.tokens.small import CONTROL, NORMAL, USER_DEFINED
from tests.tokens.test_families import spelt


def bpe_with(tokens: dict[str, int]) -> small.ModelInfo:
    info = small.byte_bpe()
    info["tokenizer.ggml.tokens"] += list(tokens)
    info["tokenizer.ggml.token_type"] += list(tokens.values())
    return info


def test_control_spellings_are_tokens_only_where_special_tokens_are_parsed() -> None:
    text = "a<|im_end|>b"
    assert spelt(small.byte_bpe(), text) == ["a", "<|im_end|>", "b"]
    assert spelt(small.byte_bpe(), text, special=False) == list("a<|im_end|>b")


def test_user_defined_tokens_are_parsed_in_any_case() -> None:
    for special in (True, False):
        assert spelt(small.byte_bpe(), "a<tool>b", special=special) == ["a", "<tool>", "b"]


def test_the_longest_spelling_goes_first_wherever_it_stands() -> None:
    info = bpe_with({"<x><y": CONTROL, "<y>zz>": CONTROL})
    # Not the leftmost: the longer one takes its characters before the shorter is looked for.
    assert spelt(info, "<x><y>zz>") == ["<", "x", ">", "<y>zz>"]
    assert spelt(info, "<x><y") == ["<x><y"]


def test_length_is_measured_in_bytes() -> None:
    info = bpe_with({"ab¦¦": CONTROL, "¦¦cde": CONTROL, "xy日": CONTROL, "日zzz": CONTROL})
    assert spelt(info, "ab¦¦cde") == ["a", "b", "¦¦cde"]
    assert spelt(info, "xy日zzz") == ["x", "y", "日zzz"]
    wide = bpe_with({"日日": CONTROL, "日abc": CONTROL})  # three characters fewer, as many bytes
    assert spelt(wide, "日日abc")[0] == "日日"


def test_a_spelling_of_one_character_is_found_beside_longer_ones() -> None:
    info = bpe_with({"§": CONTROL, "§a": CONTROL})
    assert spelt(info, "x§b§a§") == ["x", "§", "b", "§a", "§"]


def test_types_are_corrected_by_spelling() -> None:
    ends = bpe_with({"<|eot_id|>": NORMAL, "<|end|>": USER_DEFINED, "<PRE>": NORMAL})
    for spelling in ("<|eot_id|>", "<|end|>", "<PRE>"):
        assert spelt(ends, spelling) == [spelling]
        assert spelt(ends, spelling, special=False) == list(spelling)


def test_the_channels_of_gpt_oss_are_parsed_in_any_case() -> None:
    info = bpe_with(
        {"<|start|>": CONTROL, "<|end|>": CONTROL, "<|return|>": CONTROL, "<|call|>": CONTROL}
    )
    assert spelt(info, "<|start|><|end|>", special=False) == ["<|start|>", "<|end|>"]
    assert "<|call|>" not in spelt(info, "<|call|>", special=False)
    ids = tokenizer(info).ids("<|start|>")
    assert set(ids) <= tokenizer(info).control_ids


def test_the_closing_tag_s_is_text_for_gemma4() -> None:
    info = small.gemma4()
    info["tokenizer.ggml.tokens"] += ["</s>", "<|tool_response>"]
    info["tokenizer.ggml.token_type"] += [USER_DEFINED, USER_DEFINED]
    assert spelt(info, "</s>") == list("</s>")
    assert spelt(info, "<|tool_response>") == ["<|tool_response>"]


def test_a_gap_token_that_the_model_names_leaves_others_as_they_are() -> None:
    tokens = {"<PRE>": NORMAL, "<|fim_prefix|>": CONTROL}
    info = bpe_with(tokens)
    info["tokenizer.ggml.fim_pre_token_id"] = len(info["tokenizer.ggml.tokens"]) - 1
    assert spelt(info, "<PRE>") == list("<PRE>")


@pytest.mark.parametrize("name", ["Phi-3 mini", "my phi3"])
def test_special_tokens_of_phi3_swallow_white_space_after_them(name: str) -> None:
    info = small.sentencepiece(add_space_prefix=False) | {"general.name": name}
    assert spelt(info, "[INST] \n\ta b") == ["[INST]", "a", "▁", "b"]
    assert spelt(info, "[INST]\u3000a")[1] == "<0xE3>"  # of ASCII only
    assert spelt(info, "<s> ab")[1] == "▁ab"
    assert spelt(info, "[INST]  ") == ["[INST]"]
    assert spelt(info, "[INST] [INST] a") == ["[INST]", "[INST]", "a"]


def test_the_mask_swallows_white_space_before_it_where_llama_cpp_says_so() -> None:
    info = bpe_with({"<mask>": CONTROL})
    assert spelt(info, "a  <mask> b") == ["a", "ĠĠ", "<mask>", "Ġ", "b"]
    info["general.architecture"] = "nomic-bert-moe"
    assert spelt(info, "a  <mask> b") == ["a", "<mask>", "Ġ", "b"]
    assert spelt(info, "  <mask>") == ["<mask>"]


def test_every_special_spelling_is_named() -> None:
    assert tokenizer(small.byte_bpe()).control_spellings == tuple(sorted(small.BPE_SPECIAL))
    assert "</s>" in tokenizer(small.sentencepiece()).control_spellings


def test_a_text_without_special_spellings_holds_no_control_id() -> None:
    made = tokenizer(small.byte_bpe())
    assert not made.control_ids & set(made.ids("<|im_ end|> the <tool>"))
    assert made.control_ids & set(made.ids("the <|im_end|>"))


def test_an_empty_spelling_is_not_found_everywhere() -> None:
    info = bpe_with({"": CONTROL})
    assert spelt(info, "the") == ["t", "he"]
    assert "[EMPTY_" in " ".join(tokenizer(info).control_spellings)
