"""SentencePiece's unigram tokenizer, `model=t5`: bge-m3, snowflake-arctic-embed2, nomic-embed v2.

Floor: edge. Kudo, "Subword Regularization: Improving Neural Network Translation Models with
Multiple Subword Candidates", ACL 2018: of all ways to cut a text into tokens, the likeliest one.
"""

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from partitioned_rag.tokens.bpe import SPACE
from partitioned_rag.tokens.charsmap import replacements
from partitioned_rag.tokens.cutting import cutter, pairs_within
from partitioned_rag.tokens.model_info import TokenType, Vocabulary, cannot_rebuild, frame

UNKNOWN_PENALTY: Final = 10.0
"""By how much an unknown character is less likely than the least likely token."""

_LARGEST_SINGLE: Final = 3.4028234663852886e38
_DOUBLE_BITS: Final = 53
_SINGLE_BITS: Final = 24


class Unigram:
    """Cuts a text into the tokens whose scores add up to most."""

    merger: Final = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        unknown = vocabulary.id("unknown_token_id", 2)
        if unknown is None:
            raise cannot_rebuild("the model's tokenizer lacks its unknown token", where="t5")
        self.frame = frame(vocabulary, bos=None, eos=1, begins=False, ends=True)
        self._unknown = unknown
        self._scored = _scored(vocabulary)
        normal = [score for id_, score in self._scored.values() if _is_normal(vocabulary, id_)]
        self._unknown_score = _single(min(normal, default=_LARGEST_SINGLE) - UNKNOWN_PENALTY)
        # How long the tokens are that begin with the same two characters: few starts reach far.
        self._reach: dict[str, int] = {}
        for token in self._scored:
            head = token[:2]
            if len(token) > self._reach.get(head, 0):
                self._reach[head] = len(token)
        self._cut = cutter(pairs_within(self._scored))
        self._exact_chars = _exact_chars(
            [score for _, score in self._scored.values()] + [self._unknown_score]
        )
        self._normalise = _Normaliser(vocabulary)

    def split(self, text: str) -> Sequence[str]:
        """Normalise a text and cut it where no token reaches across.

        Neighbours that are no tokens themselves stay together, since a run of unknown characters
        is one unknown token.
        """
        text = self._normalise(text)
        if not text:
            return ()
        if len(text) > self._exact_chars:
            return (text,)
        words: list[str] = []
        for word in self._cut(text):
            if words and word[0] not in self._scored and words[-1][-1] not in self._scored:
                words[-1] += word
            else:
                words.append(word)
        return words

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of what `split` cut.

        The way to each place is the best one by sums from the left; of equal ones, the one whose
        last token is longest.
        """
        scored, unknown = self._scored, (self._unknown, self._unknown_score)
        best = [-math.inf] * (len(word) + 1)
        best[0] = 0.0
        came: list[tuple[int, int]] = [(0, 0)] * (len(word) + 1)
        for start in range(len(word)):
            so_far = best[start]
            reach = self._reach.get(word[start : start + 2], 1)
            for end in range(start + 1, min(len(word), start + reach) + 1):
                token = scored.get(word[start:end])
                if token is None:
                    if end > start + 1:
                        continue
                    token = unknown
                if so_far + token[1] > best[end]:
                    best[end] = so_far + token[1]
                    came[end] = (token[0], start)
        return self._walk_back(came)

    def count(self, word: str) -> int:
        """Count the ids of what `split` cut."""
        return len(self.encode(word))

    def _walk_back(self, came: Sequence[tuple[int, int]]) -> Sequence[int]:
        ids: list[int] = []
        place = len(came) - 1
        while place:
            id_, place = came[place]
            if not (ids and id_ == ids[-1] == self._unknown):
                ids.append(id_)
        return ids[::-1]


class _Normaliser:
    """Replaces characters as the model's table says, and makes spaces visible."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._merges_spaces = vocabulary.switch("remove_extra_whitespaces", default=False)
        self._prepends = vocabulary.switch("add_space_prefix", default=False)
        self._replaced = replacements(vocabulary.charsmap)
        self._single = {ord(k): v for k, v in self._replaced.items() if len(k) == 1}
        several = [key for key in self._replaced if len(key) > 1]
        self._longest = max(map(len, several), default=0)
        # Where a key of several characters could begin; most texts hold none.
        heads = "".join(sorted({key[0] for key in several}))
        seconds = "".join(sorted({key[1] for key in several}))
        self._head = (
            re.compile(f"[{re.escape(heads)}](?=[{re.escape(seconds)}])") if several else None
        )

    def __call__(self, text: str) -> str:
        text = self._replace(text)
        if self._merges_spaces:
            return "".join(SPACE + word for word in text.split(" ") if word)
        if self._prepends:
            # Before the first visible character, after any spaces: so llama.cpp does it.
            stripped = text.lstrip(" ")
            if stripped:
                text = " " * (len(text) - len(stripped)) + " " + stripped
        return text.replace(" ", SPACE)

    def _replace(self, text: str) -> str:
        if self._head is None:
            return text.translate(self._single)
        pieces: list[str] = []
        done = at = 0
        while (head := self._head.search(text, at)) is not None:
            at = head.start()
            for end in range(min(len(text), at + self._longest), at + 1, -1):
                if (image := self._replaced.get(text[at:end])) is not None:
                    pieces += (text[done:at].translate(self._single), image)
                    done = at = end
                    break
            else:
                at += 1
        return "".join(pieces) + text[done:].translate(self._single)


def _scored(vocabulary: Vocabulary) -> Mapping[str, tuple[int, float]]:
    """Give the id and score of each token that may stand in a text."""
    usable = {TokenType.NORMAL, TokenType.USER_DEFINED, TokenType.UNUSED}
    types = vocabulary.types or [TokenType.NORMAL] * len(vocabulary.tokens)
    scores = vocabulary.scores or [0.0] * len(vocabulary.tokens)
    return {
        token: (id_, 0.0 if types[id_] == TokenType.USER_DEFINED else scores[id_])
        for id_, token in enumerate(vocabulary.tokens)
        if types[id_] in usable
    }


def _is_normal(vocabulary: Vocabulary, id_: int) -> bool:
    return not vocabulary.types or vocabulary.types[id_] == TokenType.NORMAL


def _single(number: float) -> float:
    """Round to single precision."""
    return array("f", [number])[0]


def _exact_chars(scores: Sequence[float]) -> int:
    """Say for how long a text the sums of scores are exact.

    Scores have single precision and are summed in double. While no sum is rounded, what comes
    before a word adds the same to each of its ways, so it may be left away.
    """
    sizes = [abs(score) for score in scores if score]
    if not sizes:
        return 1 << _DOUBLE_BITS
    unit = math.ldexp(1.0, math.frexp(min(sizes))[1] - _SINGLE_BITS)
    return int(math.ldexp(unit, _DOUBLE_BITS) / max(sizes))
