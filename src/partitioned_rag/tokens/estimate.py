"""Token counts for a model whose tokenizer is not known: estimates that err on the high side.

Floor: edge; the home of tiktoken, which is used only if its vocabulary lies on this machine
already. Nothing is downloaded, and nothing is learned from what is counted.
"""

import hashlib
import math
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from partitioned_rag.values import CountKind

# Where tiktoken looks for the vocabulary `o200k_base`, under the SHA-1 of its address.
_VOCABULARY: Final = "o200k_base"
_VOCABULARY_URL: Final = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
_VOCABULARY_SHA256: Final = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
TIKTOKEN_MARGIN: Final = 0.35
"""Other vocabularies take up to this much more for the same chats and prose."""

_WORD = re.compile(r"[A-Za-z]+")
_SPACES = re.compile(r" +")
_CJK: Final = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
LETTERS_PER_TOKEN: Final = 4
LONG_WORD_LETTERS: Final = 12
CJK_TOKENS: Final = 2
CJK_BYTES: Final = 3
RULE_MARGIN: Final = 0.15


@dataclass(frozen=True, slots=True)
class Estimator:
    """Counts tokens without knowing the tokenizer.

    Attributes:
        margin: By what share each count has been raised; it stands in the counts already.
        kind: Always `estimated`.
    """

    _tokens: Callable[[str], int]
    margin: float
    kind: CountKind = CountKind.ESTIMATED

    def count(self, text: str) -> int:
        """Estimate the tokens of a text, margin included.

        >>> Estimator(tokens_by_rule, margin=0.15).count("Are you free on Sunday?")
        9
        """
        return math.ceil(self._tokens(text) * (1 + self.margin))


def estimator() -> Estimator:
    """Make the better estimator that this machine allows."""
    if not _has_vocabulary():
        return Estimator(tokens_by_rule, margin=RULE_MARGIN)
    import tiktoken  # noqa: PLC0415 — the door of tiktoken

    encoding = tiktoken.get_encoding(_VOCABULARY)
    return Estimator(
        lambda text: len(encoding.encode(text, disallowed_special=())), margin=TIKTOKEN_MARGIN
    )


def tokens_by_rule(text: str) -> int:
    """Estimate from the kinds of characters alone.

    A short Latin word is a token for every four letters, a long one (no word, rather a code) for
    every two; a space before a word is free; an ideograph counts two; everything else counts its
    UTF-8 bytes, which a byte-level tokenizer never exceeds.
    """
    words = list(map(len, _WORD.findall(text)))
    spaces = list(map(len, _SPACES.findall(text)))
    ascii_chars = len(text.encode("ascii", "ignore"))
    other_bytes = len(text.encode("utf-8", "replace")) - ascii_chars
    return (
        sum(
            math.ceil(letters / (2 if letters > LONG_WORD_LETTERS else LETTERS_PER_TOKEN))
            for letters in words
        )
        + sum(run // 2 for run in spaces)
        + (ascii_chars - sum(words) - sum(spaces))
        + (other_bytes - (CJK_BYTES - CJK_TOKENS) * _cjk_characters(text))
    )


def _cjk_characters(text: str) -> int:
    # Not compiled before a text may hold one, since that takes milliseconds. `re` remembers it.
    return 0 if text.isascii() else len(re.findall(_CJK, text))


def _has_vocabulary() -> bool:
    """Say whether tiktoken will find its vocabulary; it would download a missing or altered one."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder == "":  # tiktoken's way of saying: keep nothing, download each time
        return False
    where = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    file = where / hashlib.sha1(_VOCABULARY_URL.encode(), usedforsecurity=False).hexdigest()
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() == _VOCABULARY_SHA256
