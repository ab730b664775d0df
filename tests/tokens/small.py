"""Vocabularies small enough to check by hand, one a family, as `POST /api/show` gives them."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
ModelInfo = dict[str, Any]
BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))


def byte_letters() -> Iterator[str]:
    """Give the visible character for each byte, in the order of the bytes, as GPT-2 has them."""
    beyond = 0x100
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or 0xAE <= byte <= 0xFF:
            yield chr(byte)
        else:
            yield chr(beyond)
            beyond += 1


LETTERS = tuple(byte_letters())
MERGES = (
    "Ġ t", "h e", "i n", "Ġt he", "r e", "Ġ Ġ", "o u", "Ċ Ċ", "Ġ a", "ĠĠ ĠĠ", "1 2", "' s",
    "Ã ©", "c a", "ca f", "caf Ã©", ". ĊĊ", "s t", "st re",
)  # fmt: skip
BPE_SPECIAL = MappingProxyType(
    {"<|im_start|>": CONTROL, "<|im_end|>": CONTROL, "<tool>": USER_DEFINED, "<|im|>": CONTROL}
)


def described(model: str, tokens: dict[str, int], **more: Any) -> ModelInfo:
    """Describe a tokenizer by its tokens and their types; `more` are keys of `tokenizer.ggml`."""
    return {
        "general.architecture": "test",
        "tokenizer.ggml.model": model,
        "tokenizer.ggml.tokens": list(tokens),
        "tokenizer.ggml.token_type": list(tokens.values()),
    } | {f"tokenizer.ggml.{key}": value for key, value in more.items()}


def byte_bpe(pre: str = "qwen2") -> ModelInfo:
    joints = [merge.replace(" ", "") for merge in MERGES]
    tokens = dict.fromkeys((*LETTERS, *joints), NORMAL) | BPE_SPECIAL
    return described("gpt2", tokens, pre=pre, merges=list(MERGES))


def gemma4() -> ModelInfo:
    joints = ["▁a", "▁b", "he", "▁he", "\n\n"]
    letters = [chr(code) for code in range(0x21, 0x7F)] + ["▁", "\n", "é"]
    control = {"<pad>": CONTROL, "<eos>": CONTROL, "<bos>": CONTROL, "<unk>": UNKNOWN}
    tokens = control | dict.fromkeys(BYTE_TOKENS, BYTE) | dict.fromkeys(letters + joints, NORMAL)
    merges = ["▁ a", "▁ b", "h e", "▁ he", "\n \n"]
    return described(
        "gemma4", tokens, merges=merges, bos_token_id=2, eos_token_id=1, add_bos_token=False
    )


def sentencepiece(**more: Any) -> ModelInfo:
    pieces = {"▁": -9.0, "a": -8.0, "b": -8.5, "ab": -1.0, "▁a": -2.0, "▁ab": -3.0, "ba": -1.0,
              "\n": -5.0, "▁▁": -0.5, "é": -4.0, "aba": -7.0}  # fmt: skip
    control = {"<unk>": UNKNOWN, "<s>": CONTROL, "</s>": CONTROL, "[INST]": CONTROL}
    tokens = control | dict.fromkeys(BYTE_TOKENS, BYTE) | dict.fromkeys(pieces, NORMAL)
    scores = [0.0] * (len(control) + 256) + list(pieces.values())
    return described("llama", tokens, scores=scores, **more)


def wordpiece(**more: Any) -> ModelInfo:
    control = {"[PAD]": CONTROL, "[UNK]": CONTROL, "[CLS]": CONTROL, "[SEP]": CONTROL}
    words = ["▁un", "aff", "able", "▁cafe", "▁!", "▁中", "▁a", "b", "▁σ"]
    return described(
        "bert",
        control | dict.fromkeys(words, NORMAL),
        unknown_token_id=1,
        bos_token_id=2,
        seperator_token_id=3,
        **more,
    )


def unigram(**more: Any) -> ModelInfo:
    control = {"<s>": CONTROL, "<pad>": CONTROL, "</s>": CONTROL, "<unk>": UNKNOWN}
    pieces = {"▁": -3.0, "a": -4.0, "b": -4.0, "ab": -5.0, "▁a": -5.0, "▁ab": -9.5, "▁b": -7.0}
    settings = {
        "scores": [0.0] * 4 + list(pieces.values()),
        "bos_token_id": 0,
        "eos_token_id": 2,
        "unknown_token_id": 3,
        "add_bos_token": True,
        "add_space_prefix": True,
        "remove_extra_whitespaces": True,
    }
    return described("t5", control | dict.fromkeys(pieces, NORMAL), **(settings | more))


FAMILIES = MappingProxyType(
    {
        "byte BPE": byte_bpe,
        "Gemma 4": gemma4,
        "SentencePiece": sentencepiece,
        "WordPiece": wordpiece,
        "unigram": unigram,
    }
)
