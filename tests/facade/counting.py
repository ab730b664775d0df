"""An embedder that works as the hashing one does and tells what it was given."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from partitioned_rag.embedding.registry import open_embedder
from partitioned_rag.values import Span

Vectors = npt.NDArray[np.float32]


class CountingEmbedder:
    """The hashing embedder, with a list of the batches and questions it has seen."""

    def __init__(self) -> None:
        self._inner = open_embedder("hashing")
        self.batches: list[list[str]] = []
        self.questions: list[str] = []

    @property
    def name(self) -> str:
        return "counting"

    @property
    def version(self) -> str:
        return self._inner.version

    @property
    def runtime(self) -> str:
        return self._inner.runtime

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    @property
    def window_tokens(self) -> int:
        return self._inner.window_tokens

    @property
    def texts(self) -> list[str]:
        """Every chunk that was embedded, in order."""
        return [text for batch in self.batches for text in batch]

    def token_spans(self, text: str) -> Sequence[Span]:
        return self._inner.token_spans(text)

    def embed_chunks(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        return self._inner.embed_chunks(texts)

    def embed_question(self, text: str) -> Vectors:
        self.questions.append(text)
        return self._inner.embed_question(text)
