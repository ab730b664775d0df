"""The mistake: scores are made comparable over all that a reranker was ever asked."""

from collections.abc import Sequence
from pathlib import Path

from tests.properties.engines import RealEngine


class Remembering:
    """Scores a text by its length, as a share of the longest that it has seen."""

    name = "remembering"

    def __init__(self) -> None:
        self._longest = 1

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        lengths = [len(text) for text in texts]
        self._longest = max(self._longest, *lengths)
        return [length / self._longest for length in lengths]


class RerankerThatRemembers(RealEngine):
    """The product with such a reranker, which every audience shares."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, reranker=Remembering())
