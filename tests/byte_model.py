"""A model whose tokenizer anyone can check by hand: a token for each byte, and three of its own.

`MODEL_INFO` is what `/api/show` tells of it; `byte_tokens` cuts a text as it does, in other words
than the program's. The double renders prompts with its control tokens.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from tests.ollama_double import BOS, Card

CONTROL = (BOS, "<|start|>", "<|end|>")
_CONTROL = re.compile("|".join(map(re.escape, CONTROL)))


def byte_tokens(text: str) -> list[str]:
    """Cut a text into its tokens; joined they are the text again.

    A character of several bytes is several tokens: the last of them stands for it.
    """
    tokens: list[str] = []
    done = 0
    for found in _CONTROL.finditer(text):
        tokens += [*_bytes(text[done : found.start()]), found[0]]
        done = found.end()
    return tokens + _bytes(text[done:])


def _bytes(text: str) -> list[str]:
    return [
        part
        for character in text
        for part in [*[""] * (len(character.encode("utf-8", "replace")) - 1), character]
    ]


def _spelling(byte: int) -> str:
    """Spell a byte as GPT-2 does: printable ones as themselves, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    if byte in printable:
        return chr(byte)
    return chr(0x100 + [each for each in range(0x100) if each not in printable].index(byte))


MODEL_INFO: Mapping[str, object] = MappingProxyType(
    {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        # A merge there must be; these two bytes stand in no text.
        "tokenizer.ggml.tokens": [*map(_spelling, range(0x100)), *CONTROL, "þÿ"],
        "tokenizer.ggml.token_type": [*[1] * 0x100, *[3] * len(CONTROL), 1],
        "tokenizer.ggml.merges": ["þ ÿ"],
        "tokenizer.ggml.bos_token_id": 0x100,
        "tokenizer.ggml.eos_token_id": 0x102,
        "tokenizer.ggml.add_bos_token": True,
    }
)

BYTES = Card(model_info=MODEL_INFO, digest="b" * 64)
