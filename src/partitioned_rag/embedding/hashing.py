"""A small embedder without a model: it counts on texts that share words or parts of words.

Floor: edge; a home of numpy. It is for tests and for a first look, not for good answers. Vectors
are made of whole numbers until the last division, so a text has the same vector, to the bit,
whatever it is embedded with.
"""

import math
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.embedding.parts import mean_direction, parts_of
from partitioned_rag.values import Span

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]
    Counts = npt.NDArray[np.int64]

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Pieces of a word are at most 16 characters, so that a word without end has tokens without end.
_TOKEN = re.compile(rf"[{_CJK}]|[^\W{_CJK}]{{1,16}}|[^\w\s]")
_WORD = re.compile(r"\w+|[^\w\s]")
_IDEOGRAPH = re.compile(rf"[{_CJK}]")
_DIMENSIONS = 256
_WORD_WEIGHT = 3


class HashingEmbedder:
    """Signed feature hashing of words and of three letters in a row. Threads may share it.

    A feature counts once, however often it occurs: small words repeat and say little.
    Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009.
    """

    name = "hashing"
    version = "1"
    runtime = "numpy"
    dimensions = _DIMENSIONS
    window_tokens = 128

    def token_spans(self, text: str) -> list[Span]:
        """Give words, pieces of 16 characters of longer words, ideographs and marks."""
        return [found.span() for found in _TOKEN.finditer(text)]

    def embed_chunks(self, texts: Sequence[str]) -> "Vectors":
        """Embed texts of one partition, as `Embedder.embed_chunks` says."""
        vectors = np.empty((len(texts), _DIMENSIONS), dtype=np.float32)
        # For this call alone: words repeat within a partition, and a hash takes its time.
        known: dict[str, Counts] = {}
        for row, text in enumerate(texts):
            # A token has a character at least.
            if len(text) > self.window_tokens < len(_TOKEN.findall(text)):
                raise ValueError(f"a text has more than {self.window_tokens} tokens")
            vectors[row] = _unit(text, known)
        return vectors

    def embed_question(self, text: str) -> "Vectors":
        """Embed one question, as `Embedder.embed_question` says."""
        parts = parts_of(text, token_spans=self.token_spans, window_tokens=self.window_tokens)
        return mean_direction(self.embed_chunks(parts), [len(part) for part in parts])


def _unit(text: str, known: "dict[str, Counts]") -> "Vectors":
    counts = np.zeros(_DIMENSIONS, dtype=np.int64)
    words = sorted(set(_WORD.findall(text.lower())))
    for word in words:
        if word not in known:
            known[word] = _features(word)
    if words:
        marks = np.concatenate([known[word] for word in words])
        # Each mark is a place and, in its lowest bit, a sign.
        np.add.at(counts, marks >> 1, 2 * (marks & 1) - 1)
    if not counts.any():
        counts[0] = 1
    return np.asarray(counts / math.sqrt(counts @ counts), dtype=np.float32)


def _features(word: str) -> "Counts":
    """Hash a word, its triples of characters, and the ideographs in it."""
    framed = f"\x02{word}\x03"
    triples = {framed[i : i + 3] for i in range(len(framed) - 2)}
    features = [word] * _WORD_WEIGHT + sorted(triples) + _IDEOGRAPH.findall(word)
    return np.array([_mark(feature) for feature in features], dtype=np.int64)


def _mark(feature: str) -> int:
    digest = blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=2).digest()
    return int.from_bytes(digest, "big") % (2 * _DIMENSIONS)
