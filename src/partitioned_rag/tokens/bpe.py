"""Byte pair encoding: over bytes within words (GPT-2 and after), or over whole lines (Gemma 4).

Floor: edge. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, for bytes
as the alphabet; llama.cpp for what is done where a vocabulary has gaps.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from partitioned_rag.tokens.cutting import pairs_within, run_cutter
from partitioned_rag.tokens.joints import joints
from partitioned_rag.tokens.merging import Merger
from partitioned_rag.tokens.model_info import Vocabulary, cannot_rebuild, end, frame
from partitioned_rag.tokens.pre_rules import RULES
from partitioned_rag.tokens.pretokenize import splitter

_PRINTABLE: Final = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_BYTE_LETTERS: Final = "".join(
    chr(byte) if byte in _PRINTABLE else chr(0x100 + byte - sum(p < byte for p in _PRINTABLE))
    for byte in range(0x100)
)
"""The visible character that stands for each byte: its own if it has one, else one from U+0100."""
_SPACE_LETTER: Final = _BYTE_LETTERS[ord(" ")]

SPACE: Final = "▁"
"""What stands for a space in vocabularies of SentencePiece's kind."""
LINE_PRE: Final = ("gemma4", "granite-embed-multi-311m")
"""The pre-tokenizers by which a `gpt2` model is one over lines."""
_LINES = re.compile("\n+|[^\n]+")


class ByteBPE:
    """Cuts a text into words and joins the bytes of each by the model's merges."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        pre = vocabulary.pre or "default"
        rules = RULES.get(pre)
        if rules is None:
            raise cannot_rebuild(f"the pre-tokenizer '{pre}' is not known", where=pre)
        self.split = splitter(rules)
        self.frame = frame(vocabulary, bos=11, eos=11, begins=rules.starts_text, ends=False)
        self.merger = Merger(
            vocabulary.ids,
            _joints(vocabulary),
            spell=partial(_spelt_in_ascii, vocabulary.ids),
            takes_whole_words=rules.takes_whole_words,
            alphabet=_BYTE_LETTERS,
        )

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of a word."""
        return self.merger.encode(_in_letters(word))

    def count(self, word: str) -> int:
        """Count the ids of a word."""
        return self.merger.count(_in_letters(word))


class LineBPE:
    """Joins the characters of whole lines, with spaces made visible (Gemma 4)."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        default = 11 if vocabulary.model == "gpt2" else None
        _, after = frame(vocabulary, bos=default, eos=default, begins=False, ends=False)
        self.frame = (end(vocabulary, "bos", default), after)  # whatever the model says
        self._ids = vocabulary.ids
        self.merger = Merger(
            vocabulary.ids,
            _joints(vocabulary),
            spell=partial(_spelt_in_bytes, vocabulary.ids),
        )
        self._cut = run_cutter(pairs_within(self.merger.joints), space=SPACE)

    def split(self, text: str) -> Sequence[str]:
        """Cut a text into runs of line breaks, and the rest where nothing can be joined."""
        words: list[str] = []
        for line in _LINES.findall(text.replace(" ", SPACE)):
            words += (line,) if line[0] == "\n" else self._cut(line)
        return words

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of what `split` cut."""
        if word[0] == "\n" and (whole := self._ids.get(word)) is not None:
            return (whole,)
        return self.merger.encode(word)

    def count(self, word: str) -> int:
        """Count the ids of what `split` cut."""
        return len(self.encode(word))


def _in_letters(word: str) -> str:
    """Spell the bytes of a word."""
    if word.isascii() and word.isprintable():  # as most are: their bytes have no other letters
        return word.replace(" ", _SPACE_LETTER)
    return word.encode().decode("latin-1").translate(_BYTE_LETTERS)


def _spelt_in_ascii(ids: Mapping[str, int], symbol: str) -> Sequence[int]:
    """Give the ids of the bytes of what is no token: llama.cpp drops what has none."""
    # It looks up the bytes of the stand-ins, so that only those in ASCII can be found.
    return [ids[each] for each in symbol if each.isascii() and each in ids]


def _spelt_in_bytes(ids: Mapping[str, int], symbol: str) -> Sequence[int]:
    """Give the ids of the bytes of what is no token; one that has none is dropped."""
    return [ids[each] for each in map(byte_token, symbol.encode()) if each in ids]


def _joints(vocabulary: Vocabulary) -> Mapping[str, float]:
    """Give what the merges come to, found out now unless it is known."""
    if vocabulary.joints is not None:
        return vocabulary.joints
    merges = vocabulary.merges
    if not merges:
        raise cannot_rebuild("the model's tokenizer has no merges", where=vocabulary.pre)
    # The rank is the cost; of equal merges the first counts.
    ranks = dict(zip(reversed(merges), range(len(merges) - 1, -1, -1), strict=True))
    return joints(ranks, glue=" ")


def byte_token(byte: int) -> str:
    """Spell the token of a byte that no other token holds.

    >>> byte_token(10)
    '<0x0A>'
    """
    return f"<0x{byte:02X}>"
