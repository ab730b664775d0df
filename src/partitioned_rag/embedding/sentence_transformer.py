"""Embedders of sentence-transformers models: light until they are used.

Floor: edge. The tokenizer comes without torch, and torch comes with the first text to embed: an
index in which nothing changed pays for neither.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partitioned_rag.embedding.model_folder import ModelFacts
from partitioned_rag.errors import EmbedderError
from partitioned_rag.values import Span

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from partitioned_rag.embedding.encoder import Encoder
    from partitioned_rag.embedding.tokenizer import Tokenizer

    Vectors = npt.NDArray[np.float32]

# Accents, letters that grow when lowered, scripts without spaces: where tokenizers differ.
_PROBE = "Été 2025: don't forget İSTANBUL, ﬁve 日本語 한국어 & naïve\u00a0café! [SEP]"


class SentenceTransformerEmbedder:
    """One sentence-transformers model in a folder. Threads may share it."""

    runtime = "torch"

    def __init__(
        self,
        name: str,
        facts: ModelFacts,
        *,
        tokenizer_file: Callable[[], Path],
        verified_folder: Callable[[], Path],
    ) -> None:
        """Keep what is known; nothing is read.

        Args:
            name: As in `Embedder.name`.
            facts: What the model's description says.
            tokenizer_file: Finds its `tokenizer.json`.
            verified_folder: Finds the model's folder once its weights have been checked.
        """
        self.name = name
        self.version = facts.version
        self.dimensions = facts.dimensions
        self._facts = facts
        self._tokenizer_file = tokenizer_file
        self._verified_folder = verified_folder
        self._loading = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._encoder: Encoder | None = None

    @property
    def window_tokens(self) -> int:
        """Tokens of text, as `Embedder.window_tokens` says; loads the tokenizer."""
        tokenizer = self._open_tokenizer()
        prompts = (self._facts.chunk_prompt, self._facts.question_prompt)
        # One more: a prompt and the text behind it may share a token less well than apart.
        reserve = max(len(tokenizer.spans(prompt)) + 1 if prompt else 0 for prompt in prompts)
        return self._facts.max_tokens - tokenizer.marker_tokens - reserve

    def token_spans(self, text: str) -> list[Span]:
        """Say where the model's tokens lie, as `Embedder.token_spans` says."""
        return self._open_tokenizer().spans(text)

    def embed_chunks(self, texts: Sequence[str]) -> "Vectors":
        """Embed texts of one partition, as `Embedder.embed_chunks` says."""
        return self._embed(texts, self._facts.chunk_prompt)

    def embed_question(self, text: str) -> "Vectors":
        """Embed one question, as `Embedder.embed_question` says."""
        from partitioned_rag.embedding.parts import mean_direction, parts_of  # noqa: PLC0415

        parts = parts_of(text, token_spans=self.token_spans, window_tokens=self.window_tokens)
        vectors = self._embed(parts, self._facts.question_prompt)
        return mean_direction(vectors, [len(part) for part in parts])

    def _embed(self, texts: Sequence[str], prompt: str) -> "Vectors":
        tokenizer = self._open_tokenizer()
        rows = [tokenizer.ids(prompt + text) for text in texts]
        if any(len(row) > self._facts.max_tokens for row in rows):
            raise ValueError(f"a text has more than {self.window_tokens} tokens")
        prompt_tokens = len(tokenizer.ids(prompt)) - 1 if prompt else 0
        return self._open_encoder().encode(rows, prompt_tokens=prompt_tokens)

    def _open_tokenizer(self) -> "Tokenizer":
        with self._loading:
            if self._tokenizer is None:
                # A door: it brings the `tokenizers` library.
                from partitioned_rag.embedding.tokenizer import Tokenizer  # noqa: PLC0415

                self._tokenizer = Tokenizer(self._tokenizer_file())
            return self._tokenizer

    def _open_encoder(self) -> "Encoder":
        tokenizer = self._open_tokenizer()
        with self._loading:
            if self._encoder is None:
                folder = self._verified_folder()
                # A door: it brings torch, which takes seconds.
                from partitioned_rag.embedding.encoder import Encoder  # noqa: PLC0415

                encoder = Encoder(folder)
                agrees = encoder.ids(_PROBE) == list(tokenizer.ids(_PROBE))
                if not agrees or encoder.dimensions != self.dimensions:
                    raise EmbedderError(
                        "the model is not what its description says",
                        where=str(folder),
                        fix="install it again, or choose another embedder",
                    )
                self._encoder = encoder
            return self._encoder
