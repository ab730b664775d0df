"""Texts longer than a window, embedded as a whole by the mean of their parts.

Floor: edge; a home of numpy.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from partitioned_rag.chunking import chunk
from partitioned_rag.values import Document, Span

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]


def parts_of(
    text: str, *, token_spans: Callable[[str], Sequence[Span]], window_tokens: int
) -> list[str]:
    """Cut a question that does not fit the window, as a document is cut; one that fits stays.

    Returns:
        At least one text, none longer than the window.
    """
    if len(token_spans(text)) <= window_tokens:
        return [text]
    question = Document(path="", text=text)
    return [
        part.text for part in chunk(question, token_spans=token_spans, window_tokens=window_tokens)
    ]


def mean_direction(vectors: "Vectors", weights: Sequence[int]) -> "Vectors":
    """Find the direction in which weighted unit vectors point together.

    Args:
        vectors: Shape (n, dimensions), n at least 1.
        weights: How much each counts, such as the length of its text.

    Returns:
        Shape (dimensions,), of length 1; the first vector where the others cancel it.
    """
    if len(vectors) == 1:
        return np.asarray(vectors[0])
    total = np.average(vectors.astype(np.float64), axis=0, weights=weights)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length if length > 0 else vectors[0], dtype=np.float32)
