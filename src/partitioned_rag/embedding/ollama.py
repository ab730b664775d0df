"""Embedding models that an Ollama server runs.

Floor: edge; a home of numpy. Another process has the tokenizer, so tokens are not known here. A
token is made of one byte at least: bytes bound the tokens.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.embedding.parts import mean_direction, parts_of
from partitioned_rag.errors import ContextLengthError, EmbedderError
from partitioned_rag.ollama_address import host_of
from partitioned_rag.ollama_api import Ollama
from partitioned_rag.values import Span

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

# About a token of English, so that chunks come out as long as with a tokenizer.
UNIT_BYTES = 4
MAX_CONTEXT_TOKENS = 2_048
# [CLS], [SEP] and the space that some tokenizers put in front; generously.
_MARKER_TOKENS = 8
_BATCH_TEXTS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    version: str
    dimensions: int
    window_tokens: int


class OllamaEmbedder:
    """One embedding model of one Ollama server. Threads may share it.

    What `token_spans` gives are units of up to `UNIT_BYTES` bytes of UTF-8, and `window_tokens` is
    in the same unit: so few that their bytes, each a token of its own at worst, fit the model.
    """

    runtime = "ollama"

    def __init__(self, model: str, *, host: str | None) -> None:
        """Keep the names; the server is asked at first use.

        Args:
            model: As `ollama list` shows it.
            host: As in `OLLAMA_HOST`; None means this machine.

        Raises:
            InputError: `host` is no address.
        """
        self.name = f"ollama:{model}"
        self._model = model
        self._host = host_of(host)
        self._asking = threading.Lock()
        self._known: _Facts | None = None

    @property
    def version(self) -> str:
        """The digest of the weights; asks the server once, as the next two do."""
        return self._facts().version

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._facts().dimensions

    @property
    def window_tokens(self) -> int:
        """Units of `UNIT_BYTES` bytes that are sure to fit the model's context."""
        return self._facts().window_tokens

    def token_spans(self, text: str) -> list[Span]:
        """Cut a text into units of up to `UNIT_BYTES` bytes; a character stays whole."""
        if text.isascii():
            return [
                (start, min(start + UNIT_BYTES, len(text)))
                for start in range(0, len(text), UNIT_BYTES)
            ]
        spans: list[Span] = []
        start = held_bytes = 0
        for place, character in enumerate(text):
            own_bytes = len(character.encode("utf-8", "surrogatepass"))
            if held_bytes + own_bytes > UNIT_BYTES:
                spans.append((start, place))
                start, held_bytes = place, 0
            held_bytes += own_bytes
        spans.append((start, len(text)))
        return spans

    def embed_chunks(self, texts: Sequence[str]) -> "Vectors":
        """Embed texts of one partition, as `Embedder.embed_chunks` says."""
        facts = self._facts()
        if any(len(self.token_spans(text)) > facts.window_tokens for text in texts):
            raise ValueError(f"a text has more than {facts.window_tokens} units")
        vectors = np.empty((len(texts), facts.dimensions), dtype=np.float32)
        with Ollama(self._host) as server:
            for start in range(0, len(texts), _BATCH_TEXTS):
                batch = texts[start : start + _BATCH_TEXTS]
                vectors[start : start + len(batch)] = self._rows(server, batch, facts.dimensions)
        return vectors

    def embed_question(self, text: str) -> "Vectors":
        """Embed one question, as `Embedder.embed_question` says."""
        parts = parts_of(text, token_spans=self.token_spans, window_tokens=self.window_tokens)
        return mean_direction(self.embed_chunks(parts), [len(part) for part in parts])

    def _facts(self) -> _Facts:
        with self._asking:
            if self._known is None:
                with Ollama(self._host) as server:
                    digest = server.digest(self._model)
                    info = server.show(self._model)
                    # Older servers do not tell the length, but every vector does.
                    length = info.embedding_length or len(server.embed(self._model, ["a"])[0])
                context_tokens = min(info.context_length_tokens or 512, MAX_CONTEXT_TOKENS)
                self._known = _Facts(
                    version=digest[:16],
                    dimensions=length,
                    window_tokens=(context_tokens - _MARKER_TOKENS) // UNIT_BYTES,
                )
            return self._known

    def _rows(self, server: Ollama, texts: Sequence[str], dimensions: int) -> "Vectors":
        try:
            found = server.embed(self._model, texts)
        except ContextLengthError:
            # A normaliser can make several tokens of a byte; that must not stop an index.
            if len(texts) > 1:
                return np.stack([self._rows(server, [text], dimensions)[0] for text in texts])
            (text,) = texts
            if len(text) == 1:
                raise
            middle = len(text) // 2
            halves = self._rows(server, [text[:middle], text[middle:]], dimensions)
            return mean_direction(halves, [1, 1])[np.newaxis]
        vectors = np.array(found, dtype=np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if vectors.shape != (len(texts), dimensions) or not lengths.all():
            raise EmbedderError(
                f"the vectors of model {self._model!a} are not what Ollama says of them",
                fix="pull the model again, or choose another embedder",
            )
        return np.asarray(vectors / lengths, dtype=np.float32)
