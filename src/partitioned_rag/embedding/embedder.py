"""The seam between text and vectors.

Floor: edge. An embedder serves every partition, so it may learn from nothing that it is given.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from partitioned_rag.values import Span

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors.

    Threads may share one. A text's vector depends on the text and at most, in its last bits, on
    the texts it was batched with: so a batch holds texts of one partition only, and a question is
    embedded alone.
    """

    @property
    def name(self) -> str:
        """What the owner chose, as shown by `prag status`."""
        ...

    @property
    def version(self) -> str:
        """Differs whenever vectors are not comparable; known without loading the weights."""
        ...

    @property
    def runtime(self) -> str:
        """What computes the vectors on this machine, as shown by `prag status`; loads nothing.

        Vectors of one version are comparable whatever computed them.
        """
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector; known without loading the weights."""
        ...

    @property
    def window_tokens(self) -> int:
        """Tokens of text that one vector can stand for, markers such as [CLS] not counted."""
        ...

    def token_spans(self, text: str) -> Sequence[Span]:
        """Say where the tokens of a text lie: in order, one for each token that counts.

        Tokens made of one character share its span. Where tokens are not known, spans are units
        of which `window_tokens` never hold more tokens than fit. White space and what the
        tokenizer drops may lie in none.

        Raises:
            EmbedderError: The tokenizer cannot be loaded.
        """
        ...

    def embed_chunks(self, texts: Sequence[str]) -> "Vectors":
        """Embed texts of one partition; the same list gives the same vectors, to the bit.

        Returns:
            float32, shape `(len(texts), dimensions)`, rows of length 1, in the order given.

        Raises:
            ValueError: A text has more than `window_tokens` tokens; nothing is cut in silence.
            EmbedderError: The weights cannot be loaded.
            OllamaError: The server failed.
        """
        ...

    def embed_question(self, text: str) -> "Vectors":
        """Embed one question, alone; one longer than the window by the mean of its parts.

        Returns:
            float32, shape `(dimensions,)`, of length 1.

        Raises:
            EmbedderError: The weights cannot be loaded.
            OllamaError: The server failed.
        """
        ...
